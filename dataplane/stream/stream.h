/* Streams: one local RTP port (and its RTCP port) of the engine each, in a table per worker.
 * A struct stream is two things at once: what is RECEIVED from its peer (lines 0 and 1: who may send, what was counted)
 * and how packets are SENT to its peer (line 3 for IPv4, lines 2 and 3 for IPv6: the ready-made headers, what was
 * counted). A relayed packet touches lines 0 and 1 of the stream it arrived on and line 3 of the stream it leaves by (the
 * sink). The rest is cold. The table is one piece of memory, mapped at the start and never given back: a slot number is an address, nothing
 * is allocated while calls come and go, and pages nobody used cost nothing.
 * The look-up table [address][UDP port] -> {worker, slot, is it the RTCP port} is one for the process.
 *
 * Who is the peer (peer.c). Without SHM_STREAM_LEARN: exactly the signalled address. With it, three states:
 *   OPEN     The signalled address is heard from its first valid packet; anybody else is on probation
 *            (DROP_PROBATION): STREAM_PROBATION consecutive RTP packets of one SSRC from one source, over at least
 *            STREAM_PROBATION_MS, while the signalled address says nothing. One candidate at a time; the signalled host on another port (NAT) goes before a
 *            stranger, and a candidate that breaks its sequence or falls silent loses its place. Nothing is sent
 *            to a source before it has won.
 *   LATCHED  The winner, and only it; strangers are DROP_SOURCE. What we send goes to it.
 *   A command that names another remote address opens the stream again; the source that was latched until then is
 *   barred for STREAM_BAR_MS, since it goes on sending for a while after it was replaced.
 * SSRC: a known peer may change it with STREAM_PROBATION consecutive packets while the old one has been silent for
 * STREAM_SSRC_SILENCE_MS (DROP_SSRC until then), so that who forges the peer's address cannot break into a stream that
 * is talking. RTCP: from the RTP source itself, from the signalled RTCP address, or, once latched, from another port of
 * the latched host if it carries the stream's SSRC (that port is then learned; not with mux).
 * Secure streams: what does not authenticate is dropped before any of these rules sees it. Keys: README.
 *
 * Threads: a table belongs to its worker: every function that takes one is called by that worker, in its turn. The
 * entries of the look-up table for a port are written by the worker that owns the port's stream; the manager sees to it
 * that a port is never given to two of them. All workers read it. Time is the caller's (TSC cycles).
 * Ownership: pointers to streams are good until the end of the worker's turn.
 * Limits: 2^20 streams a table, 255 workers, SHM_ADDRESSES_MAX addresses.
 */
#ifndef DATAPLANE_STREAM_STREAM_H
#define DATAPLANE_STREAM_STREAM_H

#include <stdatomic.h>

#include "dataplane/stream/conversion.h"
#include "dataplane/stream/lanes.h"
#include "dataplane/stream/way.h"
#include "dataplane/stream/report.h"
#include "lib/net/packet.h"
#include "lib/playout/playout.h"
#include "lib/rtp/rtp.h"
#include "lib/shm/abi.h"
#include "lib/srtp/srtp.h"

#define STREAM_PROBATION       4   /* consecutive packets ... */
#define STREAM_PROBATION_MS    50  /* ... and this long: a burst between two packets of the peer proves nothing */
#define STREAM_CANDIDATE_MS    100 /* a candidate that is silent for so long loses its place to the next */
#define STREAM_SSRC_SILENCE_MS 60
#define STREAM_BAR_MS          1000
#define STREAM_NO_NEIGHBOUR    UINT32_MAX
#define STREAM_NO_SLOT         UINT32_MAX
#define STREAM_ADMITTED        DROP_COUNT /* "not dropped", where a drop reason is the answer */

/* Where packets come from, in the form that compares fast: IPv4 in the first four bytes, the others zero. */
struct stream_peer {
	uint64_t address[2];
	uint16_t port;
	uint8_t family; /* 0: nobody */
	uint8_t reserved[5];
};

static inline bool stream_peer_is_equal(const struct stream_peer *a, const struct stream_peer *b)
{
	return ((a->address[0] ^ b->address[0]) | (a->address[1] ^ b->address[1]) | (uint64_t)(a->port ^ b->port) |
		(uint64_t)(a->family ^ b->family)) == 0;
}
struct stream_peer stream_peer_of(const struct net_endpoint *endpoint);
struct net_endpoint stream_peer_endpoint(const struct stream_peer *peer);

enum stream_latch { STREAM_FIXED, STREAM_OPEN, STREAM_LATCHED };
enum stream_report { STREAM_REPORT_LATCHED = 1 << 0 };

/* Who may become the peer, or the peer's next SSRC. */
struct stream_candidate {
	struct stream_peer peer;
	uint64_t first_tsc, last_tsc;
	uint32_t ssrc;
	uint16_t next_sequence;
	uint8_t count; /* 0: nobody; stops at 255 */
	uint8_t rank;
};

struct stream {
	/* line 0: read for every packet received; written when programmed or latched */
	struct stream_peer peer;
	struct stream *sink; /* the first listener that is alive, or NULL */
	uint32_t generation; /* 0: the slot is free */
	uint32_t clock_hz;   /* of payload_type, if known */
	uint16_t flags;      /* enum shm_stream_flags */
	uint16_t local_port, address;
	uint16_t rtcp_port;
	uint8_t lanes[RTP_KIND_COUNT];
	uint8_t latch;      /* enum stream_latch */
	uint8_t reports;    /* enum stream_report, for the stage to tell */
	uint8_t is_silent;  /* and it was told */
	uint8_t has_sender; /* statistics.ssrc is the peer's */
	uint8_t has_candidate;
	uint8_t payload_type; /* of the last RTP */
	/* line 1: written for every RTP packet received */
	CACHE_ALIGNED uint64_t rtp_in;
	uint64_t rtp_in_bytes;
	uint64_t last_rtp_tsc; /* 0: none yet */
	struct rtp_statistics statistics;
	uint32_t allowance; /* RTP packets that the peer may still send before stream_allow gives it new ones */
	/* lines 2 and 3: for every RTP packet sent */
	struct stream_way rtp_way;
	/* cold */
	struct stream_way rtcp_way;
	uint64_t rtp_out, rtp_out_bytes; /* up to the last stream_settle */
	uint64_t rtcp_in, rtcp_out, dropped_source, dropped;
	struct stream_peer rtcp_peer; /* learned; family 0: not yet */
	struct stream_candidate candidate;
	struct stream_peer barred;
	uint64_t barred_until_tsc;
	struct stream_peer signalled, signalled_rtcp;
	uint64_t programmed_tsc, before_until_tsc;
	uint64_t timeout_tsc; /* 0: never */
	uint32_t rate_limit;  /* RTP packets a second that the peer may send; 0: any */
	uint32_t slot;
	uint32_t controller;
	/* the media graph, by slots of this table; a slot that is free may be named as source and keeps its listeners */
	uint32_t source_slot, source_generation; /* STREAM_NO_SLOT: none */
	uint32_t first_listener;                 /* of those that name this slot */
	uint32_t next_listener, previous_listener;
	struct secure_context *secure_in, *secure_out; /* of SECURE streams; NULL: no key yet */
	struct secure_context *secure_before;          /* the key before secure_in, heard until then; or NULL */
	struct stream_reports reports_of;              /* what RTCP said, and our own reports (report.h) */
	struct playout *playout;                       /* what the peer says as samples; NULL: not decoded */
	struct talker *talker;                         /* and samples said to it */
	struct stream *wheel_next, **wheel_link;       /* in the worker's wheel of ticks; NULL: in none */
	struct shm_audio audio;                        /* of its peer */
	uint8_t dscp, wheel_slot;
	uint8_t signalled_run;   /* consecutive packets from the signalled address while open */
	uint16_t signalled_next; /* sequence number that would be the next of them */
	bool is_rekeyed,
		is_row_old; /* nothing authenticated with this secure_in yet; not only counters changed since the row */
	uint64_t published; /* what the counters added up to then */
} CACHE_ALIGNED;

_Static_assert(offsetof(struct stream, rtp_in) == 1 * CACHE_LINE, "line 0 is what reception reads");
_Static_assert(offsetof(struct stream, rtp_way) == 2 * CACHE_LINE, "line 1 is what reception writes");
_Static_assert(offsetof(struct stream, rtcp_way) == 4 * CACHE_LINE, "lines 2 and 3 are what sending touches");

/* What was sent since the last time is added to the totals. */
static inline void stream_settle(struct stream *stream)
{
	stream->rtp_out += stream->rtp_way.packets;
	stream->rtp_out_bytes += stream->rtp_way.bytes;
	stream->rtp_way.packets = stream->rtp_way.bytes = 0;
}

static inline uint64_t stream_rtp_out(const struct stream *stream)
{
	return stream->rtp_out + stream->rtp_way.packets;
}

/* Once every STREAM_ALLOW_MS: what the peer may send until the next time. So no packet pays for a clock, and a burst
 * of that length passes. */
#define STREAM_ALLOW_MS 250
static inline void stream_allow(struct stream *stream)
{
	stream->allowance =
		stream->rate_limit ? (uint32_t)((uint64_t)stream->rate_limit * STREAM_ALLOW_MS / 1000) + 1 : UINT32_MAX;
}

/* ---- the look-up table ---- */
struct stream_address {
	struct net_address address;
	uint16_t port_start, port_end; /* of the pool */
	uint16_t port, mtu;            /* dataplane port it is reached by, and its largest IP packet */
	uint8_t mac[PACKET_MAC_SIZE];
	bool has_offload;
};

struct stream_lookup {
	struct stream_address addresses[SHM_ADDRESSES_MAX];
	uint32_t address_count;
	_Atomic uint32_t *entries[SHM_ADDRESSES_MAX]; /* 65536 each */
};

#define STREAM_ENTRY_VALID     (1u << 31)
#define STREAM_ENTRY_RTCP      (1u << 30)
#define STREAM_ENTRY(w, s)     (STREAM_ENTRY_VALID | (uint32_t)(w) << 20 | (uint32_t)(s))
#define STREAM_ENTRY_WORKER(e) ((e) >> 20 & 0xff)
#define STREAM_ENTRY_SLOT(e)   ((e)&0xfffff)

/* Allocates the entries for lookup->addresses, which the caller has filled in. ERR_NOMEM. */
int stream_lookup_init(struct stream_lookup *lookup) WARN_UNUSED;
void stream_lookup_fini(struct stream_lookup *lookup);

/* ---- the table of a worker ---- */
struct stream_table {
	struct stream *at;
	uint64_t *live; /* a bit a slot */
	struct stream_lookup *lookup;
	const struct neighbour_table *neighbours; /* NULL: none, interim addresses only */
	uint64_t tsc_hz;
	uint32_t len, live_count;
	uint32_t high; /* slots from here on were never used */
	uint16_t worker;
};

/* ERR_NOMEM, ERR_RANGE. */
int stream_table_init(struct stream_table *table, uint32_t len, uint16_t worker, struct stream_lookup *lookup,
		      const struct neighbour_table *neighbours, uint64_t tsc_hz) WARN_UNUSED;
void stream_table_fini(struct stream_table *table);
/* The living stream with that name, or NULL. */
struct stream *stream_find(struct stream_table *table, const struct shm_stream_id *id);

/* What the manager found out for a command before it hands it over. */
struct stream_wish {
	struct shm_stream_set set;              /* checked: slot free or of that generation, port free */
	uint32_t rtp_neighbour, rtcp_neighbour; /* next hops of the signalled addresses, or STREAM_NO_NEIGHBOUR */
	/* fresh, and NULL; after stream_set what is not used (any more) */
	struct secure_context *secure_in, *secure_out, *secure_spare;
	struct playout *playout; /* likewise */
	struct talker *talker;
};
/* Creates the stream or makes it what the wish says. Its counters stay, and its peer if the signalled address did not
 * change. True when the neighbours of the wish are used from now on; false: it sends to a latched address and keeps the
 * ones it had. */
bool stream_set(struct stream_table *table, struct stream_wish *wish, uint64_t now_tsc);
/* Ends it; read its counters and take its contexts before. */
void stream_del(struct stream_table *table, struct stream *stream);
/* Next hops of a stream that latched to `remote`; false when it sends somewhere else by now and they are not used. */
bool stream_set_neighbours(struct stream_table *table, struct stream *stream, const struct net_endpoint *remote,
			   uint32_t rtp, uint32_t rtcp);
/* Takes over what the neighbour table says now; true when the way can be used. */
bool stream_way_refresh(const struct stream_table *table, struct stream_way *way);

/* ---- the peer (peer.c) ---- */
struct stream_arrival {
	struct stream_peer source;
	const uint8_t *source_mac;
	uint64_t now_tsc;
	uint32_t ssrc, timestamp; /* timestamp: RTP only */
	uint16_t sequence;        /* RTP only */
	bool on_rtcp_port;
};
/* May this valid RTP packet pass? STREAM_ADMITTED or the reason why not. May latch, and may begin new statistics. */
enum drop_reason stream_admit_rtp(struct stream_table *table, struct stream *stream,
				  const struct stream_arrival *arrival);
/* The same for a valid RTCP compound. */
enum drop_reason stream_admit_rtcp(struct stream_table *table, struct stream *stream,
				   const struct stream_arrival *arrival);
/* Points what is sent to where the peer is known to be; after every change of address, flags or DSCP (aim.c). */
void stream_aim(struct stream_table *table, struct stream *stream);

/* ---- what others see (publish.c) ---- */
struct stream_clock {
	uint64_t now_tsc, now_ms, tsc_hz;
};
void stream_count(const struct stream *stream, const struct stream_clock *clock,
		  struct shm_stream_counters *ret_counters);
/* Writes the row when something changed since the last time. */
void stream_publish(struct stream *stream, const struct stream_clock *clock, struct shm_stream_row *row);
/* True once per silence longer than the stream's time-out. */
bool stream_fell_silent(struct stream *stream, const struct stream_clock *clock, uint64_t *ret_silent_ms);

#endif
