/* The real source of answers: c-ares on our loop. It opens its sockets itself; the loop watches them and keeps its time-outs. */
#include "controlplane/dns/dns_private.h"

#include <ares.h>
#include <netdb.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/time.h>

enum { SOCKETS_MAX = 64, CLASS_IN = 1, TTL_OF_HOSTS_S = 30 };

struct source;

struct source_socket {
	struct source *source;
	struct loop_watch watch; /* free while its loop is NULL */
};

struct source {
	struct loop *loop;
	ares_channel channel;
	struct loop_timer timer;
	struct source_socket sockets[SOCKETS_MAX];
};

static const int type_numbers[DNS_TYPE_COUNT] = {
#define X(name, text, number) [name] = (number),
	DNS_TYPE_LIST(X)
#undef X
};

/* ---- its time-outs and sockets ---- */

static void start_timer(struct source *source)
{
	struct timeval wait = {0};

	if (ares_timeout(source->channel, NULL, &wait))
		loop_timer_start(source->loop, &source->timer,
				 (uint64_t)wait.tv_sec * 1000 + (uint64_t)wait.tv_usec / 1000 + 1);
	else
		loop_timer_stop(source->loop, &source->timer);
}

static void on_timer(void *arg)
{
	struct source *source = arg;

	ares_process_fd(source->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
	start_timer(source);
}

static void on_ready(void *arg, uint32_t events)
{
	struct source_socket *at = arg;
	struct source *source = at->source;
	int fd = at->watch.fd;

	/* An error is found by reading. */
	ares_process_fd(source->channel, events & ~(uint32_t)EPOLLOUT ? fd : ARES_SOCKET_BAD,
			events & EPOLLOUT ? fd : ARES_SOCKET_BAD);
	start_timer(source);
}

static struct source_socket *find_socket(struct source *source, int fd)
{
	struct source_socket *unused = NULL;

	for (size_t i = 0; i < SOCKETS_MAX; i++) {
		struct source_socket *at = &source->sockets[i];

		if (at->watch.loop && at->watch.fd == fd)
			return at;
		if (!at->watch.loop && !unused)
			unused = at;
	}
	return unused;
}

/* c-ares opens, closes, or wants something else of a socket. One that cannot be watched is a server that does not answer. */
static void on_socket(void *arg, ares_socket_t fd, int is_readable, int is_writable)
{
	struct source *source = arg;
	struct source_socket *at = find_socket(source, fd);
	uint32_t events = (is_readable ? EPOLLIN : 0) | (is_writable ? EPOLLOUT : 0);
	int error = 0;

	if (!at)
		return;
	if (events == 0)
		loop_watch_del(&at->watch);
	else if (at->watch.loop)
		error = loop_watch_mod(&at->watch, events);
	else
		error = loop_watch_add(source->loop, &at->watch, fd, events, on_ready, at);
	if (error)
		loop_watch_del(&at->watch);
}

/* ---- questions ---- */

static void on_reply(void *arg, int status, int timeouts, unsigned char *bytes, int size)
{
	struct dns_query *query = arg;
	struct dns_record records[DNS_RECORDS_MAX];
	struct dns_answer answer = {.error = ERR_IO, .records = records};

	if (bytes && size > 0)
		dns_answer_parse(query->type, bytes, (size_t)size, records, &answer);
	else if (status == ARES_ETIMEOUT || status == ARES_ECONNREFUSED)
		answer.error = ERR_TIMEOUT;
	else if (status == ARES_ENOMEM)
		answer.error = ERR_NOMEM;
	else if (status == ARES_EBADRESP || status == ARES_EBADNAME || status == ARES_EFORMERR)
		answer.error = ERR_SYNTAX;
	query->answered(query, &answer);
}

static bool ask_hosts(struct source *source, struct dns_query *query)
{
	int family = query->type == DNS_AAAA ? AF_INET6 : AF_INET;
	struct dns_record records[DNS_RECORDS_MAX] = {{{0}}};
	struct dns_answer answer = {.ttl_s = TTL_OF_HOSTS_S, .records = records};
	struct hostent *entry = NULL;

	if ((query->type != DNS_A && query->type != DNS_AAAA) ||
	    ares_gethostbyname_file(source->channel, query->name, family, &entry) != ARES_SUCCESS)
		return false;
	for (; entry->h_addr_list[answer.count] && answer.count < DNS_RECORDS_MAX; answer.count++) {
		struct net_address *address = &records[answer.count].address;

		address->family = family == AF_INET6 ? NET_IPV6 : NET_IPV4;
		memcpy(address->bytes, entry->h_addr_list[answer.count], net_address_size(address));
	}
	ares_free_hostent(entry);
	if (answer.count == 0)
		return false;
	query->answered(query, &answer);
	return true;
}

static void ask(void *arg, struct dns_query *query)
{
	struct source *source = arg;

	if (ask_hosts(source, query))
		return;
	ares_query(source->channel, query->name, CLASS_IN, type_numbers[query->type], on_reply, query);
	start_timer(source);
}

static void free_source(void *arg)
{
	struct source *source = arg;

	ares_destroy(source->channel);
	for (size_t i = 0; i < SOCKETS_MAX; i++)
		loop_watch_del(&source->sockets[i].watch);
	loop_timer_stop(source->loop, &source->timer);
	free(source);
	ares_library_cleanup();
}

int dns_ares_new(struct loop *loop, const struct dns_ares_options *options, struct dns_source *ret_source)
{
	struct source *source = calloc(1, sizeof(*source));
	struct ares_options wanted = {.timeout = (int)options->timeout_ms,
				      .tries = (int)options->tries,
				      .sock_state_cb = on_socket,
				      .sock_state_cb_data = source};
	int mask = ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB, status;

	if (!source || ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS) {
		free(source);
		return ERR_NOMEM;
	}
	source->loop = loop;
	loop_timer_init(&source->timer, on_timer, source);
	for (size_t i = 0; i < SOCKETS_MAX; i++)
		source->sockets[i].source = source;
	status = ares_init_options(&source->channel, &wanted, mask);
	if (status != ARES_SUCCESS) {
		free(source);
		ares_library_cleanup();
		return status == ARES_ENOMEM ? ERR_NOMEM : ERR_IO;
	}
	if (options->servers[0] && ares_set_servers_ports_csv(source->channel, options->servers) != ARES_SUCCESS) {
		free_source(source);
		return ERR_INVALID;
	}
	*ret_source = (struct dns_source){.ask = ask, .free = free_source, .arg = source};
	return 0;
}
