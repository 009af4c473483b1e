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

/* ---- codecs.c ---- */
struct conf_strings;
struct sdp_session;
/* Leaves only these codecs in the media line, in this order, and what goes along with any. ERR_UNSUPPORTED: none is there. */
int session_restrict(struct sdp_session *session, unsigned audio, const struct conf_strings *codecs,
		     bool may_be_empty) WARN_UNUSED;
/* Takes out of an answer what was not in the offer. */
void session_keep_common(struct sdp_session *answer, unsigned audio, const struct sdp_session *offer,
			 unsigned offer_audio);

#endif
