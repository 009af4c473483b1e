/* Callees that are carriers: which of them is called, their challenges, and the next one when one does not take the call. */
#include "controlplane/call/callee.h"

#include <stdio.h>
#include <stdlib.h>

#include "controlplane/auth/auth.h"
#include "controlplane/metrics/metrics.h"
#include "controlplane/routing/routing.h"
#include "controlplane/trunk/trunk.h"
#include "lib/config/config.h"
#include "lib/log/log.h"

/* The carriers of a call, in the order to try them. */
struct call_carriers {
	struct trunk *list[CALL_LEGS_MAX - 1];
	size_t count, next;
	struct transport_flow flows[TRUNK_TARGETS_MAX]; /* of the one that is tried, list[next - 1] */
	size_t flow_count, flow_next;
	bool was_full; /* one was passed over for want of a place */
	int max_forwards;
	enum cdr_side side;
	struct call_identity identity;
	char target[ROUTING_NUMBER_SIZE], number[2 * ROUTING_NUMBER_SIZE];
};

/* ---- a leg toward a carrier ---- */

static void print_uri(const struct conf_trunk *conf, const char *number, struct text *out)
{
	text_add_string(out, "sip:");
	sip_escape_user(out, view_of(number));
	text_printf(out, "@%s", conf->host);
}

/* A leg toward the next target of the carrier that is tried; NULL: it cannot be. */
static struct leg *add_leg(struct call *call, struct trunk *trunk, const char *number)
{
	struct call_carriers *carriers = call->carriers;
	const struct conf_trunk *conf = trunk_conf(trunk);
	char uri[512], remote[NET_ENDPOINT_TEXT];
	struct callee callee = {.trunk = trunk,
				.identity = &carriers->identity,
				.max_forwards = carriers->max_forwards,
				.side = carriers->side,
				.flow = carriers->flows[carriers->flow_next++]};
	struct leg *leg;
	struct text text;

	if (trunk_take(trunk, call->is_emergency) != 0) {
		carriers->was_full = true;
		carriers->flow_next = carriers->flow_count;
		return NULL;
	}
	text_init(&text, uri, sizeof(uri));
	print_uri(conf, number, &text);
	callee.uri = callee.party = text_view(&text);
	leg = text.overflow ? NULL : callee_add(call, &callee);
	if (leg)
		log_call(LOG_LEVEL_INFO, "call", call->id, "through trunk %s at %s as %s", conf->name,
			 net_endpoint_print(&callee.flow.remote, remote), number);
	else
		trunk_give_back(trunk);
	return leg;
}

/* The leg toward the next target, of this carrier or the next one that has a place; NULL: none is left. */
static struct leg *next_leg(struct call *call)
{
	struct call_carriers *carriers = call->carriers;

	while (carriers->flow_next < carriers->flow_count || carriers->next < carriers->count) {
		char number[TRUNK_NUMBER_SIZE];
		struct trunk *trunk;
		struct leg *leg;

		if (carriers->flow_next == carriers->flow_count) {
			carriers->flow_count =
				trunk_flows(carriers->list[carriers->next++], call->is_emergency, carriers->flows);
			carriers->flow_next = 0;
		}
		trunk = carriers->list[carriers->next - 1];
		if (trunk_rewrite(trunk, CONF_REWRITE_OUT, carriers->number, number) != 0)
			carriers->flow_next = carriers->flow_count;
		if (carriers->flow_next == carriers->flow_count)
			continue;
		leg = add_leg(call, trunk, number);
		if (leg)
			return leg;
	}
	return NULL;
}

int carrier_add_leg(struct call *call, const struct routing_decision *decision, const struct call_identity *identity,
		    int max_forwards, enum cdr_side side, struct call_cause *ret_cause)
{
	struct call_carriers *carriers = calloc(1, sizeof(*carriers));

	*ret_cause = (struct call_cause){CDR_SIDE_SYSTEM, 500, 41, "no_memory"};
	if (!carriers)
		return ERR_NOMEM;
	free(call->carriers);
	call->carriers = carriers;
	carriers->identity = *identity;
	carriers->max_forwards = max_forwards;
	carriers->side = side;
	snprintf(carriers->target, sizeof(carriers->target), "%s", decision->target);
	snprintf(carriers->number, sizeof(carriers->number), "%s", decision->changed);
	carriers->count = trunk_choose(call->table->services.trunks, decision->target, call->is_emergency,
				       carriers->list, ARRAY_LEN(carriers->list));
	if (next_leg(call))
		return 0;
	*ret_cause = (struct call_cause){CDR_SIDE_SYSTEM, 503, 34, carriers->was_full ? "trunks_full" : "trunks_down"};
	return ERR_NOT_FOUND;
}

/* Those after it, until one can be called. */
static bool try_next(struct call *call)
{
	struct leg *leg;

	while ((leg = next_leg(call)))
		if (callee_invite(leg, transaction_request(call->caller->invite)) == 0) {
			metrics_add(call->table->services.metrics, METRIC_TRUNK_FAILOVERS, 1);
			return true;
		}
	return false;
}

/* Silence, 503, and what cannot be sent are of the target: the carrier's next one is tried (RFC 3263 4.3). Other failures are
 * the carrier's, and the group says which of them are not the last word. */
static bool has_next(struct call *call, unsigned status)
{
	struct call_carriers *carriers = call->carriers;

	if ((status == 408 || status == 503) && carriers->flow_next < carriers->flow_count)
		return true;
	if (carriers->next == carriers->count ||
	    !trunk_fails_over(call->table->services.trunks, carriers->target, status))
		return false;
	carriers->flow_next = carriers->flow_count;
	return true;
}

/* Early media that the caller has had cannot be taken back. */
static bool may_try_next(const struct leg *leg, unsigned status)
{
	struct call *call = leg->call;

	return leg->carrier.trunk && call->carriers && call->fsm.state == CALL_OFFERING && !call->callee &&
	       call->caller->invite && has_next(call, status);
}

bool carrier_fail_over(struct leg *leg)
{
	return may_try_next(leg, leg->failure) && try_next(leg->call);
}

/* Nothing was heard of it: it is given up when another one takes the call, else it has the time of any callee. */
static void on_silence(void *arg)
{
	struct leg *leg = arg;

	if (leg_state(leg) != LEG_CALLING || !may_try_next(leg, 408) || !try_next(leg->call))
		return;
	leg->failure = 408;
	trunk_note(leg->carrier.trunk, 408);
	leg_feed(leg, LEG_CALL_END, NULL);
}

void carrier_init(struct leg *leg)
{
	loop_timer_init(&leg->carrier.silence, on_silence, leg);
}

void carrier_leave(struct leg *leg)
{
	struct leg_carrier *carrier = &leg->carrier;
	bool is_its_fault = leg->failure >= 500 || leg->failure == 408 || leg->failure == 401 || leg->failure == 403 ||
			    leg->failure == 407;

	loop_timer_stop(leg->call->table->services.loop, &carrier->silence);
	if (!carrier->trunk || !carrier->has_place)
		return;
	carrier->has_place = false;
	if (is_its_fault && leg_state(leg) == LEG_GONE)
		trunk_note(carrier->trunk, leg->failure);
	trunk_give_back(carrier->trunk);
}

void carrier_leave_call(struct call *call)
{
	if (call->from_trunk)
		trunk_give_back(call->from_trunk);
	call->from_trunk = NULL;
}

/* ---- what is sent ---- */

void carrier_on_sent(struct leg *leg)
{
	if (leg->carrier.trunk)
		loop_timer_start(leg->call->table->services.loop, &leg->carrier.silence,
				 trunk_conf(leg->carrier.trunk)->answer_timeout_ms);
}

void carrier_on_response(struct leg *leg)
{
	loop_timer_stop(leg->call->table->services.loop, &leg->carrier.silence);
}

bool carrier_can_prove(struct leg *leg, const struct sip_message *response, uint32_t cseq)
{
	const struct conf_trunk *conf = leg->carrier.trunk ? trunk_conf(leg->carrier.trunk) : NULL;
	enum sip_header_id id = response->status == 407 ? SIP_HEADER_PROXY_AUTHENTICATE : SIP_HEADER_WWW_AUTHENTICATE;
	struct view value = sip_header_find(response, id);
	struct sip_digest digest;

	if (!conf || (response->status != 401 && response->status != 407) || !conf->username[0] ||
	    leg->carrier.proof_cseq == cseq || !value.at || sip_digest_parse(value, &digest) != 0)
		return false;
	if (leg_state(leg) != LEG_CALLING && leg_state(leg) != LEG_RINGING && leg_state(leg) != LEG_ASKING &&
	    leg_state(leg) != LEG_REFRESHING)
		return false;
	return !conf->realm[0] || view_is(digest.realm, conf->realm);
}

void carrier_write_proof(struct sip_writer *out, struct leg *leg, enum sip_method method)
{
	struct leg_carrier *carrier = &leg->carrier;
	const struct conf_trunk *conf;
	struct auth_credentials credentials = {.count = 1};
	char cnonce[17];

	if (!carrier->challenge)
		return;
	conf = trunk_conf(carrier->trunk);
	loop_random_token(leg->call->table->services.loop, cnonce, sizeof(cnonce));
	credentials.user = view_of(conf->username);
	credentials.password = view_of(conf->password);
	credentials.cnonce = view_of(cnonce);
	carrier->proof_cseq = leg->dialog->local_cseq;
	/* Without an answer it is sent all the same, and challenged again for the last time. */
	if (auth_answer(leg->call->table->services.auth, carrier->challenge, view_of(sip_method_name(method)),
			view_of(leg->dialog->remote_target), &credentials, out) != 0)
		log_call(LOG_LEVEL_WARNING, "call", leg->call->id, "the challenge of trunk %s cannot be answered",
			 conf->name);
}

/* ---- calls that come back ---- */

static bool is_our_call(struct call_table *table, struct view call_id)
{
	char id[CALL_ID_SIZE];

	return call_id.size > CALL_ID_SIZE && call_id.at[CALL_ID_SIZE - 1] == '-' &&
	       view_copy(view_sub(call_id, 0, CALL_ID_SIZE - 1), id, sizeof(id)) == 0 && call_find(table, id);
}

bool carrier_is_returned(struct call_table *table, const struct sip_message *invite, const struct transport_flow *flow)
{
	char us[NET_ENDPOINT_TEXT], advertised[NET_ENDPOINT_TEXT], host[NET_ENDPOINT_TEXT];
	struct net_endpoint public;
	struct view value;
	unsigned index = 0;

	if (is_our_call(table, invite->call_id))
		return true;
	transport_advertised(transaction_transport(table->services.transactions), flow, &public);
	net_endpoint_print(&flow->local, us);
	net_endpoint_print(&public, advertised);
	SIP_HEADER_FOREACH (invite, SIP_HEADER_VIA, value) {
		struct sip_via via;

		if (index++ == 0 || sip_via_parse(value, &via) != 0)
			continue;
		snprintf(host, sizeof(host), via.host_kind == SIP_HOST_IPV6 ? "[%.*s]:%u" : "%.*s:%u",
			 VIEW_ARG(view_sub(via.host, 0, 45)), via.port ? via.port : transport_kind_port(flow->kind));
		if (strcmp(host, us) == 0 || strcmp(host, advertised) == 0)
			return true;
	}
	return false;
}
