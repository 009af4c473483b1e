/* Payloads of every codec, events and comfort noise through a playout, as a peer could send them: the first byte is the codec and
 * its form, then each packet is its length, its type, what it does to sequence and time, and its bytes. */
#include <stdlib.h>

#include "lib/playout/playout.h"
#include "tests/fuzz/fuzz.h"

#define TYPE   96
#define EVENTS 101
#define NOISE  13

static struct playout *playout_of(uint8_t first)
{
	struct playout_setup setup = {.codec = (enum codec_id)(CODEC_NONE + 1 + (first & 15) % (CODEC_COUNT - 1)),
				      .payload_type = TYPE,
				      .event_type = EVENTS,
				      .noise_type = NOISE,
				      .detects_tones = first & 16,
				      .fixed_ms = first & 32 ? 60 : 0};
	struct playout *playout;
	size_t size;

	if (!codec_is_available(setup.codec))
		return NULL;
	setup.settings.rate_hz = first & 64 ? 8000 : codec_rows[setup.codec]->native_rate_hz;
	setup.settings.flags = first & 128 ? CODEC_FLAG_OCTET_ALIGN | CODEC_FLAG_FEC : 0;
	size = playout_size(&setup);
	if (size == 0)
		return NULL;
	playout = aligned_alloc(PLAYOUT_ALIGN, (size + PLAYOUT_ALIGN - 1) / PLAYOUT_ALIGN * PLAYOUT_ALIGN);
	if (!playout || playout_init(playout, &setup) != 0)
		abort();
	return playout;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static const uint8_t types[] = {TYPE, TYPE, TYPE, TYPE, TYPE, EVENTS, NOISE, 7};
	struct rtp_header header = {.timestamp = 0xffffff00};
	struct playout *playout = size ? playout_of(bytes[0]) : NULL;
	int16_t samples[CODEC_RATE_MAX_HZ / 50];
	struct dtmf_digit digit;

	if (!playout)
		return 0;
	for (size_t at = 1; at + 2 < size;) {
		uint8_t *copy;

		header.payload_size = (uint16_t)MIN((size_t)bytes[at] * 3, size - at - 2);
		header.payload_type = types[bytes[at + 1] & 7];
		header.sequence = (uint16_t)(header.sequence + 1 - (bytes[at + 1] >> 6));
		header.timestamp += bytes[at + 1] & 8    ? 160u
				    : bytes[at + 1] & 16 ? 960u
							 : (uint32_t)bytes[at + 1] << 12;
		/* On the heap, so that a read behind it is seen. */
		copy = malloc(MAX(header.payload_size, 1));
		memcpy(copy, bytes + at + 2, header.payload_size);
		(void)playout_put(playout, &header, copy);
		free(copy);
		playout_get(playout, samples, playout_rate_hz(playout) / 50);
		while (playout_digit(playout, &digit))
			if (digit.event > DTMF_EVENT_MAX)
				abort();
		at += 2 + (size_t)header.payload_size;
	}
	playout_fini(playout);
	free(playout);
	return 0;
}
