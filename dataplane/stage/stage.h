/* Stages: what happens to a burst of packets, one step a file. The order of the steps is not here but in the table of
 * dataplane/lane/lane.c.
 *
 * A stage takes the burst, works on every packet of it, drops some with a reason, and leaves the others in place and
 * compact. What it found out about a packet is in the packet's private area, one cache line (struct packet_meta). The
 * comment over each stage names what it uses and sets there, why it drops, and which memory it touches and prefetches.
 *
 * Threads: a context belongs to one worker; everything runs in that worker's turn.
 * Ownership: a packet in a burst belongs to the stage; it leaves as a survivor, by stage_drop, or into a buffer of the
 * context (transmission, another worker, the kernel).
 * Limits: BURST_MAX packets a burst, of one segment each. No stage allocates (but for packets of the pool), locks, logs
 * or makes a system call.
 */
#ifndef DATAPLANE_STAGE_STAGE_H
#define DATAPLANE_STAGE_STAGE_H

#include <rte_mbuf.h>

#include "dataplane/port/port.h"
#include "dataplane/stream/stream.h"

#define BURST_RECEIVE     32
#define STREAM_REKEYED_MS 1000 /* so long the key before is heard when the new one was */
#define BURST_MAX         64   /* a burst may grow: LANE_FORK copies packets */

struct burst {
	uint16_t count;
	uint32_t lanes; /* a bit for each lane of its packets; set by classify */
	struct rte_mbuf *packets[BURST_MAX];
};

struct packet_meta {
	struct stream *stream;     /* it arrived on */
	struct stream *out;        /* it leaves by */
	struct stream_peer source; /* of the packet */
	uint32_t ssrc, timestamp;
	uint16_t sequence;
	uint16_t payload_offset, payload_size; /* of UDP's payload */
	uint16_t local_port;
	uint8_t payload_type;
	uint8_t kind;    /* enum rtp_kind */
	uint8_t address; /* of the engine, by index */
	uint8_t on_rtcp_port;
	uint8_t lane;    /* enum lane */
	uint8_t has_sum; /* IPv4 whose UDP checksum is finished; who changes the payload clears it */
	uint8_t reserved[2];
};
_Static_assert(sizeof(struct packet_meta) == PORT_PRIVATE_SIZE, "the private area of a packet is one cache line");

static inline struct packet_meta *packet_meta(struct rte_mbuf *packet)
{
	return rte_mbuf_to_priv(packet);
}

/* Packets on their way to a port. */
struct stage_transmit_buffer {
	uint16_t count;
	struct rte_mbuf *packets[BURST_MAX];
};

struct stage_event {
	uint32_t type; /* enum shm_event_type: LATCHED, SILENT or DIGIT */
	uint32_t slot, generation;
	uint32_t reserved;
	union {
		struct net_endpoint latched;
		uint64_t silent_ms;
		struct shm_digit digit;
	} u;
};
_Static_assert(sizeof(struct stage_event) == 40, "a ring's element, a multiple of four bytes");

struct stage_context {
	uint16_t worker, worker_count;
	uint16_t free_count;
	uint64_t now_tsc; /* of this turn */
	uint64_t now_us;  /* any steady clock */
	struct stream_table table;
	struct port_table *ports;
	uint8_t port_of_dpdk[RTE_MAX_ETHPORTS];     /* index in ports */
	struct rte_ring *handover[SHM_WORKERS_MAX]; /* of packets, to their owners */
	struct rte_ring *events;                    /* of struct stage_event, to the manager */
	uint64_t counters[WORKER_COUNTER_COUNT];
	uint64_t drops[DROP_COUNT];
	uint64_t stage_cycles[STAGE_COUNT], stage_packets[STAGE_COUNT]; /* of measured bursts */
	uint32_t measured_at;                                           /* bursts until the next measured one */
	uint8_t address_of[PORT_MAX]
			  [256];      /* by the last byte of an address: its number + 1 on the port, if one ends so */
	uint8_t owners[BURST_MAX];    /* scratch of lookup */
	struct secure_engine *engine; /* of SRTP; NULL: the processor cannot */
	struct secure_job jobs[BURST_MAX];    /* scratch of protect and unprotect */
	uint64_t rekeyed_tsc;                 /* STREAM_REKEYED_MS */
	uint8_t original[PORT_DATA_SIZE];     /* scratch of unprotect */
	struct rte_mbuf *free[2 * BURST_MAX]; /* dropped packets, given back in one go */
	struct stage_transmit_buffer transmit[PORT_MAX];
};

typedef void stage_function(struct stage_context *context, struct burst *burst);
#define X(name, help) stage_function stage_##name;
STAGE_LIST(X)
#undef X

/* ---- what stages share (stage.c) ---- */
/* Counts the reason and takes the packet; with a stream also counts it there. */
void stage_drop(struct stage_context *context, struct rte_mbuf *packet, enum drop_reason reason);
void stage_drop_of_stream(struct stage_context *context, struct rte_mbuf *packet, struct stream *stream,
			  enum drop_reason reason);
/* Takes a packet that has served its purpose: no reason is counted. */
void stage_give_back(struct stage_context *context, struct rte_mbuf *packet);
/* Gives dropped packets back to their pool. */
void stage_free_dropped(struct stage_context *context);
/* Sends what stage_transmit collected for a port, or for all. */
void stage_transmit_flush(struct stage_context *context, uint16_t port);
void stage_transmit_flush_all(struct stage_context *context);
/* Tells the manager; counted when its ring is full. */
void stage_tell(struct stage_context *context, const struct stage_event *event);
/* What a stage took for a burst. A burst in which the kernel took the core away says nothing of the stage. */
#define STAGE_CYCLES_MAX 100000
static inline void stage_measured(struct stage_context *context, enum stage stage, uint64_t cycles, uint16_t packets)
{
	if (cycles > STAGE_CYCLES_MAX)
		return;
	context->stage_cycles[stage] += cycles;
	context->stage_packets[stage] += packets;
}

/* Fills address_of from the ports; once, before the first packet. */
void stage_index_addresses(struct stage_context *context);
/* Is the packet to be the kernel's (the port has a TAP twin)? Then it is taken. */
bool stage_leave_to_kernel(struct stage_context *context, struct rte_mbuf *packet);

#endif
