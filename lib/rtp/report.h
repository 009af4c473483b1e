/* RTCP reports: what a peer says about its sending and about what it received, read and written.
 *
 * Used by the dataplane (a stage reads what passes, the worker writes reports where media ends here), and by tests.
 * Threads: pure functions. Ownership: views into the caller's packet; nothing is kept.
 * Limits: a compound that rtcp_parse accepted; a block that does not fit its packet ends the reading of that packet, so
 * hostile lengths cost nothing. Sources: RFC 3550 6.4 (SR, RR), 6.5 (SDES), 6.6 (BYE); RFC 3611 4.7 (VoIP metrics).
 */
#ifndef LIB_RTP_REPORT_H
#define LIB_RTP_REPORT_H

#include "lib/rtp/rtp.h"

enum rtcp_type { RTCP_SR = 200, RTCP_RR = 201, RTCP_SDES = 202, RTCP_BYE = 203, RTCP_APP = 204, RTCP_XR = 207 };
#define RTCP_BLOCKS_MAX 31

/* The sender's word about itself. */
struct rtcp_sender {
	uint32_t ntp_seconds, ntp_fraction; /* since 1900 */
	uint32_t timestamp;                 /* of RTP at that moment */
	uint32_t packets, bytes;            /* sent so far; bytes of payload */
};

/* What its author received of one sender. */
struct rtcp_block {
	uint32_t ssrc;          /* of the sender it is about */
	uint8_t fraction_lost;  /* of 256, since the last report */
	int32_t lost;           /* 24 bits, signed: duplicates make it negative */
	uint32_t max_sequence;  /* extended */
	uint32_t jitter;        /* timestamp units */
	uint32_t last_sr;       /* middle 32 bits of the NTP time of the last SR from that sender; 0: none */
	uint32_t delay_last_sr; /* since that SR came, in 1/65536 s */
};

/* RFC 3611 4.7. 127 as a quality means "not available" there; rates are of 256. */
struct rtcp_voip {
	uint32_t ssrc;
	uint8_t loss_rate, discard_rate, burst_density, gap_density;
	uint16_t burst_ms, gap_ms;
	uint16_t round_trip_ms, end_system_ms;   /* 0: not known */
	uint8_t r_factor;                        /* 0 to 100, or 127 */
	uint8_t mos_listening, mos_conversation; /* times 10: 10 to 50, or 127 */
	uint16_t jitter_buffer_ms;               /* nominal */
};
#define RTCP_VOIP_UNKNOWN 127

enum rtcp_item_kind { RTCP_ITEM_SENDER, RTCP_ITEM_BLOCK, RTCP_ITEM_VOIP, RTCP_ITEM_BYE };
struct rtcp_item {
	enum rtcp_item_kind kind;
	uint32_t author; /* SSRC of who wrote it */
	union {
		struct rtcp_sender sender;
		struct rtcp_block block;
		struct rtcp_voip voip;
	} u;
};

/* A walk over a compound that rtcp_parse took: */
struct rtcp_walk {
	const uint8_t *bytes;
	size_t size, packet; /* the packet that the walk is in begins there */
	size_t at;           /* next thing to read in it; 0: its head */
	unsigned blocks;     /* of it, still to be read */
};
static inline struct rtcp_walk rtcp_walk_of(const uint8_t *bytes, size_t size)
{
	return (struct rtcp_walk){.bytes = bytes, .size = size};
}
/* The next item, of the kinds above; everything else is skipped. False: no more. */
bool rtcp_next(struct rtcp_walk *walk, struct rtcp_item *ret_item);

/* The middle 32 bits of an NTP time, which last_sr quotes. */
static inline uint32_t rtcp_ntp_middle(const struct rtcp_sender *sender)
{
	return sender->ntp_seconds << 16 | sender->ntp_fraction >> 16;
}
/* The way to the block's author and back, when the SR that it quotes left `since_us` ago: that time without what the
 * author held it. False: clocks that disagree, or more than a minute. */
bool rtcp_round_trip_us(const struct rtcp_block *block, uint64_t since_us, uint32_t *ret_round_trip_us);

/* A report of ours. */
struct rtcp_report {
	uint32_t ssrc;
	bool has_sender; /* SR, else RR */
	struct rtcp_sender sender;
	bool has_block;
	struct rtcp_block block;
	struct view cname; /* up to 255 bytes; RFC 7022 says how to choose it */
	bool is_last;      /* with BYE */
};
#define RTCP_REPORT_MAX (8 + 20 + 24 + 8 + 4 + 256 + 4 + 8)
/* Writes the compound SR or RR, SDES, BYE; its size. `bytes` has RTCP_REPORT_MAX. */
size_t rtcp_report_print(const struct rtcp_report *report, uint8_t *bytes);

/* The block that these statistics make; `before` is what they were at the last report (zero: none) and becomes what they
 * are now. last_sr and delay are the caller's. */
struct rtcp_before {
	uint32_t expected, received;
};
struct rtcp_block rtcp_block_of(const struct rtp_statistics *statistics, struct rtcp_before *before);

#endif
