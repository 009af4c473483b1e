/* The parts of controlplane/auth behind auth.h: hashes (digest.c), nonces (nonce.c), nonce-counts (replay.c), failures
 * per source (sources.c). Each is a struct of its own, with time as an argument, so that tests reach it alone.
 */
#ifndef CONTROLPLANE_AUTH_AUTH_PRIVATE_H
#define CONTROLPLANE_AUTH_AUTH_PRIVATE_H

#include "controlplane/auth/auth.h"
#include "lib/container/map.h"

#include <pthread.h>
#include <stdatomic.h>

/* ---- digest.c: RFC 7616 3.4 with qop=auth, or without ---- */
struct digest; /* contexts of OpenSSL, made once: a hash then allocates nothing */

int digest_new(const uint8_t key[AUTH_KEY_SIZE], struct digest **ret_digest) WARN_UNUSED;
void digest_free(struct digest *digest);
/* ERR_UNSUPPORTED when the library refuses. All hashes are printed lower-case. */
int digest_ha1(struct digest *digest, enum auth_algorithm algorithm, struct view user, struct view realm,
	       struct view password, char ret_hex[AUTH_HEX_SIZE]) WARN_UNUSED;
struct digest_input {
	struct view method, uri, nonce;
	struct view nc, cnonce, qop; /* qop empty: RFC 2069, nc and cnonce are not used */
};
int digest_response(struct digest *digest, enum auth_algorithm algorithm, const char *ha1,
		    const struct digest_input *input, char ret_hex[AUTH_HEX_SIZE]) WARN_UNUSED;
/* HMAC-SHA256 with the key of digest_new. */
int digest_mac(struct digest *digest, struct view bytes, uint8_t ret_mac[32]) WARN_UNUSED;
/* An algorithm as named on the wire, any case; an absent one (NULL pointer) is MD5. ERR_UNSUPPORTED. */
int digest_algorithm_parse(struct view text, enum auth_algorithm *ret_algorithm) WARN_UNUSED;
const char *digest_algorithm_name(enum auth_algorithm algorithm);
size_t digest_hex_size(enum auth_algorithm algorithm); /* 32 or 64 */

struct digest *auth_digest(struct auth *auth);

/* ---- nonce.c ---- */
struct nonce {
	uint64_t issued_ms, sequence;
	bool is_of_source; /* was given to the address that asks now */
};
enum nonce_state {
	NONCE_FRESH,
	NONCE_OLD,     /* ours, beyond its life (or from the future: the clock is another one) */
	NONCE_FOREIGN, /* not made with our key and realm */
};
void nonce_make(struct digest *digest, struct view realm, const struct net_address *source, uint64_t sequence,
		uint64_t now_ms, char ret_text[AUTH_NONCE_SIZE]);
enum nonce_state nonce_check(struct digest *digest, struct view realm, const struct net_address *source,
			     struct view text, uint64_t now_ms, uint64_t lifetime_ms, struct nonce *ret_nonce);

/* ---- replay.c ---- */
enum { REPLAY_WAYS = 8, REPLAY_WINDOW = 64 };

struct replay_entry {
	uint64_t sequence, issued_ms, seen; /* seen: bit i is nonce-count highest - i */
	uint32_t highest;
	bool is_used;
};
struct replay_bucket {
	struct replay_entry entries[REPLAY_WAYS];
	uint64_t floor; /* sequences below it that are not in entries were dropped, or may not begin any more */
};
struct replay {
	struct replay_bucket *buckets;
	size_t bucket_count;
};
enum replay_result { REPLAY_NEW, REPLAY_SEEN, REPLAY_FORGOTTEN };

int replay_init(struct replay *replay, size_t entries) WARN_UNUSED;
void replay_fini(struct replay *replay);
/* Marks a nonce-count as used. count 0: the nonce as a whole (no qop). */
enum replay_result replay_use(struct replay *replay, const struct nonce *nonce, uint32_t count, uint64_t now_ms,
			      uint64_t lifetime_ms);

/* ---- sources.c ---- */
enum { SOURCES_WAYS = 8 };

struct source {
	struct net_address address; /* family 0: free */
	uint32_t failures;
	uint64_t begun_ms, banned_until_ms; /* 0: not banned */
};
struct sources {
	struct source *rows;
	size_t bucket_count;
	uint32_t limit;
	uint64_t window_ms, ban_ms;
};
int sources_init(struct sources *sources, size_t count, const struct auth_options *options) WARN_UNUSED;
void sources_fini(struct sources *sources);
bool sources_is_banned(const struct sources *sources, const struct net_address *address, uint64_t now_ms);
/* Counts one; returns how many there are in the window, 0 for an exempt address. *ret_is_banned: this was the last straw. */
uint32_t sources_fail(struct sources *sources, const struct net_address *address, uint64_t now_ms, bool *ret_is_banned);

/* ---- the whole ---- */
struct account_row {
	struct auth_account account;
	struct map_node node;
};

struct accounts {
	struct account_row *rows;
	size_t row_count;
	struct map by_number;
};

enum { MEMO_SIZE = 1024 };

/* What auth_screen found out about the request that auth_check is asked about next: the same bytes from the same source
 * need not be hashed twice. */
struct memo {
	char credentials[MEMO_SIZE];
	size_t size; /* 0: none */
	enum sip_method method;
	struct net_endpoint source;
	enum nonce_state nonce_state;
	struct nonce nonce;
	const struct auth_account *account;
};

/* What siblings have in common. Options, realm and accounts only change while nobody else looks (auth_set). */
struct common {
	uint32_t references; /* made and freed while one thread runs */
	uint8_t key[AUTH_KEY_SIZE];
	struct auth_options options;
	char *realm;
	struct accounts accounts;
	struct auth_account nobody; /* stands in for every number that does not exist */
	_Atomic uint64_t sequence;  /* of the next nonce */
	_Atomic bool has_failures;  /* somebody may be in sources */
	pthread_mutex_t lock;       /* over both tables; held for a look-up */
	struct replay replay;
	struct sources sources;
};

struct auth {
	struct common *common;
	struct digest *digest;
	struct memo memo;
	struct auth_stats stats;
	void (*on_failure)(void *arg, const struct auth_failure *failure);
	void *on_failure_arg;
};

#endif
