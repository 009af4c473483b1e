/* The printer. Every value passes check_since, the one place that keeps line ends out of headers. */
#include "lib/sip/write.h"
#include "lib/sip/scan.h"

void sip_writer_init(struct sip_writer *writer, char *buffer, size_t buffer_size)
{
	text_init(&writer->text, buffer, buffer_size);
	writer->error = 0;
}

/* What was written since mark becomes a line of its own, or the message becomes invalid. */
static void end_line(struct sip_writer *w, size_t mark)
{
	const char *line = w->text.at + mark;
	size_t size = w->text.size - mark;

	if (memchr(line, '\r', size) || memchr(line, '\n', size) || memchr(line, '\0', size))
		w->error = ERR_INVALID;
	text_add(&w->text, VIEW("\r\n"));
}

static size_t begin_line(struct sip_writer *w, struct view name)
{
	size_t mark = w->text.size;

	text_add(&w->text, name);
	text_add(&w->text, VIEW(": "));
	return mark;
}

static size_t begin_header(struct sip_writer *w, enum sip_header_id id)
{
	if (BUG_ON(id >= SIP_HEADER_OTHER))
		w->error = ERR_INVALID;
	return begin_line(w, view_of(sip_header_name(id)));
}

void sip_write_request_line(struct sip_writer *writer, enum sip_method method, struct view uri)
{
	size_t mark = writer->text.size;

	if (method >= SIP_METHOD_OTHER || uri.size == 0 || view_find(uri, ' ') < uri.size)
		writer->error = ERR_INVALID;
	text_add_string(&writer->text, sip_method_name(method));
	text_add_char(&writer->text, ' ');
	text_add(&writer->text, uri);
	text_add(&writer->text, VIEW(" SIP/2.0"));
	end_line(writer, mark);
}

void sip_write_status_line(struct sip_writer *writer, unsigned status, struct view reason)
{
	size_t mark = writer->text.size;

	if (status < 100 || status > 699)
		writer->error = ERR_INVALID;
	text_add(&writer->text, VIEW("SIP/2.0 "));
	text_add_u64(&writer->text, status);
	text_add_char(&writer->text, ' ');
	text_add(&writer->text, reason.size > 0 ? reason : view_of(sip_status_reason(status)));
	end_line(writer, mark);
}

void sip_write_header(struct sip_writer *writer, enum sip_header_id id, const char *format, ...)
{
	size_t mark = begin_header(writer, id);
	va_list args;

	va_start(args, format);
	text_vprintf(&writer->text, format, args);
	va_end(args);
	end_line(writer, mark);
}

void sip_write_header_view(struct sip_writer *writer, enum sip_header_id id, struct view value)
{
	size_t mark = begin_header(writer, id);

	text_add(&writer->text, value);
	end_line(writer, mark);
}

void sip_write_header_u32(struct sip_writer *writer, enum sip_header_id id, uint32_t value)
{
	size_t mark = begin_header(writer, id);

	text_add_u64(&writer->text, value);
	end_line(writer, mark);
}

void sip_write_header_named(struct sip_writer *writer, struct view name, struct view value)
{
	size_t mark;

	if (name.size == 0 || !sip_all(name, SIP_CLASS_TOKEN))
		writer->error = ERR_INVALID;
	mark = begin_line(writer, name);
	text_add(&writer->text, value);
	end_line(writer, mark);
}

void sip_write_copy(struct sip_writer *writer, const struct sip_message *message, enum sip_header_id id)
{
	for (unsigned i = message->first[id]; i != SIP_NO_HEADER; i = message->headers[i].next)
		sip_write_header_view(writer, id, sip_header_value_at(message, i));
}

void sip_write_name_address(struct sip_writer *writer, enum sip_header_id id, const struct sip_name_address *address)
{
	size_t mark = begin_header(writer, id);

	sip_name_address_print(&writer->text, address);
	end_line(writer, mark);
}

int sip_write_end(struct sip_writer *writer, const char *content_type, struct view body)
{
	if (body.size > 0 && content_type)
		sip_write_header_view(writer, SIP_HEADER_CONTENT_TYPE, view_of(content_type));
	sip_write_header_u32(writer, SIP_HEADER_CONTENT_LENGTH, (uint32_t)body.size);
	text_add(&writer->text, VIEW("\r\n"));
	text_add(&writer->text, body);
	if (writer->text.overflow || writer->text.size > SIP_MESSAGE_MAX)
		return ERR_TOO_LONG;
	return writer->error;
}
