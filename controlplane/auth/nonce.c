/* Nonces that need no memory: 5 bytes of time, 5 of sequence, 4 of source tag, 12 of HMAC; printed as 52 hex digits.
 * Made for every challenge and checked for every answer by auth.c.
 */
#include "controlplane/auth/auth_private.h"
#include "controlplane/auth/openssl.h"

enum { TIME = 0, SEQUENCE = 5, SOURCE = 10, MAC = 14, NONCE_BYTES = 26, PART = 5 };

_Static_assert(AUTH_NONCE_SIZE == 2 * NONCE_BYTES + 1, "as printed");

static void put_part(uint8_t *at, uint64_t value)
{
	for (int i = 0; i < PART; i++)
		at[i] = (uint8_t)(value >> (8 * (PART - 1 - i)));
}

static uint64_t get_part(const uint8_t *at)
{
	uint64_t value = 0;

	for (int i = 0; i < PART; i++)
		value = value << 8 | at[i];
	return value;
}

static void mac_of(struct digest *digest, const char *kind, const void *bytes, size_t size, struct view realm,
		   uint8_t ret_mac[32])
{
	char buffer[256];
	struct text text;

	text_init(&text, buffer, sizeof(buffer));
	text_add_string(&text, kind); /* so that no source tag can stand for a signature */
	text_add(&text, (struct view){bytes, size});
	text_add(&text, view_sub(realm, 0, 192));
	/* All zero when the library fails: then no nonce ever verifies, because nonce_check says so too. */
	if (digest_mac(digest, text_view(&text), ret_mac))
		memset(ret_mac, 0, 32);
}

static void source_tag(struct digest *digest, const struct net_address *source, uint8_t tag[4])
{
	uint8_t mac[32];

	mac_of(digest, "s", source->bytes, sizeof(source->bytes), VIEW_EMPTY, mac);
	memcpy(tag, mac, 4);
}

void nonce_make(struct digest *digest, struct view realm, const struct net_address *source, uint64_t sequence,
		uint64_t now_ms, char ret_text[AUTH_NONCE_SIZE])
{
	static const char digits[] = "0123456789abcdef";
	uint8_t bytes[NONCE_BYTES], mac[32];

	put_part(bytes + TIME, now_ms);
	put_part(bytes + SEQUENCE, sequence);
	source_tag(digest, source, bytes + SOURCE);
	mac_of(digest, "n", bytes, MAC, realm, mac);
	memcpy(bytes + MAC, mac, NONCE_BYTES - MAC);
	for (size_t i = 0; i < NONCE_BYTES; i++) {
		ret_text[2 * i] = digits[bytes[i] >> 4];
		ret_text[2 * i + 1] = digits[bytes[i] & 15];
	}
	ret_text[2 * NONCE_BYTES] = '\0';
}

static int hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool read_bytes(struct view text, uint8_t bytes[NONCE_BYTES])
{
	if (text.size != 2 * NONCE_BYTES)
		return false;
	for (size_t i = 0; i < NONCE_BYTES; i++) {
		int high = hex_digit(text.at[2 * i]), low = hex_digit(text.at[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		bytes[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

enum nonce_state nonce_check(struct digest *digest, struct view realm, const struct net_address *source,
			     struct view text, uint64_t now_ms, uint64_t lifetime_ms, struct nonce *ret_nonce)
{
	static const uint8_t broken[32];
	uint8_t bytes[NONCE_BYTES], mac[32], tag[4];

	if (!read_bytes(text, bytes))
		return NONCE_FOREIGN;
	mac_of(digest, "n", bytes, MAC, realm, mac);
	if (memcmp(mac, broken, sizeof(mac)) == 0 || CRYPTO_memcmp(mac, bytes + MAC, NONCE_BYTES - MAC) != 0)
		return NONCE_FOREIGN;
	source_tag(digest, source, tag);
	ret_nonce->issued_ms = get_part(bytes + TIME);
	ret_nonce->sequence = get_part(bytes + SEQUENCE);
	ret_nonce->is_of_source = memcmp(tag, bytes + SOURCE, sizeof(tag)) == 0;
	if (ret_nonce->issued_ms > now_ms || now_ms - ret_nonce->issued_ms >= lifetime_ms)
		return NONCE_OLD;
	return NONCE_FRESH;
}
