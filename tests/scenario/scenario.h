/* Scenarios: text files that play phones against the real control-plane code, in simulated time on a simulated network.
 * The language is described in README.md.
 *
 * script.c reads a file into steps, match.c knows variables and patterns, phone.c and dialog.c write what phones say and keep
 * what they heard, run.c and expect.c carry the steps out, system_*.c are the systems under test: each makes the part of the control
 * plane that it is about, on the loop and the network of the host.
 * Threads: one. Everything fails by scenario_fail, which prints file, line and the messages so far, and exits: a scenario
 * is a process of its own.
 */
#ifndef TESTS_SCENARIO_SCENARIO_H
#define TESTS_SCENARIO_SCENARIO_H

#include "controlplane/loop/loop.h"
#include "controlplane/transport/sim.h"
#include "lib/sip/sip.h"
#include "tests/scenario/fake_dns.h"

#include <setjmp.h>

enum { SCENARIO_WORKERS_MAX = 4 };

/* ---- script.c ---- */
struct step {
	unsigned line;
	struct view text;  /* trimmed */
	struct view block; /* the indented lines that follow, or empty */
};
struct script {
	const char *path;
	char *bytes;
	struct step *steps;
	size_t count;
};
void script_read(struct script *script, const char *path);
void script_free(struct script *script);
struct view next_word(struct view *rest);
/* Takes `key=value` or `key value` apart: true when *rest began with key. */
bool take_word(struct view *rest, const char *word);
/* "500ms", "3s", "0": milliseconds. */
uint64_t parse_ms(struct view text);
/* Takes the next line off a block, trimmed. False: no more. */
bool next_line(struct view *block, struct view *ret_line);

/* ---- match.c ---- */
void variable_set(struct view name, struct view value);
void variables_clear(void);
/* Writes text with {name} replaced; a name nobody set fails. */
void expand(struct text *out, struct view text);
/* "*" is anything, {name} is its value, {name=pattern} is kept under that name when all fits. */
bool matches(struct view pattern, struct view text);

/* ---- the host: what a system under test stands on ---- */
struct host {
	struct loop *loop;
	struct sim_network *network;
	struct fake_dns names;      /* the name server */
	struct net_endpoint server; /* where the system shall listen */
	struct script script;
	const struct step *step; /* running now; NULL before the first */
	struct list phones, events;
	struct text trace;
	bool is_verbose;
	unsigned worker_count; /* of signalling, where the system has such: 1 to SCENARIO_WORKERS_MAX */
	struct view options;   /* of the line "system NAME option=value ..." */
	const struct scenario_system *kind;
	void *system;
	struct auth *auth; /* answers challenges for the phones; made when first needed */
	bool is_in_system; /* what allocates now is the system, not a phone: memory.c may let it fail */
	bool is_in_loop;
	bool can_resume; /* a failure goes to `resume` instead of ending the process */
	jmp_buf resume;
};
extern struct host host;
void host_init(const char *path);
void host_fini(void);
/* After a failure: lets everything that is going on come to its end. */
void host_let_end(void);
/* The loop, with the system's allocations exposed. */
void let_pass(uint64_t ms);

/* ---- memory.c: runs the file once for each allocation that can fail; 0 or 1 ---- */
int scenario_without_memory(const char *path);

void scenario_fail(const char *format, ...) PRINTF(1, 2) __attribute__((noreturn));
/* One line of the message ladder that a failure prints. */
void scenario_trace(const char *format, ...) PRINTF(1, 2);
/* A system tells that something happened; `expect event` sees it. */
void scenario_event(const char *format, ...) PRINTF(1, 2);
/* The value of an option of the line "system", or otherwise. */
uint32_t scenario_option_u32(const char *name, uint32_t otherwise);
struct view scenario_option(const char *name, const char *otherwise);

/* ---- systems under test ---- */
struct scenario_system {
	const char *name;
	/* Makes it, listening at host.server (UDP and TCP). */
	void *(*create)(void);
	void (*destroy)(void *system);
	/* A line "do ...". False: not understood. */
	bool (*command)(void *system, struct view line);
	/* Whether nothing is going on any more, for "expect idle"; else one line on what is. */
	bool (*is_idle)(void *system, struct text *why);
};
extern const struct scenario_system system_transaction, system_signalling;
/* Makes the system of that name. Fails for names nobody knows. */
void scenario_system_new(struct view name);

/* ---- phones ---- */
struct received {
	struct list link;
	uint64_t at_ms;
	struct sip_message *message;
};

struct call {
	struct list link;
	char name[32], call_id[257], local_tag[65], remote_tag[257];
	char local_uri[256], remote_uri[2049]; /* From and To of what the phone sends */
	char target[2049];                     /* Request-URI of its next request */
	uint32_t cseq;
	bool is_confirmed; /* the remote tag stays whatever fails */
	struct {
		uint32_t cseq;
		unsigned status; /* of the last final response */
		char branch[96], uri[2049];
	} invite;
	struct sip_message *invite_received, *other_received, *response; /* the last of each */
	struct sip_message *challenge;                                   /* the last 401 or 407 */
	uint32_t challenge_uses;
};

struct phone {
	struct list link, calls, inbox;
	char name[32], user[65], password[65], domain[129];
	struct transport_flow flow;
	struct call *current;
	struct bytes_kept {
		char *at;
		size_t size;
	} sent; /* the last message, for "again" */
	char ignored[8][32];
	unsigned ignored_count, sequence;
};

struct phone *phone_new(struct view name, const struct net_endpoint *endpoint, enum transport_kind kind);
void phone_free(struct phone *phone);
struct phone *phone_find(struct view name);                     /* NULL: nobody */
struct call *phone_call(struct phone *phone, struct view name); /* made when there is none */
/* From the network: into the inbox and into its call. */
void phone_receive(struct phone *phone, struct view bytes);
void phone_send_bytes(struct phone *phone, struct view bytes);
/* dialog.c: what a step "send" says, as bytes in `out`. */
void write_request(struct phone *phone, struct call *call, enum sip_method method, struct view uri, struct view block,
		   struct text *out);
void write_response(struct phone *phone, struct call *call, const struct sip_message *request, unsigned status,
		    struct view reason, struct view block, struct text *out);
/* What a message does to its call: tags, target. */
void call_receive(struct phone *phone, struct call *call, const struct sip_message *message);

/* ---- run.c, expect.c ---- */
void scenario_run(void);
/* Lets everything that is due now happen: there, through the system and its posted messages, and back. */
void settle(void);
struct phone *phone_named(struct view name); /* fails when there is none */
void step_expect(struct view rest);
void expect_nothing_anywhere(void);
void events_free(void);

#endif
