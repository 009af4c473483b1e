/* In which order targets are tried: by rank and priority, among equals at random by weight. RFC 2782. */
#include "controlplane/dns/dns_private.h"

bool dns_target_is_equal(const struct dns_target *a, const struct dns_target *b)
{
	return a->kind == b->kind && net_endpoint_is_equal(&a->remote, &b->remote);
}

static bool is_same_class(const struct dns_target *a, const struct dns_target *b)
{
	return a->rank == b->rank && a->priority == b->priority;
}

static int compare(const struct dns_target *a, const struct dns_target *b)
{
	if (a->rank != b->rank)
		return a->rank < b->rank ? -1 : 1;
	if (a->priority != b->priority)
		return a->priority < b->priority ? -1 : 1;
	/* Those of weight 0 stand first when weights are summed up, so that they are drawn hardly ever. */
	if (!a->weight != !b->weight)
		return a->weight ? 1 : -1;
	return a->server < b->server ? -1 : a->server > b->server;
}

/* Few and nearly sorted: by insertion, which keeps the addresses of a server in their order. */
static void sort(struct dns_target *list, size_t count)
{
	for (size_t i = 1; i < count; i++) {
		struct dns_target moving = list[i];
		size_t at = i;

		for (; at > 0 && compare(&list[at - 1], &moving) > 0; at--)
			list[at] = list[at - 1];
		list[at] = moving;
	}
}

/* How many from there on are of the same server. */
static size_t server_size(const struct dns_target *list, size_t count)
{
	size_t size = 1;

	while (size < count && list[size].server == list[0].server)
		size++;
	return size;
}

/* Which server of the class is next: its first target. */
static size_t draw_server(const struct dns_target *list, size_t count, uint32_t (*draw)(void *arg, uint32_t max),
			  void *arg)
{
	uint32_t sum = 0, drawn;
	size_t at = 0;

	for (size_t i = 0; i < count; i += server_size(list + i, count - i))
		sum += list[i].weight;
	drawn = draw(arg, sum);
	for (sum = 0; at < count; at += server_size(list + at, count - at)) {
		sum += list[at].weight;
		if (sum >= drawn)
			break;
	}
	return at < count ? at : 0;
}

/* Moves `size` targets at `from` to the front, the others behind in their order. */
static void move_front(struct dns_target *list, size_t from, size_t size)
{
	struct dns_target moving[DNS_TARGETS_MAX];

	memcpy(moving, list + from, size * sizeof(*list));
	memmove(list + size, list, from * sizeof(*list));
	memcpy(list, moving, size * sizeof(*list));
}

void dns_targets_order(struct dns_target *list, size_t count, uint32_t (*draw)(void *arg, uint32_t max), void *arg)
{
	if (BUG_ON(count > DNS_TARGETS_MAX))
		return;
	sort(list, count);
	for (size_t done = 0; done < count;) {
		size_t class = 1, at, size;

		while (done + class < count && is_same_class(&list[done], &list[done + class]))
			class ++;
		at = server_size(list + done, class) == class ? 0 : draw_server(list + done, class, draw, arg);
		size = server_size(list + done + at, class - at);
		move_front(list + done, at, size);
		done += size;
	}
}
