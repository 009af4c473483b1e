/* SRTP from strangers: byte 0 chooses suite, kind and MKI, the rest are packets, each behind its size. None authenticates, and
 * nothing is learned; protecting the same bytes and unprotecting them gives them back. */
#include <stdlib.h>

#include "lib/srtp/srtp.h"
#include "tests/fuzz/fuzz.h"

static struct secure_engine *engine;

static struct secure_context *context_new(enum secure_direction direction, uint8_t choice)
{
	struct secure_key key = {.suite = (uint8_t)(1 + choice % (SECURE_SUITE_COUNT - 1)),
				 .mki_size = choice & 0x40 ? 2 : 0};
	struct secure_context *context = NULL;

	key.master[0] = 1;
	MUST(secure_context_new(engine, direction, &key, &context) == 0);
	return context;
}

static struct secure_job job_of(struct secure_context *context, uint8_t *packet, size_t size, size_t capacity,
				uint8_t choice)
{
	return (struct secure_job){.context = context,
				   .packet = packet,
				   .size = (uint32_t)size,
				   .capacity = (uint32_t)capacity,
				   .is_rtcp = !!(choice & 0x80)};
}

static void check_round(const uint8_t *data, size_t size, uint8_t choice)
{
	struct secure_context *sender = context_new(SECURE_PROTECT, choice),
			      *receiver = context_new(SECURE_UNPROTECT, choice);
	uint8_t *bytes = malloc(size + SECURE_GROWTH_MAX);
	struct secure_job job = job_of(sender, bytes, size, size + SECURE_GROWTH_MAX, choice);

	MUST(bytes);
	memcpy(bytes, data, size);
	secure_add(engine, &job);
	secure_finish(engine);
	MUST(job.verdict == SECURE_OK || job.verdict == SECURE_MALFORMED || job.verdict == SECURE_NO_ROOM);
	if (job.verdict == SECURE_OK) {
		job.context = receiver;
		secure_add(engine, &job);
		secure_finish(engine);
		MUST(job.verdict == SECURE_OK && job.size == size && memcmp(bytes, data, size) == 0);
	}
	free(bytes);
	secure_context_free(sender);
	secure_context_free(receiver);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct secure_job jobs[8];
	struct secure_context *receiver;
	unsigned count = 0;
	uint8_t choice;

	if (size < 1)
		return 0;
	if (!engine)
		MUST(secure_engine_new(&engine) == 0);
	choice = data[0];
	check_round(data + 1, size - 1, choice);
	receiver = context_new(SECURE_UNPROTECT, choice);
	for (size_t at = 1; at < size && count < ARRAY_LEN(jobs);) {
		size_t packet_size = MIN((size_t)data[at], size - at - 1);
		uint8_t *bytes = malloc(packet_size + 1);

		MUST(bytes);
		memcpy(bytes, data + at + 1, packet_size);
		jobs[count] = job_of(receiver, bytes, packet_size, packet_size, choice);
		secure_add(engine, &jobs[count++]);
		at += 1 + packet_size;
	}
	secure_finish(engine);
	for (unsigned i = 0; i < count; i++) {
		MUST(jobs[i].verdict == SECURE_MALFORMED || jobs[i].verdict == SECURE_AUTH_FAILED);
		free(jobs[i].packet);
	}
	secure_context_free(receiver);
	return 0;
}
