/* STUN as a keep-alive of SIP over UDP (RFC 5626 4.4.2, RFC 8489): a Binding request on the SIP port, and the answer that says
 * from where it came.
 *
 * Used by controlplane/transport. Pure functions; bytes belong to the caller.
 * Answered are Binding requests without anything that has to be understood; other attributes of that kind get 420 with their
 * names (at most STUN_UNKNOWN_MAX). Whatever else begins like STUN is not answered: indications and responses, and what is cut
 * or does not add up. An answer is at most STUN_ANSWER_MAX bytes, so nobody is flooded through us.
 */
#ifndef LIB_STUN_STUN_H
#define LIB_STUN_STUN_H

#include "lib/net/net.h"

enum {
	STUN_HEADER_SIZE = 20,
	STUN_UNKNOWN_MAX = 8,
	STUN_ANSWER_MAX = STUN_HEADER_SIZE + 24 + 4 + 2 * STUN_UNKNOWN_MAX
};

/* SIP never begins so: the first two bits are zero and the magic cookie is in its place. */
bool stun_is(struct view bytes);
/* The answer to a Binding request from that endpoint; 0: there is none to give. */
size_t stun_answer(struct view request, const struct net_endpoint *remote, uint8_t ret_answer[STUN_ANSWER_MAX]);

#endif
