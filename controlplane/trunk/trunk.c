/* The table of trunks: life, places, numbers, and what people see. */
#include "controlplane/trunk/trunk_private.h"

#include <stdio.h>
#include <stdlib.h>

#include "lib/log/log.h"

/* Both lists begin with the same kinds in the same order; a transport that the configuration learns has its row there. */
_Static_assert((int)CONF_TRANSPORT_UDP == (int)TRANSPORT_UDP && (int)CONF_TRANSPORT_COUNT <= (int)TRANSPORT_COUNT,
	       "trunk_flow");

static int make_rules(struct trunk *trunk, struct trunk_problem *problem)
{
	const struct conf_trunk *conf = trunk->conf;

	trunk->rules = calloc(conf->rewrite_count + 1, sizeof(*trunk->rules));
	if (!trunk->rules)
		return ERR_NOMEM;
	for (size_t i = 0; i < conf->rewrite_count; i++) {
		const char *why = "";

		trunk->rules[i].conf = &conf->rewrites[i];
		if (routing_pattern_parse(view_of(conf->rewrites[i].match), &trunk->rules[i].pattern, &why) != 0) {
			snprintf(problem->text, sizeof(problem->text), "%s: trunk \"%.32s\": match \"%.64s\": %s",
				 conf->where, conf->name, conf->rewrites[i].match, why);
			return ERR_INVALID;
		}
	}
	return 0;
}

int trunk_table_new(const struct trunk_services *services, struct trunk_table **ret_table,
		    struct trunk_problem *ret_problem)
{
	const struct conf *conf = services->conf;
	struct trunk_table *table = calloc(1, sizeof(*table));
	int error = 0;

	snprintf(ret_problem->text, sizeof(ret_problem->text), "trunks: %s", error_text(ERR_NOMEM));
	if (!table)
		return ERR_NOMEM;
	table->services = *services;
	table->trunks = calloc(conf->trunk_count + 1, sizeof(*table->trunks));
	if (!table->trunks)
		error = ERR_NOMEM;
	for (size_t i = 0; i < conf->trunk_count && !error; i++) {
		struct trunk *trunk = &table->trunks[table->trunk_count++];

		trunk->table = table;
		trunk->conf = &conf->trunks[i];
		bucket_init(&trunk->bucket, trunk->conf->calls_per_second, loop_now_ms(services->loop));
		register_init(trunk);
		health_init(trunk);
		error = make_rules(trunk, ret_problem);
	}
	if (error) {
		trunk_table_free(table);
		return error;
	}
	*ret_table = table;
	return 0;
}

void trunk_table_free(struct trunk_table *table)
{
	if (!table)
		return;
	for (size_t i = 0; i < table->trunk_count; i++) {
		register_fini(&table->trunks[i]);
		health_fini(&table->trunks[i]);
		free(table->trunks[i].rules);
	}
	free(table->trunks);
	free(table);
}

void trunk_table_start(struct trunk_table *table)
{
	for (size_t i = 0; i < table->trunk_count; i++) {
		if (table->trunks[i].conf->registers)
			register_feed(&table->trunks[i], REGISTER_START, NULL);
		if (table->trunks[i].conf->options_interval_s > 0)
			health_feed(&table->trunks[i], HEALTH_START);
	}
}

void trunk_table_stop(struct trunk_table *table)
{
	for (size_t i = 0; i < table->trunk_count; i++) {
		register_feed(&table->trunks[i], REGISTER_STOP, NULL);
		health_feed(&table->trunks[i], HEALTH_STOP);
	}
}

bool trunk_table_is_stopped(const struct trunk_table *table)
{
	for (size_t i = 0; i < table->trunk_count; i++)
		if (table->trunks[i].registration.fsm.state != REGISTER_OVER)
			return false;
	return true;
}

/* ---- places ---- */

bool trunk_is_usable(const struct trunk *trunk)
{
	return register_is_good(trunk) && health_is_good(trunk);
}

struct trunk *trunk_find(struct trunk_table *table, const char *name)
{
	for (size_t i = 0; i < table->trunk_count; i++)
		if (strcmp(table->trunks[i].conf->name, name) == 0)
			return &table->trunks[i];
	return NULL;
}

static bool is_full(const struct trunk *trunk)
{
	return trunk->conf->max_calls > 0 && trunk->calls >= trunk->conf->max_calls;
}

static int take(struct trunk *trunk, bool may)
{
	if (!may) {
		trunk->refused++;
		return ERR_LIMIT;
	}
	trunk->calls++;
	trunk->total_calls++;
	return 0;
}

int trunk_take(struct trunk *trunk, bool is_emergency)
{
	bool has_token =
		is_emergency || is_full(trunk) || bucket_take(&trunk->bucket, loop_now_ms(trunk->table->services.loop));

	return take(trunk, is_emergency || (has_token && !is_full(trunk)));
}

int trunk_take_incoming(struct trunk *trunk)
{
	return take(trunk, !is_full(trunk));
}

void trunk_give_back(struct trunk *trunk)
{
	if (BUG_ON(trunk->calls == 0))
		return;
	trunk->calls--;
}

const struct conf_trunk *trunk_conf(const struct trunk *trunk)
{
	return trunk->conf;
}

int trunk_flow(struct trunk *trunk, struct transport_flow *ret_flow)
{
	struct transport *transport = transaction_transport(trunk->table->services.transactions);
	enum transport_kind kind = (enum transport_kind)trunk->conf->transport;
	int error = transport_flow_to(transport, kind, &trunk->conf->remote, ret_flow);

	if (error == 0 && kind == TRANSPORT_TLS && !trunk->conf->tls_verify)
		ret_flow->peer = TRANSPORT_PEER_ANY;
	return error;
}

struct trunk *trunk_of_peer(struct trunk_table *table, const struct net_address *address)
{
	struct trunk *best = NULL;
	int best_bits = -1;

	for (size_t i = 0; i < table->trunk_count; i++) {
		const struct conf_trunk *conf = table->trunks[i].conf;

		for (size_t k = 0; k < conf->prefix_count; k++)
			if (conf->prefixes[k].bits > best_bits && net_prefix_has(&conf->prefixes[k], address)) {
				best = &table->trunks[i];
				best_bits = conf->prefixes[k].bits;
			}
	}
	return best;
}

int trunk_rewrite(const struct trunk *trunk, enum conf_rewrite_direction direction, const char *number,
		  char ret_number[TRUNK_NUMBER_SIZE])
{
	size_t strip = 0;
	const char *prepend = "";
	int size;

	for (size_t i = 0; i < trunk->conf->rewrite_count; i++) {
		const struct trunk_rule *rule = &trunk->rules[i];

		if (rule->conf->direction != direction || !routing_pattern_is_match(&rule->pattern, view_of(number)))
			continue;
		strip = MIN(rule->conf->strip, strlen(number));
		prepend = rule->conf->prepend;
		break;
	}
	size = snprintf(ret_number, TRUNK_NUMBER_SIZE, "%s%s", prepend, number + strip);
	return size == 0 ? ERR_NOT_FOUND : size >= TRUNK_NUMBER_SIZE ? ERR_TOO_LONG : 0;
}

/* ---- errors ---- */

void trunk_fail(struct trunk *trunk, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(trunk->last_error, sizeof(trunk->last_error), format, args);
	va_end(args);
	trunk->last_error_wall_ms = loop_wall_ms(trunk->table->services.loop);
	log_warning("trunk", "%s: %s", trunk->conf->name, trunk->last_error);
}

void trunk_note(struct trunk *trunk, unsigned status)
{
	if (status >= 300)
		trunk_fail(trunk, "a call failed with %u", status);
}

/* ---- requests of our own ---- */

const char *trunk_print_host(struct trunk *trunk, const struct transport_flow *flow, char host[NET_ENDPOINT_TEXT])
{
	struct net_endpoint us;

	transport_advertised(transaction_transport(trunk->table->services.transactions), flow, &us);
	return net_endpoint_print(&us, host);
}

struct sip_writer *trunk_begin(struct trunk *trunk, const struct transport_flow *flow, enum sip_method method,
			       const char *call_id, const char *tag, uint32_t cseq)
{
	const struct conf *conf = trunk->table->services.conf;
	char uri[300], us[NET_ENDPOINT_TEXT];
	const char *user = trunk->conf->username;
	struct sip_writer *out;
	/* The account lives in the carrier's domain; without one we ask as ourselves. */
	const char *domain = user[0] ? trunk->conf->host : trunk_print_host(trunk, flow, us);

	snprintf(uri, sizeof(uri), "sip:%s", trunk->conf->host);
	out = transaction_begin(trunk->table->services.transactions, flow, method, view_of(uri));
	sip_write_header(out, SIP_HEADER_MAX_FORWARDS, "70");
	sip_write_header(out, SIP_HEADER_FROM, "<sip:%s%s%s>;tag=%s", user, user[0] ? "@" : "", domain, tag);
	if (method == SIP_METHOD_REGISTER)
		sip_write_header(out, SIP_HEADER_TO, "<sip:%s@%s>", user, trunk->conf->host);
	else
		sip_write_header(out, SIP_HEADER_TO, "<sip:%s>", trunk->conf->host);
	sip_write_header(out, SIP_HEADER_CALL_ID, "%s", call_id);
	sip_write_header(out, SIP_HEADER_CSEQ, "%u %s", cseq, sip_method_name(method));
	if (conf->sip.user_agent[0])
		sip_write_header(out, SIP_HEADER_USER_AGENT, "%s", conf->sip.user_agent);
	return out;
}

void trunk_forget(struct transaction **transaction)
{
	if (*transaction)
		transaction_set_handler(*transaction, NULL, NULL);
	*transaction = NULL;
}

/* ---- what can be seen ---- */

void trunk_walk(struct trunk_table *table, void (*visit)(const struct trunk_about *about, void *arg), void *arg)
{
	uint64_t now_ms = loop_now_ms(table->services.loop);

	for (size_t i = 0; i < table->trunk_count; i++) {
		const struct trunk *trunk = &table->trunks[i];
		uint64_t until_ms = trunk->registration.until_ms;
		struct trunk_about about = {
			.name = trunk->conf->name,
			.host = trunk->conf->host,
			.registration = fsm_state_name(&trunk->registration.fsm),
			.health = fsm_state_name(&trunk->health.fsm),
			.is_usable = trunk_is_usable(trunk),
			.calls = trunk->calls,
			.max_calls = trunk->conf->max_calls,
			.total_calls = trunk->total_calls,
			.refused = trunk->refused,
			.registered_s = until_ms > now_ms ? (uint32_t)((until_ms - now_ms) / 1000) : 0,
			.last_error = trunk->last_error,
			.last_error_wall_ms = trunk->last_error_wall_ms,
		};

		visit(&about, arg);
	}
}

size_t trunk_count_usable(struct trunk_table *table, size_t *ret_total)
{
	size_t usable = 0;

	for (size_t i = 0; i < table->trunk_count; i++)
		usable += trunk_is_usable(&table->trunks[i]);
	*ret_total = table->trunk_count;
	return usable;
}
