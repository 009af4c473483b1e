/* The names of everything the dataplane counts: one row gives the enum, the text of API and metrics, and the help.
 *
 * Used by the stages (which count), lib/shm (whose blocks carry the counters) and the control plane (which shows them).
 * Rows are only ever added at the end of their list; the segment's header carries the number of rows of each.
 * Threads: constants only.
 */
#ifndef LIB_COUNTERS_COUNTERS_H
#define LIB_COUNTERS_COUNTERS_H

#include "lib/base/base.h"

/* Why a packet left the road. Every dropped packet is counted under exactly one. */
#define DROP_LIST(X)                                                                                                   \
	X(DROP_NOT_IP, "not_ip", "neither IPv4 nor IPv6")                                                              \
	X(DROP_IP_MALFORMED, "ip_malformed", "the IP header contradicts the packet")                                   \
	X(DROP_IP_FRAGMENT, "ip_fragment", "an IP fragment; media is never fragmented")                                \
	X(DROP_NOT_UDP, "not_udp", "another protocol than UDP on a media address")                                     \
	X(DROP_UDP_MALFORMED, "udp_malformed", "the UDP length contradicts the packet")                                \
	X(DROP_NOT_MEDIA_ADDRESS, "not_media_address", "not sent to an address of the engine")                         \
	X(DROP_NO_STREAM, "no_stream", "no stream owns that local port")                                               \
	X(DROP_RTP_MALFORMED, "rtp_malformed", "not RTP or RTCP, or shorter than its header says")                     \
	X(DROP_SOURCE, "source", "from another address than the peer's")                                               \
	X(DROP_PROBATION, "probation", "from a source that is still on probation")                                     \
	X(DROP_SSRC, "ssrc", "the peer changed its SSRC against the rules")                                            \
	X(DROP_NO_SINK, "no_sink", "nobody listens to this stream")                                                    \
	X(DROP_NO_REMOTE, "no_remote", "the receiver's address is not known yet")                                      \
	X(DROP_NO_NEIGHBOUR, "no_neighbour", "the next hop's hardware address is not known yet")                       \
	X(DROP_STUN, "stun", "STUN or DTLS on a stream that does not use it")                                          \
	X(DROP_HANDOVER_FULL, "handover_full", "the ring to the worker that owns the stream is full")                  \
	X(DROP_TX_FULL, "tx_full", "the port's transmit queue is full")                                                \
	X(DROP_TOO_LONG, "too_long", "longer than the engine carries")                                                 \
	X(DROP_TTL, "ttl", "the packet's time to live is used up")                                                     \
	X(DROP_DIRECTION, "direction", "the call is on hold in this direction")                                        \
	X(DROP_NO_KEY, "no_key", "a secure stream whose key is not known yet, or is used up")                          \
	X(DROP_AUTH_FAILED, "auth_failed", "the tag of SRTP or SRTCP does not match")                                  \
	X(DROP_REPLAY, "replay", "SRTP or SRTCP that was there before, or is too old to tell")                         \
	X(DROP_PAYLOAD_TYPE, "payload_type", "RTP of a payload type that was not agreed")                              \
	X(DROP_RATE, "rate", "more packets a second than the stream may send")                                         \
	X(DROP_LATE, "late", "RTP to be decoded that came after its turn, or twice")

/* What a worker counts beside the drops. */
#define WORKER_COUNTER_LIST(X)                                                                                         \
	X(WORKER_RX_PACKETS, "rx_packets", "packets received from ports")                                              \
	X(WORKER_RX_BYTES, "rx_bytes", "bytes received, from the Ethernet header on")                                  \
	X(WORKER_TX_PACKETS, "tx_packets", "packets given to ports")                                                   \
	X(WORKER_TX_BYTES, "tx_bytes", "bytes given to ports")                                                         \
	X(WORKER_RTP_RELAYED, "rtp_relayed", "RTP packets relayed")                                                    \
	X(WORKER_RTCP_RELAYED, "rtcp_relayed", "RTCP packets sent, relayed ones and the engine's own")                 \
	X(WORKER_HANDOVER_OUT, "handover_out", "packets handed to the worker that owns their stream")                  \
	X(WORKER_HANDOVER_IN, "handover_in", "packets taken over from other workers")                                  \
	X(WORKER_TURNS, "turns", "turns of the poll loop")                                                             \
	X(WORKER_TURNS_BUSY, "turns_busy", "turns that received something")                                            \
	X(WORKER_NAPS, "naps", "times the worker slept because nothing arrived")                                       \
	X(WORKER_CYCLES_BUSY, "cycles_busy", "time stamp counter cycles spent in busy turns")                          \
	X(WORKER_STREAMS, "streams", "streams the worker owns now")                                                    \
	X(WORKER_COMMANDS, "commands", "commands carried out")                                                         \
	X(WORKER_EVENTS_LOST, "events_lost", "events that found their ring full")                                      \
	X(WORKER_REPORTS, "reports", "RTCP reports that the engine made itself")                                       \
	X(WORKER_RTP_CONVERTED, "rtp_converted", "RTP packets whose payload was converted on their way")               \
	X(WORKER_RTP_HEARD, "rtp_heard", "RTP packets taken to be decoded")                                            \
	X(WORKER_RTP_SPOKEN, "rtp_spoken", "RTP packets made by encoding")                                             \
	X(WORKER_TICKS, "ticks", "times that a decoded stream was heard and spoken on")                                \
	X(WORKER_TICKS_LOST, "ticks_lost", "milliseconds in which no coding was done because the worker was too busy") \
	X(WORKER_CYCLES_CODING, "cycles_coding", "time stamp counter cycles spent in coding")

/* The steps of the packet path; which packet takes which is the table of dataplane/lane/lane.c. The names are those of
 * functions, stage_<name>, and files. */
#define STAGE_LIST(X)                                                                                                  \
	X(parse, "bytes of the wire to addresses and ports")                                                           \
	X(lookup, "whose stream owns the local port")                                                                  \
	X(classify, "RTP, RTCP, or something else")                                                                    \
	X(source, "is it the peer")                                                                                    \
	X(limit, "does it send more than it may")                                                                      \
	X(statistics, "loss, jitter, bytes")                                                                           \
	X(fork, "a copy for each listener")                                                                            \
	X(convert, "from one codec to another")                                                                        \
	X(hear, "into the jitter buffer, to be decoded")                                                               \
	X(relay, "new headers")                                                                                        \
	X(rtcp_source, "is the RTCP from the peer")                                                                    \
	X(rtcp_read, "what the reports say")                                                                           \
	X(rtcp_relay, "new headers for RTCP")                                                                          \
	X(unheard, "nobody listens")                                                                                   \
	X(held, "nobody wants it")                                                                                     \
	X(binding, "STUN and DTLS")                                                                                    \
	X(unprotect, "out of SRTP")                                                                                    \
	X(protect, "into SRTP")                                                                                        \
	X(transmit, "collected for the port, and given to it")
enum stage {
#define X(name, help) STAGE_##name,
	STAGE_LIST(X)
#undef X
		STAGE_receive, /* not a stage: the port's own work for a burst */
	STAGE_COUNT
};
/* Of one burst in so many each stage's cycles are taken: reading the clock for every stage of every burst would cost some
 * nanoseconds a packet. */
#define STAGE_SAMPLED 16

#define COUNTER_ENUM(name, text, help) name,
enum drop_reason { DROP_LIST(COUNTER_ENUM) DROP_COUNT };
enum worker_counter { WORKER_COUNTER_LIST(COUNTER_ENUM) WORKER_COUNTER_COUNT };
#undef COUNTER_ENUM

struct counter_row {
	const char *name; /* as in API and metrics */
	const char *help; /* a sentence for people */
};
extern const struct counter_row drop_rows[DROP_COUNT];
extern const struct counter_row worker_counter_rows[WORKER_COUNTER_COUNT];
extern const struct counter_row stage_rows[STAGE_COUNT];

/* The row's name; "unknown" outside the list. */
const char *drop_reason_name(unsigned reason);
const char *worker_counter_name(unsigned counter);

#endif
