/* See stun.h. A message is a header (type, size of what follows, cookie, transaction) and attributes (type, size, value, up to
 * three bytes so that the next one is aligned to four). */
#include "lib/stun/stun.h"

enum {
	COOKIE = 0x2112a442,
	BINDING_REQUEST = 0x0001,
	BINDING_SUCCESS = 0x0101,
	BINDING_ERROR = 0x0111,
	ERROR_CODE = 0x0009,
	UNKNOWN_ATTRIBUTES = 0x000a,
	XOR_MAPPED_ADDRESS = 0x0020,
	UNDERSTOOD_OR_NOT = 0x8000, /* from here on an attribute may be passed over */
	COOKIE_AT = 4,
};

static uint16_t get16(struct view bytes, size_t at)
{
	return (uint16_t)((uint8_t)bytes.at[at] << 8 | (uint8_t)bytes.at[at + 1]);
}

static size_t put16(uint8_t *to, size_t at, uint16_t value)
{
	to[at] = (uint8_t)(value >> 8);
	to[at + 1] = (uint8_t)value;
	return at + 2;
}

bool stun_is(struct view bytes)
{
	return bytes.size >= STUN_HEADER_SIZE && (bytes.at[0] & 0xc0) == 0 && get16(bytes, COOKIE_AT) == COOKIE >> 16 &&
	       get16(bytes, COOKIE_AT + 2) == (COOKIE & 0xffff);
}

/* Attributes that would have to be understood; false: they do not add up. */
static bool find_unknown(struct view request, uint16_t unknown[STUN_UNKNOWN_MAX], size_t *ret_count)
{
	size_t at = STUN_HEADER_SIZE, count = 0;

	while (at < request.size) {
		size_t value;
		uint16_t type;

		if (request.size - at < 4)
			return false;
		type = get16(request, at);
		value = ((size_t)get16(request, at + 2) + 3) & ~(size_t)3;
		if (request.size - at - 4 < value)
			return false;
		if (type < UNDERSTOOD_OR_NOT && count < STUN_UNKNOWN_MAX)
			unknown[count++] = type;
		at += 4 + value;
	}
	*ret_count = count;
	return true;
}

static size_t add_address(uint8_t *answer, size_t at, const struct net_endpoint *remote)
{
	size_t size = net_address_size(&remote->address);

	at = put16(answer, at, XOR_MAPPED_ADDRESS);
	at = put16(answer, at, (uint16_t)(4 + size));
	at = put16(answer, at, size == 4 ? 1 : 2);
	at = put16(answer, at, (uint16_t)(remote->port ^ COOKIE >> 16));
	/* With the cookie, and for IPv6 the transaction behind it. */
	for (size_t i = 0; i < size; i++)
		answer[at + i] = remote->address.bytes[i] ^ answer[COOKIE_AT + i];
	return at + size;
}

static size_t add_unknown(uint8_t *answer, size_t at, const uint16_t *unknown, size_t count)
{
	at = put16(answer, at, ERROR_CODE);
	at = put16(answer, at, 4);
	at = put16(answer, at, 0);
	at = put16(answer, at, 4 << 8 | 20);
	at = put16(answer, at, UNKNOWN_ATTRIBUTES);
	at = put16(answer, at, (uint16_t)(2 * count));
	for (size_t i = 0; i < count; i++)
		at = put16(answer, at, unknown[i]);
	while (at % 4 != 0)
		answer[at++] = 0;
	return at;
}

size_t stun_answer(struct view request, const struct net_endpoint *remote, uint8_t ret_answer[STUN_ANSWER_MAX])
{
	uint16_t unknown[STUN_UNKNOWN_MAX];
	size_t count, at = STUN_HEADER_SIZE;

	if (!stun_is(request) || get16(request, 0) != BINDING_REQUEST ||
	    get16(request, 2) != request.size - STUN_HEADER_SIZE || net_address_size(&remote->address) == 0 ||
	    !find_unknown(request, unknown, &count))
		return 0;
	memcpy(ret_answer, request.at, STUN_HEADER_SIZE);
	put16(ret_answer, 0, count > 0 ? BINDING_ERROR : BINDING_SUCCESS);
	at = count > 0 ? add_unknown(ret_answer, at, unknown, count) : add_address(ret_answer, at, remote);
	put16(ret_answer, 2, (uint16_t)(at - STUN_HEADER_SIZE));
	return at;
}
