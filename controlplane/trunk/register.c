/* Registration with a carrier: the machine, its REGISTER, and when the next one is due. */
#include "controlplane/trunk/trunk_private.h"

#include <inttypes.h>
#include <stdio.h>

#include "controlplane/auth/auth.h"
#include "lib/log/log.h"

enum { PROOFS_MAX = 2, EXPIRES_MAX = 86400 }; /* PROOFS_MAX: one, and one more for a nonce that was stale */

void register_feed(struct trunk *trunk, enum register_event event, const struct trunk_input *input)
{
	static const struct trunk_input nothing;

	trunk_lock(trunk);
	fsm_feed(&trunk->registration.fsm, (uint8_t)event, loop_now_ms(trunk->table->services.loop),
		 input ? input : &nothing);
	trunk_unlock(trunk);
}

bool register_is_good(const struct trunk *trunk, uint64_t now_ms)
{
	return !trunk->conf->registers || trunk->registration.until_ms > now_ms;
}

/* ---- the request ---- */

/* 423: what it wants, when that is more than we asked for. */
static bool is_longer(struct trunk *trunk, const struct sip_message *response)
{
	uint32_t least_s;

	if (sip_header_u32(response, SIP_HEADER_MIN_EXPIRES, EXPIRES_MAX, &least_s) != 0 ||
	    least_s <= trunk->registration.expires_s)
		return false;
	trunk->registration.expires_s = least_s;
	return true;
}

static bool is_answerable(const struct trunk *trunk, const struct sip_message *response)
{
	enum sip_header_id id = response->status == 407 ? SIP_HEADER_PROXY_AUTHENTICATE : SIP_HEADER_WWW_AUTHENTICATE;
	struct sip_digest digest;
	struct view value = sip_header_find(response, id);

	if (trunk->registration.proofs >= PROOFS_MAX || !value.at || sip_digest_parse(value, &digest) != 0)
		return false;
	if (trunk->conf->realm[0] && !view_is(digest.realm, trunk->conf->realm))
		return false;
	return trunk->registration.proofs == 0 || view_is_nocase(digest.stale, "true");
}

static void on_response(struct trunk *trunk, const struct sip_message *response)
{
	struct trunk_input input = {response, response->status};

	if (response->status < 300)
		register_feed(trunk, REGISTER_ACCEPTED, &input);
	else if ((response->status == 401 || response->status == 407) && is_answerable(trunk, response))
		register_feed(trunk, REGISTER_CHALLENGED, &input);
	else if (response->status == 423 && is_longer(trunk, response))
		register_feed(trunk, REGISTER_TOO_BRIEF, &input);
	else
		register_feed(trunk, REGISTER_REFUSED, &input);
}

/* Whether another target of this round can be asked instead (RFC 3263 4.3). */
static bool has_next(const struct trunk *trunk)
{
	const struct trunk_registration *registration = &trunk->registration;

	return (registration->fsm.state == REGISTER_ASKING || registration->fsm.state == REGISTER_PROVING) &&
	       registration->order_next < registration->order_count;
}

static void on_event(struct transaction *transaction, const struct transaction_event *event, void *arg)
{
	struct trunk *trunk = arg;
	struct trunk_input input = {NULL, event->status};
	bool is_lost = event->type == TRANSACTION_TIMEOUT || event->type == TRANSACTION_TRANSPORT_ERROR;

	if (event->type == TRANSACTION_TERMINATED)
		trunk->registration.request = NULL;
	else if ((is_lost || (event->type == TRANSACTION_RESPONSE && event->status == 503)) && has_next(trunk))
		register_feed(trunk, REGISTER_NEXT, &input);
	else if (is_lost)
		register_feed(trunk, REGISTER_REFUSED, &input);
	else if (event->type == TRANSACTION_RESPONSE && event->status >= 200)
		on_response(trunk, event->message);
}

static int prove(struct trunk *trunk, const struct sip_message *challenge, struct sip_writer *out)
{
	struct auth_credentials credentials = {
		.user = view_of(trunk->conf->username), .password = view_of(trunk->conf->password), .count = 1};
	char cnonce[17], uri[300];

	loop_random_token(trunk->table->services.loop, cnonce, sizeof(cnonce));
	credentials.cnonce = view_of(cnonce);
	snprintf(uri, sizeof(uri), "sip:%s", trunk->conf->host);
	trunk->registration.proofs++;
	return auth_answer(trunk->table->services.auth, challenge, VIEW("REGISTER"), view_of(uri), &credentials, out);
}

static int send(struct trunk *trunk, uint32_t expires_s, const struct sip_message *challenge)
{
	struct trunk_registration *registration = &trunk->registration;
	struct transaction_layer *layer = trunk->table->services.transactions;
	struct transport_flow flow;
	struct sip_writer *out;
	char host[NET_ENDPOINT_TEXT];
	int error = target_flow(trunk, &registration->where, &flow);

	if (error)
		return error;
	trunk_forget(&registration->request);
	out = trunk_begin(trunk, &flow, SIP_METHOD_REGISTER, registration->call_id, registration->tag,
			  ++registration->cseq);
	sip_write_header(out, SIP_HEADER_CONTACT, "<sip:%s@%s>", trunk->conf->username,
			 trunk_print_host(trunk, &flow, host));
	sip_write_header_u32(out, SIP_HEADER_EXPIRES, expires_s);
	if (challenge)
		error = prove(trunk, challenge, out);
	if (error)
		return error;
	error = transaction_send(layer, VIEW_EMPTY, VIEW_EMPTY, on_event, trunk, &registration->request);
	if (error)
		registration->request = NULL;
	return error;
}

/* It has the time of a call to answer, when there is somebody else to ask; else that of a transaction. */
static void send_or_fail(struct trunk *trunk, uint32_t expires_s, const struct sip_message *challenge)
{
	struct loop *loop = trunk->table->services.loop;
	struct trunk_registration *registration = &trunk->registration;
	struct trunk_input input = {.status = 503};
	bool is_last = registration->order_next >= registration->order_count;

	if (send(trunk, expires_s, challenge) != 0)
		register_feed(trunk, has_next(trunk) ? REGISTER_NEXT : REGISTER_REFUSED, &input);
	else if (expires_s > 0 && !is_last)
		loop_timer_start(loop, &registration->timer, trunk->conf->answer_timeout_ms);
	else
		loop_timer_stop(loop, &registration->timer);
}

static void take_next(struct trunk_registration *registration)
{
	if (registration->order_next < registration->order_count)
		registration->where = registration->order[registration->order_next++];
}

static void begin_round(struct trunk *trunk)
{
	struct trunk_registration *registration = &trunk->registration;

	registration->order_count = target_order(trunk, registration->order, NULL);
	registration->order_next = 0;
	registration->proofs = 0;
	take_next(registration);
}

/* ---- actions ---- */

static void send_register(void *owner, const void *data)
{
	struct trunk *trunk = owner;

	begin_round(trunk);
	send_or_fail(trunk, trunk->registration.expires_s, NULL);
}

static void send_next(void *owner, const void *data)
{
	struct trunk *trunk = owner;
	char from[NET_ENDPOINT_TEXT], to[NET_ENDPOINT_TEXT];
	struct net_endpoint silent = trunk->registration.where.remote;

	trunk->registration.proofs = 0;
	take_next(&trunk->registration);
	log_info("trunk", "%s: no registration at %s, trying %s", trunk->conf->name, net_endpoint_print(&silent, from),
		 net_endpoint_print(&trunk->registration.where.remote, to));
	send_or_fail(trunk, trunk->registration.expires_s, NULL);
}

static void send_proof(void *owner, const void *data)
{
	struct trunk *trunk = owner;

	send_or_fail(trunk, trunk->registration.expires_s, ((const struct trunk_input *)data)->message);
}

static void send_unregister(void *owner, const void *data)
{
	struct trunk *trunk = owner;

	if (trunk->registration.until_ms > 0)
		trunk->registration.where = trunk->registration.home;
	trunk->registration.proofs = 0;
	trunk->registration.until_ms = 0;
	trunk->registration.order_count = 0;
	send_or_fail(trunk, 0, NULL);
}

static void send_last_proof(void *owner, const void *data)
{
	send_or_fail(owner, 0, ((const struct trunk_input *)data)->message);
}

/* What was granted: of our Contact, else of the header, else what we asked for. */
static uint32_t granted(const struct trunk *trunk, const struct sip_message *response)
{
	uint32_t seconds = trunk->registration.expires_s, found;
	struct sip_name_address contact;
	struct view value;

	if (sip_header_u32(response, SIP_HEADER_EXPIRES, EXPIRES_MAX, &found) == 0)
		seconds = found;
	SIP_HEADER_FOREACH (response, SIP_HEADER_CONTACT, value)
		if (sip_name_address_parse(value, &contact) == 0 && view_is(contact.uri.user, trunk->conf->username) &&
		    sip_param_u32(contact.params, "expires", EXPIRES_MAX, &found) == 0)
			seconds = found;
	return MAX(seconds, 10);
}

static void note_registered(void *owner, const void *data)
{
	struct trunk *trunk = owner;
	struct trunk_registration *registration = &trunk->registration;
	struct loop *loop = trunk->table->services.loop;
	uint64_t seconds = granted(trunk, ((const struct trunk_input *)data)->message);
	uint32_t random;

	if (registration->until_ms <= loop_now_ms(loop))
		log_info("trunk", "%s: registered for %" PRIu64 " s", trunk->conf->name, seconds);
	registration->until_ms = loop_now_ms(loop) + seconds * 1000;
	registration->failures = 0;
	registration->home = registration->where;
	/* Between 75 and 85 % of it: early enough for a lost packet or two, and not all trunks at once. */
	loop_random(loop, &random, sizeof(random));
	loop_timer_start(loop, &registration->timer, seconds * (750 + random % 100));
}

static uint64_t retry_ms(struct trunk *trunk, const struct trunk_input *input)
{
	unsigned doublings = MIN(trunk->registration.failures, 10);
	uint64_t wait_ms = MIN((uint64_t)TRUNK_RETRY_MIN_MS << doublings, TRUNK_RETRY_MAX_MS);
	uint32_t random, after_s;

	if (input->status == 401 || input->status == 403 || input->status == 407)
		wait_ms = TRUNK_RETRY_MAX_MS;
	loop_random(trunk->table->services.loop, &random, sizeof(random));
	wait_ms -= random % (wait_ms / 2);
	if (input->message && sip_header_u32(input->message, SIP_HEADER_RETRY_AFTER, 3600, &after_s) == 0)
		wait_ms = MAX(wait_ms, after_s * 1000ull);
	return wait_ms;
}

static void start_retry(void *owner, const void *data)
{
	struct trunk *trunk = owner;
	const struct trunk_input *input = data;
	uint64_t wait_ms = retry_ms(trunk, input);

	trunk->registration.failures++;
	if (input->message)
		trunk_fail(trunk, "registration refused with %u %.*s; again in %" PRIu64 " s", input->status,
			   (int)MIN(input->message->reason.size, 40), input->message->reason.at, wait_ms / 1000);
	else
		trunk_fail(trunk, "registration: %s; again in %" PRIu64 " s",
			   input->status == 408 ? "no answer" : "it cannot be sent", wait_ms / 1000);
	loop_timer_start(trunk->table->services.loop, &trunk->registration.timer, wait_ms);
}

static void let_go(void *owner, const void *data)
{
	struct trunk *trunk = owner;

	trunk_forget(&trunk->registration.request);
	trunk->registration.until_ms = 0;
	loop_timer_stop(trunk->table->services.loop, &trunk->registration.timer);
}

static void stop_timer(void *owner, const void *data)
{
	struct trunk *trunk = owner;

	loop_timer_stop(trunk->table->services.loop, &trunk->registration.timer);
}

/* ---- the machine ---- */

#define NAME(name, text) [name] = (text),
static const char *const states[] = {REGISTER_STATE_LIST(NAME)};
static const char *const events[] = {REGISTER_EVENT_LIST(NAME)};
#undef NAME

/* A carrier's answer to a request that we gave up does not arrive: its handler is taken off. */
static const struct fsm_cell cells[REGISTER_STATE_COUNT][REGISTER_EVENT_COUNT] = {
	[REGISTER_NONE] =
		{
			[REGISTER_NEXT] = FSM_NEVER,
			[REGISTER_START] = FSM_RULE(REGISTER_ASKING, FSM_DO(send_register)),
			[REGISTER_STOP] = FSM_GO(REGISTER_OVER),
			[REGISTER_ACCEPTED] = FSM_NEVER,
			[REGISTER_CHALLENGED] = FSM_NEVER,
			[REGISTER_TOO_BRIEF] = FSM_NEVER,
			[REGISTER_REFUSED] = FSM_NEVER,
			[REGISTER_DUE] = FSM_NEVER,
		},
	[REGISTER_ASKING] =
		{
			[REGISTER_ACCEPTED] = FSM_RULE(REGISTER_UP, FSM_DO(note_registered)),
			[REGISTER_CHALLENGED] = FSM_RULE(REGISTER_PROVING, FSM_DO(send_proof)),
			[REGISTER_TOO_BRIEF] = FSM_RULE(REGISTER_ASKING, FSM_DO(send_register)),
			[REGISTER_NEXT] = FSM_RULE(REGISTER_ASKING, FSM_DO(send_next)),
			[REGISTER_REFUSED] = FSM_RULE(REGISTER_WAITING, FSM_DO(start_retry)),
			[REGISTER_STOP] = FSM_RULE(REGISTER_LEAVING, FSM_DO(stop_timer), FSM_DO(send_unregister)),
			[REGISTER_START] = FSM_NEVER,
			[REGISTER_DUE] = FSM_NEVER,
		},
	[REGISTER_PROVING] =
		{
			[REGISTER_ACCEPTED] = FSM_RULE(REGISTER_UP, FSM_DO(note_registered)),
			[REGISTER_CHALLENGED] = FSM_RULE(REGISTER_PROVING, FSM_DO(send_proof)), /* a stale nonce */
			[REGISTER_TOO_BRIEF] = FSM_RULE(REGISTER_ASKING, FSM_DO(send_register)),
			[REGISTER_NEXT] = FSM_RULE(REGISTER_ASKING, FSM_DO(send_next)),
			[REGISTER_REFUSED] = FSM_RULE(REGISTER_WAITING, FSM_DO(start_retry)),
			[REGISTER_STOP] = FSM_RULE(REGISTER_LEAVING, FSM_DO(stop_timer), FSM_DO(send_unregister)),
			[REGISTER_START] = FSM_NEVER,
			[REGISTER_DUE] = FSM_NEVER,
		},
	[REGISTER_UP] =
		{
			[REGISTER_NEXT] = FSM_NEVER,
			[REGISTER_DUE] = FSM_RULE(REGISTER_ASKING, FSM_DO(send_register)),
			[REGISTER_STOP] = FSM_RULE(REGISTER_LEAVING, FSM_DO(stop_timer), FSM_DO(send_unregister)),
			[REGISTER_ACCEPTED] = FSM_IGNORE,
			[REGISTER_CHALLENGED] = FSM_IGNORE,
			[REGISTER_TOO_BRIEF] = FSM_IGNORE,
			[REGISTER_REFUSED] = FSM_IGNORE,
			[REGISTER_START] = FSM_NEVER,
		},
	[REGISTER_WAITING] =
		{
			[REGISTER_NEXT] = FSM_NEVER,
			[REGISTER_DUE] = FSM_RULE(REGISTER_ASKING, FSM_DO(send_register)),
			[REGISTER_STOP] = FSM_RULE(REGISTER_OVER, FSM_DO(let_go)),
			[REGISTER_ACCEPTED] = FSM_IGNORE,
			[REGISTER_CHALLENGED] = FSM_IGNORE,
			[REGISTER_TOO_BRIEF] = FSM_IGNORE,
			[REGISTER_REFUSED] = FSM_IGNORE,
			[REGISTER_START] = FSM_NEVER,
		},
	[REGISTER_LEAVING] =
		{
			[REGISTER_NEXT] = FSM_NEVER,
			[REGISTER_ACCEPTED] = FSM_RULE(REGISTER_OVER, FSM_DO(let_go)),
			[REGISTER_CHALLENGED] = FSM_RULE(REGISTER_PARTING, FSM_DO(send_last_proof)),
			[REGISTER_TOO_BRIEF] = FSM_RULE(REGISTER_OVER, FSM_DO(let_go)),
			[REGISTER_REFUSED] = FSM_RULE(REGISTER_OVER, FSM_DO(let_go)),
			[REGISTER_STOP] = FSM_IGNORE,
			[REGISTER_START] = FSM_NEVER,
			[REGISTER_DUE] = FSM_NEVER,
		},
	[REGISTER_PARTING] =
		{
			[REGISTER_NEXT] = FSM_NEVER,
			[REGISTER_ACCEPTED] = FSM_RULE(REGISTER_OVER, FSM_DO(let_go)),
			[REGISTER_CHALLENGED] = FSM_RULE(REGISTER_OVER, FSM_DO(let_go)),
			[REGISTER_TOO_BRIEF] = FSM_RULE(REGISTER_OVER, FSM_DO(let_go)),
			[REGISTER_REFUSED] = FSM_RULE(REGISTER_OVER, FSM_DO(let_go)),
			[REGISTER_STOP] = FSM_IGNORE,
			[REGISTER_START] = FSM_NEVER,
			[REGISTER_DUE] = FSM_NEVER,
		},
	[REGISTER_OVER] =
		{
			[REGISTER_NEXT] = FSM_NEVER,
			[REGISTER_ACCEPTED] = FSM_IGNORE,
			[REGISTER_CHALLENGED] = FSM_IGNORE,
			[REGISTER_TOO_BRIEF] = FSM_IGNORE,
			[REGISTER_REFUSED] = FSM_IGNORE,
			[REGISTER_STOP] = FSM_IGNORE,
			[REGISTER_START] = FSM_NEVER,
			[REGISTER_DUE] = FSM_NEVER,
		},
};

const struct fsm_machine register_machine = {
	.name = "trunk registration",
	.states = states,
	.events = events,
	.state_count = REGISTER_STATE_COUNT,
	.event_count = REGISTER_EVENT_COUNT,
	.final = REGISTER_OVER,
	.cells = &cells[0][0],
};

static void on_due(void *arg)
{
	struct trunk *trunk = arg;
	enum register_state state = trunk->registration.fsm.state;

	register_feed(trunk, state == REGISTER_ASKING || state == REGISTER_PROVING ? REGISTER_NEXT : REGISTER_DUE,
		      NULL);
}

void register_soon(struct trunk *trunk)
{
	enum register_state state = trunk->registration.fsm.state;

	if (state == REGISTER_UP || state == REGISTER_WAITING)
		loop_timer_start(trunk->table->services.loop, &trunk->registration.timer, 1);
}

void register_init(struct trunk *trunk)
{
	struct trunk_registration *registration = &trunk->registration;

	fsm_init(&registration->fsm, &register_machine, trunk);
	loop_timer_init(&registration->timer, on_due, trunk);
	loop_random_token(trunk->table->services.loop, registration->call_id, sizeof(registration->call_id));
	loop_random_token(trunk->table->services.loop, registration->tag, sizeof(registration->tag));
	registration->expires_s = trunk->conf->expires_s;
}

void register_fini(struct trunk *trunk)
{
	let_go(trunk, NULL);
}
