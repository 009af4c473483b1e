/* SIP messages: parse into views, ask, compare, print. The product's only SIP parser and printer.
 *
 * Used by the whole control plane: transport frames and parses, transaction and dialog ask, call and registrar print.
 *   lib/sip/names.h    methods, header names, status codes: tables
 *   lib/sip/value.h    what stands inside header values: URI, name-address, Via, parameters, lists, digest fields
 *   lib/sip/message.h  struct sip_message: parse, find and walk headers, keep a copy
 *   lib/sip/write.h    the printer: requests, responses, copies of headers; no header injection
 * This header includes all four.
 *
 * Threads: pure functions on the caller's objects, any thread; no globals but constant tables.
 * Ownership: a parsed message is views into ONE buffer that the caller gave; they die with that buffer. The parser
 * writes into the buffer only to unfold: the CR LF of a folded line becomes two blanks (the same value by RFC 3261
 * 7.3.1), so that every value is one line for everybody after it, and a NUL in a quoted pair becomes a blank, so that no
 * value holds one. sip_message_new owns a copy of all of it.
 * Cost: one pass; what every message needs is parsed at once (request line, top Via, From, To, Call-ID, CSeq,
 * Max-Forwards, Content-Length, Content-Type), everything else when asked. Nothing allocates but sip_message_new.
 * Strictness: RFC 3261 section 25 for the structure (line ends, start line, mandatory headers, URIs, parameters), liberal
 * where phones are known to sin harmlessly: any text as an unquoted display name, '_' in host names, '#' in the user
 * part, missing Max-Forwards. A lone CR or LF is refused: guessing there is how headers are smuggled.
 * Limits: below; each is refused with a sentence and the status it deserves. Nothing recurses.
 *
 * RFCs: 3261 (core), 3581 (rport), 3966 (tel), 4475 and 5118 (torture; tests), 5626 (keep-alive), 7118 (WebSocket names).
 */
#ifndef LIB_SIP_SIP_H
#define LIB_SIP_SIP_H

#include "lib/sip/message.h"
#include "lib/sip/names.h"
#include "lib/sip/value.h"
#include "lib/sip/write.h"

#endif
