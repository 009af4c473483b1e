/* Cutting a stream into messages: finds the end of the headers and what Content-Length adds, and keep-alives. */
#include "lib/sip/message.h"
#include "lib/sip/scan.h"

/* The number behind the first Content-Length in the header lines, or 0: sip_parse says what is wrong with it. */
static size_t find_content_length(struct view headers)
{
	const char *at = headers.at, *end = sip_end(headers);

	while (at) {
		struct view name = {at, 0};
		const char *value;

		while (sip_end(name) < end && sip_is(*sip_end(name), SIP_CLASS_TOKEN))
			name.size++;
		value = sip_skip_blanks(sip_end(name), end);
		if (value < end && *value == ':' && sip_header_parse(name) == SIP_HEADER_CONTENT_LENGTH) {
			size_t length = 0;

			for (value++; value < end && (sip_is_blank(*value) || *value == '\r' || *value == '\n');)
				value++; /* the number may stand on a folded line */
			for (; value < end && sip_is_digit(*value) && length <= SIP_MESSAGE_MAX; value++)
				length = length * 10 + (size_t)(*value - '0');
			return length;
		}
		at = memchr(at, '\n', (size_t)(end - at));
		if (at)
			at++;
	}
	return 0;
}

/* bytes begins with CR. */
static enum sip_frame frame_blank(struct sip_framer *framer, struct view bytes, size_t *ret_size)
{
	if (bytes.size == 1)
		return SIP_FRAME_MORE;
	*ret_size = 2;
	if (framer->half_ping) {
		framer->half_ping = false;
		return SIP_FRAME_PING;
	}
	if (bytes.size >= 4 && memcmp(bytes.at, "\r\n\r\n", 4) == 0) {
		*ret_size = 4;
		return SIP_FRAME_PING;
	}
	framer->half_ping = true;
	return SIP_FRAME_BLANK;
}

enum sip_frame sip_frame(struct sip_framer *framer, struct view bytes, size_t *ret_size)
{
	if (bytes.size == 0)
		return SIP_FRAME_MORE;
	if (framer->scanned <= 1 && bytes.at[0] == '\r' && (bytes.size == 1 || bytes.at[1] == '\n'))
		return frame_blank(framer, bytes, ret_size);
	framer->half_ping = false;
	if (framer->needed == 0) {
		size_t from = framer->scanned > 3 ? framer->scanned - 3 : 0, limit = MIN(bytes.size, SIP_MESSAGE_MAX),
		       length;
		const char *hit = memmem(bytes.at + from, limit - from, "\r\n\r\n", 4);

		if (!hit) {
			framer->scanned = limit;
			return bytes.size >= SIP_MESSAGE_MAX ? SIP_FRAME_TOO_LARGE : SIP_FRAME_MORE;
		}
		framer->needed = (size_t)(hit + 4 - bytes.at);
		length = find_content_length(sip_between(bytes.at, hit + 2));
		if (length <= SIP_MESSAGE_MAX - framer->needed)
			framer->needed += length; /* else the headers alone: sip_parse answers 513 */
	}
	if (bytes.size < framer->needed)
		return SIP_FRAME_MORE;
	*ret_size = framer->needed;
	*framer = (struct sip_framer){0};
	return SIP_FRAME_MESSAGE;
}
