/* What RTCP says about a stream, and what the engine says itself.
 *
 * Relayed RTCP is read as it passes: the peer's report blocks tell how it receives what we send it, and the round trip
 * follows from the SR that we passed on to it (RFC 3550 6.4.1: LSR and DLSR), so it is that between the engine and the peer.
 * Where media ends in the engine (echo, nobody or several listen) nobody else would tell the peer how it is heard; there the
 * engine sends receiver reports of its own, STREAM_REPORT_MS apart by chance (RFC 3550 6.3.1), under an SSRC of its own.
 *
 * What a peer says is its own word: numbers for people, on which nothing is decided.
 * Threads: the stream's worker. Cold memory: RTCP is one packet in hundreds.
 */
#ifndef DATAPLANE_STREAM_REPORT_H
#define DATAPLANE_STREAM_REPORT_H

#include "lib/rtp/report.h"

#define STREAM_REPORT_MS 5000 /* RFC 3550 6.2: the mean; each is 0.5 to 1.5 times that apart */

struct stream;
struct stream_table;

struct stream_reports {
	struct rtp_gaps gaps; /* of what the peer sends */
	/* the peer's word about what it is sent */
	uint32_t heard; /* reports */
	uint32_t reported_lost, reported_jitter_us;
	uint32_t round_trip_us;
	uint16_t reported_mos10, reported_delay_ms;
	/* the last SR that went to the peer, and the last that it sent; middle 0: none */
	uint32_t passed_middle, heard_middle;
	uint64_t passed_tsc, heard_tsc;
	/* our own reports */
	uint32_t own_ssrc; /* 0: not chosen yet */
	uint32_t chance;   /* state of the small generator that spreads them */
	struct rtcp_before before;
	uint64_t next_tsc; /* 0: the first is not planned yet */
};

/* A compound that was admitted from the stream's peer; `out`: where it is passed on to, or NULL. */
void stream_report_read(const struct stream_table *table, struct stream *stream, struct stream *out,
			const uint8_t *bytes, size_t size, uint64_t now_tsc);
/* Writes a report of our own when it is time (RTCP_REPORT_MAX bytes of room); its size, or 0. */
size_t stream_report_write(const struct stream_table *table, struct stream *stream, uint64_t now_tsc, uint8_t *bytes);

#endif
