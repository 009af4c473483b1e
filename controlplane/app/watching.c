/* What subscribers are told of: calls and registrar, in the subscriptions' words. */
#include "controlplane/app/signalling.h"

#include "controlplane/auth/auth.h"
#include "controlplane/call/call.h"
#include "controlplane/registrar/registrar.h"
#include "controlplane/subscription/subscription.h"
#include "lib/sip/sip.h"

static bool is_extension(void *arg, struct view number)
{
	return auth_find(((struct signalling *)arg)->auth, number) != NULL;
}

static bool is_registered(void *arg, struct view number)
{
	struct registrar_contact contact;

	return registrar_find(((struct signalling *)arg)->registrar, number, &contact, 1) > 0;
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

static void walk_dialogs(void *arg, struct view number,
			 void (*visit)(const struct subscription_dialog *dialog, void *visit_arg), void *visit_arg)
{
	struct dialog_visit both = {visit, visit_arg};

	call_table_walk_extension(((struct signalling *)arg)->calls, number, show_dialog, &both);
}

void signalling_on_extension(void *arg, const char *number)
{
	subscription_changed(((struct signalling *)arg)->subscriptions, SUBSCRIPTION_DIALOG, view_of(number));
}

int signalling_make_subscriptions(struct signalling *signalling)
{
	struct subscription_sources sources = {.is_extension = is_extension,
					       .is_registered = is_registered,
					       .walk_dialogs = walk_dialogs,
					       .arg = signalling};

	return subscription_table_new(signalling->loop, signalling->transactions, signalling->auth, &sources,
				      &signalling->subscriptions);
}
