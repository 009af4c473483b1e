/* Which codec each party of a call speaks (choice.c): what is added to an offer, and what an answer to it makes of both
 * sides. RFC 3264. */
#ifndef CONTROLPLANE_CALL_CHOICE_H
#define CONTROLPLANE_CALL_CHOICE_H

#include "controlplane/call/session.h"
#include "lib/sdp/sdp.h"

#define CHOICE_EXTRA_MAX 8
#define CHOICE_FMTP_SIZE 96

/* Codecs of our own behind the peer's; the views in `codecs` are into `fmtp` and static text. */
struct choice_extra {
	struct sdp_codec codecs[CHOICE_EXTRA_MAX];
	char fmtp[CHOICE_EXTRA_MAX][CHOICE_FMTP_SIZE];
	size_t count;
};
/* Makes of from's offer the one for `to`: only codecs that it is to be offered, in that order; then those that we would
 * convert to. ERR_UNSUPPORTED: nothing is left. */
int choice_offer(const struct leg *from, const struct leg *to, struct sdp_session *session, unsigned audio,
		 struct choice_extra *ret_extra) WARN_UNUSED;

/* How the answerer's description becomes an answer to the offerer. */
struct choice_answer {
	bool is_ours;                   /* printed by `choice` from the offer; else relayed */
	struct sdp_session offer;       /* what the offerer said */
	struct sdp_choice choice;       /* of it */
	char why[CALL_TRANSCODED_SIZE]; /* "" when passed through */
	char codec[CDR_CODEC_SIZE];     /* of the offerer, when is_ours */
};
/* The answer of `from` to what `to` offered; sets the audio of both (offered). From the answer goes what the offerer
 * cannot take. ERR_UNSUPPORTED: the two have nothing in common, and cannot be converted. */
int choice_answer(struct leg *from, struct leg *to, struct sdp_session *session, unsigned audio,
		  struct choice_answer *ret_answer) WARN_UNUSED;

#endif
