/* The media side of a leg: its stream, and the session descriptions that cross the call. What one party says is said
 * again to the other with our address and port in it; codecs are between the two of them. */
#include "controlplane/call/choice.h"
#include "controlplane/call/leg.h"
#include "controlplane/call/session.h"

#include <stdio.h>
#include <stdlib.h>

#include "controlplane/metrics/metrics.h"
#include "lib/config/config.h"
#include "lib/log/log.h"
#include "lib/sdp/crypto.h"

static void on_media(struct media_stream *stream, const struct media_event *event, void *arg)
{
	struct leg *leg = arg;
	struct call *call = leg->call;
	struct call_input input = {.leg = leg};
	char text[NET_ENDPOINT_TEXT];

	switch (event->type) {
	case MEDIA_LATCHED:
		leg->media_remote = event->latched;
		log_call(LOG_LEVEL_DEBUG, "call", call->id, "%s sends from %s", cdr_side_name(leg->side),
			 net_endpoint_print(&event->latched, text));
		break;
	case MEDIA_DIGIT:
		digit_pass(leg, &event->digit);
		break;
	case MEDIA_SILENT:
		call_feed(call, CALL_SILENT, &input);
		break;
	case MEDIA_REFUSED:
		metrics_add(call->table->services.metrics, METRIC_ERROR_MEDIA, 1);
		log_call(LOG_LEVEL_ERROR, "call", call->id, "the media engine refused the %s's stream: %s",
			 cdr_side_name(leg->side), error_text(event->error));
		call_note(call, CDR_SIDE_SYSTEM, 503, 47, "media_refused");
		call_feed(call, CALL_HANG_UP, &input);
		break;
	case MEDIA_GONE:
		leg->counters = event->counters;
		leg->stream_is_ending = false;
		call_check_empty(call);
		break;
	default:
		break;
	}
}

int session_open(struct leg *leg)
{
	struct call_table *table = leg->call->table;
	const struct media_stream *beside = NULL;
	int error;

	/* Streams of a call may be each other's source: all are on one worker. */
	LIST_FOREACH (link, &leg->call->legs)
		if (!beside)
			beside = LIST_ENTRY(link, struct leg, link)->stream;
	error = media_stream_new(table->services.media, &leg->remote.address, beside, on_media, leg, &leg->stream);

	if (error) {
		char text[NET_ADDRESS_TEXT];

		leg->stream = NULL;
		metrics_add(table->services.metrics, METRIC_ERROR_MEDIA, 1);
		log_call(LOG_LEVEL_ERROR, "call", leg->call->id, "no stream toward %s: %s",
			 net_address_print(&leg->remote.address, text), error_text(error));
		return error;
	}
	media_stream_set_timeout(leg->stream, 0);
	table->sessions++;
	return 0;
}

void session_close(struct leg *leg)
{
	video_close(leg);
	if (!leg->stream)
		return;
	if (leg->media_remote.address.family == NET_NONE)
		leg->media_remote = *media_stream_remote(leg->stream);
	leg->stream_is_ending = true;
	media_stream_del(leg->stream);
	leg->stream = NULL;
	leg->call->table->sessions--;
}

bool session_is_in(const struct sip_message *message)
{
	struct view description;

	return message->body.size > 0 && sip_body_find(message, "application/sdp", &description);
}

/* ---- reading ---- */

/* Audio that we can anchor; keys by DTLS (RFC 5763) are not for us. */
static bool is_audio(const struct sdp_media *media)
{
	return media->type == SDP_TYPE_AUDIO && media->port > 0 && sdp_protocol_is_rtp(media->protocol) &&
	       media->protocol != SDP_PROTOCOL_DTLS_SAVP && media->protocol != SDP_PROTOCOL_DTLS_SAVPF;
}

/* The media line that is anchored: the first audio that is not rejected; of an offer the first that the policy takes, one
 * with keys before one without (phones offer both, RTP/SAVP and RTP/AVP). */
static int find_audio(struct leg *from, const struct sdp_session *session, bool is_answer, unsigned *ret_index)
{
	int error = ERR_UNSUPPORTED;

	for (unsigned with_keys = 2; with_keys-- > 0;) {
		for (unsigned i = 0; i < session->media_count; i++) {
			if (!is_audio(&session->media[i]) || (!is_answer && sdp_crypto_is_in(session, i) != with_keys))
				continue;
			error = is_answer ? secure_read_answer(from, session, i) : secure_read_offer(from, session, i);
			if (error == 0 || error == ERR_NOMEM || is_answer) {
				*ret_index = i;
				return error;
			}
		}
	}
	return error;
}

static int read_description(struct leg *from, const struct sip_message *message, bool is_answer,
			    struct sdp_session *session, unsigned *ret_audio)
{
	struct leg_media offered = {.is_known = true};
	struct sdp_refusal refusal;
	enum sdp_direction direction;
	struct view description = VIEW_EMPTY;
	int error;

	/* Whole, or a part of a multipart body. */
	(void)sip_body_find(message, "application/sdp", &description);
	error = sdp_parse(description, session, &refusal);
	if (error) {
		log_call(LOG_LEVEL_WARNING, "call", from->call->id, "the %s's session description: %s (byte %zu)",
			 cdr_side_name(from->side), refusal.sentence, refusal.offset);
		return error;
	}
	error = find_audio(from, session, is_answer, ret_audio);
	if (error) {
		log_call(LOG_LEVEL_WARNING, "call", from->call->id, "the %s offers no audio that can be taken%s%s",
			 cdr_side_name(from->side), from->warning ? ": " : "", secure_warnings[from->warning].text);
		return error;
	}
	offered.rtcp_mux = session->media[*ret_audio].has_rtcp_mux;
	if (sdp_media_rtp(session, *ret_audio, &offered.rtp) != 0 || net_address_is_any(&offered.rtp.address))
		offered.rtp = (struct net_endpoint){0};
	else if (session->media[*ret_audio].rtcp_port > 0 &&
		 sdp_media_rtcp(session, *ret_audio, offered.rtcp_mux, &offered.rtcp) != 0)
		offered.rtcp = (struct net_endpoint){0};
	secure_text_free(from->heard);
	from->heard = view_dup(description);
	if (!from->heard)
		return ERR_NOMEM;
	direction = sdp_media_direction(session, *ret_audio);
	offered.is_sending = direction & SDP_SENDONLY;
	offered.is_receiving = direction & SDP_RECVONLY;
	from->offered = offered;
	video_read(from, session);
	return 0;
}

static void name_codec(char codec[CDR_CODEC_SIZE], const struct sdp_session *session, unsigned audio)
{
	struct sdp_codec first;

	if (sdp_media_codec(session, audio, 0, &first) == 0)
		snprintf(codec, CDR_CODEC_SIZE, "%.*s/%u", VIEW_ARG(first.name), first.clock_rate_hz);
}

/* ---- writing ---- */

static struct sdp_origin origin_of(const struct leg *leg)
{
	return (struct sdp_origin){
		.user = "-",
		.id = leg->sdp_session,
		.version = leg->sdp_version,
		.address = media_stream_advertised(leg->stream)->address,
	};
}

/* The text becomes what we said last; it must be told apart from the one before by a higher version (RFC 3264 8), and
 * be the same when nothing changed. `print` writes it with leg->sdp_version. */
struct printing {
	const struct sdp_session *session;
	const struct sdp_choice *choice;  /* NULL: relayed */
	const struct choice_extra *extra; /* relayed: what we add; or NULL */
	unsigned audio;
	bool has_rtcp_mux, is_answer;
	struct sdp_local_media own; /* of the audio line */
};

static int print(const struct leg *leg, const struct printing *printing, struct text *text)
{
	struct sdp_local_media local[SDP_MEDIA_MAX] = {0};
	struct sdp_origin origin = origin_of(leg);

	video_print(leg, printing->session, printing->is_answer, local);
	local[printing->audio] = printing->own;
	if (printing->extra) {
		local[printing->audio].extra = printing->extra->codecs;
		local[printing->audio].extra_count = printing->extra->count;
	}
	if (printing->choice)
		return sdp_answer_print(text, printing->session, printing->choice, &origin, &printing->own);
	return sdp_relay_print(text, printing->session, &origin, local);
}

static int say_into(struct leg *leg, const struct printing *printing, char *buffer, size_t size)
{
	struct text text;
	int error;

	text_init(&text, buffer, size);
	error = print(leg, printing, &text);
	if (error == 0 && leg->description && strcmp(leg->description, buffer) == 0)
		return 0;
	if (error == 0 && leg->description) {
		leg->sdp_version++;
		text_init(&text, buffer, size);
		error = print(leg, printing, &text);
	}
	if (error)
		return error;
	secure_text_free(leg->description);
	leg->description = view_dup(text_view(&text));
	return leg->description ? 0 : ERR_NOMEM;
}

static int say(struct leg *leg, struct printing *printing)
{
	struct sdp_crypto lines[SECURE_LINES_MAX];
	char buffer[CALL_SDP_MAX];
	int error;

	if (!leg->stream)
		return ERR_STATE;
	printing->own = (struct sdp_local_media){
		.port = media_stream_advertised(leg->stream)->port,
		.has_rtcp_mux = printing->has_rtcp_mux,
	};
	error = printing->is_answer ? secure_say_answer(leg, lines, &printing->own)
				    : secure_say_offer(leg, printing->session->media[printing->audio].protocol, lines,
						       &printing->own);
	if (error)
		return error;
	error = say_into(leg, printing, buffer, sizeof(buffer));
	for (unsigned i = 0; i < printing->own.crypto_count; i++)
		sdp_crypto_wipe(&lines[i]);
	explicit_bzero(buffer, sizeof(buffer));
	return error;
}

/* The answer of `from` to what `to` offered: passed on, or our own when the two speak different codecs. */
static int pass_answer(struct leg *from, struct leg *to, struct sdp_session *session, struct printing *printing)
{
	struct choice_answer answer;
	int error = choice_answer(from, to, session, printing->audio, &answer);

	if (error)
		return error;
	name_codec(from->codec, session, printing->audio);
	snprintf(to->codec, sizeof(to->codec), "%s", answer.is_ours ? answer.codec : from->codec);
	snprintf(from->call->transcoded, sizeof(from->call->transcoded), "%s", answer.why);
	if (answer.is_ours) {
		printing->session = &answer.offer;
		printing->choice = &answer.choice;
		printing->audio = answer.choice.media;
	}
	printing->has_rtcp_mux = to->wants_mux;
	if (!answer.is_ours)
		video_prepare(from, to, session, true);
	return say(to, printing);
}

static int pass_offer(struct leg *from, struct leg *to, struct sdp_session *session, struct printing *printing)
{
	struct choice_extra extra;
	int error = choice_offer(from, to, session, printing->audio, &extra);

	if (error)
		return error;
	printing->extra = &extra;
	video_prepare(from, to, session, false);
	return say(to, printing);
}

int session_pass(struct leg *from, struct leg *to, const struct sip_message *message, bool is_answer)
{
	struct sdp_session session;
	struct printing printing = {.session = &session, .is_answer = is_answer};
	int error = read_description(from, message, is_answer, &session, &printing.audio);

	if (error)
		return error;
	if (is_answer)
		return pass_answer(from, to, &session, &printing);
	from->wants_mux = printing.has_rtcp_mux = from->offered.rtcp_mux;
	return pass_offer(from, to, &session, &printing);
}

/* The audio line of what was read before; its keys are of no interest to the new peer. */
static int find_again(const struct sdp_session *session, unsigned *ret_index)
{
	for (unsigned i = 0; i < session->media_count; i++) {
		if (is_audio(&session->media[i])) {
			*ret_index = i;
			return 0;
		}
	}
	return ERR_UNSUPPORTED;
}

int session_pass_again(struct leg *from, struct leg *to)
{
	struct sdp_session session;
	struct sdp_refusal refusal;
	struct printing printing = {.session = &session};
	int error = from->heard ? sdp_parse(view_of(from->heard), &session, &refusal) : ERR_STATE;

	if (error == 0)
		error = find_again(&session, &printing.audio);
	if (error)
		return error;
	session.media[printing.audio].section.has_direction = true;
	session.media[printing.audio].section.direction = SDP_SENDRECV;
	printing.has_rtcp_mux = session.media[printing.audio].has_rtcp_mux;
	return pass_offer(from, to, &session, &printing);
}

int session_answer(struct leg *leg, const struct sip_message *message)
{
	static const struct sdp_codec codecs[] = {
		{.name = {"PCMU", 4}, .clock_rate_hz = 8000, .channels = 1},
		{.name = {"PCMA", 4}, .clock_rate_hz = 8000, .channels = 1},
		{.name = {"G722", 4}, .clock_rate_hz = 8000, .channels = 1},
		{.name = {"opus", 4}, .clock_rate_hz = 48000, .channels = 2},
		{.name = {"G729", 4}, .clock_rate_hz = 8000, .channels = 1},
	};
	struct sdp_choice choice;
	struct sdp_session session;
	struct printing printing = {.session = &session, .choice = &choice, .is_answer = true};
	int error = read_description(leg, message, false, &session, &printing.audio);

	if (error)
		return error;
	/* Only the line that was read is answered. */
	for (unsigned i = 0; i < session.media_count; i++)
		if (i != printing.audio)
			session.media[i].port = 0;
	error = sdp_answer_choose(&session, codecs, ARRAY_LEN(codecs), &choice);
	if (error)
		return error;
	leg->wants_mux = leg->offered.rtcp_mux;
	printing.audio = choice.media;
	printing.has_rtcp_mux = leg->wants_mux;
	snprintf(leg->codec, sizeof(leg->codec), "%.*s/%u", VIEW_ARG(codecs[choice.codec].name),
		 codecs[choice.codec].clock_rate_hz);
	return say(leg, &printing);
}

void session_take_answer(struct leg *leg, const struct sip_message *message)
{
	struct sdp_session session;
	unsigned audio;

	if (leg->stream && read_description(leg, message, true, &session, &audio) == 0)
		session_commit(leg);
}

/* ---- in force ---- */

void session_commit(struct leg *leg)
{
	const struct leg_media *media = &leg->media;
	bool is_talking;

	if (!leg->stream || !leg->offered.is_known)
		return;
	leg->media = leg->offered;
	is_talking = leg->call->answer_wall_ms > 0 && media->is_sending && media->is_receiving;
	if (media_stream_set_remote(leg->stream, media->rtp.port > 0 ? &media->rtp : NULL,
				    media->rtcp.port > 0 ? &media->rtcp : NULL, media->rtcp_mux) != 0)
		log_call(LOG_LEVEL_WARNING, "call", leg->call->id,
			 "the %s's media address cannot be reached: waiting for its packets", cdr_side_name(leg->side));
	media_stream_set_audio(leg->stream, &media->audio);
	secure_commit(leg);
	media_stream_set_direction(leg->stream, media->is_sending, media->is_receiving);
	media_stream_set_timeout(leg->stream,
				 is_talking ? leg->call->table->services.conf->media.rtp_timeout_s * 1000 : 0);
	video_commit(leg);
	if (call_other_leg(leg->call, leg))
		video_join(leg, call_other_leg(leg->call, leg)); /* video that came with a re-INVITE */
}

void session_join(struct leg *a, struct leg *b)
{
	video_join(a, b);
	if (!a->stream || !b->stream)
		return;
	if (BUG_ON(media_stream_set_source(a->stream, b->stream) != 0))
		return; /* session_open put both on one worker */
	(void)BUG_ON(media_stream_set_source(b->stream, a->stream) != 0);
}
