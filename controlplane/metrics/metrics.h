/* The figures of the control plane for Prometheus and /api/stats: one row gives the enum, the metric's name, its type,
 * its label and its help text; metrics_print writes the page (text format 0.0.4).
 *
 * Used by everything in controlplane/ that counts (the app hands a struct metrics down) and by controlplane/api.
 * Threads: any thread may count or read at any time; values are relaxed atomics and stand for themselves, a page is not
 * a moment frozen across rows. What the dataplane counts is not kept here: metrics_print is given a plain copy
 * (struct metrics_engine) that the signalling thread took from the segment.
 * Ownership: the app owns the one struct metrics; zeroed is a valid start. What another folder counts anyway (contacts,
 * transactions, CDRs) the app copies in about once a second by metrics_set; HTTP answers are counted by controlplane/api.
 * Limits: METRICS_WORKERS_MAX workers; a page is at most METRICS_PAGE_SIZE bytes, tested with everything at its
 * largest.
 *
 * Rows of one metric stand together, so that HELP and TYPE are printed once before them.
 * sip_pbx_total_calls has the name that existing dashboards use, although counters end in _total by convention.
 */
#ifndef CONTROLPLANE_METRICS_METRICS_H
#define CONTROLPLANE_METRICS_METRICS_H

#include <stdatomic.h>

#include "lib/base/base.h"
#include "lib/counters/counters.h"

/* Types of sip_pbx_errors_total:
 *   sip_syntax      a SIP message that does not follow the grammar
 *   sip_transport   a SIP message could not be sent
 *   sip_timeout     a transaction without an answer (timers B, F, H)
 *   authentication  wrong credentials
 *   overload        refused by admission with 503
 *   media           the engine refused a stream, or no port was left
 *   media_lost      the engine went away
 *   rtp_timeout     a call ended because nothing was heard any more
 *   cdr             a record could not be written (it is kept and retried)
 */

/* id, metric, type, label, help (on the first row of a metric) */
#define METRIC_LIST(X)                                                                                                 \
	X(METRIC_ACTIVE_CALLS, "sip_pbx_active_calls", GAUGE, "", "Calls that exist now, ringing ones included.")      \
	X(METRIC_TOTAL_CALLS, "sip_pbx_total_calls", COUNTER, "", "Calls since the start, refused ones included.")     \
	X(METRIC_ERROR_SIP_SYNTAX, "sip_pbx_errors_total", COUNTER, "type=\"sip_syntax\"", "Errors by type.")          \
	X(METRIC_ERROR_SIP_TRANSPORT, "sip_pbx_errors_total", COUNTER, "type=\"sip_transport\"", "")                   \
	X(METRIC_ERROR_SIP_TIMEOUT, "sip_pbx_errors_total", COUNTER, "type=\"sip_timeout\"", "")                       \
	X(METRIC_ERROR_AUTHENTICATION, "sip_pbx_errors_total", COUNTER, "type=\"authentication\"", "")                 \
	X(METRIC_ERROR_OVERLOAD, "sip_pbx_errors_total", COUNTER, "type=\"overload\"", "")                             \
	X(METRIC_ERROR_MEDIA, "sip_pbx_errors_total", COUNTER, "type=\"media\"", "")                                   \
	X(METRIC_ERROR_MEDIA_LOST, "sip_pbx_errors_total", COUNTER, "type=\"media_lost\"", "")                         \
	X(METRIC_ERROR_RTP_TIMEOUT, "sip_pbx_errors_total", COUNTER, "type=\"rtp_timeout\"", "")                       \
	X(METRIC_ERROR_CDR, "sip_pbx_errors_total", COUNTER, "type=\"cdr\"", "")                                       \
	X(METRIC_ACTIVE_SESSIONS, "voxlane_sessions", GAUGE, "", "Call legs with a media session now.")                \
	X(METRIC_REGISTRATIONS, "voxlane_registrations", GAUGE, "", "Contacts registered now.")                        \
	X(METRIC_TRANSACTIONS, "voxlane_sip_transactions", GAUGE, "", "SIP transactions that exist now.")              \
	X(METRIC_SIP_REQUESTS_IN, "voxlane_sip_messages_total", COUNTER, "kind=\"request\",direction=\"in\"",          \
	  "SIP messages received, retransmissions included.")                                                          \
	X(METRIC_SIP_RESPONSES_IN, "voxlane_sip_messages_total", COUNTER, "kind=\"response\",direction=\"in\"", "")    \
	X(METRIC_SIP_SENT_INVITE, "voxlane_sip_requests_sent_total", COUNTER, "method=\"INVITE\"",                     \
	  "SIP requests sent, retransmissions included.")                                                              \
	X(METRIC_SIP_SENT_ACK, "voxlane_sip_requests_sent_total", COUNTER, "method=\"ACK\"", "")                       \
	X(METRIC_SIP_SENT_BYE, "voxlane_sip_requests_sent_total", COUNTER, "method=\"BYE\"", "")                       \
	X(METRIC_SIP_SENT_CANCEL, "voxlane_sip_requests_sent_total", COUNTER, "method=\"CANCEL\"", "")                 \
	X(METRIC_SIP_SENT_OPTIONS, "voxlane_sip_requests_sent_total", COUNTER, "method=\"OPTIONS\"", "")               \
	X(METRIC_SIP_SENT_REGISTER, "voxlane_sip_requests_sent_total", COUNTER, "method=\"REGISTER\"", "")             \
	X(METRIC_SIP_SENT_UPDATE, "voxlane_sip_requests_sent_total", COUNTER, "method=\"UPDATE\"", "")                 \
	X(METRIC_SIP_SENT_PRACK, "voxlane_sip_requests_sent_total", COUNTER, "method=\"PRACK\"", "")                   \
	X(METRIC_SIP_SENT_INFO, "voxlane_sip_requests_sent_total", COUNTER, "method=\"INFO\"", "")                     \
	X(METRIC_SIP_SENT_REFER, "voxlane_sip_requests_sent_total", COUNTER, "method=\"REFER\"", "")                   \
	X(METRIC_SIP_SENT_NOTIFY, "voxlane_sip_requests_sent_total", COUNTER, "method=\"NOTIFY\"", "")                 \
	X(METRIC_SIP_SENT_SUBSCRIBE, "voxlane_sip_requests_sent_total", COUNTER, "method=\"SUBSCRIBE\"", "")           \
	X(METRIC_SIP_SENT_MESSAGE, "voxlane_sip_requests_sent_total", COUNTER, "method=\"MESSAGE\"", "")               \
	X(METRIC_SIP_SENT_PUBLISH, "voxlane_sip_requests_sent_total", COUNTER, "method=\"PUBLISH\"", "")               \
	X(METRIC_SIP_SENT_OTHER, "voxlane_sip_requests_sent_total", COUNTER, "method=\"OTHER\"", "")                   \
	X(METRIC_SIP_SENT_1XX, "voxlane_sip_responses_sent_total", COUNTER, "code=\"1xx\"",                            \
	  "SIP responses sent, retransmissions included.")                                                             \
	X(METRIC_SIP_SENT_2XX, "voxlane_sip_responses_sent_total", COUNTER, "code=\"2xx\"", "")                        \
	X(METRIC_SIP_SENT_3XX, "voxlane_sip_responses_sent_total", COUNTER, "code=\"3xx\"", "")                        \
	X(METRIC_SIP_SENT_4XX, "voxlane_sip_responses_sent_total", COUNTER, "code=\"4xx\"", "")                        \
	X(METRIC_SIP_SENT_5XX, "voxlane_sip_responses_sent_total", COUNTER, "code=\"5xx\"", "")                        \
	X(METRIC_SIP_SENT_6XX, "voxlane_sip_responses_sent_total", COUNTER, "code=\"6xx\"", "")                        \
	X(METRIC_SIP_BYTES_IN_UDP, "voxlane_sip_bytes_total", COUNTER, "transport=\"udp\",direction=\"in\"",           \
	  "Bytes of SIP messages, without what carries them.")                                                         \
	X(METRIC_SIP_BYTES_OUT_UDP, "voxlane_sip_bytes_total", COUNTER, "transport=\"udp\",direction=\"out\"", "")     \
	X(METRIC_SIP_BYTES_IN_TCP, "voxlane_sip_bytes_total", COUNTER, "transport=\"tcp\",direction=\"in\"", "")       \
	X(METRIC_SIP_BYTES_OUT_TCP, "voxlane_sip_bytes_total", COUNTER, "transport=\"tcp\",direction=\"out\"", "")     \
	X(METRIC_SIP_BYTES_IN_TLS, "voxlane_sip_bytes_total", COUNTER, "transport=\"tls\",direction=\"in\"", "")       \
	X(METRIC_SIP_BYTES_OUT_TLS, "voxlane_sip_bytes_total", COUNTER, "transport=\"tls\",direction=\"out\"", "")     \
	X(METRIC_SIP_CONNECTIONS_TCP, "voxlane_sip_connections", GAUGE, "transport=\"tcp\"",                           \
	  "SIP connections open now.")                                                                                 \
	X(METRIC_SIP_CONNECTIONS_TLS, "voxlane_sip_connections", GAUGE, "transport=\"tls\"", "")                       \
	X(METRIC_SIP_CONNECTIONS_ACCEPTED, "voxlane_sip_connections_total", COUNTER, "by=\"peer\"",                    \
	  "SIP connections, by who opened them.")                                                                      \
	X(METRIC_SIP_CONNECTIONS_OPENED, "voxlane_sip_connections_total", COUNTER, "by=\"us\"", "")                    \
	X(METRIC_SIP_CONNECTIONS_REFUSED, "voxlane_sip_connections_refused_total", COUNTER, "",                        \
	  "SIP connections closed at once: a limit, or no descriptors.")                                               \
	X(METRIC_SIP_CONNECTIONS_LATE, "voxlane_sip_connections_timed_out_total", COUNTER, "",                         \
	  "SIP connections cut off because they were too slow or silent.")                                             \
	X(METRIC_TLS_HANDSHAKES, "voxlane_sip_tls_handshakes_total", COUNTER, "outcome=\"done\"",                      \
	  "TLS handshakes of SIP, both directions, by outcome.")                                                       \
	X(METRIC_TLS_HANDSHAKES_FAILED, "voxlane_sip_tls_handshakes_total", COUNTER, "outcome=\"failed\"", "")         \
	X(METRIC_TLS_HANDSHAKES_LATE, "voxlane_sip_tls_handshakes_total", COUNTER, "outcome=\"late\"", "")             \
	X(METRIC_TLS_HANDSHAKES_REFUSED, "voxlane_sip_tls_handshakes_total", COUNTER, "outcome=\"refused\"", "")       \
	X(METRIC_TLS_HANDSHAKING, "voxlane_sip_tls_handshaking", GAUGE, "",                                            \
	  "TLS connections accepted and not through their handshake now.")                                             \
	X(METRIC_SIP_RETRANSMISSIONS, "voxlane_sip_retransmissions_total", COUNTER, "",                                \
	  "SIP messages that we sent again because no answer came.")                                                   \
	X(METRIC_SIP_STATELESS, "voxlane_sip_stateless_answers_total", COUNTER, "",                                    \
	  "Requests of strangers answered without holding memory: challenges, OPTIONS.")                               \
	X(METRIC_SILENCED_DENIED, "voxlane_sip_silenced_total", COUNTER, "reason=\"denied\"",                          \
	  "SIP messages that got no answer, by reason.")                                                               \
	X(METRIC_SILENCED_BANNED, "voxlane_sip_silenced_total", COUNTER, "reason=\"banned\"", "")                      \
	X(METRIC_SILENCED_SCANNER, "voxlane_sip_silenced_total", COUNTER, "reason=\"scanner\"", "")                    \
	X(METRIC_SILENCED_RATE, "voxlane_sip_silenced_total", COUNTER, "reason=\"rate\"", "")                          \
	X(METRIC_SIGNALLING_LAG_MS, "voxlane_signalling_lag_seconds", GAUGE, "",                                       \
	  "Time since signalling last had nothing to do; new calls are refused beyond sip.overload_lag.")              \
	X(METRIC_TRUNKS, "voxlane_trunks", GAUGE, "", "Trunks configured.")                                            \
	X(METRIC_TRUNKS_USABLE, "voxlane_trunks_usable", GAUGE, "", "Trunks that are registered and answer.")          \
	X(METRIC_TRUNK_FAILOVERS, "voxlane_trunk_failovers_total", COUNTER, "",                                        \
	  "Calls that went on to the next trunk of their group.")                                                      \
	X(METRIC_CDR_WRITTEN, "voxlane_cdr_written_total", COUNTER, "", "Call detail records written.")                \
	X(METRIC_CDR_LOST, "voxlane_cdr_lost_total", COUNTER, "", "Call detail records lost for good.")                \
	X(METRIC_CDR_QUEUED, "voxlane_cdr_queued", GAUGE, "", "Call detail records that wait for the disk.")           \
	X(METRIC_HTTP_2XX, "voxlane_http_requests_total", COUNTER, "code=\"2xx\"", "HTTP requests answered.")          \
	X(METRIC_HTTP_3XX, "voxlane_http_requests_total", COUNTER, "code=\"3xx\"", "")                                 \
	X(METRIC_HTTP_4XX, "voxlane_http_requests_total", COUNTER, "code=\"4xx\"", "")                                 \
	X(METRIC_HTTP_5XX, "voxlane_http_requests_total", COUNTER, "code=\"5xx\"", "")

#define METRIC_ROW(id, name, type, label, help) id,
enum metric { METRIC_LIST(METRIC_ROW) METRIC_COUNT };
#undef METRIC_ROW

/* Histograms: id, metric, help, upper bounds in thousandths of the unit (at most METRIC_BUCKETS_MAX, ascending). */
#define METRIC_BUCKETS_MAX 12
#define METRIC_HISTOGRAM_LIST(X)                                                                                       \
	X(METRIC_CALL_DURATION, "sip_pbx_call_duration_seconds", "Answered calls, from the answer to the end.", 5000,  \
	  15000, 30000, 60000, 120000, 300000, 600000, 1800000, 3600000, 7200000, 14400000)                            \
	X(METRIC_CALL_SETUP, "voxlane_call_setup_seconds", "From the INVITE to the answer, of answered calls.", 50,    \
	  100, 250, 500, 1000, 2500, 5000, 10000, 20000, 40000, 80000)                                                 \
	X(METRIC_MOS, "voxlane_leg_mos", "Quality of what each party of an ended call sent, by the E-model.", 1500,    \
	  2000, 2500, 3000, 3500, 3800, 4000, 4200, 4300, 4400)                                                        \
	X(METRIC_LOSS, "voxlane_leg_loss_ratio", "Lost packets of what each party of an ended call sent.", 1, 2, 5,    \
	  10, 20, 50, 100, 200, 500)                                                                                   \
	X(METRIC_JITTER, "voxlane_leg_jitter_seconds", "Jitter of what each party of an ended call sent.", 1, 2, 5,    \
	  10, 20, 30, 50, 100, 200)                                                                                    \
	X(METRIC_ROUND_TRIP, "voxlane_leg_round_trip_seconds", "Round trip to each party of an ended call, by RTCP.",  \
	  5, 10, 20, 50, 100, 150, 200, 300, 500, 1000)
#define X(id, ...) id,
enum metric_histogram { METRIC_HISTOGRAM_LIST(X) METRIC_HISTOGRAM_COUNT };
#undef X

struct metrics_buckets {
	_Atomic uint64_t counts[METRIC_BUCKETS_MAX + 1]; /* not cumulative; the one behind the last bound: more */
	_Atomic uint64_t sum;                            /* thousandths */
};

struct metrics {
	_Atomic uint64_t values[METRIC_COUNT];
	struct metrics_buckets histograms[METRIC_HISTOGRAM_COUNT];
};

static inline void metrics_add(struct metrics *metrics, enum metric metric, uint64_t count)
{
	atomic_fetch_add_explicit(&metrics->values[metric], count, memory_order_relaxed);
}

/* For gauges that count up and down. */
static inline void metrics_sub(struct metrics *metrics, enum metric metric, uint64_t count)
{
	atomic_fetch_sub_explicit(&metrics->values[metric], count, memory_order_relaxed);
}

static inline void metrics_set(struct metrics *metrics, enum metric metric, uint64_t value)
{
	atomic_store_explicit(&metrics->values[metric], value, memory_order_relaxed);
}

static inline uint64_t metrics_get(const struct metrics *metrics, enum metric metric)
{
	return atomic_load_explicit(&metrics->values[metric], memory_order_relaxed);
}

/* One more of a histogram, in thousandths of its unit (milliseconds of a histogram of seconds). */
void metrics_observe(struct metrics *metrics, enum metric_histogram histogram, uint64_t thousandths);

/* ---- what the dataplane counted, copied by the signalling thread ---- */
#define METRICS_WORKERS_MAX 64
struct metrics_engine {
	uint32_t is_up;        /* 0: no engine is attached, and nothing below is valid */
	uint32_t worker_count; /* at most METRICS_WORKERS_MAX */
	uint64_t workers[METRICS_WORKERS_MAX][WORKER_COUNTER_COUNT];
	uint64_t drops[METRICS_WORKERS_MAX][DROP_COUNT];
	uint64_t stage_cycles[METRICS_WORKERS_MAX][STAGE_COUNT], stage_packets[METRICS_WORKERS_MAX][STAGE_COUNT];
};

uint64_t metrics_engine_worker_sum(const struct metrics_engine *engine, enum worker_counter counter);
uint64_t metrics_engine_drop_sum(const struct metrics_engine *engine, enum drop_reason reason);

#define METRICS_PAGE_SIZE (256u * 1024u)
/* The page. engine may be NULL (it could not be asked in time): its rows are left out then. */
void metrics_print(const struct metrics *metrics, const struct metrics_engine *engine, uint64_t uptime_ms,
		   struct text *text);

#endif
