/* How a conversation sounds, as a number: the E-model of ITU-T G.107 (narrow band) and G.107.1 (wide band) with the defaults
 * of their tables 2, so that what is left are delay, loss, its burstiness, and the codec.
 *
 * Used by the control plane for its records, events and metrics; never per packet.
 * Threads: pure functions.
 * Sources: G.107 (06/2015) 7.1 to 7.5 and annex B (MOS); G.107.1 (R up to 129); G.113 appendix I and IV (impairments of
 * codecs). What a receiver does against loss cannot be seen from here: it is taken to conceal it as G.711 appendix I does.
 * Codecs that the tables do not have (Opus, L16) carry values close to their nearest relatives there, and say so.
 */
#ifndef LIB_RTP_QUALITY_H
#define LIB_RTP_QUALITY_H

#include "lib/base/base.h"

struct quality_codec {
	const char *name;  /* of the RTP map */
	bool is_wide;      /* the scale of its impairment: G.107.1 */
	double impairment; /* Ie of G.113 */
	double robustness; /* Bpl: per cent of random loss that costs half of what is left */
	double delay_ms;   /* look-ahead of the encoder */
};
/* By name without regard to case; an unknown one is judged like PCMU. */
const struct quality_codec *quality_codec_find(struct view name);

struct quality_input {
	const struct quality_codec *codec;
	uint64_t received, lost;
	uint32_t loss_runs; /* stretches of consecutive losses; 0 with losses: taken as random */
	uint32_t jitter_us;
	uint32_t round_trip_us; /* of the network; 0: not known */
	uint32_t packet_ms;     /* 0: 20 */
};
struct quality {
	double r;   /* 0 to 100, wide band to 129 */
	double mos; /* 1.0 to 4.5, conversational */
	double loss_percent;
	double burst_ratio; /* 1: losses as random ones; more: in bursts */
	double delay_ms;    /* mouth to ear, one way, as assumed: network, packet, jitter buffer, codec */
};
/* Nothing received: r 0, mos 0, which stands for "not known". */
struct quality quality_of(const struct quality_input *input);

/* The two halves of it. */
double quality_delay_impairment(double one_way_ms);
double quality_mos(double r, bool is_wide);

#endif
