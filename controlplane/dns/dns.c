/* Look-ups: walked, waiting for an answer, walked again; and the door to the source of answers. */
#include "controlplane/dns/dns_private.h"

#include <stdlib.h>

/* ---- answers ---- */

static void on_answer(struct dns_query *query, const struct dns_answer *answer)
{
	struct dns_entry *entry = CONTAINER_OF(query, struct dns_entry, query);
	struct dns *dns = entry->dns;
	struct list *link;

	entry->is_asked = false;
	if (dns->is_ending)
		return;
	dns->stats.failed += answer->error != 0 && answer->error != ERR_NOT_FOUND;
	dns_cache_put(entry, answer, loop_now_ms(dns->loop));
	while ((link = list_first(&entry->waiting))) {
		list_del(link);
		list_add(&dns->ready, link);
	}
	if (!list_is_empty(&dns->ready))
		loop_defer(dns->loop, &dns->wake);
}

/* What the walk is told. The first answer that is missing is the one to wait for; all others are asked for too. */
struct finding {
	struct dns *dns;
	struct dns_entry *missing;
	int error;
};

static bool find(void *arg, enum dns_type type, const char *name, struct dns_known *ret_known)
{
	struct finding *finding = arg;
	struct dns *dns = finding->dns;
	struct dns_entry *entry = dns_cache_get(&dns->cache, type, name);

	if (!entry) {
		finding->error = ERR_LIMIT;
		return false;
	}
	if (!entry->is_asked && (!entry->is_known || entry->until_ms <= loop_now_ms(dns->loop))) {
		entry->dns = dns;
		entry->query.answered = on_answer;
		entry->is_asked = true;
		dns->stats.asked++;
		dns->source.ask(dns->source.arg, &entry->query);
	} else if (!entry->is_asked) {
		dns->stats.hits++;
	}
	if (entry->is_asked) {
		finding->missing = finding->missing ? finding->missing : entry;
		return false;
	}
	*ret_known = (struct dns_known){&entry->answer, entry->until_ms, entry->is_stale};
	return true;
}

/* One walk. ERR_AGAIN: the look-up waits. */
static int go_on(struct dns *dns, struct dns_lookup *lookup, struct dns_targets *ret_targets)
{
	struct finding finding = {.dns = dns};
	int error = dns_walk(&lookup->question, &dns->reach, find, &finding, ret_targets);

	if (error != ERR_AGAIN)
		return error;
	if (!finding.missing || lookup->rounds++ >= DNS_ROUNDS_MAX)
		return finding.error ? finding.error : ERR_LIMIT;
	if (finding.missing->is_asked) {
		list_add(&finding.missing->waiting, &lookup->link);
	} else {
		list_add(&dns->ready, &lookup->link);
		loop_defer(dns->loop, &dns->wake);
	}
	return ERR_AGAIN;
}

static void on_wake(void *arg)
{
	struct dns *dns = arg;
	struct dns_targets targets;
	struct list *link, batch;

	list_init(&batch);
	while ((link = list_first(&dns->ready))) {
		list_del(link);
		list_add(&batch, link);
	}
	while ((link = list_first(&batch))) {
		struct dns_lookup *lookup = LIST_ENTRY(link, struct dns_lookup, link);
		int error;

		list_del(link);
		error = go_on(dns, lookup, &targets);
		if (error == ERR_AGAIN)
			continue;
		lookup->dns = NULL;
		lookup->done(lookup->arg, error, error ? NULL : &targets);
	}
}

/* ---- look-ups ---- */

void dns_lookup_init(struct dns_lookup *lookup, void (*done)(void *arg, int error, const struct dns_targets *targets),
		     void *arg)
{
	*lookup = (struct dns_lookup){.done = done, .arg = arg};
	list_init(&lookup->link);
}

int dns_lookup_start(struct dns *dns, struct dns_lookup *lookup, const struct dns_question *question,
		     struct dns_targets *ret_targets)
{
	int error;

	dns_lookup_stop(lookup);
	lookup->question = *question;
	lookup->rounds = 0;
	error = go_on(dns, lookup, ret_targets);
	lookup->dns = error == ERR_AGAIN ? dns : NULL;
	return error;
}

void dns_lookup_stop(struct dns_lookup *lookup)
{
	if (lookup->dns)
		list_del(&lookup->link);
	lookup->dns = NULL;
}

/* ---- life ---- */

int dns_new(const struct dns_options *options, struct dns **ret_dns)
{
	struct dns *dns = calloc(1, sizeof(*dns));

	if (!dns || dns_cache_init(&dns->cache, MAX(options->cache_max, 64)) != 0) {
		if (options->source.free)
			options->source.free(options->source.arg);
		free(dns);
		return ERR_NOMEM;
	}
	dns->loop = options->loop;
	dns->source = options->source;
	dns->reach.prefers_ipv6 = options->prefers_ipv6;
	list_init(&dns->ready);
	loop_message_init(&dns->wake, on_wake, dns);
	*ret_dns = dns;
	return 0;
}

void dns_free(struct dns *dns)
{
	if (!dns)
		return;
	dns->is_ending = true;
	if (dns->source.free)
		dns->source.free(dns->source.arg);
	loop_defer_cancel(dns->loop, &dns->wake);
	dns_cache_fini(&dns->cache);
	free(dns);
}

void dns_set_transport(struct dns *dns, const struct transport *transport)
{
	const struct transport_listen *listen;

	dns->reach.ipv4 = dns->reach.ipv6 = 0;
	for (size_t i = 0; (listen = transport_listener(transport, i)); i++)
		*(listen->endpoint.address.family == NET_IPV6 ? &dns->reach.ipv6 : &dns->reach.ipv4) |= 1u
													<< listen->kind;
}

void dns_flush(struct dns *dns)
{
	dns_cache_age(&dns->cache, loop_now_ms(dns->loop));
}

struct dns_stats dns_stats(const struct dns *dns)
{
	struct dns_stats stats = dns->stats;

	stats.kept = dns->cache.count;
	return stats;
}
