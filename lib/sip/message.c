/* sip_parse: bytes to struct sip_message in one pass over the lines, then the values every message needs.
 *
 * A fault does not end the work: the first one is kept as the refusal, and the rest is still collected, because the
 * refusal's answer needs Via, From, To, Call-ID and CSeq.
 */
#include "lib/sip/message.h"
#include "lib/sip/scan.h"

/* Where we are: the next byte to read, the end, and the last header of each id for the chains. */
struct parse {
	struct sip_message *message;
	struct sip_refusal refusal;
	int error;
	char *at, *end;
	unsigned via_lines;
	uint8_t last[SIP_HEADER_COUNT];
};

static void refuse(struct parse *p, int error, unsigned status, enum sip_header_id header, const char *at,
		   const char *sentence)
{
	if (p->error)
		return;
	p->error = error;
	p->refusal = (struct sip_refusal){(uint16_t)status, header, (size_t)(at - p->message->buffer), sentence};
}

static void refuse_line(struct parse *p, const char *at, const char *sentence)
{
	refuse(p, ERR_SYNTAX, 400, SIP_HEADER_COUNT, at, sentence);
}

/* Takes the line at p->at, folds joined when that is allowed. False: there is no whole line. */
static bool take_line(struct parse *p, bool may_fold, struct view *ret_line)
{
	char *start = p->at, *from = start, *stop;

	for (;;) {
		char *newline = from < p->end ? memchr(from, '\n', (size_t)(p->end - from)) : NULL;
		struct view line;
		size_t cr;

		if (!newline) {
			refuse_line(p, start, "the empty line after the headers is missing");
			return false;
		}
		line = sip_between(from, newline);
		cr = view_find(line, '\r');
		if (cr + 1 != line.size)
			refuse_line(p, from + cr, "a line must end with CR LF, and neither may stand alone");
		stop = line.size > 0 && line.at[line.size - 1] == '\r' ? newline - 1 : newline;
		if (!may_fold || newline + 1 >= p->end || !sip_is_blank(newline[1])) {
			*ret_line = sip_between(start, stop);
			p->at = newline + 1;
			return true;
		}
		*stop = *newline = ' ';
		from = newline + 1;
	}
}

/* ---- start line ---- */

static void parse_status_line(struct parse *p, struct view line)
{
	struct sip_message *m = p->message;
	struct view rest = line;
	struct view version = view_cut(&rest, ' '), code = view_cut(&rest, ' ');
	uint32_t status;

	m->is_request = false;
	m->reason = rest.at ? rest : (struct view){sip_end(line), 0};
	if (!sip_is_text(version, VIEW("SIP/2.0")))
		refuse_line(p, line.at, "the response is of another version than SIP/2.0");
	else if (code.size != 3 || view_to_u32(code, 699, &status) || status < 100)
		refuse_line(p, version.at + version.size, "the status code is not between 100 and 699");
	else
		m->status = status;
}

static void parse_request_uri(struct parse *p)
{
	struct sip_message *m = p->message;
	struct sip_fault fault;
	int error;

	if (m->uri_text.size == 0) {
		refuse_line(p, m->uri_text.at, "one blank must stand between method and Request-URI");
		return;
	}
	error = sip_uri_scan(m->uri_text, &m->uri, &fault);
	if (error)
		refuse(p, error, error == ERR_TOO_LONG ? 414 : 400, SIP_HEADER_COUNT, fault.at, fault.sentence);
	else if (m->uri.headers.size > 0)
		refuse_line(p, m->uri.headers.at, "a Request-URI cannot carry headers");
}

static void parse_request_line(struct parse *p, struct view line)
{
	struct sip_message *m = p->message;
	struct view rest = line;

	m->method_text = view_cut(&rest, ' ');
	m->method = sip_method_parse(m->method_text);
	if (m->method_text.size == 0 || !sip_all(m->method_text, SIP_CLASS_TOKEN)) {
		refuse_line(p, line.at, "the message does not begin with a method or with SIP/2.0");
		return;
	}
	if (!rest.at) {
		refuse_line(p, sip_end(line), "the Request-URI is missing");
		return;
	}
	m->uri_text = view_cut(&rest, ' ');
	if (!rest.at || rest.size < 4 || !sip_is_text(view_sub(rest, 0, 4), VIEW("SIP/")))
		refuse_line(p, rest.at ? rest.at : sip_end(line), "one blank and SIP/2.0 must follow the Request-URI");
	else if (!sip_is_text(rest, VIEW("SIP/2.0"))) {
		bool version = sip_all(rest, SIP_CLASS_HOST | SIP_CLASS_HEADER);

		refuse(p, version ? ERR_VERSION : ERR_SYNTAX, version ? 505 : 400, SIP_HEADER_COUNT, rest.at,
		       version ? "another version than SIP/2.0" : "nothing may follow SIP/2.0 in the request line");
	}
	parse_request_uri(p);
}

static void parse_start_line(struct parse *p)
{
	struct view line;

	p->message->is_request = true;
	p->message->method = SIP_METHOD_OTHER;
	if (!take_line(p, false, &line))
		return;
	if (line.size >= 4 && sip_is_text(view_sub(line, 0, 4), VIEW("SIP/")))
		parse_status_line(p, line);
	else
		parse_request_line(p, line);
}

/* ---- header lines ---- */

static void add_header(struct parse *p, struct view name, struct view value)
{
	struct sip_message *m = p->message;
	enum sip_header_id id = sip_header_parse(name);
	uint8_t index = (uint8_t)m->header_count;

	if (m->header_count == SIP_HEADERS_MAX) {
		refuse(p, ERR_TOO_LONG, 400, id, name.at, "more than 128 headers");
		return;
	}
	if (id == SIP_HEADER_VIA && ++p->via_lines > SIP_VIAS_MAX)
		refuse(p, ERR_TOO_LONG, 400, id, name.at, "more than 70 Via lines");
	m->headers[index] = (struct sip_header){
		.id = (uint8_t)id,
		.next = SIP_NO_HEADER,
		.name_at = (uint16_t)(name.at - m->buffer),
		.name_size = (uint16_t)name.size,
		.value_at = (uint16_t)(value.at - m->buffer),
		.value_size = (uint16_t)value.size,
	};
	if (m->first[id] == SIP_NO_HEADER) {
		m->first[id] = index;
	} else {
		m->headers[p->last[id]].next = index;
		if (sip_header_flags(id) & SIP_ONCE)
			refuse(p, ERR_SYNTAX, 400, id, name.at, "the header may appear only once");
	}
	p->last[id] = index;
	m->header_count++;
}

/* name HCOLON value. What is no header is refused and left out. */
static void parse_header_line(struct parse *p, struct view line)
{
	const char *at = line.at, *end = sip_end(line);
	struct view name, value;

	while (at < end && sip_is(*at, SIP_CLASS_TOKEN))
		at++;
	name = sip_between(line.at, at);
	at = sip_skip_blanks(at, end);
	if (name.size == 0 || at == end || *at != ':') {
		refuse_line(p, line.at, "a header line must be a name, a colon and a value");
		return;
	}
	value = sip_trim(sip_between(at + 1, end));
	if (name.size > SIP_HEADER_NAME_MAX)
		refuse(p, ERR_TOO_LONG, 400, SIP_HEADER_OTHER, name.at, "the header's name is too long");
	else if (value.size > SIP_HEADER_VALUE_MAX)
		refuse(p, ERR_TOO_LONG, 400, sip_header_parse(name), name.at, "the header's value is too long");
	else
		add_header(p, name, value);
}

/* RFC 3261 25.1 allows a NUL behind the backslash of a quoted pair, and nowhere else. It becomes a blank: whoever prints,
 * logs or stores a value later must not meet one. */
static void clean_nuls(struct parse *p)
{
	char *start = p->message->buffer, *nul = start;

	while ((nul = memchr(nul, '\0', (size_t)(p->at - nul))) != NULL) {
		if (nul == start || nul[-1] != '\\')
			refuse_line(p, nul, "a NUL outside a quoted pair");
		*nul = ' ';
	}
}

static void parse_header_lines(struct parse *p)
{
	struct view line;

	while (take_line(p, true, &line) && line.size > 0)
		parse_header_line(p, line);
	clean_nuls(p);
}

/* ---- the values every message needs ---- */

static void parse_via(struct parse *p)
{
	struct sip_message *m = p->message;
	struct view list = sip_header_find(m, SIP_HEADER_VIA), value = list;
	struct sip_fault fault;
	int error;

	if (!list.at)
		return;
	if (!sip_list_next(&list, &value)) {
		refuse(p, ERR_SYNTAX, 400, SIP_HEADER_VIA, value.at, "the Via is empty");
		return;
	}
	error = sip_via_scan(value, &m->via, &fault);
	if (error)
		refuse(p, error, error == ERR_VERSION ? 505 : 400, SIP_HEADER_VIA, fault.at, fault.sentence);
}

static void parse_address(struct parse *p, enum sip_header_id id, struct sip_name_address *address)
{
	struct view value = sip_header_find(p->message, id);
	struct sip_fault fault;
	int error;

	if (!value.at)
		return;
	error = sip_name_address_scan(value, address, &fault);
	if (error)
		refuse(p, error, 400, id, fault.at, fault.sentence);
}

static void parse_cseq(struct parse *p)
{
	struct sip_message *m = p->message;
	struct view value = sip_header_find(m, SIP_HEADER_CSEQ);
	struct sip_fault fault;
	int error;

	if (!value.at)
		return;
	error = sip_cseq_scan(value, &m->cseq, &fault);
	if (error)
		refuse(p, error, 400, SIP_HEADER_CSEQ, fault.at, fault.sentence);
	else if (!m->is_request)
		m->method = m->cseq.method;
	else if (!view_equal(m->cseq.method_text, m->method_text))
		refuse(p, ERR_SYNTAX, 400, SIP_HEADER_CSEQ, value.at,
		       "the CSeq names another method than the request line");
}

static void parse_call_id(struct parse *p)
{
	struct view value = sip_header_find(p->message, SIP_HEADER_CALL_ID);
	struct sip_fault fault;
	int error;

	if (!value.at)
		return;
	error = sip_call_id_scan(value, &fault);
	if (error)
		refuse(p, error, 400, SIP_HEADER_CALL_ID, fault.at, fault.sentence);
	else
		p->message->call_id = value;
}

static void parse_max_forwards(struct parse *p)
{
	struct view value = sip_header_find(p->message, SIP_HEADER_MAX_FORWARDS);
	uint32_t hops;

	p->message->max_forwards = -1;
	if (!value.at)
		return;
	if (view_to_u32(value, 255, &hops))
		refuse(p, ERR_RANGE, 400, SIP_HEADER_MAX_FORWARDS, value.at, "Max-Forwards is not a number up to 255");
	else
		p->message->max_forwards = (int)hops;
}

static void check_mandatory(struct parse *p)
{
	static const struct {
		enum sip_header_id id;
		const char *sentence;
	} rows[] = {
		{SIP_HEADER_VIA, "the Via header is missing"},   {SIP_HEADER_FROM, "the From header is missing"},
		{SIP_HEADER_TO, "the To header is missing"},     {SIP_HEADER_CALL_ID, "the Call-ID header is missing"},
		{SIP_HEADER_CSEQ, "the CSeq header is missing"},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (p->message->first[rows[i].id] == SIP_NO_HEADER)
			refuse(p, ERR_SYNTAX, 400, rows[i].id, p->at, rows[i].sentence);
}

/* p->at stands on the body. */
static void parse_body(struct parse *p, enum sip_framing framing)
{
	struct sip_message *m = p->message;
	struct view length = sip_header_find(m, SIP_HEADER_CONTENT_LENGTH);
	size_t rest = (size_t)(p->end - p->at);

	m->content_type = sip_header_find(m, SIP_HEADER_CONTENT_TYPE);
	m->body = (struct view){p->at, rest};
	if (!length.at) {
		if (framing == SIP_STREAM)
			refuse(p, ERR_SYNTAX, 400, SIP_HEADER_CONTENT_LENGTH, p->at, "a stream needs Content-Length");
	} else if (view_to_u32(length, UINT32_MAX, &m->content_length)) {
		refuse(p, ERR_SYNTAX, 400, SIP_HEADER_CONTENT_LENGTH, length.at, "Content-Length is not a number");
	} else if (m->content_length > SIP_MESSAGE_MAX) {
		refuse(p, ERR_TOO_LONG, framing == SIP_STREAM ? 513 : 400, SIP_HEADER_CONTENT_LENGTH, length.at,
		       "Content-Length is larger than any message may be");
	} else if (m->content_length > rest) {
		bool too_large =
			framing == SIP_STREAM && m->content_length > SIP_MESSAGE_MAX - (size_t)(p->at - m->buffer);

		refuse(p, too_large ? ERR_TOO_LONG : ERR_SYNTAX, too_large ? 513 : 400, SIP_HEADER_CONTENT_LENGTH,
		       length.at,
		       too_large ? "the message is larger than 65535 bytes"
				 : "Content-Length promises more bytes than there are");
	} else if (framing == SIP_STREAM && m->content_length < rest) {
		refuse(p, ERR_SYNTAX, 400, SIP_HEADER_CONTENT_LENGTH, length.at, "bytes follow the end of the message");
	} else {
		m->has_content_length = true;
		m->body.size = m->content_length;
	}
	m->size = (size_t)(sip_end(m->body) - m->buffer);
}

static void init(struct sip_message *m, char *buffer, enum sip_framing framing)
{
	memset(m, 0, offsetof(struct sip_message, first)); /* the header rows are only read below header_count */
	memset(m->first, SIP_NO_HEADER, sizeof(m->first));
	m->buffer = buffer;
	m->framing = framing;
}

int sip_parse(struct sip_message *message, char *buffer, size_t size, enum sip_framing framing,
	      struct sip_refusal *ret_refusal)
{
	struct parse p = {.message = message};

	init(message, buffer, framing);
	if (size > SIP_MESSAGE_MAX) {
		refuse(&p, ERR_TOO_LONG, 513, SIP_HEADER_COUNT, buffer + SIP_MESSAGE_MAX,
		       "the message is larger than 65535 bytes");
		size = SIP_MESSAGE_MAX;
	}
	p.at = buffer;
	p.end = buffer + size;
	while (p.end - p.at >= 2 && p.at[0] == '\r' && p.at[1] == '\n')
		p.at += 2;
	parse_start_line(&p);
	parse_header_lines(&p);
	check_mandatory(&p);
	parse_via(&p);
	parse_address(&p, SIP_HEADER_FROM, &message->from);
	parse_address(&p, SIP_HEADER_TO, &message->to);
	parse_call_id(&p);
	parse_cseq(&p);
	parse_max_forwards(&p);
	parse_body(&p, framing);
	if (!p.error)
		return 0;
	if (!message->is_request || message->method == SIP_METHOD_ACK || !message->via.text.at)
		p.refusal.status = 0;
	*ret_refusal = p.refusal;
	return p.error;
}
