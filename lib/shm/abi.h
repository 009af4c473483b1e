/* The words that the two processes speak: the layout of the shared segment, its commands and events.
 *
 * This is a contract between processes that may be of different builds: every struct has a fixed layout, the segment's
 * header carries version and sizes, and a difference is refused by name (lib/shm/shm.h). No pointer ever crosses; a
 * stream is named by (worker, index, generation). Everything read from the other side is copied first, then checked.
 * Who writes what stands over each group. Numbers are in host order.
 */
#ifndef LIB_SHM_ABI_H
#define LIB_SHM_ABI_H

#include <stdatomic.h>

#include "lib/base/base.h"
#include "lib/counters/counters.h"
#include "lib/net/net.h"
#include "lib/shm/audio.h"

#define SHM_MAGIC         0x564f584c414e4531u /* "VOXLANE1" */
#define SHM_VERSION       6
#define SHM_WORKERS_MAX   64
#define SHM_CLIENTS_MAX   32 /* threads of the control plane, each with rings of its own */
#define SHM_ADDRESSES_MAX 64
#define SHM_RING_CELLS    4096 /* per ring; a power of two */
#define SHM_NAME_SIZE     32

/* One stream: one local RTP port (and its RTCP port) of the engine. Generation 0 is never a stream. */
struct shm_stream_id {
	uint32_t index;      /* slot in the worker's table */
	uint32_t generation; /* of that slot; a reused slot has another one */
	uint16_t worker;
	uint16_t reserved[3];
};

/* ---- the addresses media can be sent to; written by the dataplane before the segment is ready ---- */
enum shm_serves { SHM_SERVES_NETWORK, SHM_SERVES_LOCAL }; /* LOCAL: phones on this very machine (veth pair) */
struct shm_address {
	struct net_address address; /* where the engine receives */
	struct net_address
		advertised; /* what a session description says (1:1 NAT); equals address when there is none */
	char port_name[SHM_NAME_SIZE]; /* dataplane port, terminated */
	uint16_t serves;               /* enum shm_serves */
	uint16_t port_start, port_end; /* UDP ports of the pool, both inclusive */
	uint16_t up;                   /* link state, 0 or 1; the one field that changes later: shm_address_set_up */
};

/* ---- commands: control plane to worker ---- */
#define SHM_COMMAND_LIST(X)                                                                                            \
	X(SHM_COMMAND_NONE, "none")                                                                                    \
	X(SHM_COMMAND_STREAM_SET, "stream_set")     /* create the stream, or change it to what the command says */     \
	X(SHM_COMMAND_STREAM_DEL, "stream_del")     /* end it; answered by SHM_EVENT_STREAM_GONE */                    \
	X(SHM_COMMAND_STREAM_DIGIT, "stream_digit") /* let its peer hear a digit, in the way that its audio says */
enum shm_command_type {
#define X(name, text) name,
	SHM_COMMAND_LIST(X)
#undef X
		SHM_COMMAND_COUNT
};

enum shm_stream_flags {
	SHM_STREAM_RTCP_MUX = 1 << 0, /* RTCP of the peer comes and goes on the RTP port (RFC 5761) */
	SHM_STREAM_LEARN = 1 << 1,    /* learn the peer's address from its RTP (symmetric RTP, RFC 4961) */
	SHM_STREAM_RECEIVE = 1 << 2,  /* what the peer sends is wanted (the peer may send) */
	SHM_STREAM_SEND = 1 << 3,     /* the peer wants what the source gives (the peer may receive) */
	SHM_STREAM_SECURE = 1 << 4,   /* SRTP and SRTCP both ways, never in the clear; keys below */
};
#define SHM_STREAM_FLAGS_ALL 0x1fu

/* A master key of SRTP, as struct secure_key of lib/srtp has it; bytes beyond the suite's sizes are zero. 64 bytes. The
 * reader of a command ring wipes the cell, so a key is in the segment only until the dataplane has taken it. */
#define SHM_KEY_MKI_MAX 16
struct shm_key {
	uint8_t suite; /* enum secure_suite_id; 0: not known yet, nothing passes in this direction */
	uint8_t mki_size;
	uint8_t master[32];
	uint8_t salt[14];
	uint8_t mki[SHM_KEY_MKI_MAX];
};

/* The whole wanted state of one stream: a command replaces what was there, so programming again is harmless. What the
 * dataplane learned (a latched address, sequence numbers, counters) stays as long as the generation and remote_rtp do.
 * The remotes are of the family of the local address, and neither multicast nor unspecified. */
struct shm_stream_set {
	struct shm_stream_id id;
	struct shm_stream_id source;     /* whose received media this stream sends: its peer's, its own (echo), or none
					    (generation 0). Same worker. It need not exist yet. */
	struct net_endpoint remote_rtp;  /* where to send; family 0: not known yet */
	struct net_endpoint remote_rtcp; /* family 0: the RTP port plus one, or the RTP port with mux */
	uint32_t controller;             /* generation of the control plane that owns it */
	uint32_t rtp_timeout_ms;         /* tell when the peer was silent that long; 0: never */
	uint16_t address;                /* index into the segment's addresses */
	uint16_t local_port;             /* RTP; RTCP is the next one */
	uint16_t flags;                  /* enum shm_stream_flags */
	uint8_t dscp;                    /* of what is sent, 0..63 */
	uint8_t reserved;
	uint32_t rate_limit; /* RTP packets a second that the peer may send; 0: any */
	struct shm_audio audio;
	struct shm_key key_in,
		key_out; /* SECURE: what the peer sends, what it is sent. The same key again changes nothing;
					   a key that was replaced must not come back. All zero without SECURE. */
};

/* Always answered by GONE, with zero counters when there is no such stream: so an answer that was lost on a full event
 * ring can be asked for again. */
struct shm_stream_del {
	struct shm_stream_id id;
};

struct shm_stream_digit {
	struct shm_stream_id id;
	struct shm_digit digit;
};

struct shm_command {
	uint32_t type; /* enum shm_command_type */
	uint32_t reserved;
	union {
		struct shm_stream_set stream_set;
		struct shm_stream_del stream_del;
		struct shm_stream_digit stream_digit;
		uint8_t bytes[312];
	} u;
};

/* ---- what a stream counted ---- */
struct shm_stream_counters {
	uint64_t rtp_in, rtp_in_bytes;   /* from the peer, accepted; bytes of RTP */
	uint64_t rtp_out, rtp_out_bytes; /* to the peer */
	uint64_t rtcp_in, rtcp_out;
	uint64_t dropped_source; /* from strangers */
	uint64_t dropped;        /* for any other reason */
	uint64_t lost;           /* by sequence number, RFC 3550 A.3 */
	uint64_t last_rtp_ms;    /* CLOCK_MONOTONIC of the last accepted RTP; 0: none yet */
	uint32_t jitter_us;      /* RFC 3550 6.4.1 */
	uint32_t ssrc;           /* of the peer */
	uint32_t payload_type;   /* of the last RTP */
	/* how they were lost (lib/rtp, struct rtp_gaps) */
	uint32_t loss_runs, bursts, burst_lost, reordered, duplicates;
	/* by the peer's RTCP about what it is sent; 0 in reports: it never reported */
	uint32_t reports, reported_lost, reported_jitter_us;
	uint32_t round_trip_us;     /* between the engine and the peer; 0: not known */
	uint32_t reported_mos10;    /* RFC 3611, conversational MOS times 10; 0: not known */
	uint32_t reported_delay_ms; /* RFC 3611, jitter buffer and playout at the peer; 0: not known */
	uint32_t concealed_ms;      /* of audio that was made up because it was lost or late; transcoded streams only */
	uint32_t playout_ms;        /* what the jitter buffer holds back now; likewise */
	uint32_t late;              /* packets that came after their turn; likewise */
};

/* ---- events: worker to control plane ---- */
#define SHM_EVENT_LIST(X)                                                                                              \
	X(SHM_EVENT_NONE, "none")                                                                                      \
	X(SHM_EVENT_STREAM_LATCHED, "stream_latched") /* the peer's address was learned */                             \
	X(SHM_EVENT_STREAM_SILENT, "stream_silent")   /* no RTP for rtp_timeout_ms; once per silence */                \
	X(SHM_EVENT_STREAM_GONE, "stream_gone")       /* answer to DEL: final counters; the slot and port are free */  \
	X(SHM_EVENT_STREAM_REFUSED, "stream_refused") /* a SET that cannot be carried out; nothing was changed */      \
	X(SHM_EVENT_STREAM_DIGIT, "stream_digit")     /* the peer pressed a key; once each, when it was let go of */
enum shm_event_type {
#define X(name, text) name,
	SHM_EVENT_LIST(X)
#undef X
		SHM_EVENT_COUNT
};

struct shm_event {
	uint32_t type; /* enum shm_event_type */
	int32_t error; /* REFUSED: ERR_* */
	struct shm_stream_id id;
	uint64_t time_ms; /* CLOCK_MONOTONIC */
	union {
		struct net_endpoint latched;
		struct shm_stream_counters final;
		uint64_t silent_ms;
		struct shm_digit digit;
		uint8_t bytes[224];
	} u;
};

/* ---- the directory: one row per slot, written by the worker's process, read by the control plane at any time. A row
 * is read between two equal even values of `sequence` (shm_stream_read does it). ---- */
enum shm_slot_state { SHM_SLOT_FREE, SHM_SLOT_LIVE };
struct shm_stream_row {
	_Atomic uint32_t sequence; /* odd while being written */
	uint32_t generation;
	uint32_t controller;
	uint16_t state; /* enum shm_slot_state */
	uint16_t address;
	uint16_t local_port;
	uint16_t flags;
	uint32_t source_index; /* UINT32_MAX: none */
	uint32_t source_generation;
	uint32_t latched; /* 1: remote was learned from packets */
	struct net_endpoint remote;
	struct shm_stream_counters counters; /* brought up to date a few times a second */
} CACHE_ALIGNED;

/* ---- per worker; written by the dataplane ---- */
struct shm_worker_counters {
	_Atomic uint64_t values[64], drops[64];               /* enum worker_counter, enum drop_reason */
	_Atomic uint64_t stage_cycles[32], stage_packets[32]; /* enum stage, of one burst in STAGE_SAMPLED */
} CACHE_ALIGNED;

/* ---- rings: single producer, single consumer. Indices only grow and are taken modulo SHM_RING_CELLS. ---- */
struct shm_ring_index {
	_Atomic uint32_t value;
	uint8_t padding[CACHE_LINE - 4];
};
struct shm_command_ring {
	struct shm_ring_index head; /* next cell to be written; by the control plane */
	struct shm_ring_index tail; /* next cell to be read; by the dataplane */
	struct shm_command cells[SHM_RING_CELLS];
};
struct shm_event_ring {
	struct shm_ring_index head; /* by the dataplane */
	struct shm_ring_index tail; /* by the control plane */
	struct shm_event cells[SHM_RING_CELLS];
};

/* A client is a signalling thread of the control plane. What it commands is answered on its own event ring, and so is
 * what its streams tell by themselves: the client of a stream is the one whose SET made it. */
struct shm_client {
	struct shm_command_ring commands;
	struct shm_event_ring events;
};

struct shm_worker {
	struct shm_worker_counters counters;
	/* followed by client_count of struct shm_client, then streams_per_worker rows of struct shm_stream_row; see
	 * shm_segment_client and shm_segment_rows */
};

/* ---- the head of the segment ---- */
struct shm_header {
	/* written by the dataplane before it becomes visible under its name */
	uint64_t magic;
	uint32_t version;
	uint32_t header_size, address_size, command_size, event_size, row_size, worker_size,
		client_size; /* sizeof of each struct */
	uint32_t ring_cells, drop_count, worker_counter_count;
	uint32_t worker_count, client_count, streams_per_worker, address_count;
	uint32_t generation; /* of this dataplane's life; never 0 */
	uint64_t segment_size;
	int32_t dataplane_pid;
	uint32_t reserved;
	struct shm_address addresses[SHM_ADDRESSES_MAX];
	/* written by the dataplane's main thread while it lives */
	CACHE_ALIGNED _Atomic uint64_t dataplane_alive_ms; /* CLOCK_MONOTONIC */
	/* written by the control plane */
	CACHE_ALIGNED _Atomic uint32_t controller; /* generation of the control plane's life; 0: never attached */
	_Atomic int32_t controller_pid;
	_Atomic uint64_t controller_alive_ms;
} CACHE_ALIGNED;

_Static_assert(sizeof(struct shm_command) == 320, "five cache lines");
_Static_assert(sizeof(struct shm_event) == 256, "four cache lines");
_Static_assert(DROP_COUNT <= 64 && WORKER_COUNTER_COUNT <= 64 && STAGE_COUNT <= 32, "struct shm_worker_counters");
_Static_assert((SHM_RING_CELLS & (SHM_RING_CELLS - 1)) == 0, "a power of two");

const char *shm_command_name(unsigned type);
const char *shm_event_name(unsigned type);

#endif
