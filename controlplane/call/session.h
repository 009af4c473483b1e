/* The media side of a leg (session.c): its stream, and the session descriptions that cross the call. */
#ifndef CONTROLPLANE_CALL_SESSION_H
#define CONTROLPLANE_CALL_SESSION_H

#include "controlplane/call/private.h"

/* The stream of a leg toward its peer, beside the caller's. Notes the cause when there is none to be had. */
int session_open(struct leg *leg);
void session_close(struct leg *leg);
/* What `from` said for its peer, printed as ours for `to` (kept as to->description), and from's media noted in
 * from->offered. ERR_SYNTAX, ERR_UNSUPPORTED (no audio in it), ERR_TOO_LONG, ERR_NOMEM. */
int session_pass(struct leg *from, struct leg *to, const struct sip_message *message, bool is_answer) WARN_UNUSED;
/* The same with what `from` said last, as a new offer in which nobody is on hold; from's media stay as they are. */
int session_pass_again(struct leg *from, struct leg *to) WARN_UNUSED;
/* Our own answer to a leg's offer (echo), kept as leg->description. */
int session_answer(struct leg *leg, const struct sip_message *message) WARN_UNUSED;
/* The peer's answer in the ACK, when the offer was ours: taken note of and put in force. */
void session_take_answer(struct leg *leg, const struct sip_message *message);
bool session_is_in(const struct sip_message *message);
/* Puts what was offered and answered in force. */
void session_commit(struct leg *leg);
/* Each hears the other; a leg joined with itself hears itself. */
void session_join(struct leg *a, struct leg *b);

/* ---- secure.c: SRTP by the keys in session descriptions (RFC 4568), by the policy for the leg's party ---- */
struct sdp_crypto;
struct sdp_local_media;
struct sdp_session;
/* Why a session description is refused: code and text of a Warning header (RFC 3261 20.43). */
#define SECURE_WARNING_LIST(X)                                                                                         \
	X(SECURE_FINE, 0, "")                                                                                          \
	X(SECURE_IS_OFF, 302, "SRTP is switched off here: offer RTP/AVP")                                              \
	X(SECURE_IS_REQUIRED, 302, "SRTP is required: offer RTP/SAVP with a=crypto")                                   \
	X(SECURE_IS_LACKING, 302, "SRTP was offered, and the answer has none")                                         \
	X(SECURE_WANTS_TLS, 399, "SRTP keys are taken by SIP over TLS only")                                           \
	X(SECURE_CANNOT_OFFER, 399, "SRTP is required, and its keys are said in SIP over TLS only")                    \
	X(SECURE_NO_LINE, 306, "no line of a=crypto can be used")                                                      \
	X(SECURE_NOT_OFFERED, 306, "the answer takes an a=crypto line that was not offered")                           \
	X(SECURE_KEY_IS_OURS, 399, "that SRTP key is ours")                                                            \
	X(SECURE_KEY_IS_OLD, 399, "that SRTP key was replaced, and does not come back")
enum secure_warning {
#define X(id, code, text) id,
	SECURE_WARNING_LIST(X)
#undef X
		SECURE_WARNING_COUNT
};
struct secure_warning_row {
	uint16_t code;
	const char *text;
};
extern const struct secure_warning_row secure_warnings[SECURE_WARNING_COUNT];
/* An audio line that the peer offers. ERR_UNSUPPORTED: not by that policy; leg->warning says it. ERR_NOMEM. */
int secure_read_offer(struct leg *leg, const struct sdp_session *session, unsigned media) WARN_UNUSED;
/* What the peer answers to what we said last. ERR_UNSUPPORTED: it is none. */
int secure_read_answer(struct leg *leg, const struct sdp_session *session, unsigned media) WARN_UNUSED;
/* The profile and keys of an audio line that we offer (like the one that `likeness` says), or that answers the peer's
 * offer. local->cryptos are ret_lines, SECURE_LINES_MAX of them, for the caller to wipe. ERR_UNSUPPORTED, ERR_NOMEM. */
enum { SECURE_LINES_MAX = 6 };
int secure_say_offer(struct leg *leg, unsigned likeness, struct sdp_crypto *ret_lines,
		     struct sdp_local_media *local) WARN_UNUSED;
int secure_say_answer(struct leg *leg, struct sdp_crypto *ret_lines, struct sdp_local_media *local) WARN_UNUSED;
/* What was agreed becomes the stream's. */
void secure_commit(struct leg *leg);
void secure_free(struct leg *leg);
/* "AES_CM_128_HMAC_SHA1_80"; "" in the clear. */
const char *secure_suite_in_force(const struct leg *leg);
/* Frees a text that may have keys in it. NULL is allowed. */
void secure_text_free(char *text);

/* ---- video.c: beside the audio of the same description ---- */
struct sdp_local_media;
struct sdp_session;
/* What `from` says of its video. */
void video_read(struct leg *from, const struct sdp_session *session);
/* A stream for to's video, when there is video in what is passed on; without one it is rejected. */
void video_prepare(struct leg *from, struct leg *to, const struct sdp_session *session, bool is_answer);
/* The row of the video line in what is printed for `to`, if it has a stream for it. */
void video_print(const struct leg *to, const struct sdp_session *session, bool is_answer,
		 struct sdp_local_media *local); /* a row a media line */
void video_commit(struct leg *leg);
void video_join(struct leg *a, struct leg *b);
void video_close(struct leg *leg);
bool video_is_gone(const struct leg *leg);

/* ---- codecs.c ---- */
struct conf_strings;
/* Leaves only these codecs in the media line, in this order, and what goes along with any. ERR_UNSUPPORTED: none is there. */
int session_restrict(struct sdp_session *session, unsigned audio, const struct conf_strings *codecs,
		     bool may_be_empty) WARN_UNUSED;
/* Takes out of an answer what was not in the offer. */
void session_keep_common(struct sdp_session *answer, unsigned audio, const struct sdp_session *offer,
			 unsigned offer_audio);

#endif
