/* SRTP of a leg: what its party's session descriptions say of keys, what ours say, and what the stream gets of it.
 *
 * Each leg has keys of its own, made here; what one party says of keys never reaches another. A key that we send with stays
 * for as long as its suite and its receiver do: hold, resume and re-keying of the other side change nothing. It is used
 * for one stream, and once it was replaced it never comes back (RFC 3711 9.1).
 */
#include "controlplane/call/session.h"

#include <stdlib.h>

#include "controlplane/trunk/trunk.h"
#include "lib/config/config.h"
#include "lib/sdp/crypto.h"

_Static_assert(SECURE_LINES_MAX == SECURE_SUITE_COUNT - 1, "a line for each suite");

/* A line of a=crypto that we said last. */
struct secure_said {
	uint32_t tag;
	bool was_used;
	struct secure_key key;
};

const struct secure_warning_row secure_warnings[SECURE_WARNING_COUNT] = {
#define X(id, code, text) [id] = {code, text},
	SECURE_WARNING_LIST(X)
#undef X
};

struct leg_secure {
	struct secure_key in, out;           /* in force; suite SECURE_NONE: in the clear */
	uint32_t tag;                        /* of the line in force */
	struct secure_key next_in, next_out; /* agreed, for secure_commit; next_out may be still to be made */
	uint32_t next_tag;
	bool has_next;
	bool was_warned;
	uint8_t said_count;
	struct secure_said said[SECURE_LINES_MAX];
};

static bool is_same_key(const struct secure_key *a, const struct secure_key *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

/* ---- policy ---- */

static const struct conf_media *conf_of(const struct leg *leg)
{
	return &leg->call->table->services.conf->media;
}

static enum conf_srtp policy_of(const struct leg *leg)
{
	const struct call *call = leg->call;
	const struct trunk *trunk = leg->carrier.trunk    ? leg->carrier.trunk
				    : leg == call->caller ? call->from_trunk
							  : NULL;
	const struct conf_extension *extension =
		leg->extension[0] ? call_find_extension(call->table, view_of(leg->extension)) : NULL;

	if (trunk)
		return (enum conf_srtp)trunk_conf(trunk)->srtp;
	return (enum conf_srtp)(extension ? extension->srtp : conf_of(leg)->srtp);
}

/* Does nobody on the way read what this leg's messages say? */
static bool is_confidential(const struct leg *leg)
{
	struct view kind = leg->dialog ? view_of(transport_kind_name(leg->dialog->flow.kind)) : VIEW_EMPTY;

	return view_is(kind, "TLS") || view_is(kind, "WSS");
}

static bool may_say_keys(const struct leg *leg)
{
	return is_confidential(leg) || conf_of(leg)->srtp_clear_signalling != CONF_CLEAR_KEYS_REFUSE;
}

static void warn_of_clear_signalling(struct leg *leg)
{
	if (is_confidential(leg) || conf_of(leg)->srtp_clear_signalling != CONF_CLEAR_KEYS_WARN ||
	    leg->secure->was_warned)
		return;
	leg->secure->was_warned = true;
	log_call(LOG_LEVEL_WARNING, "call", leg->call->id,
		 "the SRTP keys of the %s cross the network in clear SIP; register with TLS, or set "
		 "media.srtp_clear_signalling",
		 cdr_side_name(leg->side));
}

static int refuse(struct leg *leg, enum secure_warning warning)
{
	leg->warning = (uint8_t)warning;
	return ERR_UNSUPPORTED;
}

/* ---- keys ---- */

static int secure_new(struct leg *leg)
{
	if (!leg->secure)
		leg->secure = calloc(1, sizeof(*leg->secure));
	return leg->secure ? 0 : ERR_NOMEM;
}

static void make_key(struct leg *leg, uint8_t suite, struct secure_key *key)
{
	struct loop *loop = leg->call->table->services.loop;

	*key = (struct secure_key){.suite = suite};
	loop_random(loop, key->master, secure_suites[suite].key_size);
	loop_random(loop, key->salt, secure_suites[suite].salt_size);
}

static void agree(struct leg *leg, const struct secure_key *in, const struct secure_key *out, uint32_t tag)
{
	struct leg_secure *secure = leg->secure;

	secure->next_in = *in;
	secure->next_out = *out;
	secure->next_tag = tag;
	secure->has_next = true;
}

static int agree_on_clear(struct leg *leg)
{
	static const struct secure_key none;

	if (leg->secure)
		agree(leg, &none, &none, 0);
	leg->warning = SECURE_FINE;
	return 0;
}

/* ---- what the peer says ---- */

/* The peer moved and has a new key: whoever answers there knows nothing of the packets that our key was used for. */
static bool is_somebody_else(const struct leg *leg, const struct secure_key *in, const struct net_endpoint *rtp)
{
	return !is_same_key(in, &leg->secure->in) && !net_endpoint_is_equal(rtp, &leg->media.rtp);
}

static int take_offer(struct leg *leg, const struct sdp_session *session, unsigned media,
		      const struct sdp_crypto *crypto)
{
	static const struct secure_key none;
	const struct secure_key *in = &crypto->keys[0], *out = &none;
	struct net_endpoint rtp = {.port = 0};

	if (secure_new(leg) != 0)
		return ERR_NOMEM;
	if (sdp_media_rtp(session, media, &rtp) != 0)
		rtp = (struct net_endpoint){.port = 0};
	if (leg->secure->out.suite == crypto->suite && !is_somebody_else(leg, in, &rtp))
		out = &leg->secure->out;
	/* Two senders with one key would give each other away. */
	if (memcmp(in->master, leg->secure->out.master, sizeof(in->master)) == 0 && leg->secure->out.suite)
		return refuse(leg, SECURE_KEY_IS_OURS);
	agree(leg, in, out, crypto->tag);
	leg->warning = SECURE_FINE;
	warn_of_clear_signalling(leg);
	return 0;
}

static int read_offer(struct leg *leg, const struct sdp_session *session, unsigned media)
{
	enum sdp_protocol profile = session->media[media].protocol;
	bool is_needed = sdp_protocol_is_encrypted(profile), has_keys = sdp_crypto_is_in(session, media);
	enum conf_srtp policy = policy_of(leg);
	const struct conf_media *conf = conf_of(leg);
	struct sdp_refusal refusal;
	struct sdp_crypto crypto;
	int error;

	if (policy == CONF_SRTP_OFF)
		return is_needed ? refuse(leg, SECURE_IS_OFF) : agree_on_clear(leg);
	is_needed |= policy == CONF_SRTP_REQUIRED;
	if (!has_keys)
		return is_needed ? refuse(leg, SECURE_IS_REQUIRED) : agree_on_clear(leg);
	if (!may_say_keys(leg))
		return is_needed ? refuse(leg, SECURE_WANTS_TLS) : agree_on_clear(leg);
	if (sdp_crypto_choose(session, media, conf->suites, conf->suite_count, &crypto, &refusal) != 0) {
		log_call(LOG_LEVEL_INFO, "call", leg->call->id, "no a=crypto line of the %s can be used: %s",
			 cdr_side_name(leg->side), refusal.sentence ? refusal.sentence : "none is there");
		return is_needed ? refuse(leg, SECURE_NO_LINE) : agree_on_clear(leg);
	}
	error = take_offer(leg, session, media, &crypto);
	sdp_crypto_wipe(&crypto);
	return error;
}

int secure_read_offer(struct leg *leg, const struct sdp_session *session, unsigned media)
{
	int error = read_offer(leg, session, media);

	if (!error)
		leg->profile = (uint8_t)session->media[media].protocol;
	return error;
}

static int take_answer(struct leg *leg, const struct sdp_crypto *crypto)
{
	struct leg_secure *secure = leg->secure;

	for (unsigned i = 0; i < secure->said_count; i++) {
		const struct secure_said *said = &secure->said[i];

		if (said->tag != crypto->tag || said->key.suite != crypto->suite)
			continue;
		if (crypto->key_count > 1)
			return refuse(leg, SECURE_NO_LINE);
		if (memcmp(said->key.master, crypto->keys[0].master, sizeof(said->key.master)) == 0)
			return refuse(leg, SECURE_KEY_IS_OURS);
		if (said->was_used && !is_same_key(&said->key, &secure->out))
			return refuse(leg, SECURE_KEY_IS_OLD);
		agree(leg, &crypto->keys[0], &said->key, crypto->tag);
		return 0;
	}
	return refuse(leg, SECURE_NOT_OFFERED);
}

int secure_read_answer(struct leg *leg, const struct sdp_session *session, unsigned media)
{
	bool is_needed =
		sdp_protocol_is_encrypted((enum sdp_protocol)leg->profile) || policy_of(leg) == CONF_SRTP_REQUIRED;
	struct sdp_refusal refusal;
	struct sdp_crypto crypto;
	int error;

	if (!sdp_crypto_is_in(session, media) || !leg->secure || leg->secure->said_count == 0)
		return is_needed ? refuse(leg, SECURE_IS_LACKING) : agree_on_clear(leg);
	error = sdp_crypto_answer(session, media, &crypto, &refusal);
	if (!error) {
		error = take_answer(leg, &crypto);
		sdp_crypto_wipe(&crypto);
	} else {
		error = refuse(leg, SECURE_NO_LINE);
	}
	if (error)
		log_call(LOG_LEVEL_WARNING, "call", leg->call->id, "the %s's answer: %s", cdr_side_name(leg->side),
			 secure_warnings[leg->warning].text);
	return error;
}

/* ---- what we say ---- */

static void forget_said(struct leg_secure *secure)
{
	explicit_bzero(secure->said, sizeof(secure->said));
	secure->said_count = 0;
}

static void add_said(struct leg_secure *secure, uint32_t tag, const struct secure_key *key)
{
	secure->said[secure->said_count++] = (struct secure_said){.tag = tag, .key = *key};
}

static void print_said(const struct leg_secure *secure, struct sdp_crypto *ret_lines, struct sdp_local_media *local)
{
	for (unsigned i = 0; i < secure->said_count; i++)
		ret_lines[i] = (struct sdp_crypto){.tag = secure->said[i].tag,
						   .suite = secure->said[i].key.suite,
						   .key_count = 1,
						   .keys = {secure->said[i].key}};
	local->cryptos = ret_lines;
	local->crypto_count = secure->said_count;
}

/* Without a stream's key in force: a line for each suite, each with a key of its own. What was said and not answered yet
 * (the same offer again, in another dialog of a fork) is said again. */
static void make_lines(struct leg *leg)
{
	const struct conf_media *conf = conf_of(leg);
	struct leg_secure *secure = leg->secure;

	for (unsigned i = 0; i < conf->suite_count; i++) {
		struct secure_key key;

		make_key(leg, conf->suites[i], &key);
		add_said(secure, i + 1, &key);
		secure_key_wipe(&key);
	}
}

static bool wants_keys(const struct leg *leg, enum conf_srtp policy)
{
	if (policy == CONF_SRTP_OFF)
		return false;
	if (policy == CONF_SRTP_REQUIRED || (leg->secure && leg->secure->out.suite))
		return true;
	return is_confidential(leg) || conf_of(leg)->srtp_clear_signalling == CONF_CLEAR_KEYS_ALLOW;
}

int secure_say_offer(struct leg *leg, unsigned likeness, struct sdp_crypto *ret_lines, struct sdp_local_media *local)
{
	static const struct secure_key unknown;
	enum conf_srtp policy = policy_of(leg);
	bool is_needed = policy == CONF_SRTP_REQUIRED;
	struct leg_secure *secure;

	if (wants_keys(leg, policy) && !may_say_keys(leg) && is_needed)
		return refuse(leg, SECURE_CANNOT_OFFER);
	if (!wants_keys(leg, policy) || !may_say_keys(leg)) {
		if (leg->secure)
			forget_said(leg->secure);
		leg->profile = (uint8_t)sdp_protocol_with((enum sdp_protocol)likeness, false);
		local->protocol = sdp_protocol_name((enum sdp_protocol)leg->profile);
		return 0;
	}
	if (secure_new(leg) != 0)
		return ERR_NOMEM;
	secure = leg->secure;
	if (secure->out.suite) {
		/* One that the peer offered as such stays so. */
		is_needed |= sdp_protocol_is_encrypted((enum sdp_protocol)leg->profile);
		forget_said(secure);
		add_said(secure, secure->tag, &secure->out);
		secure->said[0].was_used = true;
	} else if (secure->said_count == 0) {
		make_lines(leg);
	}
	leg->profile = (uint8_t)sdp_protocol_with((enum sdp_protocol)likeness, is_needed);
	local->protocol = sdp_protocol_name((enum sdp_protocol)leg->profile);
	print_said(secure, ret_lines, local);
	warn_of_clear_signalling(leg);
	/* Until the keys are known nobody is heard, and nothing is learned from anybody. */
	if (is_needed && !secure->out.suite && leg->stream)
		(void)BUG_ON(media_stream_set_crypto(leg->stream, &unknown, &unknown) != 0);
	return 0;
}

int secure_say_answer(struct leg *leg, struct sdp_crypto *ret_lines, struct sdp_local_media *local)
{
	struct leg_secure *secure = leg->secure;

	local->protocol = sdp_protocol_name((enum sdp_protocol)leg->profile);
	if (!secure)
		return 0;
	/* What is to be answered may be in force already: an answer that came early comes again. */
	if (!secure->has_next)
		agree(leg, &secure->in, &secure->out, secure->tag);
	forget_said(secure);
	if (secure->next_in.suite == SECURE_NONE)
		return 0;
	if (secure->next_out.suite == SECURE_NONE)
		make_key(leg, secure->next_in.suite, &secure->next_out);
	add_said(secure, secure->next_tag, &secure->next_out);
	print_said(secure, ret_lines, local);
	return 0;
}

/* ---- in force ---- */

void secure_commit(struct leg *leg)
{
	struct leg_secure *secure = leg->secure;
	bool is_secure;

	if (!secure || !secure->has_next)
		return;
	is_secure = secure->next_in.suite != SECURE_NONE;
	if (is_secure && secure->in.suite == SECURE_NONE)
		log_call(LOG_LEVEL_INFO, "call", leg->call->id, "%s: SRTP by %s", cdr_side_name(leg->side),
			 secure_suites[secure->next_in.suite].name);
	secure->in = secure->next_in;
	secure->out = secure->next_out;
	secure->tag = secure->next_tag;
	secure->has_next = false;
	for (unsigned i = 0; i < secure->said_count; i++)
		secure->said[i].was_used |= is_same_key(&secure->said[i].key, &secure->out);
	if (leg->stream &&
	    media_stream_set_crypto(leg->stream, is_secure ? &secure->in : NULL, is_secure ? &secure->out : NULL) != 0)
		(void)BUG_ON("keys that are none");
}

const char *secure_suite_in_force(const struct leg *leg)
{
	return leg->secure && leg->secure->in.suite ? secure_suites[leg->secure->in.suite].name : "";
}

void secure_free(struct leg *leg)
{
	if (leg->secure)
		explicit_bzero(leg->secure, sizeof(*leg->secure));
	free(leg->secure);
	leg->secure = NULL;
}

void secure_text_free(char *text)
{
	if (text)
		explicit_bzero(text, strlen(text));
	free(text);
}
