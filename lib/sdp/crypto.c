/* a=crypto lines: RFC 4568 section 9.
 *
 *   1 AES_CM_128_HMAC_SHA1_80 inline:<base64 of key and salt>|2^20|1:4;inline:<...>|2^20|2:4 WSH=128
 *   tag suite                 key                   lifetime MKI:its length                  session parameters
 */
#include "lib/sdp/crypto.h"

#include <inttypes.h>

#define LIFETIME_MAX   (UINT64_C(1) << 48)
#define MATERIAL_MAX   (SECURE_KEY_MAX + SECURE_SALT_MAX)
#define MKI_SIZE_MAX   128 /* of the grammar */
#define MKI_DIGITS_MAX 40  /* of 16 bytes */

struct parse {
	struct sdp_crypto *crypto;
	struct sdp_refusal *refusal;
	const char *start;
};

static int refuse(struct parse *p, int error, const char *at, const char *sentence)
{
	*p->refusal = (struct sdp_refusal){(size_t)(at - p->start), sentence};
	return error;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static struct view take_word(struct view *rest)
{
	struct view word;
	size_t size = 0;

	while (rest->size > 0 && is_blank(rest->at[0]))
		*rest = view_sub(*rest, 1, rest->size);
	while (size < rest->size && !is_blank(rest->at[size]))
		size++;
	word = view_sub(*rest, 0, size);
	*rest = view_sub(*rest, size, rest->size);
	return word;
}

static bool is_number(struct view v, size_t digits_max)
{
	for (size_t i = 0; i < v.size; i++)
		if (v.at[i] < '0' || v.at[i] > '9')
			return false;
	return v.size > 0 && v.size <= digits_max;
}

/* ---- base64 (RFC 4648 section 4) ---- */

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* Exactly `size` bytes; padding may be missing. */
static bool decode(struct view text, uint8_t *bytes, size_t size)
{
	size_t digits = (size * 8 + 5) / 6, at = 0;
	uint32_t word = 0;
	unsigned bits = 0;

	if (text.size != digits && text.size != (size + 2) / 3 * 4)
		return false;
	for (size_t i = 0; i < text.size; i++) {
		const char *digit = text.at[i] ? strchr(alphabet, text.at[i]) : NULL;

		if (i >= digits) {
			if (text.at[i] != '=')
				return false;
			continue;
		}
		if (!digit)
			return false;
		word = word << 6 | (uint32_t)(digit - alphabet);
		bits += 6;
		if (bits >= 8 && at < size) {
			bits -= 8;
			bytes[at++] = (uint8_t)(word >> bits);
		}
	}
	return at == size;
}

static void encode(struct text *text, const uint8_t *bytes, size_t size)
{
	for (size_t i = 0; i < size; i += 3) {
		uint32_t word = (uint32_t)bytes[i] << 16;

		if (i + 1 < size)
			word |= (uint32_t)bytes[i + 1] << 8;
		if (i + 2 < size)
			word |= bytes[i + 2];
		text_add_char(text, alphabet[word >> 18]);
		text_add_char(text, alphabet[word >> 12 & 63]);
		text_add_char(text, i + 1 < size ? alphabet[word >> 6 & 63] : '=');
		text_add_char(text, i + 2 < size ? alphabet[word & 63] : '=');
	}
}

/* ---- MKI: a decimal number that is sent as so many bytes ---- */

static bool mki_from_decimal(struct view digits, uint8_t *bytes, size_t size)
{
	for (size_t d = 0; d < digits.size; d++) {
		unsigned carry = (unsigned)(digits.at[d] - '0');

		for (size_t i = size; i-- > 0;) {
			carry += bytes[i] * 10u;
			bytes[i] = (uint8_t)carry;
			carry >>= 8;
		}
		if (carry)
			return false;
	}
	return true;
}

static void print_mki(struct text *text, const struct secure_key *key)
{
	uint8_t bytes[SECURE_MKI_MAX];
	char digits[MKI_DIGITS_MAX];
	size_t count = 0;
	bool is_zero;

	memcpy(bytes, key->mki, sizeof(bytes));
	do {
		unsigned rest = 0;

		is_zero = true;
		for (size_t i = 0; i < key->mki_size; i++) {
			rest = rest << 8 | bytes[i];
			bytes[i] = (uint8_t)(rest / 10);
			rest %= 10;
			is_zero &= bytes[i] == 0;
		}
		digits[count++] = (char)('0' + rest);
	} while (!is_zero && count < sizeof(digits));
	while (count > 0)
		text_add_char(text, digits[--count]);
	text_printf(text, ":%u", key->mki_size);
}

/* ---- keys ---- */

static int parse_lifetime(struct parse *p, struct view word, uint64_t *ret_lifetime)
{
	uint32_t exponent = 0;
	uint64_t lifetime = 0;
	int error;

	if (view_has_prefix(word, "2^")) {
		error = view_to_u32(view_sub(word, 2, word.size), 48, &exponent);
		lifetime = UINT64_C(1) << (exponent & 63);
	} else {
		error = view_to_u64(word, LIFETIME_MAX, &lifetime);
	}
	if (error || lifetime == 0)
		return refuse(p, ERR_SYNTAX, word.at, "the key's lifetime is not a number of packets up to 2^48");
	*ret_lifetime = lifetime;
	return 0;
}

static int parse_mki(struct parse *p, struct view word, struct secure_key *key)
{
	struct view rest = word, digits = view_cut(&rest, ':');
	uint32_t size;

	if (!rest.at || !is_number(digits, word.size) || !is_number(rest, 3) ||
	    view_to_u32(rest, MKI_SIZE_MAX, &size) || size == 0)
		return refuse(p, ERR_SYNTAX, word.at, "an MKI is a number, a colon, and its length of 1 to 128 bytes");
	if (size > SECURE_MKI_MAX)
		return refuse(p, ERR_UNSUPPORTED, word.at, "the MKI is longer than 16 bytes");
	if (!mki_from_decimal(digits, key->mki, size))
		return refuse(p, ERR_SYNTAX, word.at, "the MKI does not fit its length");
	key->mki_size = (uint8_t)size;
	return 0;
}

/* What may follow the key: a lifetime, an MKI, or both in this order. */
static int parse_key_options(struct parse *p, struct view rest, struct secure_key *key, uint64_t *lifetime)
{
	struct view word = view_cut(&rest, '|');
	int error;

	if (view_find(word, ':') == word.size) {
		error = parse_lifetime(p, word, lifetime);
		if (error || !rest.at)
			return error;
		word = view_cut(&rest, '|');
	}
	error = parse_mki(p, word, key);
	if (!error && rest.at)
		error = refuse(p, ERR_SYNTAX, rest.at, "behind the key stand a lifetime and an MKI at most");
	return error;
}

static int parse_key(struct parse *p, struct view word)
{
	const struct secure_suite *suite = &secure_suites[p->crypto->suite];
	struct view rest = word, method = view_cut(&rest, ':'), material;
	uint8_t bytes[MATERIAL_MAX];
	struct secure_key *key = &p->crypto->keys[p->crypto->key_count];
	int error = 0;

	if (!rest.at)
		return refuse(p, ERR_SYNTAX, word.at, "a key is written as inline:, its bytes in base64 behind it");
	if (!view_is_nocase(method, "inline"))
		return refuse(p, ERR_UNSUPPORTED, word.at, "the key method is not inline");
	if (p->crypto->key_count == SDP_CRYPTO_KEYS_MAX)
		return refuse(p, ERR_UNSUPPORTED, word.at, "more than 4 keys in a line");
	material = view_cut(&rest, '|');
	key->suite = p->crypto->suite;
	if (decode(material, bytes, (size_t)suite->key_size + suite->salt_size)) {
		memcpy(key->master, bytes, suite->key_size);
		memcpy(key->salt, bytes + suite->key_size, suite->salt_size);
	} else {
		error = refuse(p, ERR_SYNTAX, material.at, "not the base64 of the suite's key and salt");
	}
	explicit_bzero(bytes, sizeof(bytes));
	if (!error && rest.at)
		error = parse_key_options(p, rest, key, &p->crypto->lifetimes[p->crypto->key_count]);
	if (!error)
		p->crypto->key_count++;
	return error;
}

/* Several keys are told apart by their MKIs (RFC 4568 6.1). */
static int check_keys(struct parse *p, const char *at)
{
	const struct sdp_crypto *crypto = p->crypto;

	for (unsigned i = 0; i < crypto->key_count; i++) {
		for (unsigned j = 0; j < i; j++)
			if (crypto->keys[i].mki_size == 0 || crypto->keys[i].mki_size != crypto->keys[j].mki_size ||
			    memcmp(crypto->keys[i].mki, crypto->keys[j].mki, SECURE_MKI_MAX) == 0)
				return refuse(p, ERR_SYNTAX, at, "several keys need different MKIs of one length");
	}
	return 0;
}

static int parse_keys(struct parse *p, struct view word)
{
	struct view rest = word;
	int error = 0;

	while (!error && rest.at)
		error = parse_key(p, view_cut(&rest, ';'));
	return error ? error : check_keys(p, word.at);
}

/* ---- session parameters ---- */

/* name, needs a value, why it is of no use (NULL: it may be ignored) */
#define PARAMETER_LIST(X)                                                                                              \
	X("KDR", true, "a key derivation rate is not supported")                                                       \
	X("UNENCRYPTED_SRTP", false, "SRTP without encryption is not supported")                                       \
	X("UNENCRYPTED_SRTCP", false, "SRTCP without encryption is not supported")                                     \
	X("UNAUTHENTICATED_SRTP", false, "SRTP without authentication is not supported")                               \
	X("FEC_ORDER", true, "forward error correction is not supported")                                              \
	X("FEC_KEY", true, "forward error correction is not supported")                                                \
	X("WSH", true, NULL)

static int parse_window(struct parse *p, struct view value)
{
	uint32_t window;

	if (!is_number(value, 3) || view_to_u32(value, UINT8_MAX, &window) || window < 64)
		return refuse(p, ERR_SYNTAX, value.at, "WSH is a number from 64 on");
	p->crypto->window = (uint8_t)window;
	return 0;
}

static int parse_parameter(struct parse *p, struct view word)
{
	static const struct {
		const char *name;
		bool has_value;
		const char *sentence;
	} rows[] = {
#define X(name, has_value, sentence) {name, has_value, sentence},
		PARAMETER_LIST(X)
#undef X
	};
	struct view value = word, name = view_cut(&value, '=');

	if (word.at[0] == '-')
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (!view_is_nocase(name, rows[i].name))
			continue;
		if (rows[i].has_value != (value.at != NULL))
			return refuse(p, ERR_SYNTAX, word.at,
				      "the session parameter lacks its value, or has one too many");
		return rows[i].sentence ? refuse(p, ERR_UNSUPPORTED, word.at, rows[i].sentence)
					: parse_window(p, value);
	}
	return refuse(p, ERR_UNSUPPORTED, word.at, "the session parameter is not known");
}

static int parse_line(struct parse *p, struct view value)
{
	struct view rest = value, tag = take_word(&rest), suite = take_word(&rest), keys = take_word(&rest), word;
	int error;

	if (!is_number(tag, 9) || view_to_u32(tag, UINT32_MAX, &p->crypto->tag))
		return refuse(p, ERR_SYNTAX, value.at, "the tag is not a number of up to 9 digits");
	if (suite.size == 0 || keys.size == 0)
		return refuse(p, ERR_SYNTAX, rest.at, "the line must be: tag, suite, keys");
	p->crypto->suite = (uint8_t)secure_suite_find(suite);
	if (p->crypto->suite == SECURE_NONE)
		return refuse(p, ERR_UNSUPPORTED, suite.at, "the suite is not known");
	error = parse_keys(p, keys);
	while (!error && (word = take_word(&rest)).size > 0)
		error = parse_parameter(p, word);
	return error;
}

int sdp_crypto_parse(struct view value, struct sdp_crypto *ret_crypto, struct sdp_refusal *ret_refusal)
{
	struct sdp_crypto crypto = {.tag = 0};
	struct parse p = {.crypto = &crypto, .refusal = ret_refusal, .start = value.at};
	int error = parse_line(&p, value);

	if (!error)
		*ret_crypto = crypto;
	sdp_crypto_wipe(&crypto);
	return error;
}

void sdp_crypto_wipe(struct sdp_crypto *crypto)
{
	explicit_bzero(crypto, sizeof(*crypto));
}

static void print_key(struct text *text, const struct secure_key *key, uint64_t lifetime)
{
	const struct secure_suite *suite = &secure_suites[key->suite];
	uint8_t bytes[MATERIAL_MAX];

	memcpy(bytes, key->master, suite->key_size);
	memcpy(bytes + suite->key_size, key->salt, suite->salt_size);
	text_add_string(text, "inline:");
	encode(text, bytes, (size_t)suite->key_size + suite->salt_size);
	explicit_bzero(bytes, sizeof(bytes));
	if (lifetime && (lifetime & (lifetime - 1)) == 0)
		text_printf(text, "|2^%d", __builtin_ctzll(lifetime));
	else if (lifetime)
		text_printf(text, "|%" PRIu64, lifetime);
	if (key->mki_size) {
		text_add_char(text, '|');
		print_mki(text, key);
	}
}

void sdp_crypto_print(struct text *text, const struct sdp_crypto *crypto)
{
	text_printf(text, "%" PRIu32 " %s ", crypto->tag, secure_suites[crypto->suite].name);
	for (unsigned i = 0; i < crypto->key_count; i++) {
		if (i > 0)
			text_add_char(text, ';');
		print_key(text, &crypto->keys[i], crypto->lifetimes[i]);
	}
	if (crypto->window)
		text_printf(text, " WSH=%u", crypto->window);
}

/* ---- of a media line ---- */

/* The next a=crypto line of the media section from attribute *at on. */
static bool next_line(const struct sdp_session *session, unsigned media, unsigned *at, struct view *ret_value)
{
	const struct sdp_section *section = &session->media[media].section;

	while (*at < section->attribute_count) {
		const struct sdp_attribute *attribute = &session->attributes[section->attribute_first + (*at)++];

		if (attribute->value.at && view_is_nocase(attribute->name, "crypto")) {
			*ret_value = attribute->value;
			return true;
		}
	}
	return false;
}

bool sdp_crypto_is_in(const struct sdp_session *session, unsigned media)
{
	struct view value;
	unsigned at = 0;

	return next_line(session, media, &at, &value);
}

/* From an offset into the line to one into the description. */
static int parse_in(const struct sdp_session *session, struct view value, struct sdp_crypto *ret_crypto,
		    struct sdp_refusal *ret_refusal)
{
	int error = sdp_crypto_parse(value, ret_crypto, ret_refusal);

	if (error)
		ret_refusal->offset += (size_t)(value.at - session->text.at);
	return error;
}

static bool is_among(uint8_t suite, const uint8_t *suites, size_t count)
{
	return memchr(suites, suite, count) != NULL;
}

int sdp_crypto_choose(const struct sdp_session *session, unsigned media, const uint8_t *suites, size_t suite_count,
		      struct sdp_crypto *ret_crypto, struct sdp_refusal *ret_refusal)
{
	struct sdp_refusal refusal;
	struct view value;
	unsigned at = 0;

	*ret_refusal = (struct sdp_refusal){0, NULL};
	while (next_line(session, media, &at, &value)) {
		struct sdp_crypto crypto;

		if (parse_in(session, value, &crypto, &refusal) != 0) {
			if (!ret_refusal->sentence)
				*ret_refusal = refusal;
			continue;
		}
		/* The engine listens with one key at a time. */
		if (crypto.key_count == 1 && is_among(crypto.suite, suites, suite_count)) {
			*ret_crypto = crypto;
			sdp_crypto_wipe(&crypto);
			return 0;
		}
		if (!ret_refusal->sentence)
			*ret_refusal =
				(struct sdp_refusal){(size_t)(value.at - session->text.at),
						     crypto.key_count > 1 ? "several keys at once are not supported"
									  : "the suite is not allowed here"};
		sdp_crypto_wipe(&crypto);
	}
	return ERR_NOT_FOUND;
}

int sdp_crypto_answer(const struct sdp_session *session, unsigned media, struct sdp_crypto *ret_crypto,
		      struct sdp_refusal *ret_refusal)
{
	struct view value, second;
	unsigned at = 0;

	*ret_refusal = (struct sdp_refusal){0, "the answer has no a=crypto line"};
	if (!next_line(session, media, &at, &value))
		return ERR_NOT_FOUND;
	if (next_line(session, media, &at, &second)) {
		*ret_refusal = (struct sdp_refusal){(size_t)(second.at - session->text.at),
						    "the answer has several a=crypto lines"};
		return ERR_INVALID;
	}
	return parse_in(session, value, ret_crypto, ret_refusal);
}
