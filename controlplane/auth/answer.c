/* The client side: picks a challenge of a 401 or 407 and writes the credentials that answer it. For trunks. */
#include "controlplane/auth/auth_private.h"

#include <stdio.h>

struct choice {
	bool is_found;
	enum auth_algorithm algorithm;
	struct sip_digest challenge;
};

static bool is_stronger(enum auth_algorithm algorithm, const struct choice *choice)
{
	return !choice->is_found || algorithm > choice->algorithm;
}

/* ERR_NOT_FOUND without challenges, ERR_UNSUPPORTED when none of them is one for us. */
static int choose(const struct sip_message *response, enum sip_header_id id, struct choice *choice)
{
	int error = ERR_NOT_FOUND;
	struct view value;

	SIP_HEADER_FOREACH (response, id, value) {
		enum auth_algorithm algorithm;
		struct sip_digest digest;

		error = ERR_UNSUPPORTED;
		if (sip_digest_parse(value, &digest) || !digest.realm.at || !digest.nonce.at)
			continue;
		if (digest_algorithm_parse(digest.algorithm, &algorithm) || !is_stronger(algorithm, choice))
			continue;
		if (digest.qop.at && !sip_list_has(digest.qop, "auth"))
			continue;
		*choice = (struct choice){true, algorithm, digest};
	}
	return choice->is_found ? 0 : error;
}

static bool is_quotable(struct view text)
{
	for (size_t i = 0; i < text.size; i++) {
		if (text.at[i] == '"' || text.at[i] == '\\' || (unsigned char)text.at[i] < ' ')
			return false;
	}
	return true;
}

int auth_answer(struct auth *auth, const struct sip_message *response, struct view method, struct view uri,
		const struct auth_credentials *credentials, struct sip_writer *out)
{
	bool is_proxy = response->status == 407;
	struct digest *digest = auth_digest(auth);
	struct choice choice = {0};
	char ha1[AUTH_HEX_SIZE], hex[AUTH_HEX_SIZE], nc[9], buffer[2048];
	struct digest_input input;
	struct text text;
	int error;

	if (!is_quotable(credentials->user) || !is_quotable(credentials->cnonce) || !is_quotable(uri))
		return ERR_INVALID;
	error = choose(response, is_proxy ? SIP_HEADER_PROXY_AUTHENTICATE : SIP_HEADER_WWW_AUTHENTICATE, &choice);
	if (error)
		return error;
	snprintf(nc, sizeof(nc), "%08x", credentials->count);
	input = (struct digest_input){
		.method = method,
		.uri = uri,
		.nonce = choice.challenge.nonce,
		.nc = view_of(nc),
		.cnonce = credentials->cnonce,
		.qop = choice.challenge.qop.at ? VIEW("auth") : VIEW_EMPTY,
	};
	error = digest_ha1(digest, choice.algorithm, credentials->user, choice.challenge.realm, credentials->password,
			   ha1);
	if (!error)
		error = digest_response(digest, choice.algorithm, ha1, &input, hex);
	if (error)
		return error;
	text_init(&text, buffer, sizeof(buffer));
	text_printf(&text, "Digest username=\"%.*s\", realm=\"%.*s\", nonce=\"%.*s\", uri=\"%.*s\", response=\"%s\"",
		    VIEW_ARG(credentials->user), VIEW_ARG(choice.challenge.realm), VIEW_ARG(choice.challenge.nonce),
		    VIEW_ARG(uri), hex);
	text_printf(&text, ", algorithm=%s", digest_algorithm_name(choice.algorithm));
	if (choice.challenge.opaque.at)
		text_printf(&text, ", opaque=\"%.*s\"", VIEW_ARG(choice.challenge.opaque));
	if (input.qop.size > 0)
		text_printf(&text, ", qop=auth, nc=%s, cnonce=\"%.*s\"", nc, VIEW_ARG(credentials->cnonce));
	if (text.overflow)
		return ERR_INVALID;
	sip_write_header_view(out, is_proxy ? SIP_HEADER_PROXY_AUTHORIZATION : SIP_HEADER_AUTHORIZATION,
			      text_view(&text));
	return 0;
}
