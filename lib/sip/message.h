/* A SIP message as views into one buffer: parse, find headers, walk values, keep a copy, frame a stream.
 *
 * Used through lib/sip/sip.h; ownership and strictness are told there.
 * The answer to a bad message: sip_parse fails, names offset, header, a sentence and the status; the message still
 * carries everything that could be parsed, so sip_write_response can print the refusal when `status` is not 0. Status
 * 0 is silence: responses, ACK, and whatever has no usable top Via (nobody could be answered).
 */
#ifndef LIB_SIP_MESSAGE_H
#define LIB_SIP_MESSAGE_H

#include "lib/sip/value.h"

enum sip_framing {
	SIP_DATAGRAM, /* UDP, WebSocket: the body ends with Content-Length or with the bytes */
	SIP_STREAM,   /* TCP, TLS: exactly one message as sip_frame cut it; Content-Length is mandatory */
};

/* One header line: offsets into the message's buffer. Read it through the functions below. */
struct sip_header {
	uint8_t id;   /* enum sip_header_id */
	uint8_t next; /* index of the next header with this id, or SIP_NO_HEADER */
	uint16_t name_at, name_size, value_at, value_size;
};
#define SIP_NO_HEADER 0xff

struct sip_message {
	char *buffer;
	size_t size; /* of the message: start line to the end of the body */
	enum sip_framing framing;

	bool is_request;
	enum sip_method method;  /* request: of the request line; response: of the CSeq */
	struct view method_text; /* request */
	struct view uri_text;    /* request */
	struct sip_uri uri;      /* request; uri.text.at is NULL when it could not be parsed */
	unsigned status;         /* response: 100 to 699 */
	struct view reason;      /* response */

	/* Parsed at once. In a refused message those that failed have a NULL pointer in the view named first. */
	struct sip_via via;           /* the top one; via.text */
	struct sip_name_address from; /* from.uri.text */
	struct sip_name_address to;   /* to.uri.text */
	struct sip_cseq cseq;         /* cseq.method_text */
	struct view call_id;
	struct view content_type; /* NULL: none */
	struct view body;         /* may be empty, never NULL after success */
	bool has_content_length;
	uint32_t content_length;
	int max_forwards; /* -1: none */

	unsigned header_count;
	uint8_t first[SIP_HEADER_COUNT]; /* index of the first header of each id, or SIP_NO_HEADER */
	struct sip_header headers[SIP_HEADERS_MAX];
};

struct sip_refusal {
	uint16_t status;           /* what the sender deserves: 400, 414, 505, 513; 0: silence */
	enum sip_header_id header; /* where it was found; SIP_HEADER_COUNT: the start line or the message as a whole */
	size_t offset;             /* into the buffer */
	const char *sentence;      /* static text */
};

/* Parses the message in buffer[0..size). ERR_SYNTAX or ERR_TOO_LONG with *ret_refusal set; see the essay above.
 * Leading CR LFs are skipped; SIP_DATAGRAM ignores bytes behind Content-Length. */
int sip_parse(struct sip_message *message, char *buffer, size_t size, enum sip_framing framing,
	      struct sip_refusal *ret_refusal) WARN_UNUSED;

/* A parsed message with its own buffer, one allocation. ERR_NOMEM; ERR_INVALID for a message that was refused. */
int sip_message_new(const struct sip_message *message, struct sip_message **ret_message) WARN_UNUSED;
void sip_message_free(struct sip_message *message); /* NULL is fine */

/* ---- headers ---- */
/* The value of the first header of that id (the whole line, trimmed); a NULL pointer when there is none. */
struct view sip_header_find(const struct sip_message *message, enum sip_header_id id);
/* The same by name, for headers without an id. Any case. */
struct view sip_header_find_name(const struct sip_message *message, const char *name);
struct view sip_header_name_at(const struct sip_message *message, unsigned index);
struct view sip_header_value_at(const struct sip_message *message, unsigned index);
bool sip_header_is_present(const struct sip_message *message, enum sip_header_id id);
/* The first header as a number, what follows a semicolon ignored. ERR_NOT_FOUND, ERR_SYNTAX, ERR_RANGE. */
int sip_header_u32(const struct sip_message *message, enum sip_header_id id, uint32_t max, uint32_t *ret) WARN_UNUSED;
/* One of the values of all headers of that id is this token: sip_header_has(m, SIP_HEADER_SUPPORTED, "100rel"). */
bool sip_header_has(const struct sip_message *message, enum sip_header_id id, const char *token);

/* All values of one id in order: lines one after the other, comma lists taken apart where the header allows them.
 *	struct view value;
 *	SIP_HEADER_FOREACH(message, SIP_HEADER_ROUTE, value) { ... } */
struct sip_values {
	const struct sip_message *message;
	uint8_t next; /* header line to open next */
	bool is_list;
	struct view rest; /* of the open line */
};
struct sip_values sip_values_begin(const struct sip_message *message, enum sip_header_id id);
bool sip_values_next(struct sip_values *values, struct view *ret_value);
#define SIP_HEADER_FOREACH(message, id, value)                                                                         \
	for (struct sip_values sip_values_of_##value = sip_values_begin(message, id);                                  \
	     sip_values_next(&sip_values_of_##value, &(value));)

/* Content-Type without its parameters is this: "application/sdp". Any case. */
bool sip_content_type_is(const struct sip_message *message, const char *type);
/* The body when it is of that type, else the first part of that type of a multipart body (not looked for in multiparts
 * within; at most 16 parts). */
bool sip_body_find(const struct sip_message *message, const char *type, struct view *ret_content);

/* ---- streams ---- */
enum sip_frame {
	SIP_FRAME_MORE,    /* nothing whole yet: read more */
	SIP_FRAME_PING,    /* CR LF CR LF: consume *ret_size bytes and answer with CR LF (RFC 5626 4.4.1) */
	SIP_FRAME_BLANK,   /* CR LF: consume; a pong, or padding before a message */
	SIP_FRAME_MESSAGE, /* *ret_size bytes are a message for sip_parse; when that refuses it, close after answering */
	SIP_FRAME_TOO_LARGE, /* no end within SIP_MESSAGE_MAX: close */
};
struct sip_framer {
	size_t scanned; /* bytes known to hold no end of headers */
	size_t needed;  /* size of the message, 0 while unknown */
	bool half_ping;
};
/* A zeroed framer is ready. Call with everything read and not yet consumed; consume *ret_size bytes after every result
 * but MORE, and call again. Cost: each byte is looked at once, however small the reads. */
enum sip_frame sip_frame(struct sip_framer *framer, struct view bytes, size_t *ret_size);

#endif
