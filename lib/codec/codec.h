/* Speech codecs: one const row each (table.c), one file each, every one behind the same few functions.
 *
 * Used by controlplane/call (which codec has which name, fmtp and cost) and by the dataplane through lib/playout (coding).
 * A coder works on memory that its owner allocated with the size asked for here; init may allocate where the library
 * behind it does (manager and tests call it, never a worker), coding and concealing never do.
 * Samples: 16 bits, mono, at `rate_hz` of the settings, which codec_rate_is_possible must allow; a stereo stream is mixed
 * down. Where a library codes at several rates (Opus; G.722 by its lower band) it is asked for the one that is needed,
 * which costs less than coding at the highest and resampling.
 * Threads: the table is constant; a coder belongs to one thread. Ownership: the caller's memory; fini frees what the
 * library allocated. Hostile payloads: decode checks every length; ERR_CORRUPT leaves the coder usable.
 * Limits: CODEC_PACKET_MS_MAX of audio and CODEC_PAYLOAD_MAX bytes a packet.
 * Sources: ITU-T G.711, G.191 (g711.c), G.722, G.729; RFC 3551, 3389 (comfort noise), 6716, 7587 (Opus), 4867 (AMR).
 */
#ifndef LIB_CODEC_CODEC_H
#define LIB_CODEC_CODEC_H

#include "lib/base/base.h"

#define CODEC_PACKET_MS_MAX 120
#define CODEC_PAYLOAD_MAX   1400
#define CODEC_RATE_MAX_HZ   48000
#define CODEC_SAMPLES_MAX   (CODEC_RATE_MAX_HZ / 1000 * CODEC_PACKET_MS_MAX)
#define CODEC_STATE_ALIGN   CACHE_LINE

/* id, row: the order is that of the shared segment; new ones go to the end */
#define CODEC_LIST(X)                                                                                                  \
	X(CODEC_PCMU, codec_pcmu)                                                                                      \
	X(CODEC_PCMA, codec_pcma)                                                                                      \
	X(CODEC_G722, codec_g722)                                                                                      \
	X(CODEC_OPUS, codec_opus)                                                                                      \
	X(CODEC_L16, codec_l16)                                                                                        \
	X(CODEC_L16_WIDE, codec_l16_wide)                                                                              \
	X(CODEC_G729, codec_g729)                                                                                      \
	X(CODEC_AMR, codec_amr)                                                                                        \
	X(CODEC_AMR_WB, codec_amr_wb)
enum codec_id {
	CODEC_NONE,
#define X(id, row) id,
	CODEC_LIST(X)
#undef X
		CODEC_COUNT
};

enum codec_flags {
	CODEC_FLAG_FEC = 1 << 0,         /* Opus: in-band error correction */
	CODEC_FLAG_DTX = 1 << 1,         /* nothing is sent during silence */
	CODEC_FLAG_CBR = 1 << 2,         /* Opus: constant bit rate */
	CODEC_FLAG_STEREO = 1 << 3,      /* Opus: the receiver likes stereo */
	CODEC_FLAG_OCTET_ALIGN = 1 << 4, /* AMR: octet-aligned instead of bandwidth-efficient */
	CODEC_FLAG_CRC = 1 << 5,         /* AMR: refused, like interleaving: nobody uses them */
};

/* How one peer wants a codec to be used: what its fmtp says, and the rate that we code at. */
struct codec_settings {
	uint32_t rate_hz;     /* of our samples */
	uint32_t bitrate_bps; /* 0: the codec's usual one */
	uint32_t playback_hz; /* Opus: more than this the receiver does not play; 0: not said */
	uint16_t flags;       /* enum codec_flags */
	uint16_t modes;       /* AMR: mode-set, a bit a mode; 0: all */
};

/* What a coder costs and how it impairs; nanoseconds for 20 ms on the machine of bench/README.md. */
struct codec_cost {
	uint32_t encode_ns, decode_ns;
};
struct codec_impairment {
	uint8_t ie,
		bpl;  /* G.113 App. I: equipment impairment, robustness against loss; of a wideband codec G.113 Am. 1 */
	bool is_wide; /* to be judged by G.107.1 */
};

struct codec_row {
	const char *name; /* of rtpmap */
	uint32_t clock_hz;
	uint8_t channels;        /* of rtpmap */
	int8_t payload_type;     /* static, RFC 3551; -1: dynamic */
	uint8_t frame_ms;        /* packets are multiples of this */
	uint8_t ptime_ms;        /* usual */
	uint8_t ptime_max_ms;    /* what one packet of ours holds at most */
	uint16_t bytes_per_ms;   /* at most, for buffers */
	uint32_t native_rate_hz; /* of the samples when nothing speaks for less */
	struct codec_cost cost;
	struct codec_impairment impairment;
	/* fmtp: NULL where the codec has none. Unknown parameters are passed over, as the RFCs demand. */
	int (*fmtp_parse)(struct view fmtp, struct codec_settings *settings);
	void (*fmtp_print)(const struct codec_settings *settings, struct text *text);
	bool (*rate_is_possible)(uint32_t rate_hz);
	/* coding; NULL encode: this build has not the library */
	size_t (*decoder_size)(const struct codec_settings *settings);
	int (*decoder_init)(void *state, const struct codec_settings *settings);
	void (*decoder_fini)(void *state); /* NULL: nothing to free */
	int (*decode)(void *state, const uint8_t *payload, size_t size, int16_t *samples, size_t capacity);
	int (*duration)(const struct codec_settings *settings, const uint8_t *payload, size_t size);
	int (*conceal)(void *state, const uint8_t *next, size_t next_size, int16_t *samples, size_t count);
	size_t (*encoder_size)(const struct codec_settings *settings);
	int (*encoder_init)(void *state, const struct codec_settings *settings);
	void (*encoder_fini)(void *state);
	int (*encode)(void *state, const int16_t *samples, size_t count, uint8_t *payload, size_t capacity);
};
extern const struct codec_row *const codec_rows[CODEC_COUNT]; /* [CODEC_NONE] is NULL */

/* ---- names and parameters ---- */
/* The codec of an rtpmap; CODEC_NONE when it is none of ours. channels 0 counts as 1. */
enum codec_id codec_find(struct view name, uint32_t clock_hz, unsigned channels);
/* By a name of the configuration, "PCMA", "opus", "L16/16000". */
enum codec_id codec_find_named(struct view name);
const char *codec_name(unsigned id); /* "none" for anything else */
/* The build has what codes it. */
bool codec_is_available(unsigned id);
bool codec_rate_is_possible(enum codec_id id, uint32_t rate_hz);
/* What an fmtp (which may be empty) means; ERR_UNSUPPORTED: a form that we do not code. rate_hz is the native one. */
int codec_settings_parse(enum codec_id id, struct view fmtp, struct codec_settings *ret_settings) WARN_UNUSED;
/* Our own fmtp, without "a=fmtp:96 "; nothing when there is nothing to say. */
void codec_settings_print(enum codec_id id, const struct codec_settings *settings, struct text *text);
/* The rate at which two sides of a transcoded call meet: the lower of the two that both can do. 0: none. */
uint32_t codec_common_rate(enum codec_id a, enum codec_id b);

/* ---- coding ---- */
struct codec_decoder {
	const struct codec_row *row;
	struct codec_settings settings;
	uint8_t state[] CACHE_ALIGNED;
};
struct codec_encoder {
	const struct codec_row *row;
	struct codec_settings settings;
	uint8_t state[] CACHE_ALIGNED;
};
/* Bytes for one, aligned to CODEC_STATE_ALIGN; 0: not possible. */
size_t codec_decoder_size(enum codec_id id, const struct codec_settings *settings);
size_t codec_encoder_size(enum codec_id id, const struct codec_settings *settings);
/* ERR_NOMEM, ERR_UNSUPPORTED. */
int codec_decoder_init(struct codec_decoder *decoder, enum codec_id id,
		       const struct codec_settings *settings) WARN_UNUSED;
int codec_encoder_init(struct codec_encoder *encoder, enum codec_id id,
		       const struct codec_settings *settings) WARN_UNUSED;
void codec_decoder_fini(struct codec_decoder *decoder);
void codec_encoder_fini(struct codec_encoder *encoder);
/* Samples of one payload, at most `capacity`; returns how many. ERR_CORRUPT, ERR_TOO_LONG. */
int codec_decode(struct codec_decoder *decoder, const uint8_t *payload, size_t size, int16_t *samples,
		 size_t capacity) WARN_UNUSED;
/* How many samples (of rate_hz) a payload would give, without decoding it. ERR_CORRUPT. */
int codec_duration(const struct codec_decoder *decoder, const uint8_t *payload, size_t size) WARN_UNUSED;
/* Makes up `count` samples for a lost packet, from the next one when that is there and carries them. ERR_UNSUPPORTED: the
 * codec has no concealment of its own (lib/playout has one). */
int codec_conceal(struct codec_decoder *decoder, const uint8_t *next, size_t next_size, int16_t *samples,
		  size_t count) WARN_UNUSED;
/* One packet of `count` samples, a multiple of frame_ms; returns its bytes, 0: nothing need be sent (DTX). ERR_TOO_LONG,
 * ERR_INVALID. */
int codec_encode(struct codec_encoder *encoder, const int16_t *samples, size_t count, uint8_t *payload,
		 size_t capacity) WARN_UNUSED;

/* ---- G.711 without a coder ---- */
extern const uint8_t g711_ulaw_to_alaw[256], g711_alaw_to_ulaw[256]; /* expanded by one law, compressed by the other */
uint8_t g711_compress_ulaw(int16_t sample);
uint8_t g711_compress_alaw(int16_t sample);
int16_t g711_expand_ulaw(uint8_t code);
int16_t g711_expand_alaw(uint8_t code);
/* Every byte through a table of 256, in place; as fast as the processor can. */
void g711_map(const uint8_t table[256], uint8_t *bytes, size_t size);

#endif
