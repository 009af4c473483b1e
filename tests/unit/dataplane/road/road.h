/* A road in a box: EAL without huge pages, two ports made of rings, two workers, and hands to put packets in and to take
 * them out. Worker 0 owns the queue of both ports; worker 1 has none, so all it gets and sends passes the rings between
 * workers. */
#ifndef TESTS_UNIT_DATAPLANE_ROAD_ROAD_H
#define TESTS_UNIT_DATAPLANE_ROAD_ROAD_H

#include "tests/unit/unit.h"

#include "dataplane/manager/manager.h"
#include "dataplane/neighbour/neighbour.h"
#include "dataplane/worker/worker.h"

#define ROAD_WORKERS 2
#define ROAD_PORTS   2
#define ROAD_STREAMS 256
#define ROAD_RING    1024

/* Addresses of the engine by index: 0 and 1 on port 0, 2 on port 1. */
#define ROAD_IPV4  "192.0.2.1"
#define ROAD_IPV6  "2001:db8::1"
#define ROAD_LOCAL "198.51.100.1"

struct road {
	struct port_table *ports;
	struct stream_lookup *lookup;
	struct worker *workers[ROAD_WORKERS];
	struct rte_ring *in[ROAD_PORTS], *out[ROAD_PORTS], *exception;
	_Atomic uint64_t words[4];
	struct neighbour_table neighbours; /* 0: a valid entry, 1: never resolved */
	struct manager *manager;           /* after road_setup_managed: its workers, its look-up table */
	struct neighbour_table *managed_neighbours;
	struct shm_segment dataplane, controlplane; /* both ends of one segment */
};
extern struct road road;

/* The packet that came out, in full. */
struct seen {
	uint8_t bytes[2048];
	size_t size;
	struct packet packet;
	char source[NET_ENDPOINT_TEXT], destination[NET_ENDPOINT_TEXT];
	const uint8_t *payload;
};

int road_eal_init(void **state); /* once a program */
int road_setup(void **state);
/* Instead: workers of a real manager, with a real segment and the control plane's end of it. */
int road_setup_managed(void **state);
int road_teardown(void **state); /* fails when a packet of the pool is missing */

struct net_endpoint road_endpoint(const char *text);
/* A stream at slot `index` of a worker, local port 10000 + 4 * index (so that neighbours do not touch). */
struct stream_wish road_wish(uint16_t worker, uint32_t index, uint16_t address, const char *remote, uint32_t source);
struct stream *road_set(struct stream_wish *wish);
#define ROAD_PORT(index) (uint16_t)(10000 + 4 * (index))

/* Bytes into a port as if from the wire. */
void road_put(unsigned port, const uint8_t *bytes, size_t size);
/* A UDP packet; the checksum is left as a local sender on veth leaves it. */
void road_put_udp(unsigned port, const char *source, const char *destination, const uint8_t *payload, size_t size);
/* RTP of 160 bytes of audio that depend on the sequence number. */
void road_put_rtp(unsigned port, const char *source, const char *destination, uint32_t ssrc, uint16_t sequence);
size_t road_rtp(uint8_t *bytes, uint32_t ssrc, uint16_t sequence);
size_t road_rtcp(uint8_t *bytes, uint32_t ssrc);
/* Turns of both workers until nothing moves. */
void road_turn(void);
/* From now on a cycle is a millisecond to the streams, so that nobody waits for a probation to pass. */
void road_hurry(void);
/* The next packet out of a port, checked: lengths, both checksums reckoned the long way, TTL, fixed fields. False: none. */
bool road_take(unsigned port, struct seen *seen);
uint64_t road_drops(enum drop_reason reason); /* of both workers */
uint64_t road_counter(enum worker_counter counter);
uint64_t road_drops_all(void);

#endif
