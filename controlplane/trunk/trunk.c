/* The table of trunks: life, places, numbers, and what people see. */
#include "controlplane/trunk/trunk_private.h"

#include <stdio.h>
#include <stdlib.h>

#include "lib/log/log.h"

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

/* Feeding a machine locks, and what it does may feed another. */
static void lock_init(pthread_mutex_t *lock)
{
	pthread_mutexattr_t attributes;

	pthread_mutexattr_init(&attributes);
	pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE);
	pthread_mutex_init(lock, &attributes);
	pthread_mutexattr_destroy(&attributes);
}

void trunk_lock(const struct trunk *trunk)
{
	pthread_mutex_lock(&trunk->first->lock);
}

void trunk_unlock(const struct trunk *trunk)
{
	pthread_mutex_unlock(&trunk->first->lock);
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
		trunk->first = services->first ? &services->first->trunks[i] : trunk;
		lock_init(&trunk->lock);
		trunk->conf = &conf->trunks[i];
		bucket_init(&trunk->bucket, trunk->conf->calls_per_second, loop_now_ms(services->loop));
		register_init(trunk);
		error = target_init(trunk);
		if (!error)
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
		target_fini(&table->trunks[i]);
		free(table->trunks[i].rules);
		pthread_mutex_destroy(&table->trunks[i].lock);
	}
	free(table->trunks);
	free(table);
}

void trunk_table_start(struct trunk_table *table)
{
	for (size_t i = 0; i < table->trunk_count; i++)
		target_start(&table->trunks[i]);
}

void trunk_table_stop(struct trunk_table *table)
{
	for (size_t i = 0; i < table->trunk_count; i++) {
		register_feed(&table->trunks[i], REGISTER_STOP, NULL);
		target_stop(&table->trunks[i]);
	}
}

bool trunk_table_is_stopped(const struct trunk_table *table)
{
	for (size_t i = 0; i < table->trunk_count && !table->services.first; i++)
		if (table->trunks[i].registration.fsm.state != REGISTER_OVER)
			return false;
	return true;
}

/* ---- places ---- */

bool trunk_is_usable(const struct trunk *trunk)
{
	uint64_t now_ms = loop_now_ms(trunk->table->services.loop);
	bool is_usable;

	trunk_lock(trunk);
	is_usable = register_is_good(trunk->first, now_ms) && target_has_good(trunk->first);
	trunk_unlock(trunk);
	return is_usable;
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

/* Of the first table's, locked. */
static int take(struct trunk *shared, bool may)
{
	if (!may) {
		shared->refused++;
		return ERR_LIMIT;
	}
	shared->calls++;
	shared->total_calls++;
	return 0;
}

int trunk_take(struct trunk *trunk, bool is_emergency)
{
	struct trunk *shared = trunk->first;
	uint64_t now_ms = loop_now_ms(trunk->table->services.loop);
	bool has_token;
	int error;

	pthread_mutex_lock(&shared->lock);
	/* The clocks of two threads may be a turn apart. */
	has_token =
		is_emergency || is_full(shared) || bucket_take(&shared->bucket, MAX(now_ms, shared->bucket.then_ms));
	error = take(shared, is_emergency || (has_token && !is_full(shared)));
	pthread_mutex_unlock(&shared->lock);
	return error;
}

int trunk_take_incoming(struct trunk *trunk)
{
	struct trunk *shared = trunk->first;
	int error;

	pthread_mutex_lock(&shared->lock);
	error = take(shared, !is_full(shared));
	pthread_mutex_unlock(&shared->lock);
	return error;
}

void trunk_give_back(struct trunk *trunk)
{
	struct trunk *shared = trunk->first;

	pthread_mutex_lock(&shared->lock);
	if (!BUG_ON(shared->calls == 0))
		shared->calls--;
	pthread_mutex_unlock(&shared->lock);
}

const struct conf_trunk *trunk_conf(const struct trunk *trunk)
{
	return trunk->conf;
}

/* Where a trunk registers, calls come from: they have the longest prefix that there is. */
static bool is_home(const struct trunk *trunk, const struct net_address *address)
{
	for (size_t i = 0; trunk->conf->registers && i < trunk->target_count; i++)
		if (net_address_is_equal(&trunk->targets[i]->where.remote.address, address))
			return true;
	return false;
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
		if (is_home(&table->trunks[i], address) && best_bits < 128) {
			best = &table->trunks[i];
			best_bits = (int)net_address_size(address) * 8;
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
	struct trunk *shared = trunk->first;
	va_list args;

	va_start(args, format);
	pthread_mutex_lock(&shared->lock);
	vsnprintf(shared->last_error, sizeof(shared->last_error), format, args);
	shared->last_error_wall_ms = loop_wall_ms(trunk->table->services.loop);
	log_warning("trunk", "%s: %s", trunk->conf->name, shared->last_error);
	pthread_mutex_unlock(&shared->lock);
	va_end(args);
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

static void show_target(const struct trunk *trunk, const struct trunk_target *target, struct trunk_about_target *about)
{
	*about = (struct trunk_about_target){
		.kind = target->where.kind,
		.remote = target->where.remote,
		.priority = target->where.priority,
		.weight = target->where.weight,
		.health = fsm_state_name(&target->health.fsm),
		.is_good = health_is_good(target),
		.is_registered = register_is_good(trunk, loop_now_ms(trunk->table->services.loop)) &&
				 trunk->conf->registers &&
				 dns_target_is_equal(&target->where, &trunk->registration.home),
	};
}

/* Of the first target that is good, else of the first. */
static const char *name_health(const struct trunk *trunk)
{
	for (size_t i = 0; i < trunk->target_count; i++)
		if (health_is_good(trunk->targets[i]))
			return fsm_state_name(&trunk->targets[i]->health.fsm);
	return trunk->target_count > 0 ? fsm_state_name(&trunk->targets[0]->health.fsm) : "no address";
}

static const char *name_resolution(const struct trunk *trunk)
{
	if (trunk->resolve_error == ERR_AGAIN)
		return "asked";
	if (trunk->resolve_error)
		return trunk->resolve_error == ERR_NOT_FOUND ? "no such server" : error_text(trunk->resolve_error);
	return trunk->is_stale ? "stale" : "known";
}

/* The first table's thread. */
void trunk_describe(const struct trunk *trunk, struct trunk_about *ret_about)
{
	const struct loop *loop = trunk->table->services.loop;
	uint64_t now_ms = loop_now_ms(loop), until_ms = trunk->registration.until_ms;

	*ret_about = (struct trunk_about){
		.name = trunk->conf->name,
		.host = trunk->conf->host,
		.registration = fsm_state_name(&trunk->registration.fsm),
		.health = name_health(trunk),
		.resolution = name_resolution(trunk),
		.resolve_s = (uint32_t)(loop_timer_left_ms(loop, &trunk->resolve_timer) / 1000),
		.is_usable = trunk_is_usable(trunk),
		.calls = trunk->calls,
		.max_calls = trunk->conf->max_calls,
		.total_calls = trunk->total_calls,
		.refused = trunk->refused,
		.registered_s = until_ms > now_ms ? (uint32_t)((until_ms - now_ms) / 1000) : 0,
		.last_error = trunk->last_error,
		.last_error_wall_ms = trunk->last_error_wall_ms,
		.target_count = trunk->target_count,
	};
	for (size_t i = 0; i < trunk->target_count; i++)
		show_target(trunk, trunk->targets[i], &ret_about->targets[i]);
}

void trunk_walk(struct trunk_table *table, void (*visit)(const struct trunk_about *about, void *arg), void *arg)
{
	for (size_t i = 0; i < table->trunk_count; i++) {
		struct trunk_about about;

		trunk_describe(&table->trunks[i], &about);
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
