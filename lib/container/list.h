/* An intrusive doubly linked list: the link lives in the member, the list owns nothing.
 *
 * Threads: none of its own; the owner of the list decides. Cost: every operation is constant.
 * A member that is in no list has been list_init'ed or list_del'eted: list_del is safe on it, and may be repeated.
 */
#ifndef LIB_CONTAINER_LIST_H
#define LIB_CONTAINER_LIST_H

#include "lib/base/base.h"

struct list {
	struct list *next, *prev;
};

static inline void list_init(struct list *l)
{
	l->next = l->prev = l;
}

static inline bool list_is_empty(const struct list *l)
{
	return l->next == l;
}

/* Puts member last. It must not be in a list. */
static inline void list_add(struct list *l, struct list *member)
{
	member->next = l;
	member->prev = l->prev;
	l->prev->next = member;
	l->prev = member;
}

static inline void list_del(struct list *member)
{
	member->next->prev = member->prev;
	member->prev->next = member->next;
	list_init(member);
}

/* The first member, or NULL. */
static inline struct list *list_first(const struct list *l)
{
	return l->next == l ? NULL : l->next;
}

/* DPDK brings sys/queue.h along, which has other macros of these names. */
#undef LIST_ENTRY
#undef LIST_FOREACH
#define LIST_ENTRY(link, type, member) CONTAINER_OF(link, type, member)
/* Walks; the members must stay. */
#define LIST_FOREACH(it, l)            for (struct list *it = (l)->next; it != (l); it = it->next)
/* Walks; the body may delete `it`, and nothing else. */
#define LIST_FOREACH_SAFE(it, l)                                                                                       \
	for (struct list *it = (l)->next, *it##_next = it->next; it != (l); it = it##_next, it##_next = it->next)

#endif
