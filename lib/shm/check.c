/* What a copied cell says against what the segment can mean; and the names of commands and events. */
#include "lib/shm/shm_private.h"

#define NAME(id, text) [id] = (text),
static const char *const command_names[SHM_COMMAND_COUNT] = {SHM_COMMAND_LIST(NAME)};
static const char *const event_names[SHM_EVENT_COUNT] = {SHM_EVENT_LIST(NAME)};
static const char *const dtmf_names[SHM_DTMF_COUNT] = {SHM_DTMF_LIST(NAME)};
#undef NAME

const char *shm_command_name(unsigned type)
{
	return type < SHM_COMMAND_COUNT ? command_names[type] : "unknown";
}

const char *shm_event_name(unsigned type)
{
	return type < SHM_EVENT_COUNT ? event_names[type] : "unknown";
}

const char *shm_dtmf_name(unsigned dtmf)
{
	return dtmf < SHM_DTMF_COUNT ? dtmf_names[dtmf] : "unknown";
}

bool shm_port_is_in_pool(const struct shm_segment *segment, uint32_t address, uint16_t local_port)
{
	const struct shm_address *row = &segment->addresses[address];

	return local_port % 2 == 0 && local_port >= row->port_start && local_port < row->port_end;
}

static bool id_is_possible(const struct shm_segment *segment, uint32_t worker, const struct shm_stream_id *id)
{
	return id->worker == worker && id->index < segment->streams_per_worker && id->generation != 0;
}

static bool is_unicast(const struct net_endpoint *endpoint)
{
	return endpoint->port != 0 && !net_address_is_any(&endpoint->address) &&
	       !net_address_is_multicast(&endpoint->address);
}

static bool remote_is_possible(const struct net_endpoint *remote, uint8_t family)
{
	if (remote->address.family == NET_NONE)
		return true;
	return remote->address.family == family && is_unicast(remote);
}

/* What suites there are is known to who uses the key. */
static bool key_is_possible(const struct shm_key *key, bool is_secure)
{
	return key->mki_size <= SHM_KEY_MKI_MAX && (is_secure || key->suite == 0);
}

/* What codecs there are is known to who codes. */
static bool audio_is_possible(const struct shm_audio *audio)
{
	if (audio->codec == 0)
		return true;
	return audio->payload_type < 128 && (audio->event_type < 128 || audio->event_type == SHM_NO_PAYLOAD_TYPE) &&
	       (audio->noise_type < 128 || audio->noise_type == SHM_NO_PAYLOAD_TYPE) && audio->ptime_ms <= 120 &&
	       audio->dtmf < SHM_DTMF_COUNT && audio->is_coded <= 1 && audio->rate_hz >= 8000 &&
	       audio->rate_hz <= 48000;
}

static bool digit_is_possible(const struct shm_digit *digit)
{
	return digit->event <= SHM_DIGIT_EVENT_MAX;
}

static bool set_is_possible(const struct shm_segment *segment, uint32_t worker, const struct shm_stream_set *set)
{
	uint8_t family;

	if (!id_is_possible(segment, worker, &set->id))
		return false;
	if (set->source.generation != 0 && !id_is_possible(segment, worker, &set->source))
		return false;
	if (set->address >= segment->address_count || !shm_port_is_in_pool(segment, set->address, set->local_port))
		return false;
	family = segment->addresses[set->address].address.family;
	if (!remote_is_possible(&set->remote_rtp, family) || !remote_is_possible(&set->remote_rtcp, family))
		return false;
	if (!key_is_possible(&set->key_in, set->flags & SHM_STREAM_SECURE) ||
	    !key_is_possible(&set->key_out, set->flags & SHM_STREAM_SECURE))
		return false;
	return audio_is_possible(&set->audio) && set->controller != 0 && (set->flags & ~SHM_STREAM_FLAGS_ALL) == 0 &&
	       set->dscp < 64;
}

int shm_command_check(const struct shm_segment *segment, uint32_t worker, const struct shm_command *command)
{
	bool possible = false;

	if (command->type == SHM_COMMAND_STREAM_SET)
		possible = set_is_possible(segment, worker, &command->u.stream_set);
	else if (command->type == SHM_COMMAND_STREAM_DEL)
		possible = id_is_possible(segment, worker, &command->u.stream_del.id);
	else if (command->type == SHM_COMMAND_STREAM_DIGIT)
		possible = id_is_possible(segment, worker, &command->u.stream_digit.id) &&
			   digit_is_possible(&command->u.stream_digit.digit);
	return possible ? 0 : ERR_INVALID;
}

int shm_event_check(const struct shm_segment *segment, uint32_t worker, const struct shm_event *event)
{
	const struct net_endpoint *latched = &event->u.latched;
	bool possible = false;

	if (!id_is_possible(segment, worker, &event->id))
		return ERR_INVALID;
	switch (event->type) {
	case SHM_EVENT_STREAM_LATCHED:
		possible = (latched->address.family == NET_IPV4 || latched->address.family == NET_IPV6) &&
			   is_unicast(latched);
		break;
	case SHM_EVENT_STREAM_SILENT:
	case SHM_EVENT_STREAM_GONE:
		possible = true;
		break;
	case SHM_EVENT_STREAM_DIGIT:
		possible = digit_is_possible(&event->u.digit);
		break;
	case SHM_EVENT_STREAM_REFUSED:
		possible = event->error < 0 && event->error >= -(int)ERROR_COUNT;
		break;
	}
	return possible ? 0 : ERR_INVALID;
}
