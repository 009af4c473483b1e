/* What a NOTIFY says. XML is written here and nowhere read; what others named is escaped. */
#include "controlplane/subscription/subscription_private.h"

static void add_escaped(struct text *out, struct view raw)
{
	for (size_t i = 0; i < raw.size; i++) {
		unsigned char c = (unsigned char)raw.at[i];

		switch (c) {
		case '&':
			text_add_string(out, "&amp;");
			break;
		case '<':
			text_add_string(out, "&lt;");
			break;
		case '>':
			text_add_string(out, "&gt;");
			break;
		case '"':
			text_add_string(out, "&quot;");
			break;
		case '\'':
			text_add_string(out, "&apos;");
			break;
		default: /* control characters may not stand in XML 1.0 at all; other bytes need not be UTF-8 */
			text_add_char(out, c < 0x20 || c >= 0x7f ? '?' : (char)c);
			break;
		}
	}
}

static void add_attribute(struct text *out, const char *name, struct view value)
{
	text_printf(out, " %s=\"", name);
	add_escaped(out, value);
	text_add_char(out, '"');
}

static void add_uri(struct text *out, struct view user, const char *host)
{
	text_add_string(out, "sip:");
	if (user.size > 0) {
		add_escaped(out, user);
		text_add_char(out, '@');
	}
	add_escaped(out, view_of(host));
}

struct printing {
	struct text *out;
	const char *host;
	struct view number;
	unsigned count;
};

static void print_dialog(const struct subscription_dialog *dialog, void *arg)
{
	struct printing *printing = arg;
	struct text *out = printing->out;

	if (printing->count++ >= SUBSCRIPTION_DIALOGS_MAX)
		return;
	text_add_string(out, "<dialog");
	add_attribute(out, "id", view_of(dialog->id));
	add_attribute(out, "call-id", view_of(dialog->call_id));
	add_attribute(out, "local-tag", view_of(dialog->local_tag));
	add_attribute(out, "remote-tag", view_of(dialog->remote_tag));
	add_attribute(out, "direction", view_of(dialog->is_initiator ? "initiator" : "recipient"));
	text_printf(out, ">\r\n<state>%s</state>\r\n<local><identity>", dialog->state);
	add_uri(out, printing->number, printing->host);
	text_add_string(out, "</identity></local>\r\n<remote><identity>");
	add_uri(out, dialog->remote_user, printing->host);
	text_add_string(out, "</identity></remote>\r\n</dialog>\r\n");
}

static void print_dialogs(struct subscription *subscription, const char *host, struct text *out)
{
	const struct subscription_sources *sources = &subscription->table->sources;
	struct printing printing = {.out = out, .host = host, .number = view_of(subscription->number)};

	text_printf(out,
		    "<?xml version=\"1.0\"?>\r\n<dialog-info xmlns=\"urn:ietf:params:xml:ns:dialog-info\" "
		    "version=\"%u\" state=\"full\" entity=\"",
		    subscription->version);
	add_uri(out, printing.number, host);
	text_add_string(out, "\">\r\n");
	sources->walk_dialogs(sources->arg, printing.number, print_dialog, &printing);
	text_add_string(out, "</dialog-info>\r\n");
}

static void print_presence(struct subscription *subscription, const char *host, struct text *out)
{
	const struct subscription_sources *sources = &subscription->table->sources;
	struct view number = view_of(subscription->number);

	text_add_string(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n<presence "
			     "xmlns=\"urn:ietf:params:xml:ns:pidf\" entity=\"");
	add_uri(out, number, host);
	text_printf(out, "\">\r\n<tuple id=\"t1\"><status><basic>%s</basic></status></tuple>\r\n</presence>\r\n",
		    sources->is_registered(sources->arg, number) ? "open" : "closed");
}

static void print_messages(struct subscription *subscription, const char *host, struct text *out)
{
	const struct subscription_sources *sources = &subscription->table->sources;
	uint32_t new_messages = 0, old_messages = 0;

	if (sources->count_messages)
		sources->count_messages(sources->arg, view_of(subscription->number), &new_messages, &old_messages);
	text_printf(out, "Messages-Waiting: %s\r\nMessage-Account: sip:%s@%s\r\nVoice-Message: %u/%u (0/0)\r\n",
		    new_messages > 0 ? "yes" : "no", subscription->number, host, new_messages, old_messages);
}

void subscription_print(struct subscription *subscription, const char *host, struct text *out)
{
	static void (*const prints[SUBSCRIPTION_PACKAGE_COUNT])(struct subscription *, const char *, struct text *) = {
		[SUBSCRIPTION_DIALOG] = print_dialogs,
		[SUBSCRIPTION_PRESENCE] = print_presence,
		[SUBSCRIPTION_MESSAGES] = print_messages,
	};

	prints[subscription->package](subscription, host, out);
}

const char *subscription_package_name(enum subscription_package package)
{
#define X(id, name, type) [id] = (name),
	static const char *const names[] = {SUBSCRIPTION_PACKAGE_LIST(X)};
#undef X

	return names[package];
}

const char *subscription_package_type(enum subscription_package package)
{
#define X(id, name, type) [id] = (type),
	static const char *const types[] = {SUBSCRIPTION_PACKAGE_LIST(X)};
#undef X

	return types[package];
}
