/* What the transport counted, as metrics. */
#include "controlplane/app/signalling.h"

#include "controlplane/metrics/metrics.h"

_Static_assert(METRIC_SIP_SENT_OTHER - METRIC_SIP_SENT_INVITE == SIP_METHOD_OTHER - SIP_METHOD_INVITE,
	       "a row for each method, in their order");
_Static_assert(METRIC_SIP_SENT_6XX - METRIC_SIP_SENT_1XX == 5, "a row for each class");
_Static_assert(METRIC_SIP_BYTES_OUT_TLS - METRIC_SIP_BYTES_IN_UDP == 2 * TRANSPORT_COUNT - 1,
	       "two rows for each transport, in their order");

static void set(struct signalling_figure **at, unsigned metric, uint64_t value)
{
	*(*at)++ = (struct signalling_figure){(enum metric)metric, value};
}

size_t signalling_traffic(const struct transport_stats *stats, struct signalling_figure *ret_figures)
{
	struct signalling_figure *at = ret_figures;

	for (unsigned i = 0; i < SIP_METHOD_COUNT; i++)
		set(&at, METRIC_SIP_SENT_INVITE + i, stats->sent_requests[i]);
	for (unsigned i = 1; i < TRANSPORT_CLASSES; i++)
		set(&at, METRIC_SIP_SENT_1XX + i - 1, stats->sent_responses[i]);
	for (unsigned i = 0; i < TRANSPORT_COUNT; i++) {
		set(&at, METRIC_SIP_BYTES_IN_UDP + 2 * i, stats->kinds[i].received_bytes);
		set(&at, METRIC_SIP_BYTES_OUT_UDP + 2 * i, stats->kinds[i].sent_bytes);
	}
	set(&at, METRIC_SIP_CONNECTIONS_TCP, stats->kinds[TRANSPORT_TCP].connections);
	set(&at, METRIC_SIP_CONNECTIONS_TLS, stats->kinds[TRANSPORT_TLS].connections);
	set(&at, METRIC_SIP_CONNECTIONS_ACCEPTED, stats->accepted);
	set(&at, METRIC_SIP_CONNECTIONS_OPENED, stats->opened);
	set(&at, METRIC_SIP_CONNECTIONS_REFUSED, stats->refused);
	set(&at, METRIC_SIP_CONNECTIONS_LATE, stats->timeouts);
	set(&at, METRIC_TLS_HANDSHAKES, stats->handshakes);
	set(&at, METRIC_TLS_HANDSHAKES_FAILED, stats->handshakes_failed);
	set(&at, METRIC_TLS_HANDSHAKES_LATE, stats->handshakes_late);
	set(&at, METRIC_TLS_HANDSHAKES_REFUSED, stats->handshakes_refused);
	set(&at, METRIC_TLS_HANDSHAKING, stats->handshaking);
	return (size_t)(at - ret_figures);
}
