/* A control plane of a few lines for tests of the dataplane alone: programs echo streams and prints what they counted.
 * echo_streams SEGMENT ADDRESS:PORT...    prints "ready", waits for the end of its input, deletes the streams and prints
 * "PORT rtp_in rtp_out dropped" for each. ADDRESS is an index into the segment's addresses. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "lib/shm/shm.h"

#define ANSWER_TIMEOUT_S 5
#define CONTROLLER       1

static struct shm_segment segment;

static int fail(const char *what, const char *why)
{
	fprintf(stderr, "echo_streams: %s: %s\n", what, why);
	return EXIT_FAILURE;
}

static void nap(void)
{
	struct timespec pause = {.tv_nsec = 1000000};

	nanosleep(&pause, NULL);
}

/* Waits for the worker's answer about a stream; false when none came. */
static bool answer(struct shm_event_reader *events, uint32_t index, struct shm_event *ret_event)
{
	for (unsigned i = 0; i < ANSWER_TIMEOUT_S * 1000; i++) {
		while (shm_event_get(events, ret_event) == 0)
			if (ret_event->id.index == index && ret_event->type != SHM_EVENT_STREAM_LATCHED)
				return true;
		nap();
	}
	return false;
}

/* The row appears once the worker has the stream. */
static bool is_live(uint32_t index)
{
	struct shm_stream_row row;

	for (unsigned i = 0; i < ANSWER_TIMEOUT_S * 1000; i++) {
		if (shm_stream_read(&segment, 0, index, &row) == 0)
			return true;
		nap();
	}
	return false;
}

static int parse(const char *text, struct shm_stream_set *set)
{
	struct view rest = view_of(text);
	uint32_t address, port;

	if (view_to_u32(view_cut(&rest, ':'), SHM_ADDRESSES_MAX - 1, &address) || view_to_u32(rest, UINT16_MAX, &port))
		return ERR_SYNTAX;
	set->address = (uint16_t)address;
	set->local_port = (uint16_t)port;
	return 0;
}

int main(int argc, char **argv)
{
	struct shm_refusal refusal = {""};
	struct shm_command_writer commands;
	struct shm_event_reader events;
	struct shm_event event;

	if (argc < 3)
		return fail("usage", "echo_streams SEGMENT ADDRESS:PORT...");
	if (shm_segment_attach(argv[1], &segment, &refusal))
		return fail(argv[1], refusal.text);
	if (shm_command_writer_init(&commands, &shm_segment_worker(&segment, 0)->commands) ||
	    shm_event_reader_init(&events, &shm_segment_worker(&segment, 0)->events))
		return fail(argv[1], "corrupt");
	atomic_store(&segment.header->controller, CONTROLLER);
	for (int i = 2; i < argc; i++) {
		struct shm_command command = {.type = SHM_COMMAND_STREAM_SET};
		struct shm_stream_set *set = &command.u.stream_set;

		if (parse(argv[i], set))
			return fail(argv[i], "is not ADDRESS:PORT");
		set->id = (struct shm_stream_id){.index = (uint32_t)i, .generation = 1};
		set->source = set->id;
		set->controller = CONTROLLER;
		set->flags = SHM_STREAM_LEARN | SHM_STREAM_RECEIVE | SHM_STREAM_SEND;
		if (shm_command_put(&commands, &command))
			return fail(argv[i], "the ring is full");
		if (!is_live((uint32_t)i))
			return fail(argv[i], "the stream does not come to life");
	}
	puts("ready");
	fflush(stdout);
	while (getchar() != EOF)
		;
	for (int i = 2; i < argc; i++) {
		struct shm_command command = {.type = SHM_COMMAND_STREAM_DEL};

		command.u.stream_del.id = (struct shm_stream_id){.index = (uint32_t)i, .generation = 1};
		if (shm_command_put(&commands, &command) || !answer(&events, (uint32_t)i, &event) ||
		    event.type != SHM_EVENT_STREAM_GONE)
			return fail(argv[i], "the stream does not end");
		printf("%s %llu %llu %llu\n", argv[i], (unsigned long long)event.u.final.rtp_in,
		       (unsigned long long)event.u.final.rtp_out, (unsigned long long)event.u.final.dropped);
	}
	shm_segment_close(&segment, NULL);
	return EXIT_SUCCESS;
}
