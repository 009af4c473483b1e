/* A SIP load generator: callers, callees and registering phones in one thread, on two UDP sockets toward one server.
 *
 * Who: bench/sip_compare runs it against our control plane and against its peers; a person may as well.
 *   main.c      options, the clock, the report
 *   wire.c      the two sockets, batches in and out
 *   register.c  registrations: the two round trips of a digest, or refreshes with what was learned before
 *   call.c      both ends of calls: caller.c plays the caller, callee.c the callee
 * Open loop: work begins at the rate asked for, whether or not the server keeps up. Every answer is checked: status,
 * tags, Call-ID, CSeq. Requests, and the 200 of an INVITE, are sent again after T1, doubling (RFC 3261 17.1, 13.3.1.4),
 * each of them counted as late; what is not there after GIVE_UP_NS is counted as missing.
 * Ownership: everything hangs from struct load. Limits: loopback only, SLOTS_MAX phones, a minute.
 */
#ifndef BENCH_LOAD_LOAD_H
#define BENCH_LOAD_LOAD_H

#include "controlplane/auth/auth.h"
#include "lib/sip/sip.h"

#define SLOTS_MAX   1000000
#define SECONDS_MAX 60
#define T1_NS       500000000ull
#define GIVE_UP_NS  8000000000ull
#define PASSWORD    "secret"
#define LOAD_TEXT   160 /* bytes kept of a tag, a Call-ID, a URI */

/* What is counted, and how it is called in the report. */
#define LOAD_COUNT_LIST(X)                                                                                             \
	X(begun)                                                                                                       \
	X(complete)                                                                                                    \
	X(refused) /* by a status that is not what the scenario wants */                                               \
	X(wrong)   /* an answer or request with a wrong tag, Call-ID, CSeq, or out of place */                         \
	X(late)    /* sent again after T1 */                                                                           \
	X(missing) /* given up */                                                                                      \
	X(skipped) /* no phone was free when the rate asked for it */                                                  \
	X(stray)   /* of work that had ended already */                                                                \
	X(sent)                                                                                                        \
	X(received)

struct load_counts {
#define X(name) uint64_t name;
	LOAD_COUNT_LIST(X)
#undef X
};

/* Times in steps of 10 us. */
#define LOAD_TIME_STEPS 100000
struct load_times {
	uint64_t count;
	uint32_t steps[LOAD_TIME_STEPS];
};
void load_time_add(struct load_times *times, uint64_t ns);
double load_time_ms(const struct load_times *times, double quantile);

enum load_side { LOAD_CALLER, LOAD_CALLEE, LOAD_SIDES };

struct wire;
struct call;
struct phone;
struct load {
	struct net_endpoint server;
	uint16_t port;  /* of the callers; that of the callees and of registrations is the next one */
	uint32_t first; /* number of the first extension */
	uint32_t phones;
	uint64_t hold_ns;
	bool with_digest;
	struct auth *auth; /* computes the callers' digests */

	uint64_t now_ns;
	char run[16]; /* makes Call-IDs of two runs differ */
	struct wire *wires[LOAD_SIDES];
	struct load_counts counts;
	struct load_times setup, answer; /* INVITE out to INVITE in at the callee; INVITE out to its 200; or REGISTER */
	uint64_t statuses[700];

	struct call *calls;
	struct phone *registering;
	uint32_t *free_slots; /* a ring: the slot that rested longest is used first */
	uint32_t free_from, free_count, next;
};

/* Says what was wrong, for the first few. */
void load_wrong(struct load *load, const struct sip_message *message, const char *what);

/* Takes "12-" off *rest. */
bool load_take(struct view *rest, uint32_t *ret_number);

/* ---- wire.c ---- */
int wire_new(struct load *load, enum load_side side);
void wire_free(struct wire *wire);
int wire_fd(const struct wire *wire);
/* A writer into the next free slot of the batch; wire_end sends what was written with the batch. */
struct sip_writer *wire_begin(struct wire *wire);
struct view wire_end(struct load *load, struct wire *wire, struct view body);
void wire_again(struct load *load, struct wire *wire, struct view bytes);
void wire_flush(struct load *load, struct wire *wire);
/* Gives every waiting message to on_message. */
void wire_receive(struct load *load, struct wire *wire,
		  void (*on_message)(struct load *load, const struct sip_message *message));

/* ---- register.c ---- */
int register_new(struct load *load);
void register_begin(struct load *load);
void register_on_message(struct load *load, const struct sip_message *message);
void register_tick(struct load *load); /* every 20 ms: what is late, what is missing */
bool register_is_busy(const struct load *load);

/* ---- call.c, caller.c, callee.c ---- */
enum call_state { CALL_FREE, CALL_INVITED, CALL_UP, CALL_ENDING };
enum callee_state { CALLEE_FREE, CALLEE_ANSWERED, CALLEE_UP, CALLEE_GONE };
struct call {
	uint32_t slot, generation;
	enum call_state state;
	enum callee_state callee_state;
	uint32_t cseq;                           /* of the caller's last request */
	uint64_t invited_ns, sent_ns, resend_ns; /* the caller's last request: when first, when again */
	uint64_t answered_ns, answer_again_ns;   /* the callee's 200 */
	uint64_t hang_up_ns;
	bool was_challenged;
	char to_tag[LOAD_TEXT], target[LOAD_TEXT], routes[512];
	char callee_call_id[LOAD_TEXT], callee_from_tag[LOAD_TEXT];
	uint32_t callee_cseq;
	char request[2048], answer[2048]; /* for sending again */
	size_t request_size, answer_size;
};
int call_new(struct load *load);
void call_begin(struct load *load);
void call_tick(struct load *load);
bool call_is_busy(const struct load *load);
void call_free_if_over(struct load *load, struct call *call);
struct view call_sdp(char buffer[256], unsigned port);
void caller_invite(struct load *load, struct call *call, const struct sip_message *challenge);
void caller_bye(struct load *load, struct call *call);
void caller_on_message(struct load *load, const struct sip_message *message);
void callee_on_message(struct load *load, const struct sip_message *message);

#endif
