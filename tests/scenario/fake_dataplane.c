/* See fake_dataplane.h. */
#include "tests/scenario/fake_dataplane.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define TURN_MS 2

/* A test that cannot have its dataplane cannot go on. */
#define MUST(condition)                                                                                                \
	do {                                                                                                           \
		if (!(condition)) {                                                                                    \
			fprintf(stderr, "fake_dataplane: %s\n", #condition);                                           \
			abort();                                                                                       \
		}                                                                                                      \
	} while (0)

static struct fake_stream *slot_of(struct fake_dataplane *fake, const struct shm_stream_id *id)
{
	uint32_t at = id->worker * fake->layout.streams_per_worker + id->index;

	MUST(at < FAKE_STREAMS_MAX);
	return &fake->streams[at];
}

/* ---- what it shows and says ---- */

static void write_row(struct fake_dataplane *fake, const struct fake_stream *stream)
{
	const struct shm_stream_set *set = &stream->set;
	struct shm_stream_row row = {
		.generation = stream->is_live ? set->id.generation : 0,
		.controller = set->controller,
		.state = stream->is_live ? SHM_SLOT_LIVE : SHM_SLOT_FREE,
		.address = set->address,
		.local_port = set->local_port,
		.flags = set->flags,
		.source_index = set->source.generation ? set->source.index : UINT32_MAX,
		.source_generation = set->source.generation,
		.latched = stream->latched.address.family != NET_NONE,
		.remote = stream->latched.address.family != NET_NONE ? stream->latched : set->remote_rtp,
		.counters = stream->counters,
	};

	shm_stream_write(&shm_segment_rows(&fake->segment, set->id.worker)[set->id.index], &row);
}

void fake_dataplane_say(struct fake_dataplane *fake, uint32_t worker, uint32_t client, const struct shm_event *event)
{
	MUST(shm_event_put(&fake->events[worker][client], event) == 0);
}

static struct shm_event event_of(const struct fake_dataplane *fake, const struct shm_stream_id *id,
				 enum shm_event_type type)
{
	return (struct shm_event){.type = type, .id = *id, .time_ms = loop_now_ms(fake->loop)};
}

/* ---- commands ---- */

static int set_error(struct fake_dataplane *fake, const struct fake_stream *stream, const struct shm_stream_set *set)
{
	int error = fake->refuse_next;

	fake->refuse_next = 0;
	if (error)
		return error;
	if (stream->is_live)
		return stream->set.id.generation == set->id.generation ? 0 : ERR_EXISTS;
	for (size_t i = 0; i < FAKE_STREAMS_MAX; i++)
		if (fake->streams[i].is_live && fake->streams[i].set.address == set->address &&
		    fake->streams[i].set.local_port == set->local_port)
			return ERR_EXISTS;
	return 0;
}

static void stream_set(struct fake_dataplane *fake, uint32_t client, const struct shm_stream_set *set)
{
	struct fake_stream *stream = slot_of(fake, &set->id);
	int error = set_error(fake, stream, set);

	if (error) {
		struct shm_event event = event_of(fake, &set->id, SHM_EVENT_STREAM_REFUSED);

		event.error = error;
		fake_dataplane_say(fake, set->id.worker, client, &event);
		return;
	}
	if (!stream->is_live)
		*stream = (struct fake_stream){.is_live = true, .client = client};
	else if (!net_endpoint_is_equal(&stream->set.remote_rtp, &set->remote_rtp))
		memset(&stream->latched, 0, sizeof(stream->latched));
	stream->set = *set;
	stream->set_count++;
	write_row(fake, stream);
}

static void stream_del(struct fake_dataplane *fake, uint32_t client, const struct shm_stream_id *id)
{
	struct fake_stream *stream = slot_of(fake, id);
	struct shm_event event = event_of(fake, id, SHM_EVENT_STREAM_GONE);

	if (stream->is_live && stream->set.id.generation == id->generation) {
		event.u.final = stream->counters;
		stream->is_live = false;
		write_row(fake, stream);
	}
	if (fake->lose_gones > 0)
		fake->lose_gones--;
	else
		fake_dataplane_say(fake, id->worker, client, &event);
}

static void take_commands(struct fake_dataplane *fake, uint32_t worker, uint32_t client)
{
	struct shm_command command;

	while (shm_command_get(&fake->commands[worker][client], &command) == 0) {
		fake->commands_taken++;
		if (shm_command_check(&fake->segment, worker, &command) < 0)
			fake->commands_bad++;
		else if (command.type == SHM_COMMAND_STREAM_SET)
			stream_set(fake, client, &command.u.stream_set);
		else if (command.type == SHM_COMMAND_STREAM_DEL)
			stream_del(fake, client, &command.u.stream_del.id);
		else if (fake->on_digit && slot_of(fake, &command.u.stream_digit.id)->is_live)
			fake->on_digit(slot_of(fake, &command.u.stream_digit.id), &command.u.stream_digit.digit);
	}
}

void fake_dataplane_turn(struct fake_dataplane *fake)
{
	if (!fake->is_running || fake->is_hung)
		return;
	fake->segment.header->dataplane_alive_ms = loop_now_ms(fake->loop);
	for (uint32_t w = 0; w < fake->segment.worker_count && !fake->is_deaf; w++)
		for (uint32_t client = 0; client < fake->segment.client_count; client++)
			take_commands(fake, w, client);
}

/* ---- life ---- */

static void on_timer(void *arg)
{
	struct fake_dataplane *fake = arg;

	fake_dataplane_turn(fake);
	loop_timer_start(fake->loop, &fake->timer, TURN_MS);
}

void fake_dataplane_init(struct fake_dataplane *fake, struct loop *loop)
{
	memset(fake, 0, sizeof(*fake));
	fake->loop = loop;
	loop_timer_init(&fake->timer, on_timer, fake);
	snprintf(fake->directory, sizeof(fake->directory), "/tmp/fake_dataplane_XXXXXX");
	MUST(mkdtemp(fake->directory));
	snprintf(fake->path, sizeof(fake->path), "%s/segment", fake->directory);
	fake->layout = (struct shm_layout){
		.worker_count = 2, .streams_per_worker = 16, .addresses = fake->addresses, .generation = 0};
}

void fake_dataplane_fini(struct fake_dataplane *fake)
{
	if (fake->is_running)
		fake_dataplane_kill(fake);
	unlink(fake->path);
	MUST(rmdir(fake->directory) == 0);
}

struct shm_address *fake_dataplane_address(struct fake_dataplane *fake, const char *address, const char *advertised,
					   const char *port_name, enum shm_serves serves)
{
	struct shm_address *row = &fake->addresses[fake->layout.address_count++];

	*row = (struct shm_address){.serves = (uint16_t)serves, .port_start = 10000, .port_end = 10099, .up = 1};
	MUST(net_address_parse(view_of(address), &row->address) == 0);
	MUST(net_address_parse(view_of(advertised), &row->advertised) == 0);
	MUST(view_copy(view_of(port_name), row->port_name, sizeof(row->port_name)) == 0);
	return row;
}

void fake_dataplane_start(struct fake_dataplane *fake)
{
	struct shm_refusal refusal;

	fake->layout.generation++;
	memset(fake->streams, 0, sizeof(fake->streams));
	if (shm_segment_create(fake->path, &fake->layout, &fake->segment, &refusal) < 0)
		fprintf(stderr, "fake_dataplane: %s\n", refusal.text);
	MUST(fake->segment.header && fake->segment.client_count <= FAKE_CLIENTS_MAX);
	for (uint32_t w = 0; w < fake->segment.worker_count; w++) {
		for (uint32_t c = 0; c < fake->segment.client_count; c++) {
			struct shm_client *client = shm_segment_client(&fake->segment, w, c);

			MUST(shm_command_reader_init(&fake->commands[w][c], &client->commands) == 0);
			MUST(shm_event_writer_init(&fake->events[w][c], &client->events) == 0);
		}
	}
	fake->is_running = true;
	loop_timer_start(fake->loop, &fake->timer, TURN_MS);
}

void fake_dataplane_kill(struct fake_dataplane *fake)
{
	loop_timer_stop(fake->loop, &fake->timer);
	munmap(fake->segment.header, fake->segment.size);
	close(fake->segment.fd);
	fake->segment.header = NULL;
	fake->is_running = false;
	memset(fake->streams, 0, sizeof(fake->streams));
}

/* ---- what a test looks at and makes happen ---- */

uint32_t fake_dataplane_count(const struct fake_dataplane *fake)
{
	uint32_t count = 0;

	for (size_t i = 0; i < FAKE_STREAMS_MAX; i++)
		count += fake->streams[i].is_live;
	return count;
}

struct fake_stream *fake_dataplane_find(struct fake_dataplane *fake, uint16_t local_port)
{
	for (size_t i = 0; i < FAKE_STREAMS_MAX; i++)
		if (fake->streams[i].is_live && fake->streams[i].set.local_port == local_port)
			return &fake->streams[i];
	return NULL;
}

/* The live stream that comes behind `last` in the order of ports and slots. */
static struct fake_stream *next_stream(struct fake_dataplane *fake, const struct fake_stream *last)
{
	struct fake_stream *next = NULL;

	for (size_t i = 0; i < FAKE_STREAMS_MAX; i++) {
		struct fake_stream *s = &fake->streams[i];
		uint16_t port = s->set.local_port;

		if (!s->is_live ||
		    (last && (port < last->set.local_port || (port == last->set.local_port && s <= last))))
			continue;
		if (!next || port < next->set.local_port)
			next = s;
	}
	return next;
}

void fake_dataplane_walk(struct fake_dataplane *fake, void (*visit)(struct fake_stream *stream, void *arg), void *arg)
{
	for (struct fake_stream *s = NULL; (s = next_stream(fake, s)) != NULL;)
		visit(s, arg);
}

uint16_t fake_dataplane_port(struct fake_dataplane *fake, const struct shm_stream_id *id)
{
	const struct fake_stream *stream = slot_of(fake, id);

	return stream->is_live && stream->set.id.generation == id->generation ? stream->set.local_port : 0;
}

void fake_dataplane_rtp(struct fake_dataplane *fake, struct fake_stream *stream, uint64_t packets)
{
	stream->counters.rtp_in += packets;
	stream->counters.rtp_out += packets;
	stream->counters.last_rtp_ms = loop_now_ms(fake->loop);
	write_row(fake, stream);
}

void fake_dataplane_latch(struct fake_dataplane *fake, struct fake_stream *stream, const char *remote)
{
	struct shm_event event = event_of(fake, &stream->set.id, SHM_EVENT_STREAM_LATCHED);

	MUST(net_endpoint_parse(view_of(remote), 0, &stream->latched) == 0);
	event.u.latched = stream->latched;
	write_row(fake, stream);
	fake_dataplane_say(fake, stream->set.id.worker, stream->client, &event);
}

void fake_dataplane_digit(struct fake_dataplane *fake, struct fake_stream *stream, const struct shm_digit *digit)
{
	struct shm_event event = event_of(fake, &stream->set.id, SHM_EVENT_STREAM_DIGIT);

	event.u.digit = *digit;
	fake_dataplane_say(fake, stream->set.id.worker, stream->client, &event);
}

void fake_dataplane_silent(struct fake_dataplane *fake, struct fake_stream *stream, uint64_t silent_ms)
{
	struct shm_event event = event_of(fake, &stream->set.id, SHM_EVENT_STREAM_SILENT);

	event.u.silent_ms = silent_ms;
	fake_dataplane_say(fake, stream->set.id.worker, stream->client, &event);
}
