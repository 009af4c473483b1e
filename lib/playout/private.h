/* Between the sources of this folder. */
#ifndef LIB_PLAYOUT_PRIVATE_H
#define LIB_PLAYOUT_PRIVATE_H

#include "lib/playout/playout.h"

/* ---- buffer.c: packets by their place in time ---- */
struct buffer_slot {
	uint32_t timestamp;
	uint16_t sequence, size;
	bool is_taken, is_noise;
};
struct buffer {
	struct buffer_slot slots[PLAYOUT_SLOTS];
	uint32_t payload_max;
	unsigned count;
	uint8_t *payloads;
};
void buffer_clear(struct buffer *buffer);
enum playout_verdict buffer_put(struct buffer *buffer, const struct rtp_header *header, const uint8_t *payload,
				bool is_noise);
/* The earliest packet; NULL: there is none. Timestamps are compared as RFC 3550 has them, near each other. */
struct buffer_slot *buffer_first(struct buffer *buffer);
const uint8_t *buffer_payload(const struct buffer *buffer, const struct buffer_slot *slot);
void buffer_drop(struct buffer *buffer, struct buffer_slot *slot);

/* ---- conceal.c: what is made of the last samples ---- */
#define CONCEAL_HISTORY_MS 60
struct conceal {
	uint32_t rate_hz;
	uint32_t pitch;    /* samples, of the running concealment */
	uint32_t position; /* within the period */
	uint32_t made;     /* samples since the last good one */
	uint32_t len;      /* of history */
	int16_t history[CONCEAL_HISTORY_MS * CODEC_RATE_MAX_HZ / 1000];
};
void conceal_init(struct conceal *conceal, uint32_t rate_hz);
/* Samples that were heard; after a concealment their begin is blended with what it would have gone on with. */
void conceal_good(struct conceal *conceal, int16_t *samples, size_t count);
/* Makes up some: the last pitch period again and again, fading after 10 ms, silent after 60. */
void conceal_make(struct conceal *conceal, int16_t *samples, size_t count);
/* Takes one pitch period out of `count` samples; how many are left. Fewer than it needs, or too loud a change: all. */
size_t conceal_shorten(uint32_t rate_hz, int16_t *samples, size_t count);

/* ---- noise.c: comfort noise, RFC 3389 ---- */
#define NOISE_ORDER 12
struct noise {
	uint32_t random;
	int32_t level; /* of the excitation, Q15 of full scale */
	int order;
	float reflection[NOISE_ORDER], state[NOISE_ORDER + 1];
};
void noise_set(struct noise *noise, const uint8_t *payload, size_t size);
void noise_make(struct noise *noise, int16_t *samples, size_t count);

#endif
