/* RTP and RTCP as bytes: what is this packet, is it well formed, how many are missing, how much do they jitter.
 *
 * Used by the stages of the dataplane for every packet, and by tests.
 * Threads: pure functions; a struct rtp_statistics belongs to one thread. Time is an argument.
 * Limits: packets up to 65,535 bytes. SSRC collisions and translators are the caller's business.
 * Sources: RFC 3550 5.1, 6.1, 6.4.1, A.1 (sequence), A.2 (RTCP), A.3 (loss), A.8 (jitter); RFC 5761 section 4 (RTP and RTCP
 * on one port); RFC 5506 (reduced-size RTCP is taken); RFC 7983 (first byte); RFC 3551 table 4 (static payload types).
 */
#ifndef LIB_RTP_RTP_H
#define LIB_RTP_RTP_H

#include "lib/base/base.h"

#define RTP_HEADER_SIZE  12
#define RTCP_HEADER_SIZE 8 /* with the sender's SSRC */

/* ---- what is it ---- */
enum rtp_kind { RTP_KIND_RTP, RTP_KIND_RTCP, RTP_KIND_STUN, RTP_KIND_DTLS, RTP_KIND_OTHER, RTP_KIND_COUNT };

/* By the first two bytes only (RFC 7983, RFC 5761); says nothing of the rest. */
static inline enum rtp_kind rtp_classify(const uint8_t *bytes, size_t size)
{
	if (size < 2)
		return RTP_KIND_OTHER;
	if (bytes[0] >> 6 == 2)
		return bytes[1] >= 192 && bytes[1] <= 223 ? RTP_KIND_RTCP : RTP_KIND_RTP;
	if (bytes[0] <= 3)
		return RTP_KIND_STUN;
	if (bytes[0] >= 20 && bytes[0] <= 63)
		return RTP_KIND_DTLS;
	return RTP_KIND_OTHER;
}

/* ---- RTP ---- */
struct rtp_header {
	uint32_t ssrc, timestamp;
	uint16_t sequence;
	uint8_t payload_type;
	bool marker;
	uint16_t payload_offset; /* behind the contributing sources and the header extension */
	uint16_t payload_size;   /* without padding */
};

/* ERR_CORRUPT: another version, or shorter than its header, contributors, extension and padding need. */
int rtp_parse(const uint8_t *bytes, size_t size, struct rtp_header *ret_header) WARN_UNUSED;
/* The same for SRTP: padding is ciphered, so it is not looked at, and payload_size counts all behind the header. */
int rtp_parse_secure(const uint8_t *bytes, size_t size, struct rtp_header *ret_header) WARN_UNUSED;
/* Clock of a static audio payload type; RTP_CLOCK_DYNAMIC for those that are agreed in the session description. */
#define RTP_CLOCK_DYNAMIC 0u
uint32_t rtp_clock_hz(uint8_t payload_type);

/* ---- RTCP ---- */
struct rtcp_header {
	uint32_t ssrc; /* of the sender of the first packet in the compound */
	uint8_t packet_type;
};
/* Every packet of the compound has version 2 and their lengths add up to size; only the last may be padded.
 * ERR_CORRUPT. */
int rtcp_parse(const uint8_t *bytes, size_t size, struct rtcp_header *ret_header) WARN_UNUSED;
/* The same for SRTCP, of which only the first eight bytes are readable. */
int rtcp_parse_secure(const uint8_t *bytes, size_t size, struct rtcp_header *ret_header) WARN_UNUSED;

/* ---- what a receiver knows of one sender: 36 bytes ---- */
struct rtp_statistics {
	uint32_t ssrc;
	uint32_t base;        /* extended sequence number of the first packet */
	uint32_t max;         /* highest extended sequence number: cycles << 16 | sequence */
	uint32_t received;    /* since base; duplicates included (RFC 3550 A.3) */
	uint32_t lost_before; /* of earlier SSRCs and of what came before a restart */
	uint32_t bad;         /* the sequence number that would confirm a restart; above 65535: none */
	uint32_t timestamp;   /* of the last packet */
	uint32_t transit;     /* relative transit time of the last packet, in timestamp units */
	uint32_t jitter;      /* scaled by 16, in timestamp units */
};

/* A sender's first packet; what was lost before is kept (zero the struct for a fresh start). */
void rtp_statistics_begin(struct rtp_statistics *statistics, const struct rtp_header *header);
/* Every further packet of that sender. False: far from what was expected (a restart of the sender is believed when the
 * next packet follows this one); the packet is not counted. */
bool rtp_statistics_sequence(struct rtp_statistics *statistics, uint16_t sequence);
/* The same where the packet is the one that follows, as it nearly always is; false: ask rtp_statistics_sequence. */
static inline bool rtp_statistics_next(struct rtp_statistics *statistics, uint16_t sequence)
{
	if ((uint16_t)(statistics->max + 1) != sequence)
		return false;
	statistics->max++;
	statistics->bad = UINT16_MAX + 1u;
	statistics->received++;
	return true;
}
/* The interarrival jitter with this packet; arrival_us is any steady clock. Packets with the timestamp of the one
 * before (events, video) do not count. clock_hz 0: nothing is done. */
void rtp_statistics_jitter(struct rtp_statistics *statistics, uint32_t timestamp, uint64_t arrival_us,
			   uint32_t clock_hz);
/* Packets expected and not received so far, never negative. */
uint64_t rtp_statistics_lost(const struct rtp_statistics *statistics);
uint32_t rtp_statistics_jitter_us(const struct rtp_statistics *statistics, uint32_t clock_hz);

/* ---- how they went missing: apart from the above, since only a packet that is not the next one touches it ---- */
#define RTP_BURST_GAP 16 /* RFC 3611 Gmin: losses with fewer good packets between them belong to one burst */
struct rtp_gaps {
	uint32_t runs;       /* stretches of consecutive losses */
	uint32_t reordered;  /* came behind a later one; a late packet is no longer lost */
	uint32_t duplicates; /* of the very last packet */
	uint32_t bursts, burst_lost;
	uint32_t last_lost, cluster; /* extended number of the last loss, and how many belong together with it */
};
/* To be told of a packet with this number before rtp_statistics_sequence is; cheap when it is the next one. */
void rtp_gaps_on(struct rtp_gaps *gaps, const struct rtp_statistics *statistics, uint16_t sequence);
static inline void rtp_gaps_note(struct rtp_gaps *gaps, const struct rtp_statistics *statistics, uint16_t sequence)
{
	if (__builtin_expect((uint16_t)(sequence - statistics->max) != 1, 0))
		rtp_gaps_on(gaps, statistics, sequence);
}

#endif
