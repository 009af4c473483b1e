/* The two doors: by source before parsing, by content before a transaction is made; lists, counters, and what the log
 * hears of it. */
#include "controlplane/defence/defence_private.h"

#include "controlplane/auth/auth.h"
#include "lib/config/config.h"
#include "lib/sip/sip.h"

#include <ctype.h>
#include <stdlib.h>

struct prefixes {
	struct net_prefix *at;
	size_t len;
};

struct lists {
	struct prefixes allow, deny;
	bool is_scanner_silent;
	char *scanners[DEFENCE_SCANNERS_MAX]; /* beside the known ones */
	size_t scanner_count;
};

struct defence {
	const struct auth *auth;
	struct lists lists;
	struct rates own_rates, *rates; /* a sibling counts in the first one's */
	struct {
		uint64_t count, told;
		uint64_t quiet_until_ms;
	} reasons[DEFENCE_REASON_COUNT];
	void (*on_silence)(void *arg, enum defence_reason reason, const struct net_endpoint *source, uint64_t count);
	void *arg;
};

/* As they call themselves unless told otherwise; SIPVicious is the first, its display name the second. */
static const char *const known_scanners[] = {"friendly-scanner", "sipvicious",  "sundayddr", "sip-scan",
					     "sipcli",           "iwar",        "smap",      "VaxSIPUserAgent",
					     "pplsip",           "siparmyknife"};

static const char *const reason_names[] = {
#define X(id, text) [id] = text,
	DEFENCE_REASON_LIST(X)
#undef X
};

const char *defence_reason_name(enum defence_reason reason)
{
	return (unsigned)reason < DEFENCE_REASON_COUNT ? reason_names[reason] : "?";
}

/* ---- lists ---- */

static int read_prefixes(const struct conf_strings *from, struct prefixes *prefixes)
{
	if (from->len > DEFENCE_PREFIXES_MAX)
		return ERR_INVALID;
	prefixes->at = calloc(from->len + 1, sizeof(*prefixes->at));
	if (!prefixes->at)
		return ERR_NOMEM;
	for (size_t i = 0; i < from->len; i++)
		if (net_prefix_parse(view_of(from->at[i]), &prefixes->at[prefixes->len++]) < 0)
			return ERR_INVALID;
	return 0;
}

static void lists_fini(struct lists *lists)
{
	free(lists->allow.at);
	free(lists->deny.at);
	for (size_t i = 0; i < lists->scanner_count; i++)
		free(lists->scanners[i]);
}

static int lists_init(struct lists *lists, const struct conf_security *conf)
{
	int error = read_prefixes(&conf->allow, &lists->allow);

	if (error == 0)
		error = read_prefixes(&conf->deny, &lists->deny);
	for (size_t i = 0; i < conf->scanners.len && error == 0; i++) {
		if (i == DEFENCE_SCANNERS_MAX)
			return ERR_INVALID;
		lists->scanners[i] = view_dup(view_of(conf->scanners.at[i]));
		if (lists->scanners[i])
			lists->scanner_count++;
		else
			error = ERR_NOMEM;
	}
	lists->is_scanner_silent = conf->silent_scanners;
	return error;
}

static bool is_in(const struct prefixes *prefixes, const struct net_address *address)
{
	for (size_t i = 0; i < prefixes->len; i++)
		if (net_prefix_has(&prefixes->at[i], address))
			return true;
	return false;
}

/* ---- life ---- */

int defence_set(struct defence *defence, const struct conf_security *conf)
{
	struct lists lists = {0};
	int error = lists_init(&lists, conf);

	if (error < 0) {
		lists_fini(&lists);
		return error;
	}
	lists_fini(&defence->lists);
	defence->lists = lists;
	defence->own_rates.per_second = conf->requests_per_second;
	return 0;
}

int defence_new(const struct conf_security *conf, const struct auth *auth, struct defence **ret_defence)
{
	struct defence *defence = calloc(1, sizeof(*defence));
	int error;

	if (!defence)
		return ERR_NOMEM;
	defence->auth = auth;
	defence->rates = &defence->own_rates;
	error = rates_init(&defence->own_rates, DEFENCE_SOURCES);
	if (error == 0)
		error = defence_set(defence, conf);
	if (error < 0) {
		defence_free(defence);
		return error;
	}
	*ret_defence = defence;
	return 0;
}

void defence_free(struct defence *defence)
{
	if (!defence)
		return;
	lists_fini(&defence->lists);
	rates_fini(&defence->own_rates);
	free(defence);
}

void defence_share(struct defence *defence, struct defence *first)
{
	defence->rates = first->rates;
}

void defence_set_listener(struct defence *defence,
			  void (*on_silence)(void *arg, enum defence_reason reason, const struct net_endpoint *source,
					     uint64_t count),
			  void *arg)
{
	defence->on_silence = on_silence;
	defence->arg = arg;
}

uint64_t defence_count(const struct defence *defence, enum defence_reason reason)
{
	return (unsigned)reason < DEFENCE_REASON_COUNT ? defence->reasons[reason].count : 0;
}

/* ---- the doors ---- */

static enum defence_reason silence(struct defence *defence, enum defence_reason reason,
				   const struct net_endpoint *source, uint64_t now_ms)
{
	uint64_t count = ++defence->reasons[reason].count;

	if (defence->on_silence && now_ms >= defence->reasons[reason].quiet_until_ms) {
		defence->on_silence(defence->arg, reason, source, count - defence->reasons[reason].told);
		defence->reasons[reason].told = count;
		defence->reasons[reason].quiet_until_ms = now_ms + DEFENCE_TELL_MS;
	}
	return reason;
}

enum defence_reason defence_check_source(struct defence *defence, const struct net_endpoint *source, uint64_t now_ms)
{
	const struct net_address *address = &source->address;
	bool is_banned = defence->auth && auth_is_banned(defence->auth, address, now_ms);

	if (!is_banned && !is_in(&defence->lists.deny, address))
		return DEFENCE_PASS;
	if (is_in(&defence->lists.allow, address))
		return DEFENCE_PASS;
	return silence(defence, is_banned ? DEFENCE_BANNED : DEFENCE_DENIED, source, now_ms);
}

static bool has_nocase(struct view text, const char *part)
{
	size_t size = strlen(part);
	int first = tolower((unsigned char)part[0]);

	/* Asked for each request and scanner: most letters are not the first of any. */
	for (size_t at = 0; text.at && at + size <= text.size; at++)
		if (tolower((unsigned char)text.at[at]) == first &&
		    view_is_nocase((struct view){text.at + at, size}, part))
			return true;
	return false;
}

static bool calls_itself(const struct sip_message *request, const char *scanner)
{
	return has_nocase(sip_header_find(request, SIP_HEADER_USER_AGENT), scanner) ||
	       has_nocase(request->from.display, scanner);
}

static bool is_scanner(const struct defence *defence, const struct sip_message *request)
{
	if (!defence->lists.is_scanner_silent)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(known_scanners); i++)
		if (calls_itself(request, known_scanners[i]))
			return true;
	for (size_t i = 0; i < defence->lists.scanner_count; i++)
		if (calls_itself(request, defence->lists.scanners[i]))
			return true;
	return false;
}

enum defence_reason defence_check_request(struct defence *defence, const struct sip_message *request,
					  const struct net_endpoint *source, uint64_t now_ms)
{
	const struct net_address *address = &source->address;
	bool is_counted = !request->to.tag.at && !net_address_is_loopback(address);
	enum defence_reason reason = DEFENCE_PASS;

	if (is_scanner(defence, request))
		reason = DEFENCE_SCANNER;
	else if (is_counted && !rates_take(defence->rates, address, now_ms))
		reason = DEFENCE_RATE;
	if (reason == DEFENCE_PASS || is_in(&defence->lists.allow, address))
		return DEFENCE_PASS;
	return silence(defence, reason, source, now_ms);
}
