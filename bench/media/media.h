/* An RTP generator and sink on a DPDK port: N streams in pairs, both directions, every packet that comes back checked.
 *
 * Who: bench/relay, bench/relay_veth and bench/soak run it against our dataplane, against testpmd and against rtpengine.
 *   main.c       options, EAL, the phases of a run, the report
 *   traffic.c    packets out (paced, or as fast as they are taken) and in (loss, order, delay)
 *   engine.c     streams in a dataplane, programmed through its segment as a control plane does; churn
 *   histogram.c  delays
 *
 * Stream i is a peer at (198.18.x.y, port) that talks to one local port of the system under test. With a relay its packets
 * come out at the peer of stream i ^ 1; with a reflector (testpmd 5tswap) at i's own. The SSRC names the stream, the
 * sequence number shows loss and order, and the RTP timestamp is the generator's clock at departure: all three stay
 * readable in SRTP, and a relay leaves them as they are.
 *
 * Threads: one. Limits: STREAMS_MAX streams, one port, packets of one size a run, delays below DELAY_MAX.
 */
#ifndef BENCH_MEDIA_MEDIA_H
#define BENCH_MEDIA_MEDIA_H

#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include "lib/net/packet.h"
#include "lib/shm/shm.h"

#define STREAMS_MAX  400000u
#define HEADER_SIZE  (PACKET_ETHERNET_SIZE + PACKET_IPV4_SIZE + PACKET_UDP_SIZE)
#define RTP_HEADER   12
#define BURST        32
#define CLOCK_SHIFT  4 /* the RTP timestamp is the TSC shifted by this: some nanoseconds a unit */
#define SLICES_MAX   4096
#define BUCKET_BITS  5
#define BUCKET_COUNT ((33 - BUCKET_BITS) << BUCKET_BITS)

/* ---- histogram.c: values of 32 bits in buckets 3 % wide ---- */
struct histogram {
	uint64_t counts[BUCKET_COUNT];
	uint64_t total;
	uint32_t max;
};

static inline unsigned histogram_bucket(uint32_t value)
{
	unsigned log = value < 1u << BUCKET_BITS ? 0 : 31u - (unsigned)__builtin_clz(value) - BUCKET_BITS + 1;

	/* From BUCKET_BITS on each power of two has its own row; values below share the first. */
	return log == 0 ? value : (log << BUCKET_BITS) + ((value >> (log - 1)) & ((1u << BUCKET_BITS) - 1));
}

static inline void histogram_add(struct histogram *histogram, uint32_t value)
{
	histogram->counts[histogram_bucket(value)]++;
	histogram->total++;
	if (value > histogram->max)
		histogram->max = value;
}
/* The value that `share` (0..1) of all do not exceed. */
uint32_t histogram_quantile(const struct histogram *histogram, double share);

/* ---- one stream of the generator: what makes its next packet, what it expects ---- */
struct talker {
	uint32_t source_be, destination_be;
	uint16_t source_port_be, destination_port_be;
	uint16_t ip_checksum;
	uint16_t sum; /* of the UDP checksum, without sequence and timestamp */
	uint16_t sequence;
	uint16_t expected;   /* next sequence number to come in */
	uint8_t is_expected; /* one came in before */
	uint8_t is_aimed;    /* its addresses are set */
};

struct load {
	/* options */
	const char *vdev, *segment_path, *table_path;
	uint32_t stream_count;
	uint16_t payload_size; /* of UDP */
	double rate;           /* packets a second of all streams; 0: as fast as they are taken */
	double seconds;
	uint32_t churn; /* streams ended and begun a second, beside those that talk */
	bool is_reflected;

	uint16_t port;
	struct rte_mempool *receive_pool, *send_pool;
	struct talker *talkers;
	uint32_t at; /* the stream whose turn it is */
	uint8_t own_mac[PACKET_MAC_SIZE], engine_mac[PACKET_MAC_SIZE];

	/* counts of the phase */
	uint64_t sent, received, lost, reordered, foreign, wrong_sum, wrong_port, refused;
	struct histogram delays;
	double slice_rates[SLICES_MAX];
	unsigned slice_count;

	/* engine.c */
	struct shm_segment segment;
	struct shm_command_writer commands[SHM_WORKERS_MAX];
	struct shm_event_reader events[SHM_WORKERS_MAX];
	uint32_t controller, generation;
	uint32_t churn_first, churn_room, churn_at;
	uint64_t churn_next_tsc, churned, churn_gone, refusals;
	uint64_t left; /* streams that did not end */
	bool churn_is_live;
};

/* ---- traffic.c ---- */
int traffic_init(struct load *load);
/* Addresses of talker i are known. */
void traffic_aim(struct load *load, uint32_t i, uint32_t engine_be, uint16_t engine_port);
/* The peer of stream i, as the system under test is told. */
uint32_t traffic_peer_address(uint32_t i);
uint16_t traffic_peer_port(uint32_t i);
/* Sends `limit` packets (0: until the time is over) at `rate` and receives; counts start anew. */
void traffic_run(struct load *load, double rate, double seconds, uint64_t limit);
/* Receives for a while without sending. */
void traffic_drain(struct load *load, double seconds);

/* ---- engine.c: our dataplane ---- */
int engine_attach(struct load *load);
int engine_program(struct load *load);
/* A few commands and events; called between bursts. */
void engine_turn(struct load *load, uint64_t now_tsc);
void engine_heartbeat(struct load *load);
/* Sums over the workers. */
uint64_t engine_counter(const struct load *load, enum worker_counter counter);
uint64_t engine_drops(const struct load *load, enum drop_reason reason);
/* Ends every stream, so that the engine is as it was. */
void engine_end(struct load *load);

#endif
