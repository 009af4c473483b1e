/* Who gets which request, and what is made in which order. */
#include "controlplane/app/signalling.h"

#include <stdio.h>
#include <stdlib.h>

#include "controlplane/auth/auth.h"
#include "controlplane/call/call.h"
#include "controlplane/cdr/cdr.h"
#include "controlplane/defence/defence.h"
#include "controlplane/inspection/inspection.h"
#include "controlplane/loop/loop.h"
#include "controlplane/metrics/metrics.h"
#include "controlplane/registrar/registrar.h"
#include "controlplane/routing/routing.h"
#include "controlplane/subscription/subscription.h"
#include "controlplane/trace/trace.h"
#include "controlplane/transaction/transaction.h"
#include "controlplane/trunk/trunk.h"
#include "lib/config/config.h"
#include "lib/log/log.h"

static void write_options(struct sip_writer *out, void *arg)
{
	sip_write_header(out, SIP_HEADER_ALLOW,
			 "INVITE, ACK, CANCEL, BYE, OPTIONS, PRACK, UPDATE, INFO, MESSAGE, REFER, SUBSCRIBE, REGISTER");
	sip_write_header(out, SIP_HEADER_ALLOW_EVENTS, SUBSCRIPTION_ALLOW_EVENTS);
	sip_write_header(out, SIP_HEADER_SUPPORTED, "timer, replaces, norefersub");
	sip_write_header(out, SIP_HEADER_ACCEPT, "application/sdp");
}

/* ---- the doors: what strangers get costs no memory ---- */

static bool on_source(void *arg, const struct transport_flow *flow)
{
	struct signalling *signalling = arg;

	return defence_check_source(signalling->defence, &flow->remote, loop_now_ms(signalling->loop)) == DEFENCE_PASS;
}

/* OPTIONS of who has an account is answered with what is known of whom it asks for; all others hear what the server can. */
static bool is_about_somebody(const struct sip_message *request)
{
	return request->method == SIP_METHOD_OPTIONS && request->uri.user.at && !request->to.tag.at &&
	       sip_header_is_present(request, SIP_HEADER_AUTHORIZATION);
}

/* Requests that want an account. */
static bool needs_credentials(const struct signalling *signalling, const struct sip_message *request,
			      const struct transport_flow *flow)
{
	if (request->to.tag.at)
		return false;
	if (request->method == SIP_METHOD_INVITE || request->method == SIP_METHOD_MESSAGE)
		return call_table_needs_credentials(signalling->calls, request, flow);
	return request->method == SIP_METHOD_REGISTER || request->method == SIP_METHOD_SUBSCRIBE ||
	       is_about_somebody(request);
}

/* What can wait while there is too much to do. */
static bool is_too_much(struct signalling *signalling, const struct sip_message *request,
			const struct transport_flow *flow)
{
	if (request->to.tag.at)
		return false;
	if (request->method == SIP_METHOD_REGISTER)
		return overload_is_late(&signalling->overload);
	return request->method == SIP_METHOD_INVITE && call_table_is_too_much(signalling->calls, request, flow);
}

static void tell_refused(struct signalling *signalling, const struct sip_message *request,
			 const struct transport_flow *flow)
{
	const struct auth_verdict *verdict = signalling->verdict;
	char source[NET_ENDPOINT_TEXT];

	if (verdict->result == AUTH_CHALLENGE || verdict->result == AUTH_STALE)
		return;
	metrics_add(signalling->metrics, METRIC_ERROR_AUTHENTICATION, 1);
	log_warning("auth", "%.*s refused with %u: %s (%s)", VIEW_ARG(request->method_text), verdict->status,
		    verdict->why, net_endpoint_print(&flow->remote, source));
}

/* Refused for what it is, by the parser or by what every request is looked at for. Anybody can do that at will. */
static void on_refused(void *arg, const struct sip_message *request, const struct transport_flow *flow, unsigned status,
		       const char *why)
{
	struct signalling *signalling = arg;
	char source[NET_ENDPOINT_TEXT];
	uint64_t untold;

	if (log_limit_pass(&signalling->refused_limit, loop_now_ms(signalling->loop), &untold))
		log_warning("sip", "%.*s from %s refused with %u: %s (%llu more since the last such line)",
			    VIEW_ARG(request->method_text), net_endpoint_print(&flow->remote, source), status, why,
			    (unsigned long long)untold);
}

static enum transaction_admission refuse_inspected(struct signalling *signalling, const struct sip_message *request,
						   const struct transport_flow *flow, struct transaction_reply *reply)
{
	on_refused(signalling, request, flow, signalling->inspection.status, signalling->inspection.why);
	inspection_refuse(&signalling->inspection, reply);
	return TRANSACTION_REFUSE;
}

static enum transaction_admission on_admission(void *arg, const struct sip_message *request,
					       const struct transport_flow *flow, struct transaction_reply *reply)
{
	struct signalling *signalling = arg;
	uint64_t now_ms = loop_now_ms(signalling->loop);

	if (defence_check_request(signalling->defence, request, &flow->remote, now_ms) != DEFENCE_PASS)
		return TRANSACTION_IGNORE;
	if (is_too_much(signalling, request, flow)) {
		overload_refuse(&signalling->overload, reply);
		return TRANSACTION_REFUSE;
	}
	if (!inspection_pass(request, &signalling->inspection) && !signalling->inspection.is_for_members)
		return refuse_inspected(signalling, request, flow, reply);
	if (needs_credentials(signalling, request, flow) &&
	    !auth_screen(signalling->auth, request, &flow->remote, AUTH_SERVER, now_ms, signalling->verdict)) {
		tell_refused(signalling, request, flow);
		*reply = (struct transaction_reply){.status = signalling->verdict->status,
						    .headers = auth_write_challenge,
						    .arg = signalling->verdict};
		return TRANSACTION_REFUSE;
	}
	if (signalling->inspection.status > 0)
		return refuse_inspected(signalling, request, flow, reply);
	if (request->method == SIP_METHOD_OPTIONS && !request->to.tag.at && !is_about_somebody(request)) {
		*reply = (struct transaction_reply){.status = 200, .headers = write_options};
		return TRANSACTION_REFUSE;
	}
	return TRANSACTION_ADMIT;
}

static void on_subscribe(struct signalling *signalling, struct transaction *transaction)
{
	const struct sip_message *request = transaction_request(transaction);

	/* They come to the first; a stray one inside a dialog that is none may be anywhere. */
	if (!signalling->subscriptions) {
		transaction_respond_status(transaction, 481);
		return;
	}
	if (!request->to.tag.at && request->uri.user.at)
		signalling_watch(signalling, request->uri.user);
	subscription_on_request(signalling->subscriptions, transaction);
}

static void on_request(void *arg, struct transaction *transaction)
{
	struct signalling *signalling = arg;
	const struct sip_message *request = transaction_request(transaction);

	if (!request->to.tag.at && request->method == SIP_METHOD_REGISTER && signalling->first == signalling)
		registrar_on_register(signalling->registrar, transaction);
	else if (request->method == SIP_METHOD_SUBSCRIBE)
		on_subscribe(signalling, transaction);
	else
		call_table_on_request(signalling->calls, transaction);
}

static void on_ack(void *arg, const struct sip_message *ack, const struct transport_flow *flow)
{
	call_table_on_ack(((struct signalling *)arg)->calls, ack, flow);
}

static void on_closed(void *arg, const struct transport_flow *flow)
{
	struct signalling *signalling = arg;

	if (signalling->first == signalling) /* all hear it; the bindings are the first's */
		registrar_on_closed(signalling->registrar, flow);
}

static void on_media_ready(bool is_ready, void *arg)
{
	struct signalling *signalling = arg;

	if (!is_ready)
		metrics_add(signalling->metrics, METRIC_ERROR_MEDIA_LOST, 1);
	call_table_on_media(signalling->calls, is_ready);
}

static void on_registration(void *arg, enum registrar_event event, const struct registrar_contact *contact)
{
	struct signalling *signalling = arg;
	char source[NET_ENDPOINT_TEXT];

	if (event != REGISTRAR_REFRESHED && signalling->subscriptions)
		subscription_changed(signalling->subscriptions, SUBSCRIPTION_PRESENCE, contact->number);
	if (event != REGISTRAR_REFRESHED)
		log_info("registrar", "%.*s %s: %.*s from %s", VIEW_ARG(contact->number), registrar_event_name(event),
			 VIEW_ARG(contact->uri), net_endpoint_print(&contact->flow.remote, source));
}

static void on_registrar_problem(void *arg, const struct transport_flow *flow, const char *why)
{
	struct signalling *signalling = arg;
	char source[NET_ENDPOINT_TEXT] = "-";

	if (flow)
		metrics_add(signalling->metrics, METRIC_ERROR_AUTHENTICATION, 1);
	log_warning("registrar", "%s (%s)", why, flow ? net_endpoint_print(&flow->remote, source) : source);
}

static void on_wrong_answer(void *arg, const struct auth_failure *failure)
{
	struct signalling *signalling = arg;
	char source[NET_ENDPOINT_TEXT];

	metrics_add(signalling->metrics, METRIC_ERROR_AUTHENTICATION, 1);
	log_warning("auth", "%s: \"%.*s\" from %s%s", failure->why, VIEW_ARG(failure->username),
		    net_endpoint_print(failure->source, source),
		    failure->is_banned ? ": too many failures, the address is banned for a while" : "");
}

static int make_auth(struct signalling *signalling, struct signalling_problem *problem)
{
	struct auth_options options;
	uint8_t key[AUTH_KEY_SIZE];
	int error;

	auth_options_init(&options, signalling->conf);
	loop_random(signalling->loop, key, sizeof(key));
	if (signalling->first != signalling)
		error = auth_new_sibling(signalling->first->auth, &signalling->auth);
	else
		error = auth_new(&options, signalling->conf->extensions, signalling->conf->extension_count, key,
				 &signalling->auth);
	if (error == 0)
		auth_set_listener(signalling->auth, on_wrong_answer, signalling);
	return error;
}

static void on_silence(void *arg, enum defence_reason reason, const struct net_endpoint *source, uint64_t count)
{
	char text[NET_ENDPOINT_TEXT];

	log_warning("defence", "%s: no answer to %s (%llu messages since the last such line)",
		    defence_reason_name(reason), net_endpoint_print(source, text), (unsigned long long)count);
}

static int make_defence(struct signalling *signalling, struct signalling_problem *problem)
{
	int error = defence_new(&signalling->conf->security, signalling->auth, &signalling->defence);

	signalling->verdict = calloc(1, sizeof(*signalling->verdict));
	if (error == 0 && signalling->first != signalling)
		defence_share(signalling->defence, signalling->first->defence);
	if (error == 0)
		defence_set_listener(signalling->defence, on_silence, signalling);
	return signalling->verdict ? error : ERR_NOMEM;
}

static int make_registrar(struct signalling *signalling, struct signalling_problem *problem)
{
	struct registrar_listener listener = {
		.on_event = on_registration, .on_problem = on_registrar_problem, .arg = signalling};
	struct transport_problem why = {""};
	struct registrar_options options;
	int error;

	if (signalling->first != signalling) {
		signalling->registrar = signalling->first->registrar;
		return 0;
	}
	registrar_options_init(&options, signalling->conf);
	options.store = signalling->store;
	error = registrar_new(signalling->loop, signalling->auth, &options, signalling->conf->extensions,
			      signalling->conf->extension_count, &signalling->registrar, &why);
	snprintf(problem->text, sizeof(problem->text), "%s", why.text);
	if (error == 0)
		registrar_set_listener(signalling->registrar, &listener);
	return error;
}

static int make_routing(struct signalling *signalling, struct signalling_problem *problem)
{
	struct routing_problem why = {""};
	int error;

	if (signalling->first != signalling) { /* it does not change while anybody looks */
		signalling->routing = signalling->first->routing;
		return 0;
	}
	error = routing_new(signalling->conf, &signalling->routing, &why);
	snprintf(problem->text, sizeof(problem->text), "%s", why.text);
	return error;
}

static bool find_call(void *arg, struct view sip_call_id, struct view local_tag, struct view remote_tag,
		      char ret_call[TRACE_CALL_SIZE])
{
	_Static_assert((int)CALL_ID_SIZE == (int)TRACE_CALL_SIZE, "the trace knows our call ids");
	return call_table_find_dialog(((struct signalling *)arg)->calls, sip_call_id, local_tag, remote_tag, ret_call);
}

static int make_trace(struct signalling *signalling, struct signalling_problem *problem)
{
	const struct conf_logging *logging = &signalling->conf->logging;
	const struct trace_options options = {.directory = logging->sip_traffic_dir,
					      .retention_days = logging->sip_traffic_retention_days,
					      .size_max = (uint64_t)logging->sip_traffic_max_mb << 20,
					      .find_call = find_call,
					      .arg = signalling};
	int error = trace_new(signalling->loop, &options, &signalling->trace);

	return error ? error : trace_set(signalling->trace, &(struct trace_filter){.is_on = logging->sip_traffic});
}

static int make_transactions(struct signalling *signalling, struct signalling_problem *problem)
{
	const struct conf_sip *sip = &signalling->conf->sip;
	struct transaction_options options = {.server = sip->user_agent,
					      .datagram_max = sip->tcp_above ? sip->tcp_above : UINT32_MAX,
					      .mark = signalling->worker ? worker_mark(signalling->worker) : '\0'};
	struct transaction_user user = {.on_source = on_source,
					.on_admission = on_admission,
					.on_request = on_request,
					.on_ack = on_ack,
					.on_closed = on_closed,
					.on_refused = on_refused,
					.arg = signalling};

	return transaction_layer_new(signalling->loop, &options, &user, &signalling->transactions);
}

static int make_subscriptions(struct signalling *signalling, struct signalling_problem *problem)
{
	return signalling->first == signalling ? signalling_make_subscriptions(signalling) : 0;
}

/* Names are looked up by the configured servers, unless a test brought its own. */
static int make_dns(struct signalling *signalling, struct signalling_problem *problem)
{
	const struct conf_dns *conf = &signalling->conf->dns;
	char servers[1024];
	struct text csv;
	struct dns_ares_options wanted = {.servers = servers, .timeout_ms = conf->timeout_ms, .tries = conf->tries};
	struct dns_options options = {.loop = signalling->loop,
				      .source = signalling->names,
				      .cache_max = conf->cache_size,
				      .prefers_ipv6 = conf->prefer == CONF_FAMILY_IPV6};
	int error = 0;

	text_init(&csv, servers, sizeof(servers));
	for (size_t i = 0; i < conf->servers.len; i++)
		text_printf(&csv, "%s%s", i > 0 ? "," : "", conf->servers.at[i]);
	if (!options.source.ask)
		error = csv.overflow ? ERR_TOO_LONG : dns_ares_new(signalling->loop, &wanted, &options.source);
	if (error)
		snprintf(problem->text, sizeof(problem->text),
			 "names cannot be looked up: %s; see dns.servers and /etc/resolv.conf", error_text(error));
	return error ? error : dns_new(&options, &signalling->dns);
}

static int make_trunks(struct signalling *signalling, struct signalling_problem *problem)
{
	struct trunk_services services = {.conf = signalling->conf,
					  .loop = signalling->loop,
					  .transactions = signalling->transactions,
					  .auth = signalling->auth,
					  .dns = signalling->dns,
					  .first = signalling->first != signalling ? signalling->first->trunks : NULL};
	struct trunk_problem why = {""};
	int error = trunk_table_new(&services, &signalling->trunks, &why);

	snprintf(problem->text, sizeof(problem->text), "%s", why.text);
	return error;
}

int signalling_new(const struct signalling_options *options, struct signalling **ret_signalling,
		   struct signalling_problem *ret_problem)
{
	static int (*const makers[])(struct signalling *, struct signalling_problem *) = {
		make_auth,         make_defence,       make_registrar, make_routing, make_trace,
		make_transactions, make_subscriptions, make_dns,       make_trunks,
	};
	struct signalling *signalling = calloc(1, sizeof(*signalling));
	int error = signalling ? 0 : ERR_NOMEM;

	ret_problem->text[0] = '\0';
	if (signalling) {
		signalling->conf = options->conf;
		signalling->refused_limit = (struct log_limit){.burst = 10, .interval_ms = 1000};
		signalling->loop = options->loop;
		signalling->metrics = options->metrics;
		signalling->cdr = options->cdr;
		signalling->store = options->store;
		signalling->route = options->route;
		signalling->route_arg = options->route_arg;
		signalling->names = options->names;
		signalling->worker = options->worker;
		signalling->first = options->first ? options->first : signalling;
		overload_init(&signalling->overload, options->loop, options->metrics, &options->conf->sip,
			      options->first ? &options->first->overload : NULL);
		signalling->first->all[signalling->first->count++] = signalling;
	}
	for (size_t i = 0; i < ARRAY_LEN(makers) && error == 0; i++)
		error = makers[i](signalling, ret_problem);
	if (error == 0) {
		*ret_signalling = signalling;
		return 0;
	}
	if (!ret_problem->text[0])
		snprintf(ret_problem->text, sizeof(ret_problem->text), "the signalling cannot start: %s",
			 error_text(error));
	signalling_free(signalling);
	return error;
}

struct transport_receiver signalling_receiver(struct signalling *signalling)
{
	struct transport_receiver receiver = transaction_receiver(signalling->transactions);

	if (!signalling->worker)
		return receiver;
	worker_start(signalling->worker, signalling->loop, &receiver);
	return worker_receiver(signalling->worker);
}

int signalling_start(struct signalling *signalling, struct transport *transport, struct signalling_problem *ret_problem)
{
	const struct conf *conf = signalling->conf;
	struct media_options media = {
		.segment_path = conf->media.segment,
		.rtp_timeout_ms = conf->media.rtp_timeout_s * 1000,
		.dscp = conf->media.dscp,
		.rate_limit = conf->media.packet_rate_limit,
		.route = signalling->route ? signalling->route : transport_route,
		.route_arg = signalling->route ? signalling->route_arg : transport,
		.on_ready = on_media_ready,
		.arg = signalling,
		.sibling = signalling->first != signalling ? signalling->first->media : NULL,
		.client = signalling->worker ? worker_index(signalling->worker) : 0,
		.client_count = signalling->worker ? worker_group_count(worker_group_of(signalling->worker)) : 1,
	};
	struct call_services services = {
		.conf = conf,
		.loop = signalling->loop,
		.transactions = signalling->transactions,
		.registrar = signalling->registrar,
		.auth = signalling->auth,
		.routing = signalling->routing,
		.trunks = signalling->trunks,
		.overload = &signalling->overload,
		.cdr = signalling->cdr,
		.metrics = signalling->metrics,
		.on_extension = signalling_on_extension,
		.on_extension_arg = signalling,
		.worker = signalling->worker,
		.in_force = &signalling->first->in_force,
	};
	int error;

	signalling->transport = transport;
	transaction_layer_set_transport(signalling->transactions, transport);
	dns_set_transport(signalling->dns, transport);
	if (signalling->worker)
		worker_set_transport(signalling->worker, transport);
	error = media_new(signalling->loop, &media, &signalling->media);
	services.media = signalling->media;
	if (error == 0)
		error = call_table_new(&services, &signalling->calls);
	if (error == 0)
		trace_set_transport(signalling->trace, transport);
	if (error == 0 && signalling->first == signalling)
		trunk_table_start(signalling->trunks);
	if (error)
		snprintf(ret_problem->text, sizeof(ret_problem->text), "the calls cannot start: %s", error_text(error));
	return error;
}

static int set_defence(struct signalling *signalling, const struct conf *conf, const struct routing *routing)
{
	int error = 0;

	for (unsigned i = 0; i < signalling->count && error == 0; i++)
		error = defence_set(signalling->all[i]->defence, &conf->security);
	return error;
}

static int set_auth(struct signalling *signalling, const struct conf *conf, const struct routing *routing)
{
	struct auth_options options;

	auth_options_init(&options, conf);
	return auth_set(signalling->auth, &options, conf->extensions, conf->extension_count);
}

static int set_calls(struct signalling *signalling, const struct conf *conf, const struct routing *routing)
{
	int error = 0;

	for (unsigned i = 0; i < signalling->count && error == 0; i++)
		error = call_table_set(signalling->all[i]->calls, conf, routing);
	return error;
}

static int set_registrar(struct signalling *signalling, const struct conf *conf, const struct routing *routing)
{
	struct registrar_options options;

	registrar_options_init(&options, conf);
	return registrar_set(signalling->registrar, &options, conf->extensions, conf->extension_count);
}

/* The registrar last: bindings that ended could not be brought back. */
int signalling_set_conf(struct signalling *signalling, const struct conf *conf, struct routing *routing)
{
	static int (*const setters[])(struct signalling *, const struct conf *,
				      const struct routing *) = {set_defence, set_auth, set_calls, set_registrar};
	size_t done = 0;
	int error = 0;

	while (done < ARRAY_LEN(setters) && (error = setters[done](signalling, conf, routing)) == 0)
		done++;
	if (error) {
		while (done-- > 0)
			if (setters[done](signalling, signalling->conf, signalling->routing) != 0)
				log_critical("app", "no memory: a part of the new configuration stays in force");
		return error;
	}
	routing_free(signalling->routing);
	for (unsigned i = 0; i < signalling->count; i++) {
		signalling->all[i]->routing = routing;
		signalling->all[i]->conf = conf;
	}
	return 0;
}

void signalling_drain(struct signalling *signalling)
{
	signalling->is_draining = true;
	call_table_end_all(signalling->calls);
	if (signalling->first == signalling)
		trunk_table_stop(signalling->trunks);
}

bool signalling_is_empty(const struct signalling *signalling)
{
	return call_table_count(signalling->calls) == 0 && trunk_table_is_stopped(signalling->trunks);
}

/* What the first owns. */
static void free_owned(struct signalling *signalling)
{
	signalling_forget_watched(signalling);
	routing_free(signalling->routing);
	registrar_free(signalling->registrar);
}

void signalling_free(struct signalling *signalling)
{
	if (!signalling)
		return;
	call_table_free(signalling->calls);
	subscription_table_free(signalling->subscriptions);
	trunk_table_free(signalling->trunks);
	dns_free(signalling->dns);
	media_free(signalling->media);
	transaction_layer_free(signalling->transactions);
	trace_free(signalling->trace);
	if (signalling->first == signalling)
		free_owned(signalling);
	defence_free(signalling->defence);
	auth_free(signalling->auth);
	free(signalling->verdict);
	free(signalling);
}
