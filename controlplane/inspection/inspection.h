/* What every request is looked at for before it is anybody's: may this server be asked that at all?
 *
 * Used by controlplane/app for what begins something (at the door, so a refusal costs no memory) and by controlplane/call for
 * requests inside a dialog. The methods are rows of a table: which extensions they may require, which bodies they may bring.
 * In the order of RFC 3261 8.2: scheme of the Request-URI (416), of To in a REGISTER (400), Require (420), Max-Forwards (483, RFC 3261 16.3: what
 * would be sent on), body (415), what the answer may hold (406). Methods without a row pass: their owners refuse them.
 * Threads: pure functions, any. Ownership: a verdict holds views into the request.
 */
#ifndef CONTROLPLANE_INSPECTION_INSPECTION_H
#define CONTROLPLANE_INSPECTION_INSPECTION_H

#include "lib/sip/sip.h"

struct transaction_reply;

struct inspection {
	unsigned status;     /* to refuse with; 0: nothing is wrong */
	const char *why;     /* a sentence for the Warning header and the log */
	bool is_for_members; /* said only to who has an account, where the method wants one (RFC 3261 8.2) */
	const struct sip_message *request;
};

/* True: nothing is wrong with it. */
bool inspection_pass(const struct sip_message *request, struct inspection *ret_inspection);
/* The refusal: status, Warning, and the header that says what would do. The inspection has to outlive it. */
void inspection_refuse(struct inspection *inspection, struct transaction_reply *ret_reply);

#endif
