/* The judgement of a request: credentials out of it, account, nonce, response, nonce-count, identity. The road: registrar
 * and call ask auth_check, answer with its status, and let auth_write_challenge add the headers.
 */
#include "controlplane/auth/auth_private.h"
#include "controlplane/auth/openssl.h"

#include <stdlib.h>

static const struct {
	const char *name;
	unsigned status;
} results[] = {
#define X(id, name, status) [id] = {name, status},
	AUTH_RESULT_LIST(X)
#undef X
};

const char *auth_result_name(enum auth_result result)
{
	return (unsigned)result < AUTH_RESULT_COUNT ? results[result].name : "?";
}

void auth_options_init(struct auth_options *options, const struct conf *conf)
{
	const struct conf_auth *from = &conf->auth;

	*options = (struct auth_options){
		.realm = conf->sip.realm,
		.nonce_lifetime_ms = (uint64_t)from->nonce_lifetime_s * 1000,
		.ban_failures = from->ban_failures,
		.ban_window_ms = (uint64_t)from->ban_window_s * 1000,
		.ban_ms = (uint64_t)from->ban_time_s * 1000,
	};
	/* The strongest first: RFC 8760 2.4. */
	if (from->algorithms & 1u << CONF_DIGEST_SHA256)
		options->algorithms[options->algorithm_count++] = AUTH_SHA256;
	if (from->algorithms & 1u << CONF_DIGEST_MD5)
		options->algorithms[options->algorithm_count++] = AUTH_MD5;
}

struct digest *auth_digest(struct auth *auth)
{
	return auth->digest;
}

void auth_set_listener(struct auth *auth, void (*on_failure)(void *arg, const struct auth_failure *failure), void *arg)
{
	auth->on_failure = on_failure;
	auth->on_failure_arg = arg;
}

const struct auth_stats *auth_stats(const struct auth *auth)
{
	return &auth->stats;
}

bool auth_is_banned(const struct auth *auth, const struct net_address *source, uint64_t now_ms)
{
	struct common *common = auth->common;
	bool is_banned;

	if (!atomic_load_explicit(&common->has_failures, memory_order_relaxed))
		return false;
	pthread_mutex_lock(&common->lock);
	is_banned = sources_is_banned(&common->sources, source, now_ms);
	pthread_mutex_unlock(&common->lock);
	return is_banned;
}

/* ---- judgement ---- */

/* Everything that the steps below learn of one request. */
struct inquiry {
	struct auth *auth;
	const struct sip_message *request;
	const struct net_endpoint *source;
	uint64_t now_ms;
	struct view credentials; /* as they stand in their header */
	struct sip_digest digest;
	enum auth_algorithm algorithm;
	uint32_t count; /* nc; 0: no qop */
	const struct auth_account *account;
	enum nonce_state nonce_state;
	struct nonce nonce;
	const char *why;
};

static bool is_offered(const struct auth *auth, enum auth_algorithm algorithm)
{
	for (size_t i = 0; i < auth->common->options.algorithm_count; i++) {
		if (auth->common->options.algorithms[i] == algorithm)
			return true;
	}
	return false;
}

/* The first credentials for our realm with an algorithm that we offer. AUTH_OK: there are some. */
static enum auth_result find_credentials(struct inquiry *inquiry, enum auth_role role)
{
	enum sip_header_id id = role == AUTH_PROXY ? SIP_HEADER_PROXY_AUTHORIZATION : SIP_HEADER_AUTHORIZATION;
	struct view value;

	inquiry->why = "no credentials";
	SIP_HEADER_FOREACH (inquiry->request, id, value) {
		int error = sip_digest_parse(value, &inquiry->digest);

		if (error == ERR_UNSUPPORTED)
			continue;
		if (error) {
			inquiry->why = "the credentials do not follow their grammar";
			return AUTH_BAD;
		}
		if (!view_is(inquiry->digest.realm, inquiry->auth->common->realm)) {
			inquiry->why = "credentials for another realm";
			continue;
		}
		if (digest_algorithm_parse(inquiry->digest.algorithm, &inquiry->algorithm) ||
		    !is_offered(inquiry->auth, inquiry->algorithm)) {
			inquiry->why = "credentials with an algorithm that was not offered";
			continue;
		}
		inquiry->credentials = value;
		return AUTH_OK;
	}
	return AUTH_CHALLENGE;
}

static bool parse_count(struct view text, uint32_t *ret_count)
{
	uint32_t count = 0;

	if (text.size != 8)
		return false;
	for (size_t i = 0; i < text.size; i++) {
		char c = text.at[i];
		unsigned digit = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
				 : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10
				 : c >= 'A' && c <= 'F' ? (unsigned)(c - 'A') + 10
							: 16;

		if (digit == 16)
			return false;
		count = count << 4 | digit;
	}
	*ret_count = count;
	return count > 0;
}

/* The uri of the credentials names what the Request-URI names, as far as clients agree on that. */
static bool is_uri_of(struct view text, const struct sip_uri *request_uri)
{
	struct sip_uri uri;

	if (view_equal(text, request_uri->text))
		return true;
	if (sip_uri_parse(text, &uri))
		return false;
	if (uri.user.at && request_uri->user.at && !sip_user_is_equal(uri.user, request_uri->user))
		return false;
	return view_equal_nocase(uri.host, request_uri->host);
}

static const char *check_fields(struct inquiry *inquiry)
{
	const struct sip_digest *digest = &inquiry->digest;

	if (!digest->username.at || !digest->nonce.at || !digest->uri.at || !digest->response.at)
		return "credentials without username, nonce, uri or response";
	if (digest->qop.at) {
		if (!view_is_nocase(digest->qop, "auth"))
			return "credentials with a qop that was not offered";
		if (!digest->cnonce.at || !parse_count(digest->nc, &inquiry->count))
			return "credentials with a qop, but without cnonce or a valid nc";
	}
	if (!is_uri_of(digest->uri, &inquiry->request->uri))
		return "the uri of the credentials is not that of the request";
	return NULL;
}

/* The same work whether or not there is such an account. */
static bool is_response_right(struct inquiry *inquiry)
{
	const struct sip_digest *digest = &inquiry->digest;
	const struct digest_input input = {
		.method = inquiry->request->method_text,
		.uri = digest->uri,
		.nonce = digest->nonce,
		.nc = digest->nc,
		.cnonce = digest->cnonce,
		.qop = digest->qop.at ? digest->qop : VIEW_EMPTY,
	};
	size_t size = digest_hex_size(inquiry->algorithm);
	const struct auth_account *account = auth_find(inquiry->auth, digest->username);
	const char *ha1 = account ? account->ha1[inquiry->algorithm] : "";
	bool is_real = ha1[0] != '\0', is_equal;
	char expected[AUTH_HEX_SIZE];

	if (digest_response(inquiry->auth->digest, inquiry->algorithm,
			    is_real ? ha1 : inquiry->auth->common->nobody.ha1[inquiry->algorithm], &input, expected))
		return false;
	is_equal = digest->response.size == size && CRYPTO_memcmp(expected, digest->response.at, size) == 0;
	if (!is_equal || !is_real) {
		inquiry->why = account ? "wrong password" : "no such extension";
		return false;
	}
	inquiry->account = account;
	return true;
}

static void count_failure(struct inquiry *inquiry)
{
	struct auth *auth = inquiry->auth;
	struct auth_failure failure = {
		.source = inquiry->source,
		.username = inquiry->digest.username,
		.why = inquiry->why,
	};

	auth->stats.failures++;
	if (inquiry->nonce_state != NONCE_FOREIGN && inquiry->nonce.is_of_source) {
		pthread_mutex_lock(&auth->common->lock);
		failure.failures = sources_fail(&auth->common->sources, &inquiry->source->address, inquiry->now_ms,
						&failure.is_banned);
		pthread_mutex_unlock(&auth->common->lock);
		atomic_store_explicit(&auth->common->has_failures, true, memory_order_relaxed);
	}
	if (failure.is_banned)
		auth->stats.bans++;
	if (auth->on_failure)
		auth->on_failure(auth->on_failure_arg, &failure);
}

/* The response is right: is it the first time? */
static enum auth_result check_nonce(struct inquiry *inquiry)
{
	struct auth *auth = inquiry->auth;
	enum replay_result used;

	switch (inquiry->nonce_state) {
	case NONCE_OLD:
		inquiry->why = "the nonce is too old";
		return AUTH_STALE;
	case NONCE_FOREIGN:
		inquiry->why = "the nonce is not ours, or from before the restart";
		return AUTH_STALE;
	case NONCE_FRESH:
		break;
	}
	pthread_mutex_lock(&auth->common->lock);
	used = replay_use(&auth->common->replay, &inquiry->nonce, inquiry->count, inquiry->now_ms,
			  auth->common->options.nonce_lifetime_ms);
	pthread_mutex_unlock(&auth->common->lock);
	switch (used) {
	case REPLAY_SEEN:
		auth->stats.replays++;
		inquiry->why = "the nonce-count was used before";
		return AUTH_STALE;
	case REPLAY_FORGOTTEN:
		auth->stats.forgotten++;
		inquiry->why = "too many nonces in use";
		return AUTH_STALE;
	case REPLAY_NEW:
		break;
	}
	return AUTH_OK;
}

static enum auth_result check_identity(struct inquiry *inquiry)
{
	const struct sip_message *request = inquiry->request;
	bool is_register = request->method == SIP_METHOD_REGISTER;
	struct view user = is_register ? request->to.uri.user : request->from.uri.user;

	if (user.at && sip_user_is_equal(user, view_of(inquiry->account->number)))
		return AUTH_OK;
	/* Who hides behind the name of RFC 3261 8.1.1.3 has proved who he is all the same. */
	if (!is_register && user.at && view_is_nocase(user, "anonymous"))
		return AUTH_OK;
	inquiry->why = is_register ? "To is not the extension that authenticated"
				   : "From is not the extension that authenticated";
	return AUTH_FORBIDDEN;
}

static bool is_in_memo(const struct inquiry *inquiry)
{
	const struct memo *memo = &inquiry->auth->memo;

	return memo->size > 0 && memo->method == inquiry->request->method &&
	       view_equal((struct view){memo->credentials, memo->size}, inquiry->credentials) &&
	       net_endpoint_is_equal(&memo->source, inquiry->source);
}

static void keep_memo(struct inquiry *inquiry)
{
	struct memo *memo = &inquiry->auth->memo;

	if (inquiry->credentials.size > MEMO_SIZE || inquiry->request->method == SIP_METHOD_OTHER)
		return;
	memcpy(memo->credentials, inquiry->credentials.at, inquiry->credentials.size);
	memo->size = inquiry->credentials.size;
	memo->method = inquiry->request->method;
	memo->source = *inquiry->source;
	memo->nonce_state = inquiry->nonce_state;
	memo->nonce = inquiry->nonce;
	memo->account = inquiry->account;
}

/* Everything up to the response. Changes nothing but the count of failures. */
static enum auth_result judge_response(struct inquiry *inquiry, enum auth_role role)
{
	struct auth *auth = inquiry->auth;
	enum auth_result result;

	if (auth_is_banned(auth, &inquiry->source->address, inquiry->now_ms)) {
		inquiry->why = "banned";
		return AUTH_BANNED;
	}
	result = find_credentials(inquiry, role);
	if (result != AUTH_OK)
		return result;
	inquiry->why = check_fields(inquiry);
	if (inquiry->why)
		return AUTH_BAD;
	if (is_in_memo(inquiry)) {
		inquiry->nonce_state = auth->memo.nonce_state;
		inquiry->nonce = auth->memo.nonce;
		inquiry->account = auth->memo.account;
		return AUTH_OK;
	}
	inquiry->nonce_state = nonce_check(auth->digest, view_of(auth->common->realm), &inquiry->source->address,
					   inquiry->digest.nonce, inquiry->now_ms,
					   auth->common->options.nonce_lifetime_ms, &inquiry->nonce);
	if (!is_response_right(inquiry)) {
		count_failure(inquiry);
		return AUTH_CHALLENGE;
	}
	return AUTH_OK;
}

static void give_verdict(struct inquiry *inquiry, enum auth_result result, enum auth_role role,
			 struct auth_verdict *ret_verdict)
{
	struct auth *auth = inquiry->auth;
	bool is_challenge = result == AUTH_CHALLENGE || result == AUTH_STALE;

	auth->stats.results[result]++;
	*ret_verdict = (struct auth_verdict){
		.result = result,
		.status = is_challenge && role == AUTH_PROXY ? 407 : results[result].status,
		.account = result == AUTH_OK || result == AUTH_FORBIDDEN ? inquiry->account : NULL,
		.why = inquiry->why ? inquiry->why : "",
		.auth = auth,
		.role = role,
	};
	if (is_challenge)
		nonce_make(auth->digest, view_of(auth->common->realm), &inquiry->source->address,
			   atomic_fetch_add_explicit(&auth->common->sequence, 1, memory_order_relaxed), inquiry->now_ms,
			   ret_verdict->nonce);
}

bool auth_screen(struct auth *auth, const struct sip_message *request, const struct net_endpoint *source,
		 enum auth_role role, uint64_t now_ms, struct auth_verdict *ret_verdict)
{
	struct inquiry inquiry = {.auth = auth, .request = request, .source = source, .now_ms = now_ms, .why = ""};
	enum auth_result result;

	auth->memo.size = 0;
	result = judge_response(&inquiry, role);
	if (result == AUTH_OK && inquiry.nonce_state != NONCE_FRESH)
		result = check_nonce(&inquiry);
	if (result == AUTH_OK) {
		keep_memo(&inquiry);
		return true;
	}
	give_verdict(&inquiry, result, role, ret_verdict);
	return false;
}

void auth_check(struct auth *auth, const struct sip_message *request, const struct net_endpoint *source,
		enum auth_role role, uint64_t now_ms, struct auth_verdict *ret_verdict)
{
	struct inquiry inquiry = {.auth = auth, .request = request, .source = source, .now_ms = now_ms, .why = ""};
	enum auth_result result = judge_response(&inquiry, role);

	auth->memo.size = 0;
	if (result == AUTH_OK)
		result = check_nonce(&inquiry);
	if (result == AUTH_OK)
		result = check_identity(&inquiry);
	give_verdict(&inquiry, result, role, ret_verdict);
}

void auth_write_challenge(struct sip_writer *out, void *verdict)
{
	const struct auth_verdict *of = verdict;
	const struct auth *auth = of->auth;

	if (of->nonce[0] == '\0')
		return;
	for (size_t i = 0; i < auth->common->options.algorithm_count; i++)
		sip_write_header(out,
				 of->role == AUTH_PROXY ? SIP_HEADER_PROXY_AUTHENTICATE : SIP_HEADER_WWW_AUTHENTICATE,
				 "Digest realm=\"%s\", nonce=\"%s\", algorithm=%s, qop=\"auth\"%s", auth->common->realm,
				 of->nonce, digest_algorithm_name(auth->common->options.algorithms[i]),
				 of->result == AUTH_STALE ? ", stale=true" : "");
}
