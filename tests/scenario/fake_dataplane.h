/* A dataplane without packets: it owns a real segment, carries out commands as the real one does, answers with events,
 * keeps the directory, and tells nobody else. For tests in simulated time: scenarios of calls, and controlplane/media.
 *
 * It runs by a timer of the test's loop (every 2 ms), or by fake_dataplane_turn alone. Tests look at its table of
 * streams as at a worker's, and make things happen: RTP comes, a peer is learned, the process is killed.
 * Threads: the loop's. Limits: FAKE_STREAMS_MAX streams in all.
 */
#ifndef TESTS_SCENARIO_FAKE_DATAPLANE_H
#define TESTS_SCENARIO_FAKE_DATAPLANE_H

#include "controlplane/loop/loop.h"
#include "lib/shm/shm.h"

#define FAKE_STREAMS_MAX 256
#define FAKE_CLIENTS_MAX 8

struct fake_stream {
	bool is_live;
	struct shm_stream_set set; /* as it was commanded last */
	uint32_t client;           /* who commanded it */
	uint32_t set_count;        /* how often since it was made */
	struct net_endpoint latched;
	struct shm_stream_counters counters;
};

struct fake_dataplane {
	struct loop *loop;
	struct loop_timer timer;
	char directory[64], path[96];
	struct shm_layout layout; /* of the next start; generation counts the starts */
	struct shm_address addresses[SHM_ADDRESSES_MAX];
	bool is_running, is_deaf; /* deaf: lives, says so, takes no commands */
	bool is_hung;             /* holds its lock and does nothing at all */
	struct shm_segment segment;
	struct shm_command_reader commands[SHM_WORKERS_MAX][FAKE_CLIENTS_MAX];
	struct shm_event_writer events[SHM_WORKERS_MAX][FAKE_CLIENTS_MAX];
	struct fake_stream streams[FAKE_STREAMS_MAX];
	int refuse_next;     /* ERR_*: the next SET is refused with it */
	uint32_t lose_gones; /* so many GONE are not sent */
	uint64_t commands_taken, commands_bad;
	void (*on_digit)(const struct fake_stream *stream, const struct shm_digit *digit); /* or NULL */
};

/* A place for the segment, two workers of 16 streams, no address yet; not started. */
void fake_dataplane_init(struct fake_dataplane *fake, struct loop *loop);
void fake_dataplane_fini(struct fake_dataplane *fake);
/* To the layout of the next start; ports 10000 to 10099 of the dataplane port with that name. */
struct shm_address *fake_dataplane_address(struct fake_dataplane *fake, const char *address, const char *advertised,
					   const char *port_name, enum shm_serves serves);
void fake_dataplane_start(struct fake_dataplane *fake);
/* Ends as by SIGKILL: its lock goes, its file stays. */
void fake_dataplane_kill(struct fake_dataplane *fake);
void fake_dataplane_turn(struct fake_dataplane *fake);

uint32_t fake_dataplane_count(const struct fake_dataplane *fake);
/* The live stream at that local RTP port (of any address), or NULL. */
struct fake_stream *fake_dataplane_find(struct fake_dataplane *fake, uint16_t local_port);
/* Every live stream, in the order of the local ports (and of the addresses, where two have one). */
void fake_dataplane_walk(struct fake_dataplane *fake, void (*visit)(struct fake_stream *stream, void *arg), void *arg);
/* The local port of a stream; 0: there is none. */
uint16_t fake_dataplane_port(struct fake_dataplane *fake, const struct shm_stream_id *id);
/* RTP was received and sent; the row says so at once. */
void fake_dataplane_rtp(struct fake_dataplane *fake, struct fake_stream *stream, uint64_t packets);
void fake_dataplane_latch(struct fake_dataplane *fake, struct fake_stream *stream, const char *remote);
void fake_dataplane_silent(struct fake_dataplane *fake, struct fake_stream *stream, uint64_t silent_ms);
/* Its peer pressed a key. */
void fake_dataplane_digit(struct fake_dataplane *fake, struct fake_stream *stream, const struct shm_digit *digit);
/* Says anything, also what is against the rules. */
void fake_dataplane_say(struct fake_dataplane *fake, uint32_t worker, uint32_t client, const struct shm_event *event);

#endif
