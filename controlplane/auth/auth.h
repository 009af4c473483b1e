/* Who is it? Digest authentication of requests (server side), answers to challenges (client side), and the defence
 * against guessing.
 *
 * Used by registrar (REGISTER) and call (INVITE and other requests outside dialogs); auth_answer by trunks. The only user of
 * OpenSSL's EVP here. Time is an argument, randomness is the key given to auth_new: nothing here asks the kernel.
 * Threads: a struct auth belongs to one signalling loop (it keeps hash contexts). Siblings of other threads share the tables, under
 * a lock for a look-up; auth_set wants that all others stand still, and counts for all.
 * Ownership: auth copies what it needs of the configuration; accounts live as long as it. It keeps HA1 values only:
 * passwords are hashed in auth_new and not stored.
 *
 * Server side. RFC 3261 22, RFC 7616, RFC 8760; qop=auth.
 *   Nonces are not stored: time, a sequence number, a tag of the source address, and an HMAC over these and the realm
 *   with the key of this process. They live nonce_lifetime_ms; after that, or after a restart, whoever answers
 *   correctly gets a new one with stale=true, and phones do not ask their user.
 *   Replay: a table remembers for each nonce that was used successfully which nonce-counts it has seen (a window of 64, so
 *   that UDP may reorder). Only owners of an account can put anything into it. It has AUTH_NONCES entries; when a bucket is
 *   full its oldest nonce is dropped together with the right of all older ones in that bucket to be used for the first
 *   time: they are answered with stale. So memory is bounded, and a replay never succeeds.
 *   A client without qop (RFC 2069) is let in, with one use of each nonce.
 *   An extension that does not exist and a wrong password are one code path: the response is computed with a dummy HA1,
 *   compared in constant time, and answered with the same challenge. Only who proved an identity can get a 403 (From, or
 *   To of REGISTER, names another extension; the host part is not compared, phones write addresses there).
 *   The uri of the credentials must name the host of the Request-URI, and its user where both have one (SIPp's has none);
 *   else 400. Ports and parameters are not compared.
 * Algorithms are offered in the order of options.algorithms, one header each. The default is MD5 alone, by measurement:
 * baresip 1.0 gives up ("Function not implemented") when any challenge names SHA-256, and SIPp 3.6 reads the first only.
 * "SHA-256", "MD5" is RFC 8760's order for clients that know it. What is not offered is not accepted.
 *
 * Defence: wrong answers are counted per source address (an IPv6 /64). ban_failures within ban_window_ms ban it for
 * ban_ms: its requests are refused without any work. Only answers to a nonce that was given to that same address count, so
 * nobody can have another banned with forged source addresses. Loopback is exempt (an edge proxy of this machine speaks
 * for everybody). AUTH_SOURCES addresses are known at a time; the least suspicious makes room.
 *
 * Limits: the constants below; about 700 KB for the two tables and 300 bytes an extension.
 */
#ifndef CONTROLPLANE_AUTH_AUTH_H
#define CONTROLPLANE_AUTH_AUTH_H

#include "lib/config/config.h"
#include "lib/sip/sip.h"

struct auth;

/* name, text on the wire */
#define AUTH_ALGORITHM_LIST(X)                                                                                         \
	X(AUTH_MD5, "MD5")                                                                                             \
	X(AUTH_SHA256, "SHA-256")

enum auth_algorithm {
#define X(name, text) name,
	AUTH_ALGORITHM_LIST(X)
#undef X
		AUTH_ALGORITHM_COUNT
};

enum {
	AUTH_KEY_SIZE = 32,
	AUTH_HEX_SIZE = 65,   /* a printed hash with its terminator */
	AUTH_NONCE_SIZE = 53, /* a printed nonce with its terminator */
	AUTH_NONCES = 16384,  /* nonces in use whose nonce-counts are known */
	AUTH_SOURCES = 4096,  /* addresses whose failures are known */
};

struct auth_options {
	const char *realm;
	enum auth_algorithm algorithms[AUTH_ALGORITHM_COUNT]; /* in the order offered */
	size_t algorithm_count;                               /* 1.. */
	uint64_t nonce_lifetime_ms;
	uint32_t ban_failures; /* 0: nobody is banned */
	uint64_t ban_window_ms, ban_ms;
};

struct auth_account {
	char *number;                                  /* the extension; also the digest username */
	char *name;                                    /* shown to the called party; may be empty */
	char ha1[AUTH_ALGORITHM_COUNT][AUTH_HEX_SIZE]; /* "" when only the other one was configured */
};

/* What to answer and why. */
#define AUTH_RESULT_LIST(X)                                                                                            \
	X(AUTH_OK, "ok", 0)                                                                                            \
	X(AUTH_CHALLENGE, "challenge", 401) /* no credentials for us, or wrong ones; 407 for AUTH_PROXY */             \
	X(AUTH_STALE, "stale", 401)         /* right ones, with an old or used-up nonce */                             \
	X(AUTH_FORBIDDEN, "forbidden", 403) /* right ones, of another extension than From or To names */               \
	X(AUTH_BAD, "bad", 400)             /* the credentials contradict their grammar or the request */              \
	X(AUTH_BANNED, "banned", 403)       /* nothing was looked at */

enum auth_result {
#define X(name, text, status) name,
	AUTH_RESULT_LIST(X)
#undef X
		AUTH_RESULT_COUNT
};
const char *auth_result_name(enum auth_result result);

/* Which pair of headers: WWW-Authenticate and Authorization with 401, or the Proxy- ones with 407. */
enum auth_role { AUTH_SERVER, AUTH_PROXY };

struct auth_verdict {
	enum auth_result result;
	unsigned status;                    /* for the answer; 0 when OK */
	const struct auth_account *account; /* AUTH_OK, AUTH_FORBIDDEN; else NULL */
	const char *why;                    /* a static sentence for the log, never for the wire */
	/* of the challenge */
	const struct auth *auth;
	enum auth_role role;
	char nonce[AUTH_NONCE_SIZE]; /* empty: no challenge */
};

/* The defaults and what the configuration says of them. */
void auth_options_init(struct auth_options *options, const struct conf *conf);
/* key: fresh random bytes (loop_random). ERR_NOMEM; ERR_INVALID: a realm with quotes or backslashes;
 * ERR_UNSUPPORTED: OpenSSL has no such hash. */
int auth_new(const struct auth_options *options, const struct conf_extension *extensions, size_t extension_count,
	     const uint8_t key[AUTH_KEY_SIZE], struct auth **ret_auth) WARN_UNUSED;
/* For another signalling thread: the same accounts, key, nonces in use and failures; its own hash contexts, statistics and
 * listener. Made and freed while only one thread runs, in any order. ERR_NOMEM, ERR_UNSUPPORTED. */
int auth_new_sibling(struct auth *of, struct auth **ret_auth) WARN_UNUSED;
void auth_free(struct auth *auth); /* NULL is allowed */
/* Other accounts and options from now on; the realm, nonces and what is known of sources stay. About 2 us an extension.
 * ERR_NOMEM: nothing has changed. Accounts that were handed out are gone. */
int auth_set(struct auth *auth, const struct auth_options *options, const struct conf_extension *extensions,
	     size_t extension_count) WARN_UNUSED;

/* Judges a request that came from source. The same request judged twice is a replay: ask once. */
void auth_check(struct auth *auth, const struct sip_message *request, const struct net_endpoint *source,
		enum auth_role role, uint64_t now_ms, struct auth_verdict *ret_verdict);
/* The first look, which remembers nothing of the request (only failures are counted): false when auth_check would not let it
 * in, whatever it knows; the verdict then goes out without a transaction, so that a flood of strangers holds no memory.
 * True: ask auth_check next, which does not compute the response a second time. */
bool auth_screen(struct auth *auth, const struct sip_message *request, const struct net_endpoint *source,
		 enum auth_role role, uint64_t now_ms, struct auth_verdict *ret_verdict) WARN_UNUSED;
/* Writes the challenge headers of a verdict, nothing when it has none: fits struct transaction_reply as headers, arg. */
void auth_write_challenge(struct sip_writer *out, void *verdict);

/* The account of a number, or NULL. */
const struct auth_account *auth_find(struct auth *auth, struct view number);

/* ---- defence ---- */
bool auth_is_banned(const struct auth *auth, const struct net_address *source, uint64_t now_ms);
struct auth_failure {
	const struct net_endpoint *source;
	struct view username; /* as claimed */
	const char *why;
	uint32_t failures; /* of this source in the window; 0: loopback, or nothing is counted */
	bool is_banned;    /* by this very failure */
};
/* Called for each wrong answer. One listener; NULL: none. */
void auth_set_listener(struct auth *auth, void (*on_failure)(void *arg, const struct auth_failure *failure), void *arg);

struct auth_stats {
	uint64_t results[AUTH_RESULT_COUNT];
	uint64_t failures; /* wrong answers */
	uint64_t bans;
	uint64_t replays;   /* a nonce-count seen before */
	uint64_t forgotten; /* nonces refused because the table was full */
};
const struct auth_stats *auth_stats(const struct auth *auth);

/* ---- client side ---- */
struct auth_credentials {
	struct view user, password;
	struct view cnonce; /* random characters without quotes (loop_random_token) */
	uint32_t count;     /* requests with this nonce so far, this one included: 1.. */
};
/* Writes the (Proxy-)Authorization that answers the challenges of a 401 or 407: SHA-256 when offered, else MD5. method and
 * uri are those of the request it goes into. ERR_NOT_FOUND: no challenge; ERR_UNSUPPORTED: none that we know;
 * ERR_INVALID: credentials that cannot be written. */
int auth_answer(struct auth *auth, const struct sip_message *response, struct view method, struct view uri,
		const struct auth_credentials *credentials, struct sip_writer *out) WARN_UNUSED;

/* HA1 of an account, as the configuration takes it: the password itself need not be kept. ERR_UNSUPPORTED, ERR_NOMEM. */
int auth_hash_password(struct view user, struct view realm, struct view password, char ret_md5[AUTH_HEX_SIZE],
		       char ret_sha256[AUTH_HEX_SIZE]) WARN_UNUSED;

#endif
