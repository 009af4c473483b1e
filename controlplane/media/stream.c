/* Streams as the calls see them: made, set, asked, ended. Setters only change what is wanted; program.c sends it. */
#include "controlplane/media/media_private.h"

#include <stdlib.h>

/* ---- sources ---- */

static void source_set(struct media_stream *stream, struct media_stream *source)
{
	list_del(&stream->sink_link);
	stream->source = source;
	if (source)
		list_add(&source->sinks, &stream->sink_link);
}

int media_stream_set_source(struct media_stream *stream, struct media_stream *source)
{
	if (source && source->set.id.worker != stream->set.id.worker)
		return ERR_INVALID;
	if (BUG_ON(source && source->state != MEDIA_STREAM_WANTED))
		return ERR_STATE;
	if (stream->source != source) {
		source_set(stream, source);
		media_program(stream);
	}
	return 0;
}

/* ---- life ---- */

static int place(struct media_stream *stream, const struct net_address *toward, const struct media_stream *beside)
{
	struct media *media = stream->media;
	uint16_t addresses[SHM_ADDRESSES_MAX];
	uint32_t count = media_addresses_toward(media, toward, addresses);
	uint32_t worker = beside ? beside->set.id.worker : media_place_worker(media);
	int error = ERR_NOT_FOUND;

	for (uint32_t i = 0; i < count; i++) {
		error = media_place_new(stream, worker, addresses[i]);
		if (!error)
			break;
	}
	return error;
}

void media_stream_free(struct media_stream *stream)
{
	explicit_bzero(&stream->set, sizeof(stream->set));
	free(stream);
}

int media_stream_new(struct media *media, const struct net_address *toward, const struct media_stream *beside,
		     media_handler *on_event, void *arg, struct media_stream **ret_stream)
{
	struct media_stream *stream;
	int error;

	if (!media->is_ready || (beside && !beside->is_placed))
		return ERR_CLOSED;
	stream = calloc(1, sizeof(*stream));
	if (!stream)
		return ERR_NOMEM;
	stream->media = media;
	stream->on_event = on_event;
	stream->arg = arg;
	list_init(&stream->link);
	list_init(&stream->pending_link);
	list_init(&stream->sinks);
	list_init(&stream->sink_link);
	stream->set.controller = media->shared->controller;
	stream->set.rtp_timeout_ms = media->options.rtp_timeout_ms;
	stream->set.dscp = media->options.dscp;
	stream->set.rate_limit = media->options.rate_limit;
	stream->set.flags = SHM_STREAM_LEARN | SHM_STREAM_RECEIVE | SHM_STREAM_SEND;
	error = place(stream, toward, beside);
	if (error) {
		free(stream);
		return error;
	}
	list_add(&media->streams, &stream->link);
	media_program(stream);
	*ret_stream = stream;
	return 0;
}

void media_stream_del(struct media_stream *stream)
{
	struct media *media = stream->media;

	if (BUG_ON(stream->state != MEDIA_STREAM_WANTED))
		return;
	source_set(stream, NULL);
	LIST_FOREACH_SAFE (it, &stream->sinks) {
		struct media_stream *sink = LIST_ENTRY(it, struct media_stream, sink_link);

		source_set(sink, NULL);
		media_program(sink);
	}
	list_del(&stream->link);
	stream->state = MEDIA_STREAM_ENDING;
	list_add(&media->ending, &stream->link);
	if (stream->is_programmed)
		media_program(stream);
	else
		media_event_finish(stream); /* the dataplane never heard of it */
}

/* ---- what is wanted ---- */

static bool is_nowhere(const struct net_endpoint *endpoint)
{
	return !endpoint || net_address_is_any(&endpoint->address) || endpoint->port == 0;
}

static bool can_be_sent_to(const struct media_stream *stream, const struct net_endpoint *endpoint)
{
	return is_nowhere(endpoint) || (endpoint->address.family == stream->local.address.family &&
					!net_address_is_multicast(&endpoint->address));
}

static void flag_set(struct media_stream *stream, uint16_t flag, bool on)
{
	uint16_t flags = (uint16_t)(on ? stream->set.flags | flag : stream->set.flags & ~flag);

	if (flags != stream->set.flags) {
		stream->set.flags = flags;
		media_program(stream);
	}
}

int media_stream_set_remote(struct media_stream *stream, const struct net_endpoint *rtp,
			    const struct net_endpoint *rtcp, bool rtcp_mux)
{
	struct net_endpoint new_rtp = {.port = 0}, new_rtcp = {.port = 0};

	if (!can_be_sent_to(stream, rtp) || !can_be_sent_to(stream, rtcp))
		return ERR_UNSUPPORTED;
	if (!is_nowhere(rtp)) {
		new_rtp = *rtp;
		if (!is_nowhere(rtcp))
			new_rtcp = *rtcp;
	}
	flag_set(stream, SHM_STREAM_RTCP_MUX, rtcp_mux);
	if (net_endpoint_is_equal(&new_rtp, &stream->signalled_rtp) &&
	    net_endpoint_is_equal(&new_rtcp, &stream->signalled_rtcp))
		return 0;
	stream->signalled_rtp = stream->set.remote_rtp = new_rtp;
	stream->signalled_rtcp = stream->set.remote_rtcp = new_rtcp;
	memset(&stream->latched, 0, sizeof(stream->latched));
	media_program(stream);
	return 0;
}

void media_stream_set_direction(struct media_stream *stream, bool receive, bool send)
{
	flag_set(stream, SHM_STREAM_RECEIVE, receive);
	flag_set(stream, SHM_STREAM_SEND, send);
}

void media_stream_set_timeout(struct media_stream *stream, uint32_t rtp_timeout_ms)
{
	if (stream->set.rtp_timeout_ms != rtp_timeout_ms) {
		stream->set.rtp_timeout_ms = rtp_timeout_ms;
		media_program(stream);
	}
}

void media_stream_set_audio(struct media_stream *stream, const struct shm_audio *audio)
{
	if (memcmp(&stream->set.audio, audio, sizeof(*audio)) != 0) {
		stream->set.audio = *audio;
		media_program(stream);
	}
}

void media_stream_set_learn(struct media_stream *stream, bool learn)
{
	flag_set(stream, SHM_STREAM_LEARN, learn);
}

_Static_assert(sizeof(struct shm_key) == sizeof(struct secure_key), "the same key on both sides of the segment");

static struct shm_key key_for_segment(const struct secure_key *key)
{
	struct shm_key result = {.suite = key->suite, .mki_size = key->mki_size};

	memcpy(result.master, key->master, sizeof(result.master));
	memcpy(result.salt, key->salt, sizeof(result.salt));
	memcpy(result.mki, key->mki, sizeof(result.mki));
	return result;
}

static bool is_key_or_none(const struct secure_key *key)
{
	return key->suite == SECURE_NONE || secure_key_check(key) == 0;
}

int media_stream_set_crypto(struct media_stream *stream, const struct secure_key *in, const struct secure_key *out)
{
	struct shm_key keys[2];

	if (!in != !out || (in && !(is_key_or_none(in) && is_key_or_none(out))))
		return ERR_INVALID;
	memset(keys, 0, sizeof(keys));
	if (in) {
		keys[0] = key_for_segment(in);
		keys[1] = key_for_segment(out);
	}
	flag_set(stream, SHM_STREAM_SECURE, in != NULL);
	if (memcmp(&stream->set.key_in, &keys[0], sizeof(keys[0])) != 0 ||
	    memcmp(&stream->set.key_out, &keys[1], sizeof(keys[1])) != 0) {
		if (memcmp(&stream->set.key_out, &keys[1], sizeof(keys[1])) != 0)
			stream->is_key_used = false;
		stream->set.key_in = keys[0];
		stream->set.key_out = keys[1];
		media_program(stream);
	}
	explicit_bzero(keys, sizeof(keys));
	return 0;
}

/* ---- what is known ---- */

const struct net_endpoint *media_stream_local(const struct media_stream *stream)
{
	return &stream->local;
}

const struct net_endpoint *media_stream_advertised(const struct media_stream *stream)
{
	return &stream->advertised;
}

const struct net_endpoint *media_stream_remote(const struct media_stream *stream)
{
	return stream->latched.address.family != NET_NONE ? &stream->latched : &stream->signalled_rtp;
}

struct shm_stream_id media_stream_id(const struct media_stream *stream)
{
	return stream->set.id;
}

void media_stream_counters(const struct media_stream *stream, struct shm_stream_counters *ret_counters)
{
	const struct shm_stream_id *id = &stream->set.id;
	struct shm_stream_row row;

	*ret_counters = stream->earlier;
	if (stream->state == MEDIA_STREAM_FINISHED)
		*ret_counters = media_counters_add(&stream->earlier, &stream->final);
	else if (stream->is_programmed &&
		 shm_stream_read(&stream->media->place->segment, id->worker, id->index, &row) == 0 &&
		 row.generation == id->generation)
		*ret_counters = media_counters_add(&stream->earlier, &row.counters);
}

void media_walk(struct media *media, void (*visit)(struct media_stream *stream, void *arg), void *arg)
{
	LIST_FOREACH (it, &media->streams)
		visit(LIST_ENTRY(it, struct media_stream, link), arg);
}

bool media_stream_is_latched(const struct media_stream *stream)
{
	return stream->latched.address.family != NET_NONE;
}

uint32_t media_stream_flags(const struct media_stream *stream)
{
	return stream->set.flags;
}

uint8_t media_stream_suite(const struct media_stream *stream)
{
	return stream->set.key_in.suite;
}
