/* The printer: SIP messages written line by line into the caller's buffer.
 *
 * Used through lib/sip/sip.h. Start with a request or status line, add headers in the order they shall have, finish with
 * sip_write_end. Errors stick: the first one is kept, later calls do nothing, sip_write_end returns it. So nobody
 * checks in between.
 * No header injection: a value that carries CR, LF or NUL makes the whole message ERR_INVALID.
 * Limits: the caller's buffer; SIP_MESSAGE_MAX + 1 bytes suffice for anything the parser takes.
 */
#ifndef LIB_SIP_WRITE_H
#define LIB_SIP_WRITE_H

#include "lib/sip/message.h"

struct sip_writer {
	struct text text;
	int error;
};

void sip_writer_init(struct sip_writer *writer, char *buffer, size_t buffer_size);

/* "METHOD uri SIP/2.0". SIP_METHOD_OTHER is ERR_INVALID. */
void sip_write_request_line(struct sip_writer *writer, enum sip_method method, struct view uri);
/* "SIP/2.0 status reason"; an empty reason takes the default phrase. */
void sip_write_status_line(struct sip_writer *writer, unsigned status, struct view reason);

void sip_write_header(struct sip_writer *writer, enum sip_header_id id, const char *format, ...) PRINTF(3, 4);
void sip_write_header_view(struct sip_writer *writer, enum sip_header_id id, struct view value);
void sip_write_header_u32(struct sip_writer *writer, enum sip_header_id id, uint32_t value);
/* A header by its own name. */
void sip_write_header_named(struct sip_writer *writer, struct view name, struct view value);
/* All headers of that id, as they were, in order. */
void sip_write_copy(struct sip_writer *writer, const struct sip_message *message, enum sip_header_id id);
/* One line with one name-address, e.g. From: "A" <sip:a@b>;tag=x. */
void sip_write_name_address(struct sip_writer *writer, enum sip_header_id id, const struct sip_name_address *address);
/* Content-Type (when there is a body), Content-Length, the blank line, the body. Returns 0, ERR_TOO_LONG or
 * ERR_INVALID; the message is text_view(&writer->text). */
int sip_write_end(struct sip_writer *writer, const char *content_type, struct view body) WARN_UNUSED;

/* The beginning of a response: status line, all Vias, From, To, Call-ID, CSeq, Timestamp, copied from the request.
 * reason: empty for the default. local_tag: added to a To without a tag; empty for none (100 Trying).
 * source: where the request came from, or NULL: the top Via gets received= when its host is another than that or it
 * asked for rport, and rport= when it asked (RFC 3261 18.2.1, RFC 3581 section 4); what it claimed there is dropped.
 * Works on refused requests too: what is missing there is left out. */
void sip_write_response(struct sip_writer *writer, const struct sip_message *request, unsigned status,
			struct view reason, struct view local_tag, const struct net_endpoint *source);
/* Only the Via line of that: for requests that are forwarded or kept. */
void sip_write_top_via(struct sip_writer *writer, const struct sip_via *via, const struct net_endpoint *source);

#endif
