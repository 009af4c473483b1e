/* The beginning of every response: what RFC 3261 8.2.6.2 copies from the request, and where the answer goes (3581). */
#include "lib/sip/write.h"
#include "lib/sip/scan.h"

/* received= is owed when the sent-by is a name or another address than the packet's, or rport was asked. */
static bool needs_received(const struct sip_via *via, const struct net_endpoint *source)
{
	struct net_address host;

	if (via->has_rport || via->host_kind == SIP_HOST_NAME || net_address_parse(via->host, &host))
		return true;
	return !net_address_is_equal(&host, &source->address);
}

static void print_via(struct text *text, const struct sip_via *via, const struct net_endpoint *source)
{
	struct view rest = via->params;
	struct sip_param param;
	char address[NET_ADDRESS_TEXT];

	text_add(text, sip_trim(sip_between(via->text.at, via->params.at)));
	while (sip_param_next(&rest, &param) == 1) {
		if (view_is_nocase(param.name, "received") || view_is_nocase(param.name, "rport"))
			continue;
		text_add_char(text, ';');
		text_add(text, param.name);
		if (!param.value.at)
			continue;
		text_add(text, param.is_quoted ? VIEW("=\"") : VIEW("="));
		text_add(text, param.value);
		if (param.is_quoted)
			text_add_char(text, '"');
	}
	if (needs_received(via, source)) {
		text_add(text, VIEW(";received="));
		text_add_string(text, net_address_print(&source->address, address));
	}
	if (via->has_rport) {
		text_add(text, VIEW(";rport="));
		text_add_u64(text, source->port);
	}
}

/* The line in a buffer of its own first, so that the writer's checks see it like any other value. */
static void write_via(struct sip_writer *w, const struct sip_via *via, struct view others,
		      const struct net_endpoint *source)
{
	char buffer[SIP_HEADER_VALUE_MAX + 128];
	struct text text;

	text_init(&text, buffer, sizeof(buffer));
	if (source)
		print_via(&text, via, source);
	else
		text_add(&text, via->text);
	text_add(&text, others);
	if (text.overflow)
		w->error = ERR_TOO_LONG;
	sip_write_header_view(w, SIP_HEADER_VIA, text_view(&text));
}

void sip_write_top_via(struct sip_writer *writer, const struct sip_via *via, const struct net_endpoint *source)
{
	write_via(writer, via, VIEW_EMPTY, source);
}

static void write_vias(struct sip_writer *w, const struct sip_message *request, const struct net_endpoint *source)
{
	unsigned i = request->first[SIP_HEADER_VIA];
	struct view line;

	if (!request->via.text.at || i == SIP_NO_HEADER) {
		sip_write_copy(w, request, SIP_HEADER_VIA);
		return;
	}
	line = sip_header_value_at(request, i);
	write_via(w, &request->via, sip_between(sip_end(request->via.text), sip_end(line)), source);
	for (i = request->headers[i].next; i != SIP_NO_HEADER; i = request->headers[i].next)
		sip_write_header_view(w, SIP_HEADER_VIA, sip_header_value_at(request, i));
}

/* Only the first of the header: a refused request may have brought two. */
static void write_first(struct sip_writer *w, const struct sip_message *request, enum sip_header_id id)
{
	struct view value = sip_header_find(request, id);

	if (value.at)
		sip_write_header_view(w, id, value);
}

void sip_write_response(struct sip_writer *writer, const struct sip_message *request, unsigned status,
			struct view reason, struct view local_tag, const struct net_endpoint *source)
{
	struct view to = sip_header_find(request, SIP_HEADER_TO);

	sip_write_status_line(writer, status, reason);
	write_vias(writer, request, source);
	write_first(writer, request, SIP_HEADER_FROM);
	if (request->to.uri.text.at && !request->to.tag.at && local_tag.size > 0)
		sip_write_header(writer, SIP_HEADER_TO, "%.*s;tag=%.*s", VIEW_ARG(to), VIEW_ARG(local_tag));
	else
		write_first(writer, request, SIP_HEADER_TO);
	write_first(writer, request, SIP_HEADER_CALL_ID);
	write_first(writer, request, SIP_HEADER_CSEQ);
	write_first(writer, request, SIP_HEADER_TIMESTAMP);
}
