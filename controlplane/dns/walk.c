/* RFC 3263 section 4 as a pure function: from a question and what is known to targets, or to what has to be asked. It is walked
 * anew from the beginning with each answer that comes, so it has no state. */
#include "controlplane/dns/dns_private.h"

#include <stdio.h>

enum { SERVERS_MAX = DNS_RECORDS_MAX };

/* Transports that DNS has names for, in the order of our liking; kinds by their name in URIs. */
static const struct service {
	const char *kind, *naptr, *srv;
	bool is_secure;
} services[] = {
	{"udp", "SIP+D2U", "_sip._udp.", false},
	{"tcp", "SIP+D2T", "_sip._tcp.", false},
	{"tls", "SIPS+D2T", "_sips._tcp.", true},
};

struct server {
	enum transport_kind kind;
	uint16_t port, rank, priority, weight;
	const char *name;
};

struct walk {
	const struct dns_question *question;
	const struct dns_reach *reach;
	dns_find *find;
	void *arg;
	struct dns_targets *targets;
	struct server servers[SERVERS_MAX];
	size_t server_count;
	uint16_t rank;
	bool is_waiting; /* something has to be asked */
	bool is_found;   /* records say where the service is, or that it is nowhere */
	int failure;     /* the servers did not answer: 0, or the error */
};

static int kind_of(const struct service *service, const struct dns_reach *reach, enum transport_kind *ret_kind)
{
	for (unsigned kind = 0; kind < TRANSPORT_COUNT; kind++)
		if (strcmp(transport_kind_parameter(kind), service->kind) == 0 &&
		    ((reach->ipv4 | reach->ipv6) & 1u << kind) != 0) {
			*ret_kind = kind;
			return 0;
		}
	return ERR_UNSUPPORTED;
}

static bool can_reach(const struct dns_reach *reach, enum transport_kind kind, enum net_family family)
{
	return ((family == NET_IPV6 ? reach->ipv6 : reach->ipv4) & 1u << kind) != 0;
}

/* The answer, when there is one with records. */
static const struct dns_answer *look(struct walk *walk, enum dns_type type, const char *name)
{
	struct dns_known known;

	if (!walk->find(walk->arg, type, name, &known)) {
		walk->is_waiting = true;
		return NULL;
	}
	walk->targets->until_ms = MIN(walk->targets->until_ms, known.until_ms);
	walk->targets->is_stale |= known.is_stale;
	if (known.answer->error == 0)
		return known.answer;
	if (known.answer->error != ERR_NOT_FOUND)
		walk->failure = known.answer->error;
	return NULL;
}

/* ---- addresses ---- */

static void add_target(struct walk *walk, const struct server *server, size_t index, const struct net_address *address)
{
	struct dns_targets *targets = walk->targets;

	if (net_address_is_any(address) || net_address_is_multicast(address) || targets->count == DNS_TARGETS_MAX ||
	    !can_reach(walk->reach, server->kind, address->family))
		return;
	targets->list[targets->count++] = (struct dns_target){
		.kind = server->kind,
		.remote = {.address = *address, .port = server->port},
		.rank = server->rank,
		.priority = server->priority,
		.weight = server->weight,
		.server = (uint16_t)index,
	};
}

static void resolve_server(struct walk *walk, size_t index)
{
	const struct server *server = &walk->servers[index];

	for (int i = 0; i < 2; i++) {
		enum net_family family = (i == 0) == walk->reach->prefers_ipv6 ? NET_IPV6 : NET_IPV4;
		const struct dns_answer *answer = NULL;

		if (can_reach(walk->reach, server->kind, family))
			answer = look(walk, family == NET_IPV6 ? DNS_AAAA : DNS_A, server->name);
		for (size_t k = 0; answer && k < answer->count; k++)
			add_target(walk, server, index, &answer->records[k].address);
	}
}

/* ---- servers ---- */

static void add_server(struct walk *walk, struct server server)
{
	if (walk->server_count < SERVERS_MAX)
		walk->servers[walk->server_count++] = server;
}

static void add_by_srv(struct walk *walk, enum transport_kind kind, const char *name)
{
	const struct dns_answer *answer = look(walk, DNS_SRV, name);

	for (size_t i = 0; answer && i < answer->count; i++) {
		const struct dns_record *record = &answer->records[i];

		walk->is_found = true;
		if (record->name[0] && record->port > 0)
			add_server(walk, (struct server){.kind = kind,
							 .port = record->port,
							 .rank = walk->rank,
							 .priority = record->priority,
							 .weight = record->weight,
							 .name = record->name});
	}
	walk->rank++;
}

static bool is_wanted(const struct dns_question *question, const struct service *service, enum transport_kind kind)
{
	return (!question->is_secure || service->is_secure) && (!question->has_kind || question->kind == kind);
}

static const struct service *find_service(const char *naptr)
{
	for (size_t i = 0; i < ARRAY_LEN(services); i++)
		if (view_is_nocase(view_of(naptr), services[i].naptr))
			return &services[i];
	return NULL;
}

/* Lower order first, then lower preference (RFC 3403 4.1). */
static bool is_before(const struct dns_record *a, const struct dns_record *b)
{
	return a->priority != b->priority ? a->priority < b->priority : a->weight < b->weight;
}

static void add_by_naptr(struct walk *walk, const char *host)
{
	const struct dns_answer *answer = look(walk, DNS_NAPTR, host);
	bool is_used[DNS_RECORDS_MAX] = {false};

	for (size_t round = 0; answer && round < MIN(answer->count, DNS_RECORDS_MAX); round++) {
		const struct service *service;
		enum transport_kind kind;
		size_t best = SIZE_MAX;

		for (size_t i = 0; i < MIN(answer->count, DNS_RECORDS_MAX); i++)
			if (!is_used[i] && (best == SIZE_MAX || is_before(&answer->records[i], &answer->records[best])))
				best = i;
		is_used[best] = true;
		service = find_service(answer->records[best].service);
		if (service && kind_of(service, walk->reach, &kind) == 0 && is_wanted(walk->question, service, kind)) {
			walk->is_found = true;
			add_by_srv(walk, kind, answer->records[best].name);
		}
	}
}

static void add_by_services(struct walk *walk, const char *host)
{
	for (size_t i = 0; i < ARRAY_LEN(services); i++) {
		char name[DNS_NAME_SIZE];
		enum transport_kind kind;

		if (kind_of(&services[i], walk->reach, &kind) == 0 && is_wanted(walk->question, &services[i], kind) &&
		    (size_t)snprintf(name, sizeof(name), "%s%s", services[i].srv, host) < sizeof(name))
			add_by_srv(walk, kind, name);
	}
}

static enum transport_kind usual_kind(const struct dns_question *question, const struct dns_reach *reach)
{
	enum transport_kind kind = TRANSPORT_UDP;

	if (question->has_kind)
		return question->kind;
	for (size_t i = 0; i < ARRAY_LEN(services); i++)
		if (services[i].is_secure && question->is_secure && kind_of(&services[i], reach, &kind) == 0)
			return kind;
	return kind;
}

static void gather_servers(struct walk *walk, const char *host)
{
	const struct dns_question *question = walk->question;
	enum transport_kind kind = usual_kind(question, walk->reach);

	if (question->port == 0 && !question->has_kind)
		add_by_naptr(walk, host);
	if (question->port == 0 && !walk->is_found && !walk->is_waiting)
		add_by_services(walk, host);
	if (!walk->is_found && !walk->is_waiting)
		add_server(walk, (struct server){.kind = kind,
						 .port = question->port ? question->port : transport_kind_port(kind),
						 .rank = walk->rank,
						 .name = host});
}

/* ---- the whole ---- */

static int take_address(struct walk *walk, const struct net_address *address)
{
	const struct dns_question *question = walk->question;
	enum transport_kind kind = usual_kind(question, walk->reach);
	struct server server = {.kind = kind, .port = question->port ? question->port : transport_kind_port(kind)};

	add_target(walk, &server, 0, address);
	return walk->targets->count > 0 ? 0 : ERR_UNSUPPORTED;
}

int dns_walk(const struct dns_question *question, const struct dns_reach *reach, dns_find *find, void *arg,
	     struct dns_targets *ret_targets)
{
	struct view host = view_of(question->host);
	struct walk walk = {.question = question, .reach = reach, .find = find, .arg = arg, .targets = ret_targets};
	struct net_address address;
	char name[DNS_NAME_SIZE];

	*ret_targets = (struct dns_targets){.until_ms = UINT64_MAX};
	if (host.size > 2 && host.at[0] == '[' && host.at[host.size - 1] == ']')
		host = view_sub(host, 1, host.size - 2);
	if (net_address_parse(host, &address) == 0)
		return take_address(&walk, &address);
	if (dns_name_normalize(host, name) != 0)
		return ERR_SYNTAX;
	gather_servers(&walk, name);
	for (size_t i = 0; i < walk.server_count; i++)
		resolve_server(&walk, i);
	if (walk.is_waiting)
		return ERR_AGAIN;
	if (ret_targets->count > 0)
		return 0;
	return walk.failure ? walk.failure : ERR_NOT_FOUND;
}
