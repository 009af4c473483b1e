/* The names of SIP: methods, header fields, status codes, transports, and the limits of the parser.
 *
 * Every list is one X-macro; enum, text and look-up come from the same row.
 * Threads: constants only. RFC 3261 section 20 and 21, and the RFCs that added the rest (IANA "SIP Parameters").
 */
#ifndef LIB_SIP_NAMES_H
#define LIB_SIP_NAMES_H

#include "lib/base/base.h"

#define SIP_MESSAGE_MAX      65535 /* bytes of a message, body included */
#define SIP_HEADERS_MAX      128   /* header lines of a message */
#define SIP_HEADER_NAME_MAX  256   /* bytes of a header name */
#define SIP_HEADER_VALUE_MAX 16384 /* bytes of a header value, folds included */
#define SIP_VIAS_MAX         70    /* Via lines of a message: no path is longer than Max-Forwards starts */
#define SIP_URI_MAX          2048  /* bytes of a URI; a longer Request-URI deserves a 414 */
#define SIP_URI_PARAMS_MAX   32    /* parameters of a URI, and headers of a URI: comparing is quadratic */
#define SIP_CALL_ID_MAX      256   /* bytes of a Call-ID, a tag, a branch */

/* Sorted as in the RFCs; the text is case-sensitive on the wire. */
#define SIP_METHOD_LIST(X)                                                                                             \
	X(INVITE)                                                                                                      \
	X(ACK)                                                                                                         \
	X(BYE)                                                                                                         \
	X(CANCEL)                                                                                                      \
	X(OPTIONS)                                                                                                     \
	X(REGISTER)                                                                                                    \
	X(UPDATE)                                                                                                      \
	X(PRACK)                                                                                                       \
	X(INFO)                                                                                                        \
	X(REFER)                                                                                                       \
	X(NOTIFY)                                                                                                      \
	X(SUBSCRIBE)                                                                                                   \
	X(MESSAGE)                                                                                                     \
	X(PUBLISH)

enum sip_method {
#define X(name) SIP_METHOD_##name,
	SIP_METHOD_LIST(X)
#undef X
		SIP_METHOD_OTHER, /* a well-formed method that is not in the list: 501 or 405 */
	SIP_METHOD_COUNT
};

enum sip_header_flags {
	SIP_ONCE = 1, /* may appear once; a second one is refused with 400 */
	SIP_LIST = 2, /* several values may share a line, separated by commas */
};

/* id, name, compact form or 0, flags. MUST stay sorted by name: the look-up finds a letter's first row by the enum. */
#define SIP_HEADER_LIST(X)                                                                                             \
	X(ACCEPT, "Accept", 0, SIP_LIST)                                                                               \
	X(ACCEPT_CONTACT, "Accept-Contact", 'a', SIP_LIST)                                                             \
	X(ACCEPT_ENCODING, "Accept-Encoding", 0, SIP_LIST)                                                             \
	X(ACCEPT_LANGUAGE, "Accept-Language", 0, SIP_LIST)                                                             \
	X(ALERT_INFO, "Alert-Info", 0, SIP_LIST)                                                                       \
	X(ALLOW, "Allow", 0, SIP_LIST)                                                                                 \
	X(ALLOW_EVENTS, "Allow-Events", 'u', SIP_LIST)                                                                 \
	X(AUTHENTICATION_INFO, "Authentication-Info", 0, 0)                                                            \
	X(AUTHORIZATION, "Authorization", 0, 0)                                                                        \
	X(CALL_ID, "Call-ID", 'i', SIP_ONCE)                                                                           \
	X(CALL_INFO, "Call-Info", 0, SIP_LIST)                                                                         \
	X(CONTACT, "Contact", 'm', SIP_LIST)                                                                           \
	X(CONTENT_DISPOSITION, "Content-Disposition", 0, SIP_ONCE)                                                     \
	X(CONTENT_ENCODING, "Content-Encoding", 'e', SIP_LIST)                                                         \
	X(CONTENT_LANGUAGE, "Content-Language", 0, SIP_LIST)                                                           \
	X(CONTENT_LENGTH, "Content-Length", 'l', SIP_ONCE)                                                             \
	X(CONTENT_TYPE, "Content-Type", 'c', SIP_ONCE)                                                                 \
	X(CSEQ, "CSeq", 0, SIP_ONCE)                                                                                   \
	X(DATE, "Date", 0, SIP_ONCE)                                                                                   \
	X(DIVERSION, "Diversion", 0, SIP_LIST)                                                                         \
	X(ERROR_INFO, "Error-Info", 0, SIP_LIST)                                                                       \
	X(EVENT, "Event", 'o', SIP_ONCE)                                                                               \
	X(EXPIRES, "Expires", 0, SIP_ONCE)                                                                             \
	X(FLOW_TIMER, "Flow-Timer", 0, SIP_ONCE)                                                                       \
	X(FROM, "From", 'f', SIP_ONCE)                                                                                 \
	X(HISTORY_INFO, "History-Info", 0, SIP_LIST)                                                                   \
	X(IDENTITY, "Identity", 'y', SIP_LIST)                                                                         \
	X(IN_REPLY_TO, "In-Reply-To", 0, SIP_LIST)                                                                     \
	X(JOIN, "Join", 0, SIP_ONCE)                                                                                   \
	X(MAX_FORWARDS, "Max-Forwards", 0, SIP_ONCE)                                                                   \
	X(MIME_VERSION, "MIME-Version", 0, SIP_ONCE)                                                                   \
	X(MIN_EXPIRES, "Min-Expires", 0, SIP_ONCE)                                                                     \
	X(MIN_SE, "Min-SE", 0, SIP_ONCE)                                                                               \
	X(ORGANIZATION, "Organization", 0, SIP_ONCE)                                                                   \
	X(P_ASSERTED_IDENTITY, "P-Asserted-Identity", 0, SIP_LIST)                                                     \
	X(P_CALLED_PARTY_ID, "P-Called-Party-ID", 0, 0)                                                                \
	X(P_EARLY_MEDIA, "P-Early-Media", 0, SIP_LIST)                                                                 \
	X(P_PREFERRED_IDENTITY, "P-Preferred-Identity", 0, SIP_LIST)                                                   \
	X(PATH, "Path", 0, SIP_LIST)                                                                                   \
	X(PRIORITY, "Priority", 0, SIP_ONCE)                                                                           \
	X(PRIVACY, "Privacy", 0, 0)                                                                                    \
	X(PROXY_AUTHENTICATE, "Proxy-Authenticate", 0, 0)                                                              \
	X(PROXY_AUTHORIZATION, "Proxy-Authorization", 0, 0)                                                            \
	X(PROXY_REQUIRE, "Proxy-Require", 0, SIP_LIST)                                                                 \
	X(RACK, "RAck", 0, SIP_ONCE)                                                                                   \
	X(REASON, "Reason", 0, SIP_LIST)                                                                               \
	X(RECORD_ROUTE, "Record-Route", 0, SIP_LIST)                                                                   \
	X(REFER_SUB, "Refer-Sub", 0, SIP_ONCE)                                                                         \
	X(REFER_TO, "Refer-To", 'r', SIP_ONCE)                                                                         \
	X(REFERRED_BY, "Referred-By", 'b', SIP_ONCE)                                                                   \
	X(REMOTE_PARTY_ID, "Remote-Party-ID", 0, SIP_LIST)                                                             \
	X(REPLACES, "Replaces", 0, SIP_ONCE)                                                                           \
	X(REPLY_TO, "Reply-To", 0, SIP_ONCE)                                                                           \
	X(REQUEST_DISPOSITION, "Request-Disposition", 'd', SIP_LIST)                                                   \
	X(REQUIRE, "Require", 0, SIP_LIST)                                                                             \
	X(RETRY_AFTER, "Retry-After", 0, SIP_ONCE)                                                                     \
	X(ROUTE, "Route", 0, SIP_LIST)                                                                                 \
	X(RSEQ, "RSeq", 0, SIP_ONCE)                                                                                   \
	X(SERVER, "Server", 0, SIP_ONCE)                                                                               \
	X(SERVICE_ROUTE, "Service-Route", 0, SIP_LIST)                                                                 \
	X(SESSION_EXPIRES, "Session-Expires", 'x', SIP_ONCE)                                                           \
	X(SIP_ETAG, "SIP-ETag", 0, SIP_ONCE)                                                                           \
	X(SIP_IF_MATCH, "SIP-If-Match", 0, SIP_ONCE)                                                                   \
	X(SUBJECT, "Subject", 's', SIP_ONCE)                                                                           \
	X(SUBSCRIPTION_STATE, "Subscription-State", 0, SIP_ONCE)                                                       \
	X(SUPPORTED, "Supported", 'k', SIP_LIST)                                                                       \
	X(TARGET_DIALOG, "Target-Dialog", 0, SIP_ONCE)                                                                 \
	X(TIMESTAMP, "Timestamp", 0, SIP_ONCE)                                                                         \
	X(TO, "To", 't', SIP_ONCE)                                                                                     \
	X(UNSUPPORTED, "Unsupported", 0, SIP_LIST)                                                                     \
	X(USER_AGENT, "User-Agent", 0, SIP_ONCE)                                                                       \
	X(VIA, "Via", 'v', SIP_LIST)                                                                                   \
	X(WARNING, "Warning", 0, SIP_LIST)                                                                             \
	X(WWW_AUTHENTICATE, "WWW-Authenticate", 0, 0)

enum sip_header_id {
#define X(id, name, compact, flags) SIP_HEADER_##id,
	SIP_HEADER_LIST(X)
#undef X
		SIP_HEADER_OTHER, /* any header that is not in the list; its name is in the message */
	SIP_HEADER_COUNT
};

/* code, default reason phrase */
#define SIP_STATUS_LIST(X)                                                                                             \
	X(100, "Trying")                                                                                               \
	X(180, "Ringing")                                                                                              \
	X(181, "Call Is Being Forwarded")                                                                              \
	X(182, "Queued")                                                                                               \
	X(183, "Session Progress")                                                                                     \
	X(199, "Early Dialog Terminated")                                                                              \
	X(200, "OK")                                                                                                   \
	X(202, "Accepted")                                                                                             \
	X(204, "No Notification")                                                                                      \
	X(300, "Multiple Choices")                                                                                     \
	X(301, "Moved Permanently")                                                                                    \
	X(302, "Moved Temporarily")                                                                                    \
	X(305, "Use Proxy")                                                                                            \
	X(380, "Alternative Service")                                                                                  \
	X(400, "Bad Request")                                                                                          \
	X(401, "Unauthorized")                                                                                         \
	X(402, "Payment Required")                                                                                     \
	X(403, "Forbidden")                                                                                            \
	X(404, "Not Found")                                                                                            \
	X(405, "Method Not Allowed")                                                                                   \
	X(406, "Not Acceptable")                                                                                       \
	X(407, "Proxy Authentication Required")                                                                        \
	X(408, "Request Timeout")                                                                                      \
	X(410, "Gone")                                                                                                 \
	X(412, "Conditional Request Failed")                                                                           \
	X(413, "Request Entity Too Large")                                                                             \
	X(414, "Request-URI Too Long")                                                                                 \
	X(415, "Unsupported Media Type")                                                                               \
	X(416, "Unsupported URI Scheme")                                                                               \
	X(417, "Unknown Resource-Priority")                                                                            \
	X(420, "Bad Extension")                                                                                        \
	X(421, "Extension Required")                                                                                   \
	X(422, "Session Interval Too Small")                                                                           \
	X(423, "Interval Too Brief")                                                                                   \
	X(428, "Use Identity Header")                                                                                  \
	X(429, "Provide Referrer Identity")                                                                            \
	X(430, "Flow Failed")                                                                                          \
	X(433, "Anonymity Disallowed")                                                                                 \
	X(436, "Bad Identity Info")                                                                                    \
	X(437, "Unsupported Credential")                                                                               \
	X(438, "Invalid Identity Header")                                                                              \
	X(439, "First Hop Lacks Outbound Support")                                                                     \
	X(440, "Max-Breadth Exceeded")                                                                                 \
	X(469, "Bad Info Package")                                                                                     \
	X(470, "Consent Needed")                                                                                       \
	X(480, "Temporarily Unavailable")                                                                              \
	X(481, "Call/Transaction Does Not Exist")                                                                      \
	X(482, "Loop Detected")                                                                                        \
	X(483, "Too Many Hops")                                                                                        \
	X(484, "Address Incomplete")                                                                                   \
	X(485, "Ambiguous")                                                                                            \
	X(486, "Busy Here")                                                                                            \
	X(487, "Request Terminated")                                                                                   \
	X(488, "Not Acceptable Here")                                                                                  \
	X(489, "Bad Event")                                                                                            \
	X(491, "Request Pending")                                                                                      \
	X(493, "Undecipherable")                                                                                       \
	X(494, "Security Agreement Required")                                                                          \
	X(500, "Server Internal Error")                                                                                \
	X(501, "Not Implemented")                                                                                      \
	X(502, "Bad Gateway")                                                                                          \
	X(503, "Service Unavailable")                                                                                  \
	X(504, "Server Time-out")                                                                                      \
	X(505, "Version Not Supported")                                                                                \
	X(513, "Message Too Large")                                                                                    \
	X(580, "Precondition Failure")                                                                                 \
	X(600, "Busy Everywhere")                                                                                      \
	X(603, "Decline")                                                                                              \
	X(604, "Does Not Exist Anywhere")                                                                              \
	X(606, "Not Acceptable")                                                                                       \
	X(607, "Unwanted")                                                                                             \
	X(608, "Rejected")

/* id, text as in Via, default port */
#define SIP_TRANSPORT_LIST(X)                                                                                          \
	X(UDP, "UDP", 5060)                                                                                            \
	X(TCP, "TCP", 5060)                                                                                            \
	X(TLS, "TLS", 5061)                                                                                            \
	X(WS, "WS", 80)                                                                                                \
	X(WSS, "WSS", 443)                                                                                             \
	X(SCTP, "SCTP", 5060)

enum sip_transport {
#define X(id, text, port) SIP_TRANSPORT_##id,
	SIP_TRANSPORT_LIST(X)
#undef X
		SIP_TRANSPORT_OTHER,
	SIP_TRANSPORT_COUNT
};

/* The method of that exact text; SIP_METHOD_OTHER for anything else. */
enum sip_method sip_method_parse(struct view text);
const char *sip_method_name(enum sip_method method); /* "OTHER" for SIP_METHOD_OTHER */
/* Full or compact name in any case; SIP_HEADER_OTHER for anything else. */
enum sip_header_id sip_header_parse(struct view name);
const char *sip_header_name(enum sip_header_id id); /* "" for SIP_HEADER_OTHER */
unsigned sip_header_flags(enum sip_header_id id);   /* enum sip_header_flags */
/* The default reason phrase; for a code without a row that of its class (RFC 3261 8.1.3.2). */
const char *sip_status_reason(unsigned status);
enum sip_transport sip_transport_parse(struct view text);     /* any case */
const char *sip_transport_name(enum sip_transport transport); /* "OTHER" for SIP_TRANSPORT_OTHER */
uint16_t sip_transport_port(enum sip_transport transport);    /* the default port; 5060 for SIP_TRANSPORT_OTHER */

#endif
