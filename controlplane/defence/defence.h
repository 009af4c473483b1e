/* Who is not listened to: deny lists, banned sources, scanners, and sources that ask too much. All of them get silence: an
 * answer would tell that somebody lives here, and would cost more than the question.
 *
 * Used by controlplane/app, which asks at two doors of the transaction layer: defence_check_source before a message is
 * parsed, defence_check_request before a transaction is made. Neither allocates.
 *   allow     prefixes that nothing here applies to; allow wins over deny, so deny = ["0.0.0.0/0", "::/0"] and an
 *             allow list admit a list of networks only
 *   deny      prefixes that are not read at all
 *   banned    what controlplane/auth has banned: not read at all while the ban lasts
 *   scanner   a request whose User-Agent, or From display name, has one of the known or configured texts (any case). Whoever calls himself
 *             otherwise is not recognised; what protects then are bans, challenges that look alike and the rate
 *   rate      new requests outside dialogs a second and source address (an IPv6 /64), one second's worth at once; what
 *             belongs to dialogs and responses are not counted, so a limited source keeps its calls
 * Loopback is exempt from bans and rates (an edge proxy of this machine speaks for everybody).
 * Threads: a struct defence belongs to one signalling loop; rates may be shared (a lock for a look-up). Ownership: it copies its options; auth must outlive it.
 * Limits: DEFENCE_PREFIXES_MAX prefixes a list, DEFENCE_SCANNERS_MAX texts, DEFENCE_SOURCES sources with a known rate
 * (the one that asked least makes room). About 200 KB. The log hears of each reason at most once in DEFENCE_TELL_MS.
 */
#ifndef CONTROLPLANE_DEFENCE_DEFENCE_H
#define CONTROLPLANE_DEFENCE_DEFENCE_H

#include "lib/net/net.h"

struct auth;
struct conf_security;
struct defence;
struct sip_message;

enum {
	DEFENCE_PREFIXES_MAX = 1024,
	DEFENCE_SCANNERS_MAX = 32, /* configured ones */
	DEFENCE_SOURCES = 4096,
	DEFENCE_TELL_MS = 10000,
};

/* id, text */
#define DEFENCE_REASON_LIST(X)                                                                                         \
	X(DEFENCE_PASS, "pass")                                                                                        \
	X(DEFENCE_DENIED, "denied")                                                                                    \
	X(DEFENCE_BANNED, "banned")                                                                                    \
	X(DEFENCE_SCANNER, "scanner")                                                                                  \
	X(DEFENCE_RATE, "rate")
enum defence_reason {
#define X(id, text) id,
	DEFENCE_REASON_LIST(X)
#undef X
		DEFENCE_REASON_COUNT
};
const char *defence_reason_name(enum defence_reason reason);

/* auth may be NULL: no bans. ERR_INVALID: a prefix (lib/config checked them); ERR_NOMEM. */
int defence_new(const struct conf_security *conf, const struct auth *auth, struct defence **ret_defence) WARN_UNUSED;
/* Takes other lists and limits; what is known of sources stays. On failure nothing changes. */
int defence_set(struct defence *defence, const struct conf_security *conf) WARN_UNUSED;
/* For another signalling thread: what sources ask is counted together with what they ask the first, which must outlive it. */
void defence_share(struct defence *defence, struct defence *first);
void defence_free(struct defence *defence); /* NULL is allowed */

/* A message came from there: DENIED, BANNED or PASS. Anything but PASS is counted. */
enum defence_reason defence_check_source(struct defence *defence, const struct net_endpoint *source, uint64_t now_ms);
/* A request that would open a transaction: SCANNER, RATE or PASS. */
enum defence_reason defence_check_request(struct defence *defence, const struct sip_message *request,
					  const struct net_endpoint *source, uint64_t now_ms);

/* Called for what is silenced, rarely: count of that reason since the last time. One listener; NULL: none. */
void defence_set_listener(struct defence *defence,
			  void (*on_silence)(void *arg, enum defence_reason reason, const struct net_endpoint *source,
					     uint64_t count),
			  void *arg);
/* How many messages were silenced for that reason. */
uint64_t defence_count(const struct defence *defence, enum defence_reason reason);

#endif
