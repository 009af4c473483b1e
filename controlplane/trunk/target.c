/* Where a trunk is: its host becomes targets, again whenever the time of the answer is over, and each has a health of its own. */
#include "controlplane/trunk/trunk_private.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/log/log.h"

/* Both lists begin with the same kinds in the same order; a transport that the configuration learns has its row there. */
_Static_assert((int)CONF_TRANSPORT_UDP == (int)TRANSPORT_UDP && (int)CONF_TRANSPORT_COUNT <= (int)TRANSPORT_COUNT,
	       "make_question");

enum { RESOLVE_MIN_MS = 1000, RESOLVE_RETRY_MS = 15000 };

static struct dns_question make_question(const struct conf_trunk *conf)
{
	bool has_kind = conf->transport != CONF_TRUNK_AUTO;

	return (struct dns_question){.host = conf->host_name,
				     .port = conf->host_port,
				     .has_kind = has_kind,
				     .kind = has_kind ? (enum transport_kind)conf->transport : TRANSPORT_UDP};
}

/* ---- the list ---- */

static void free_target(struct trunk_target *target)
{
	health_fini(target);
	free(target);
}

static struct trunk_target *take_old(struct trunk *trunk, const struct dns_target *where)
{
	for (size_t i = 0; i < trunk->target_count; i++) {
		struct trunk_target *target = trunk->targets[i];

		if (!dns_target_is_equal(&target->where, where))
			continue;
		trunk->targets[i] = trunk->targets[--trunk->target_count];
		return target;
	}
	return NULL;
}

static struct trunk_target *make_new(struct trunk *trunk)
{
	struct trunk_target *target = calloc(1, sizeof(*target));

	if (!target)
		return NULL;
	target->trunk = trunk;
	health_init(target);
	return target;
}

static bool has_target(const struct trunk *trunk, const struct dns_target *where)
{
	for (size_t i = 0; i < trunk->target_count; i++)
		if (dns_target_is_equal(&trunk->targets[i]->where, where))
			return true;
	return false;
}

/* Those that stay keep their health. Returns whether anything changed. */
static bool set_targets(struct trunk *trunk, const struct dns_target *list, size_t count)
{
	struct trunk_target *targets[TRUNK_TARGETS_MAX];
	size_t taken = 0;
	bool has_changed = false;

	trunk_lock(trunk);
	for (size_t i = 0; i < count && taken < TRUNK_TARGETS_MAX; i++) {
		struct trunk_target *target = take_old(trunk, &list[i]);

		has_changed = has_changed || !target;
		if (!target)
			target = make_new(trunk);
		if (!target)
			break;
		target->where = list[i];
		targets[taken++] = target;
	}
	has_changed = has_changed || trunk->target_count > 0;
	while (trunk->target_count > 0)
		free_target(trunk->targets[--trunk->target_count]);
	memcpy(trunk->targets, targets, taken * sizeof(targets[0]));
	trunk->target_count = taken;
	trunk_unlock(trunk);
	return has_changed;
}

/* ---- looking up ---- */

static uint32_t draw(void *arg, uint32_t max)
{
	uint32_t random;

	loop_random(arg, &random, sizeof(random));
	return max == UINT32_MAX ? random : random % (max + 1);
}

static void log_targets(const struct trunk *trunk)
{
	char buffer[TRUNK_TARGETS_MAX * (NET_ENDPOINT_TEXT + 8)];
	struct text out;

	text_init(&out, buffer, sizeof(buffer));
	for (size_t i = 0; i < trunk->target_count; i++) {
		char remote[NET_ENDPOINT_TEXT];

		text_printf(&out, "%s%s %s", i > 0 ? ", " : "", transport_kind_parameter(trunk->targets[i]->where.kind),
			    net_endpoint_print(&trunk->targets[i]->where.remote, remote));
	}
	log_info("trunk", "%s: %s is %s", trunk->conf->name, trunk->conf->host, buffer);
}

/* After the first answer, and whenever there are others. */
static void begin_using(struct trunk *trunk)
{
	for (size_t i = 0; i < trunk->target_count; i++)
		if (trunk->conf->options_interval_s > 0 && trunk->targets[i]->health.fsm.state == HEALTH_UNKNOWN)
			health_feed(trunk->targets[i], HEALTH_START);
	if (!trunk->conf->registers)
		return;
	if (trunk->registration.fsm.state == REGISTER_NONE)
		register_feed(trunk, REGISTER_START, NULL);
	else if (!has_target(trunk,
			     trunk->registration.until_ms > 0 ? &trunk->registration.home : &trunk->registration.where))
		register_soon(trunk);
}

static void on_resolved(void *arg, int error, const struct dns_targets *targets)
{
	struct trunk *trunk = arg;
	struct loop *loop = trunk->table->services.loop;
	uint64_t now_ms = loop_now_ms(loop), wait_ms = RESOLVE_RETRY_MS;

	if (error == 0) {
		struct dns_targets ordered = *targets;

		/* Where there are more than a trunk has places for, it is the best that are kept. */
		dns_targets_order(ordered.list, ordered.count, draw, loop);
		if (set_targets(trunk, ordered.list, ordered.count))
			log_targets(trunk);
		wait_ms = targets->until_ms > now_ms ? targets->until_ms - now_ms : 0;
		begin_using(trunk);
	} else if (error != trunk->resolve_error) {
		trunk_fail(trunk, "%s cannot be looked up: %s%s", trunk->conf->host_name,
			   error == ERR_NOT_FOUND ? "no such server" : error_text(error),
			   trunk->target_count > 0 ? "; what was known is used" : "");
	}
	trunk->is_stale = error == 0 && targets->is_stale;
	trunk->resolve_error = error;
	loop_timer_start(loop, &trunk->resolve_timer, MAX(wait_ms, RESOLVE_MIN_MS));
}

static void resolve(void *arg)
{
	struct trunk *trunk = arg;
	struct dns_question question = make_question(trunk->conf);
	struct dns_targets targets;
	int error = dns_lookup_start(trunk->table->services.dns, &trunk->lookup, &question, &targets);

	if (error != ERR_AGAIN)
		on_resolved(trunk, error, error ? NULL : &targets);
}

/* ---- life ---- */

int target_init(struct trunk *trunk)
{
	struct dns_question question = make_question(trunk->conf);
	struct dns_target only = {.kind = question.kind};

	loop_timer_init(&trunk->resolve_timer, resolve, trunk);
	dns_lookup_init(&trunk->lookup, on_resolved, trunk);
	if (net_address_parse(view_of(question.host), &only.remote.address) != 0) {
		trunk->resolve_error = ERR_AGAIN;
		return 0;
	}
	only.remote.port = question.port ? question.port : transport_kind_port(question.kind);
	set_targets(trunk, &only, 1);
	return trunk->target_count > 0 ? 0 : ERR_NOMEM;
}

void target_start(struct trunk *trunk)
{
	if (trunk->target_count > 0)
		begin_using(trunk);
	else
		resolve(trunk);
}

void target_stop(struct trunk *trunk)
{
	dns_lookup_stop(&trunk->lookup);
	loop_timer_stop(trunk->table->services.loop, &trunk->resolve_timer);
	for (size_t i = 0; i < trunk->target_count; i++)
		health_feed(trunk->targets[i], HEALTH_STOP);
}

void target_fini(struct trunk *trunk)
{
	dns_lookup_stop(&trunk->lookup);
	loop_timer_stop(trunk->table->services.loop, &trunk->resolve_timer);
	set_targets(trunk, NULL, 0);
}

/* ---- using them ---- */

size_t target_order(struct trunk *trunk, struct dns_target ret_list[TRUNK_TARGETS_MAX], size_t *ret_good)
{
	const struct trunk *first = trunk->first;
	struct dns_target list[TRUNK_TARGETS_MAX];
	size_t done = 0;

	trunk_lock(trunk);
	for (size_t i = 0; i < first->target_count; i++)
		list[i] = first->targets[i]->where;
	dns_targets_order(list, first->target_count, draw, trunk->table->services.loop);
	/* Where we are registered before all others, then those that answer, then the rest. */
	for (int class = 0; class < 3; class ++) {
		for (size_t i = 0; i < first->target_count; i++) {
			bool is_good = target_is_good(first, &list[i]);
			bool is_home = is_good && first->registration.until_ms > 0 &&
				       dns_target_is_equal(&list[i], &first->registration.home);

			if ((is_home ? 0 : is_good ? 1 : 2) == class)
				ret_list[done++] = list[i];
		}
		if (class == 1 && ret_good)
			*ret_good = done;
	}
	trunk_unlock(trunk);
	return done;
}

bool target_is_good(const struct trunk *trunk, const struct dns_target *where)
{
	for (size_t i = 0; i < trunk->target_count; i++)
		if (dns_target_is_equal(&trunk->targets[i]->where, where))
			return health_is_good(trunk->targets[i]);
	return false;
}

bool target_has_good(const struct trunk *trunk)
{
	for (size_t i = 0; i < trunk->target_count; i++)
		if (health_is_good(trunk->targets[i]))
			return true;
	return false;
}

/* By TLS it has to be the domain that the configuration names, not the host that a record led to (RFC 5922 section 4). */
static int want_domain(struct trunk *trunk, struct transport *transport, struct transport_flow *flow)
{
	struct net_address address;

	if (!trunk->conf->tls_verify)
		flow->peer = TRANSPORT_PEER_ANY;
	else if (net_address_parse(view_of(trunk->conf->host_name), &address) != 0)
		return transport_peer(transport, trunk->conf->host_name, &flow->peer);
	return 0;
}

int target_flow(struct trunk *trunk, const struct dns_target *where, struct transport_flow *ret_flow)
{
	struct transport *transport = transaction_transport(trunk->table->services.transactions);
	int error = transport_flow_to(transport, where->kind, &where->remote, ret_flow);

	return error == 0 && where->kind == TRANSPORT_TLS ? want_domain(trunk, transport, ret_flow) : error;
}

size_t trunk_flows(struct trunk *trunk, bool is_emergency, struct transport_flow ret_flows[TRUNK_TARGETS_MAX])
{
	struct dns_target list[TRUNK_TARGETS_MAX];
	size_t good = 0, count = target_order(trunk, list, &good), done = 0;

	for (size_t i = 0; i < (is_emergency ? count : good); i++)
		done += target_flow(trunk, &list[i], &ret_flows[done]) == 0;
	return done;
}
