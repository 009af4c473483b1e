/* The dry run: where a call would go at this moment, and why, in lines of text. Decides as an INVITE would (invite.c) and calls nobody. */
#include "controlplane/call/private.h"

#include "controlplane/registrar/registrar.h"
#include "controlplane/trunk/trunk.h"
#include "lib/config/config.h"

static void explain_phones(const struct call_table *table, const char *number, struct text *out)
{
	struct registrar_contact contacts[CALL_LEGS_MAX - 1];
	size_t count = registrar_find(table->services.registrar, view_of(number), contacts, ARRAY_LEN(contacts), NULL);

	if (!call_find_extension(table, view_of(number)))
		text_printf(out, "there is no extension %s: 404\n", number);
	else if (count == 0)
		text_printf(out, "extension %s has no phone registered: 480\n", number);
	for (size_t i = 0; i < count; i++) {
		char remote[NET_ENDPOINT_TEXT];

		text_printf(out, "rings  %.*s at %s by %s, %u s left\n", VIEW_ARG(contacts[i].uri),
			    net_endpoint_print(&contacts[i].flow.remote, remote),
			    transport_kind_parameter(contacts[i].flow.kind), contacts[i].expires_s);
	}
}

static struct view explain_caller(const struct call_table *table, const char *from, const struct trunk *trunk,
				  struct text *out)
{
	const struct conf_extension *extension = call_find_extension(table, view_of(from));
	const char *context = table->services.conf->dialplan.default_context;

	if (trunk) {
		context = trunk_conf(trunk)->context;
		text_printf(out, "from trunk %s", from);
	} else if (extension) {
		context = extension->context;
		text_printf(out, "from extension %s", from);
	} else {
		text_printf(out, "from nobody that is known");
	}
	text_printf(out, ", by the routes of %s\n", context);
	return view_of(context);
}

void call_table_explain(struct call_table *table, const char *from, const char *to, struct text *out,
			struct routing_decision *ret_decision)
{
	const struct trunk *trunk = trunk_find(table->services.trunks, from);
	struct view context = explain_caller(table, from, trunk, out);
	struct routing_moment moment;
	char changed[TRUNK_NUMBER_SIZE];
	struct tm now;

	loop_local_time(table->services.loop, &now);
	moment = routing_moment_of(&now);
	if (trunk && trunk_rewrite(trunk, CONF_REWRITE_IN, to, changed) == 0 && strcmp(changed, to) != 0) {
		text_printf(out, "the trunk's rewriting makes %s of %s\n", changed, to);
		to = changed;
	}
	routing_explain(table->services.routing, context, view_of(to), &moment, out, ret_decision);
	if (out->size > 0 && out->at[out->size - 1] != '\n')
		text_add_char(out, '\n');
	if (ret_decision->action == ROUTING_EXTENSION)
		explain_phones(table, ret_decision->target, out);
	if (ret_decision->action == ROUTING_TRUNK)
		trunk_explain(table->services.trunks, ret_decision->target, ret_decision->changed, out);
}
