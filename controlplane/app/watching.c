/* What subscribers are told of: calls and registrar, in the subscriptions' words. */
#include "controlplane/app/signalling.h"

#include <stdio.h>
#include <stdlib.h>

#include "controlplane/auth/auth.h"
#include "controlplane/call/call.h"
#include "controlplane/loop/loop.h"
#include "controlplane/registrar/registrar.h"
#include "controlplane/subscription/subscription.h"
#include "lib/sip/sip.h"

static bool is_extension(void *arg, struct view number)
{
	return auth_find(((struct signalling *)arg)->auth, number) != NULL;
}

static bool is_registered(void *arg, struct view number)
{
	return registrar_is_there(((struct signalling *)arg)->registrar, number);
}

struct dialog_visit {
	void (*visit)(const struct subscription_dialog *dialog, void *arg);
	void *arg;
};

static void show_dialog(const struct call_of_extension *call, void *arg)
{
	const struct dialog_visit *visit = arg;
	struct sip_name_address party;
	struct subscription_dialog dialog = {.id = call->id,
					     .call_id = call->sip_call_id,
					     .local_tag = call->local_tag,
					     .remote_tag = call->remote_tag,
					     .state = call->state,
					     .is_initiator = call->is_initiator,
					     .remote_user = VIEW_EMPTY};

	if (sip_name_address_parse(view_of(call->remote_party), &party) == 0 && party.uri.user.at)
		dialog.remote_user = party.uri.user;
	visit->visit(&dialog, visit->arg);
}

/* ---- calls on other workers: copies, sent to the first each time something changed ---- */

enum { TEXT_SIZE = 128 };

/* What a subscriber is told of one call. Longer names than this are cut: then a pick-up by them finds nothing. */
struct told_dialog {
	char id[TEXT_SIZE], call_id[257], local_tag[TEXT_SIZE], remote_tag[TEXT_SIZE], remote_user[TEXT_SIZE];
	const char *state; /* constant */
	bool is_initiator;
};

struct told {
	struct map_node node; /* in the first's elsewhere */
	struct loop_message message;
	struct signalling *from; /* NULL: to be freed */
	char number[65];
	size_t count;
	struct told_dialog dialogs[SUBSCRIPTION_DIALOGS_MAX];
};

struct told_key {
	const struct signalling *from;
	struct view number;
};

static bool is_told(const struct map_node *node, const void *key)
{
	const struct told *told = CONTAINER_OF(node, const struct told, node);
	const struct told_key *k = key;

	return told->from == k->from && view_is(k->number, told->number);
}

static struct told *find_told(struct signalling *first, const struct signalling *from, struct view number)
{
	struct told_key key = {from, number};
	struct map_node *node = map_find(&first->elsewhere, hash_bytes(number.at, number.size), &key);

	return node ? CONTAINER_OF(node, struct told, node) : NULL;
}

static void copy_dialog(const struct subscription_dialog *dialog, void *arg)
{
	struct told *told = arg;
	struct told_dialog *to;

	if (told->count == SUBSCRIPTION_DIALOGS_MAX)
		return;
	to = &told->dialogs[told->count++];
	snprintf(to->id, sizeof(to->id), "%s", dialog->id);
	snprintf(to->call_id, sizeof(to->call_id), "%s", dialog->call_id);
	snprintf(to->local_tag, sizeof(to->local_tag), "%s", dialog->local_tag);
	snprintf(to->remote_tag, sizeof(to->remote_tag), "%s", dialog->remote_tag);
	snprintf(to->remote_user, sizeof(to->remote_user), "%.*s", VIEW_ARG(dialog->remote_user));
	to->state = dialog->state;
	to->is_initiator = dialog->is_initiator;
}

static void walk_own(struct signalling *signalling, struct view number,
		     void (*visit)(const struct subscription_dialog *dialog, void *arg), void *arg)
{
	struct dialog_visit both = {visit, arg};

	call_table_walk_extension(signalling->calls, number, show_dialog, &both);
}

/* The first's thread: the news takes the place of what it said before. */
static void on_told(void *arg)
{
	struct told *told = arg, *before;
	struct signalling *first = told->from->first;

	before = find_told(first, told->from, view_of(told->number));
	if (before) {
		map_del(&first->elsewhere, &before->node);
		free(before);
	}
	if (first->subscriptions && (before || told->count > 0))
		subscription_changed(first->subscriptions, SUBSCRIPTION_DIALOG, view_of(told->number));
	if (told->count > 0)
		map_add(&first->elsewhere, &told->node, hash_bytes(told->number, strlen(told->number)));
	else
		free(told);
}

/* Without memory the lamp stays as it is until the next change. */
static void tell_first(struct signalling *signalling, struct view number)
{
	struct told *told = calloc(1, sizeof(*told));

	if (!told)
		return;
	told->from = signalling;
	snprintf(told->number, sizeof(told->number), "%.*s", VIEW_ARG(number));
	walk_own(signalling, number, copy_dialog, told);
	loop_message_init(&told->message, on_told, told);
	loop_post(signalling->first->loop, &told->message);
}

static _Atomic uint8_t *watched_slot(struct signalling *first, struct view number)
{
	return &first->watched[hash_bytes(number.at, number.size) % SIGNALLING_WATCHED];
}

struct wish {
	struct loop_message message;
	struct signalling *of;
	char number[65];
};

static void on_wish(void *arg)
{
	struct wish *wish = arg;

	tell_first(wish->of, view_of(wish->number));
	free(wish);
}

void signalling_watch(struct signalling *signalling, struct view number)
{
	_Atomic uint8_t *slot = watched_slot(signalling, number);

	if (signalling->count < 2 || number.size >= sizeof(((struct wish *)NULL)->number) ||
	    atomic_exchange_explicit(slot, 1, memory_order_relaxed))
		return;
	for (unsigned i = 1; i < signalling->count; i++) {
		struct wish *wish = calloc(1, sizeof(*wish));

		if (!wish)
			return;
		wish->of = signalling->all[i];
		snprintf(wish->number, sizeof(wish->number), "%.*s", VIEW_ARG(number));
		loop_message_init(&wish->message, on_wish, wish);
		loop_post(wish->of->loop, &wish->message);
	}
}

static void free_told(struct map_node *node, void *arg)
{
	free(CONTAINER_OF(node, struct told, node));
}

void signalling_forget_watched(struct signalling *signalling)
{
	if (!signalling->elsewhere.buckets)
		return;
	map_walk(&signalling->elsewhere, free_told, NULL);
	map_fini(&signalling->elsewhere);
}

static void walk_dialogs(void *arg, struct view number,
			 void (*visit)(const struct subscription_dialog *dialog, void *visit_arg), void *visit_arg)
{
	struct signalling *signalling = arg;

	walk_own(signalling, number, visit, visit_arg);
	for (unsigned i = 1; i < signalling->count; i++) {
		const struct told *told = find_told(signalling, signalling->all[i], number);

		for (size_t k = 0; told && k < told->count; k++) {
			const struct told_dialog *from = &told->dialogs[k];
			const struct subscription_dialog dialog = {.id = from->id,
								   .call_id = from->call_id,
								   .local_tag = from->local_tag,
								   .remote_tag = from->remote_tag,
								   .state = from->state,
								   .is_initiator = from->is_initiator,
								   .remote_user = view_of(from->remote_user)};

			visit(&dialog, visit_arg);
		}
	}
}

void signalling_on_extension(void *arg, const char *number)
{
	struct signalling *signalling = arg;

	if (signalling->first == signalling)
		subscription_changed(signalling->subscriptions, SUBSCRIPTION_DIALOG, view_of(number));
	else if (atomic_load_explicit(watched_slot(signalling->first, view_of(number)), memory_order_relaxed))
		tell_first(signalling, view_of(number));
}

int signalling_make_subscriptions(struct signalling *signalling)
{
	struct subscription_sources sources = {.is_extension = is_extension,
					       .is_registered = is_registered,
					       .walk_dialogs = walk_dialogs,
					       .arg = signalling};

	if (map_init(&signalling->elsewhere, is_told) != 0)
		return ERR_NOMEM;
	return subscription_table_new(signalling->loop, signalling->transactions, signalling->auth, &sources,
				      &signalling->subscriptions);
}
