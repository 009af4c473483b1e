/* Both ends of a transcoded stream: what a peer sends becomes samples that never stop and never jump (playout), and samples
 * become RTP for a peer (talker). Between them a tick pulls 10 or 20 ms from the one and puts it into the other.
 *
 * Used by the dataplane's workers, by tests offline, and by bench.
 * Playout: packets wait in a jitter buffer, adaptive (the delay follows the latest packets of the last seconds: it grows at
 * once by stretching what is heard, and shrinks by taking out single pitch periods) or fixed. What is lost is concealed by
 * the codec (Opus also by its redundancy) or after the manner of G.711 Appendix I; what a sender leaves out in silence is
 * filled with comfort noise (RFC 3389). A sender's clock that runs fast or slow is seen as a delay that moves. Events of
 * RFC 4733 go round the buffer and come out once each, in order.
 * Threads: an object belongs to one thread. Time is the number of samples pulled. Ownership: memory of the caller's, of the
 * size asked for here, aligned to PLAYOUT_ALIGN; after init nothing allocates. fini frees what codec libraries hold.
 * Limits: PLAYOUT_SLOTS packets wait, PLAYOUT_DELAY_MAX_MS of them; what is longer than the codec's 60 ms is refused.
 * Sources: RFC 3550, 3389, 4733; ITU-T G.711 Appendix I.
 */
#ifndef LIB_PLAYOUT_PLAYOUT_H
#define LIB_PLAYOUT_PLAYOUT_H

#include "lib/codec/codec.h"
#include "lib/dtmf/dtmf.h"
#include "lib/rtp/rtp.h"

#define PLAYOUT_ALIGN        CODEC_STATE_ALIGN
#define PLAYOUT_SLOTS        32  /* a power of two */
#define PLAYOUT_DELAY_MAX_MS 400 /* adaptive delay */
#define PLAYOUT_TICK_MS_MAX  20
#define PLAYOUT_NO_TYPE      255
#define PLAYOUT_DIGITS       8 /* that wait to be fetched */

/* ---- from the peer ---- */
struct playout_setup {
	enum codec_id codec;
	struct codec_settings settings;               /* rate_hz: of the samples that come out */
	uint8_t payload_type, event_type, noise_type; /* PLAYOUT_NO_TYPE: none */
	uint16_t fixed_ms;                            /* 0: adaptive */
	bool detects_tones;                           /* digits are tones in the audio; they are taken out of it */
};

enum playout_verdict {
	PLAYOUT_TAKEN,
	PLAYOUT_LATE,
	PLAYOUT_DUPLICATE,
	PLAYOUT_CORRUPT,
	PLAYOUT_UNKNOWN_TYPE,
	PLAYOUT_TOO_LONG,
	PLAYOUT_VERDICT_COUNT
};

struct playout_counters {
	uint64_t played, concealed; /* samples */
	uint32_t late, lost, shrunk, stretched;
	uint32_t delay_ms; /* between a packet's coming and its turn, smoothed */
};

struct playout;
size_t playout_size(const struct playout_setup *setup); /* 0: not possible */
/* ERR_NOMEM, ERR_UNSUPPORTED. */
int playout_init(struct playout *playout, const struct playout_setup *setup) WARN_UNUSED;
void playout_fini(struct playout *playout); /* NULL is allowed */
enum playout_verdict playout_put(struct playout *playout, const struct rtp_header *header, const uint8_t *payload);
/* The next `count` samples, at most PLAYOUT_TICK_MS_MAX. False: the peer has been silent for so long that nothing is said
 * on its behalf (samples are zero then). */
bool playout_get(struct playout *playout, int16_t *samples, size_t count);
/* The next digit that the peer has pressed and let go of. */
bool playout_digit(struct playout *playout, struct dtmf_digit *ret_digit);
/* While the peer holds a key: its audio is nothing to be heard then. */
bool playout_is_in_digit(const struct playout *playout);
const struct playout_counters *playout_counters(const struct playout *playout);
uint32_t playout_rate_hz(const struct playout *playout);

/* ---- to the peer ---- */
struct talker_setup {
	enum codec_id codec;
	struct codec_settings settings; /* rate_hz: of the samples that go in */
	uint8_t payload_type, event_type;
	uint8_t ptime_ms;         /* 0: the codec's usual one; else made to fit the codec */
	bool makes_tones;         /* digits are sent as tones */
	uint32_t ssrc, timestamp; /* to begin with */
	uint16_t sequence;
};

struct talker;
size_t talker_size(const struct talker_setup *setup);
int talker_init(struct talker *talker, const struct talker_setup *setup) WARN_UNUSED;
void talker_fini(struct talker *talker);
/* A talker that was just made goes on where another stops: SSRC, sequence numbers, time. */
void talker_continue(struct talker *talker, const struct talker *before);
/* Samples to say. At most PLAYOUT_TICK_MS_MAX at a time, and packets are fetched after each. */
void talker_put(struct talker *talker, const int16_t *samples, size_t count);
/* So much time passes without anything to say. */
void talker_rest(struct talker *talker, size_t count);
/* The next RTP packet, header and all; its size, 0: none is due. */
size_t talker_next(struct talker *talker, uint8_t *packet, size_t capacity);
/* Presses a key for the peer, after those that were pressed before. False: too many wait. */
bool talker_digit(struct talker *talker, const struct dtmf_digit *digit);
uint32_t talker_rate_hz(const struct talker *talker);
uint8_t talker_ptime_ms(const struct talker *talker);

#endif
