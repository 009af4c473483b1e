/* What phones say: requests and responses with the headers that a phone would write, changed as the step's block wants; and
 * what they learn of their call from what they hear. */
#include "controlplane/auth/auth.h"
#include "tests/scenario/scenario.h"

#include <stdio.h>

enum { HEADERS_MAX = 48 };

/* A message before it is printed. */
struct draft {
	struct phone *phone;
	struct call *call;
	struct view method, uri; /* for digest */
	struct {
		char name[64], value[2304];
	} headers[HEADERS_MAX];
	unsigned count;
	struct text body;
	char body_buffer[16384];
};

static struct draft draft;

static void draft_init(struct phone *phone, struct call *call, struct view method, struct view uri)
{
	draft.phone = phone;
	draft.call = call;
	draft.method = method;
	draft.uri = uri;
	draft.count = 0;
	text_init(&draft.body, draft.body_buffer, sizeof(draft.body_buffer));
}

static void add(const char *name, const char *format, ...) PRINTF(2, 3);

static void add(const char *name, const char *format, ...)
{
	va_list args;

	if (draft.count == HEADERS_MAX)
		scenario_fail("more than %d headers", HEADERS_MAX);
	snprintf(draft.headers[draft.count].name, sizeof(draft.headers[0].name), "%s", name);
	va_start(args, format);
	vsnprintf(draft.headers[draft.count++].value, sizeof(draft.headers[0].value), format, args);
	va_end(args);
}

static bool is_named(unsigned index, struct view name)
{
	return view_is_nocase(name, draft.headers[index].name);
}

static void remove_all(struct view name)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < draft.count; i++)
		if (!is_named(i, name))
			draft.headers[kept++] = draft.headers[i];
	draft.count = kept;
}

/* ---- the lines of a block ---- */

static void add_sdp(struct view rest)
{
	struct view port = next_word(&rest), direction = next_word(&rest);
	const struct net_address *address = &draft.phone->flow.local.address;
	char text[NET_ADDRESS_TEXT];
	const char *family = address->family == NET_IPV6 ? "IP6" : "IP4";

	net_address_print(address, text);
	text_printf(&draft.body,
		    "v=0\r\no=%s 1 %u IN %s %s\r\ns=-\r\nc=IN %s %s\r\nt=0 0\r\nm=audio %.*s RTP/AVP 0 8 101\r\n"
		    "a=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\n"
		    "a=fmtp:101 0-15\r\na=%.*s\r\n",
		    draft.phone->name, draft.call->cseq + 1, family, text, family, text, VIEW_ARG(port),
		    VIEW_ARG(direction.size > 0 ? direction : VIEW("sendrecv")));
}

/* The answer to the call's last challenge. */
static void add_digest(void)
{
	static unsigned count;
	struct auth_options options = {.realm = "", .algorithms = {AUTH_MD5}, .algorithm_count = 1};
	struct auth_credentials credentials = {.user = view_of(draft.phone->user),
					       .password = view_of(draft.phone->password),
					       .count = ++draft.call->challenge_uses};
	struct sip_writer writer;
	struct view line, name;
	char buffer[2048], cnonce[17];

	if (!host.auth && auth_new(&options, NULL, 0, (const uint8_t[AUTH_KEY_SIZE]){0}, &host.auth) < 0)
		scenario_fail("no digests");
	snprintf(cnonce, sizeof(cnonce), "cnonce%u", ++count);
	credentials.cnonce = view_of(cnonce);
	sip_writer_init(&writer, buffer, sizeof(buffer));
	if (!draft.call->challenge ||
	    auth_answer(host.auth, draft.call->challenge, draft.method, draft.uri, &credentials, &writer) < 0)
		scenario_fail("%s was not challenged in this call", draft.phone->name);
	line = text_view(&writer.text);
	name = view_cut(&line, ':');
	add(name.at[0] == 'P' ? "Proxy-Authorization" : "Authorization", "%.*s", VIEW_ARG(view_trim(line)));
}

static void apply_header(struct view line, bool is_added)
{
	char expanded[2304], name_text[64];
	struct text text;
	struct view value, name;

	text_init(&text, expanded, sizeof(expanded));
	expand(&text, line);
	value = text_view(&text);
	name = view_trim(view_cut(&value, ':'));
	if (!value.at || view_copy(name, name_text, sizeof(name_text)) < 0)
		scenario_fail("\"%.*s\" is neither \"Name: value\" nor another thing that a block may have",
			      VIEW_ARG(line));
	value = view_trim(value);
	for (unsigned i = 0; !is_added && i < draft.count; i++) {
		if (!is_named(i, name))
			continue;
		snprintf(draft.headers[i].value, sizeof(draft.headers[i].value), "%.*s", VIEW_ARG(value));
		return;
	}
	add(name_text, "%.*s", VIEW_ARG(value));
}

static void apply_line(struct view line)
{
	if (line.at[0] == '|') {
		expand(&draft.body, view_sub(line, 1, line.size));
		text_add_string(&draft.body, "\r\n");
	} else if (line.at[0] == '-') {
		remove_all(view_trim(view_sub(line, 1, line.size)));
	} else if (line.at[0] == '+') {
		apply_header(view_trim(view_sub(line, 1, line.size)), true);
	} else if (view_is(line, "digest")) {
		add_digest();
	} else if (take_word(&line, "sdp")) {
		add_sdp(line);
	} else {
		apply_header(line, false);
	}
}

static void apply_block(struct view block)
{
	struct view line;

	while (next_line(&block, &line))
		apply_line(line);
}

static bool has_header(const char *name)
{
	for (unsigned i = 0; i < draft.count; i++)
		if (is_named(i, view_of(name)))
			return true;
	return false;
}

static void print_draft(struct text *out)
{
	if (draft.body.size > 0 && !has_header("Content-Type"))
		add("Content-Type", "application/sdp");
	if (!has_header("Content-Length"))
		add("Content-Length", "%zu", draft.body.size);
	for (unsigned i = 0; i < draft.count; i++)
		text_printf(out, "%s: %s\r\n", draft.headers[i].name, draft.headers[i].value);
	text_add_string(out, "\r\n");
	text_add(out, text_view(&draft.body));
	if (out->overflow || draft.body.overflow)
		scenario_fail("the message is too long");
}

/* ---- requests ---- */

static void set_target(struct call *call, enum sip_method method, struct view uri)
{
	if (uri.size == 0)
		return;
	snprintf(call->target, sizeof(call->target), "%.*s", VIEW_ARG(uri));
	if (method == SIP_METHOD_REGISTER)
		snprintf(call->remote_uri, sizeof(call->remote_uri), "%s", call->local_uri);
	else if (!call->remote_tag[0])
		snprintf(call->remote_uri, sizeof(call->remote_uri), "<%.*s>", VIEW_ARG(uri));
}

static void new_branch(struct phone *phone, struct call *call, char branch[96])
{
	static unsigned number;

	snprintf(branch, 96, SIP_BRANCH_COOKIE "-%s-%s-%u", phone->name, call->name, ++number);
}

/* ACK of a failure and CANCEL stay within the INVITE's transaction; the ACK of a 2xx has one of its own. */
static bool belongs_to_invite(const struct call *call, enum sip_method method)
{
	return method == SIP_METHOD_CANCEL || (method == SIP_METHOD_ACK && call->invite.status >= 300);
}

static void add_to(struct call *call, enum sip_method method)
{
	struct view to = call->response ? sip_header_find(call->response, SIP_HEADER_TO) : VIEW_EMPTY;

	if (method == SIP_METHOD_ACK && belongs_to_invite(call, method))
		add("To", "%.*s", VIEW_ARG(to));
	else if (method != SIP_METHOD_CANCEL && call->remote_tag[0])
		add("To", "%s;tag=%s", call->remote_uri, call->remote_tag);
	else
		add("To", "%s", call->remote_uri);
}

void write_request(struct phone *phone, struct call *call, enum sip_method method, struct view uri, struct view block,
		   struct text *out)
{
	char branch[96], contact[NET_ENDPOINT_TEXT], target[2049];
	const char *name = sip_method_name(method);
	bool is_old = belongs_to_invite(call, method);
	uint32_t cseq = method == SIP_METHOD_ACK || is_old ? call->invite.cseq : ++call->cseq;

	set_target(call, method, uri);
	new_branch(phone, call, branch);
	if (method == SIP_METHOD_INVITE) {
		call->invite.cseq = cseq;
		call->invite.status = 0;
		memcpy(call->invite.branch, branch, sizeof(branch));
		memcpy(call->invite.uri, call->target, sizeof(call->target));
	}
	snprintf(target, sizeof(target), "%s", is_old ? call->invite.uri : call->target);
	if (!target[0])
		scenario_fail("%s does not know yet where to send that: name a URI", phone->name);
	draft_init(phone, call, view_of(name), view_of(target));
	net_endpoint_print(&phone->flow.local, contact);
	add("Via", "SIP/2.0/%s %s;branch=%s;rport", transport_kind_name(phone->flow.kind), contact,
	    is_old ? call->invite.branch : branch);
	add("From", "%s;tag=%s", call->local_uri, call->local_tag);
	add_to(call, method);
	add("Call-ID", "%s", call->call_id);
	add("CSeq", "%u %s", cseq, name);
	add("Max-Forwards", "70");
	if (method != SIP_METHOD_ACK && method != SIP_METHOD_CANCEL && method != SIP_METHOD_BYE)
		add("Contact", "<sip:%s@%s>", phone->user, contact);
	apply_block(block);
	text_printf(out, "%s %s SIP/2.0\r\n", name, target);
	print_draft(out);
}

/* ---- responses ---- */

void write_response(struct phone *phone, struct call *call, const struct sip_message *request, unsigned status,
		    struct view reason, struct view block, struct text *out)
{
	static char buffer[SIP_MESSAGE_MAX + 1];
	struct sip_writer writer;
	char contact[NET_ENDPOINT_TEXT];

	sip_writer_init(&writer, buffer, sizeof(buffer));
	sip_write_response(&writer, request, status, reason, status > 100 ? view_of(call->local_tag) : VIEW_EMPTY,
			   NULL);
	sip_write_copy(&writer, request, SIP_HEADER_RECORD_ROUTE);
	text_add(out, text_view(&writer.text));
	draft_init(phone, call, request->method_text, request->uri_text);
	if (status > 100 && status < 300 && request->method == SIP_METHOD_INVITE)
		add("Contact", "<sip:%s@%s>", phone->user, net_endpoint_print(&phone->flow.local, contact));
	apply_block(block);
	print_draft(out);
}

/* ---- what is heard ---- */

static void keep(struct sip_message **kept, const struct sip_message *message)
{
	sip_message_free(*kept);
	if (sip_message_new(message, kept) < 0)
		scenario_fail("out of memory");
}

static void learn_target(struct call *call, const struct sip_message *message)
{
	struct sip_name_address contact;

	if (sip_name_address_parse(sip_header_find(message, SIP_HEADER_CONTACT), &contact) == 0)
		snprintf(call->target, sizeof(call->target), "%.*s", VIEW_ARG(contact.uri.text));
}

static void learn_tag(struct call *call, struct view tag)
{
	snprintf(call->remote_tag, sizeof(call->remote_tag), "%.*s", VIEW_ARG(tag));
}

static void receive_request(struct call *call, const struct sip_message *message)
{
	if (message->method == SIP_METHOD_ACK)
		return;
	keep(message->method == SIP_METHOD_INVITE ? &call->invite_received : &call->other_received, message);
	if (message->method == SIP_METHOD_CANCEL)
		return;
	learn_tag(call, message->from.tag);
	learn_target(call, message);
	snprintf(call->remote_uri, sizeof(call->remote_uri), "<%.*s>", VIEW_ARG(message->from.uri.text));
	snprintf(call->local_uri, sizeof(call->local_uri), "<%.*s>", VIEW_ARG(message->to.uri.text));
	call->is_confirmed = true;
}

void call_receive(struct phone *phone, struct call *call, const struct sip_message *message)
{
	phone->current = call;
	if (message->is_request) {
		receive_request(call, message);
		return;
	}
	if (message->method == SIP_METHOD_CANCEL)
		return;
	keep(&call->response, message);
	if (message->status == 401 || message->status == 407) {
		keep(&call->challenge, message);
		call->challenge_uses = 0;
	}
	if (message->method != SIP_METHOD_INVITE)
		return;
	if (message->status >= 200 && message->cseq.number == call->invite.cseq)
		call->invite.status = message->status;
	if (message->status > 100 && message->status < 300 && message->to.tag.at) {
		learn_tag(call, message->to.tag);
		learn_target(call, message);
		call->is_confirmed |= message->status >= 200;
	} else if (message->status >= 300 && !call->is_confirmed) {
		call->remote_tag[0] = '\0';
		snprintf(call->target, sizeof(call->target), "%s", call->invite.uri);
	}
}
