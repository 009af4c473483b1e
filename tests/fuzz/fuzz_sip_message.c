/* SIP messages from the network, as a datagram and as a stream. What parses is printed and parsed again and must be the
 * same; what is refused must be answerable when it says so; every view lies in the buffer. */
#include "lib/sip/sip.h"
#include "tests/fuzz/fuzz.h"

static char out[2 * SIP_MESSAGE_MAX], again[2 * SIP_MESSAGE_MAX];

static void check_address(const struct sip_name_address *address, struct view all)
{
	MUST(is_inside(address->display, all) && is_inside(address->params, all) && is_inside(address->tag, all));
	MUST(is_inside(address->uri.text, all) && is_inside(address->uri.user, all) &&
	     is_inside(address->uri.host, all));
	MUST(is_inside(address->uri.params, all) && is_inside(address->uri.headers, all));
}

static void check_views(const struct sip_message *m)
{
	struct view all = {m->buffer, m->size};

	MUST(is_inside(m->method_text, all) && is_inside(m->uri_text, all) && is_inside(m->reason, all));
	MUST(is_inside(m->via.text, all) && is_inside(m->via.branch, all) && is_inside(m->via.params, all));
	MUST(is_inside(m->via.received, all) && is_inside(m->via.host, all));
	MUST(is_inside(m->call_id, all) && is_inside(m->content_type, all) && is_inside(m->body, all));
	MUST(is_inside(m->cseq.method_text, all));
	check_address(&m->from, all);
	check_address(&m->to, all);
	for (unsigned i = 0; i < m->header_count; i++) {
		struct view value = sip_header_value_at(m, i);

		MUST(is_inside(sip_header_name_at(m, i), all) && is_inside(value, all));
		MUST(view_find(value, '\r') == value.size && view_find(value, '\n') == value.size);
		MUST(view_find(value, '\0') == value.size);
	}
}

static void walk_values(const struct sip_message *m)
{
	struct view all = {m->buffer, m->size}, value;

	for (unsigned id = 0; id < SIP_HEADER_COUNT; id++) {
		size_t count = 0;

		SIP_HEADER_FOREACH (m, (enum sip_header_id)id, value) {
			MUST(is_inside(value, all));
			count++;
		}
		MUST(count <= m->size);
		(void)sip_header_has(m, (enum sip_header_id)id, "100rel");
	}
	MUST(!sip_body_find(m, "application/sdp", &value) || is_inside(value, m->body));
}

/* All of the message through the writer. False when it has grown beyond what may be sent. */
static bool print(const struct sip_message *m, struct sip_writer *w, char *buffer, size_t size)
{
	int error;

	sip_writer_init(w, buffer, size);
	if (m->is_request)
		text_printf(&w->text, "%.*s %.*s SIP/2.0\r\n", VIEW_ARG(m->method_text), VIEW_ARG(m->uri_text));
	else
		sip_write_status_line(w, m->status, m->reason);
	for (unsigned i = 0; i < m->header_count; i++)
		if (m->headers[i].id != SIP_HEADER_CONTENT_LENGTH)
			sip_write_header_named(w, sip_header_name_at(m, i), sip_header_value_at(m, i));
	error = sip_write_end(w, NULL, m->body);
	MUST(error == 0 || error == ERR_TOO_LONG);
	return error == 0;
}

static void check_round_trip(const struct sip_message *m)
{
	static struct sip_message second;
	struct sip_refusal refusal;
	struct sip_writer w, w2;

	if (!print(m, &w, out, sizeof(out)))
		return;
	if (m->header_count + !m->has_content_length > SIP_HEADERS_MAX)
		return;
	MUST(sip_parse(&second, out, w.text.size, SIP_STREAM, &refusal) == 0);
	MUST(second.is_request == m->is_request && second.method == m->method);
	MUST(view_equal(second.uri_text, m->uri_text) && view_equal(second.body, m->body));
	MUST(view_equal(second.call_id, m->call_id) && view_equal(second.via.branch, m->via.branch));
	MUST(view_equal(second.from.tag, m->from.tag) && second.cseq.number == m->cseq.number);
	MUST(second.header_count == m->header_count + !m->has_content_length);
	MUST(print(&second, &w2, again, sizeof(again)) && view_equal(text_view(&w.text), text_view(&w2.text)));
}

static void check_copy(const struct sip_message *m)
{
	struct sip_message *copy;

	MUST(sip_message_new(m, &copy) == 0);
	MUST(copy->header_count == m->header_count && view_equal(copy->body, m->body) &&
	     view_equal(copy->via.text, m->via.text));
	check_views(copy);
	sip_message_free(copy);
}

static void check_answer(const struct sip_message *m, unsigned status, bool must_parse)
{
	static const struct net_endpoint source = {{NET_IPV4, {0}, {192, 0, 2, 1}}, 5060, 0};
	static struct sip_message answer;
	struct sip_refusal refusal;
	struct sip_writer w;
	int error;

	sip_writer_init(&w, out, sizeof(out));
	sip_write_response(&w, m, status, VIEW_EMPTY, VIEW("tag"), &source);
	error = sip_write_end(&w, NULL, VIEW_EMPTY);
	MUST(error == 0 || error == ERR_TOO_LONG || !must_parse);
	if (error || !must_parse)
		return;
	MUST(sip_parse(&answer, out, w.text.size, SIP_DATAGRAM, &refusal) == 0);
	MUST(answer.status == status && answer.to.tag.at && view_equal(answer.via.branch, m->via.branch));
	MUST(view_equal(answer.call_id, m->call_id) && !m->via.has_rport == !answer.via.has_rport);
}

static void try(const uint8_t *data, size_t size, enum sip_framing framing)
{
	static struct sip_message m;
	struct sip_refusal refusal = {.sentence = NULL};
	char *bytes = writable_copy(data, size);

	if (sip_parse(&m, bytes, size, framing, &refusal)) {
		MUST(refusal.sentence && refusal.offset <= size && refusal.header <= SIP_HEADER_COUNT);
		MUST(refusal.status == 0 || (refusal.status >= 400 && m.is_request && m.via.text.at));
		if (refusal.status)
			check_answer(&m, refusal.status, false);
	} else {
		check_views(&m);
		walk_values(&m);
		check_round_trip(&m);
		check_copy(&m);
		if (m.is_request && m.via.text.size + 100 < SIP_HEADER_VALUE_MAX)
			check_answer(&m, 200, true);
	}
	free(bytes);
}

static void try_stream(const uint8_t *data, size_t size)
{
	struct sip_framer whole = {0}, by_byte = {0};
	struct view bytes = {(const char *)data, size};
	size_t frame_size = 0, other_size = 0, fed = 0;
	enum sip_frame frame = sip_frame(&whole, bytes, &frame_size), other = SIP_FRAME_MORE;

	MUST(frame_size <= size);
	if (frame == SIP_FRAME_MESSAGE)
		try(data, frame_size, SIP_STREAM);
	if (frame == SIP_FRAME_PING || frame == SIP_FRAME_BLANK || size > 4096)
		return;
	while (other == SIP_FRAME_MORE && fed < size)
		other = sip_frame(&by_byte, view_sub(bytes, 0, ++fed), &other_size);
	MUST(other == frame && other_size == frame_size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	try(data, size, SIP_DATAGRAM);
	try_stream(data, size);
	return 0;
}
