/* Digits: as events of RFC 4733 from a peer and to it, and as tones in the audio (ITU-T Q.23, Q.24), found and made.
 *
 * Used by lib/playout (both ends of a transcoded stream) and by signalling (names of digits, SIP INFO bodies).
 * Every source gives each digit once, when the key was let go of, in the order of the pressing.
 * Threads: an object belongs to one thread. Ownership: the caller's memory; nothing allocates. Time is the caller's:
 * packets and samples that come, milliseconds that pass.
 * Limits: DTMF_WAITING digits wait to be taken, later ones are lost (a person presses ten a second); events above 16
 * (fax, modems, country tones) are passed over. Redundancy by repetition (RFC 4733 2.5.1.4) is understood, RFC 2198 is not.
 */
#ifndef LIB_DTMF_DTMF_H
#define LIB_DTMF_DTMF_H

#include "lib/base/base.h"
#include "lib/rtp/rtp.h"

#define DTMF_EVENT_MAX   16 /* 0-9, 10 *, 11 #, 12-15 A-D, 16 flash */
#define DTMF_EVENT_FLASH 16
#define DTMF_WAITING     8
#define DTMF_EVENT_SIZE  4
#define DTMF_LOST_END_MS 200 /* without a packet: the end was lost */
#define DTMF_USUAL_MS    100
#define DTMF_PAUSE_MS    60

struct dtmf_digit {
	uint8_t event;
	uint8_t volume; /* -dBm0 */
	uint32_t duration_ms;
};
/* '0' to '9', '*', '#', 'A' to 'D', '!' for flash; '?' for anything else. */
char dtmf_character(unsigned event);
/* ERR_SYNTAX: no such digit. Small letters too. */
int dtmf_event_of(char character) WARN_UNUSED;

struct dtmf_queue {
	struct dtmf_digit digits[DTMF_WAITING];
	uint8_t first, count;
};
bool dtmf_queue_put(struct dtmf_queue *queue, const struct dtmf_digit *digit); /* false: full */
bool dtmf_queue_take(struct dtmf_queue *queue, struct dtmf_digit *ret_digit);

/* ---- from events ---- */
struct dtmf_receiver {
	uint32_t clock_hz;
	uint32_t timestamp;         /* of the event, or of its running segment */
	uint32_t segment, duration; /* ticks: of the running segment; of those before it */
	uint32_t quiet_ms;
	uint8_t event, volume;
	bool is_pressed, has_any; /* has_any: timestamp is of the last one */
	struct dtmf_queue queue;
};
void dtmf_receiver_init(struct dtmf_receiver *receiver, uint32_t clock_hz);
/* A packet of the type telephone-event. False: it is malformed. */
bool dtmf_receive(struct dtmf_receiver *receiver, const struct rtp_header *header, const uint8_t *payload);
void dtmf_receiver_pass(struct dtmf_receiver *receiver, uint32_t ms);
bool dtmf_receiver_is_pressed(const struct dtmf_receiver *receiver);
bool dtmf_receiver_take(struct dtmf_receiver *receiver, struct dtmf_digit *ret_digit);

/* ---- to events ---- */
void dtmf_event_print(uint8_t payload[DTMF_EVENT_SIZE], const struct dtmf_digit *digit, bool is_end, uint16_t duration);

/* ---- from tones ---- */
#define DTMF_TONES 8
struct dtmf_detector {
	uint32_t rate_hz, block; /* samples a block: 12.75 ms */
	float coefficient[DTMF_TONES], sine[DTMF_TONES], cosine[DTMF_TONES];
	float v1[DTMF_TONES], v2[DTMF_TONES];
	float energy, last_energy;
	float share[2]; /* of the last block's energy, in row and column */
	float phase[2]; /* of row and column at the end of the last block */
	uint32_t at;    /* sample within the block */
	int8_t last;    /* of the last block; -1: none */
	int8_t pressed; /* confirmed; -1: none */
	uint8_t missed; /* blocks without it */
	uint32_t blocks;
	struct dtmf_queue queue;
};
void dtmf_detector_init(struct dtmf_detector *detector, uint32_t rate_hz);
/* Looks at the samples, and silences them when they hold a digit. What was heard before it was recognised (up to 13 ms and
 * the tick it began in) is not taken back. */
void dtmf_detect(struct dtmf_detector *detector, int16_t *samples, size_t count);
bool dtmf_detector_is_pressed(const struct dtmf_detector *detector);
bool dtmf_detector_take(struct dtmf_detector *detector, struct dtmf_digit *ret_digit);

/* ---- to tones ---- */
struct dtmf_tone {
	float phase[2], step[2];
};
/* False: the event has no tones (flash). */
bool dtmf_tone_begin(struct dtmf_tone *tone, unsigned event, uint32_t rate_hz);
void dtmf_tone_make(struct dtmf_tone *tone, int16_t *samples, size_t count);

#endif
