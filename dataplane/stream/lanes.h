/* The lanes a packet can take; their stages are the rows of dataplane/lane/lane.c. A stream carries one lane per kind of packet,
 * chosen when it or who listens to it is programmed (graph.c).
 *
 * Used by dataplane/stream and above. Threads: constants only.
 */
#ifndef DATAPLANE_STREAM_LANES_H
#define DATAPLANE_STREAM_LANES_H

#define LANE_LIST(X)                                                                                                   \
	X(LANE_ENTRY, "entry")         /* from a port, until its lane is known */                                      \
	X(LANE_TAKEN_OVER, "takeover") /* from another worker, likewise */                                             \
	X(LANE_RELAY, "relay")         /* RTP to the one stream that listens */                                        \
	X(LANE_FORK, "fork")           /* RTP to several */                                                            \
	X(LANE_UNHEARD, "unheard")     /* RTP nobody listens to */                                                     \
	X(LANE_HELD, "held")           /* RTP that this stream does not want */                                        \
	X(LANE_RTCP, "rtcp")           /* RTCP to those that listen */                                                 \
	X(LANE_RTCP_UNHEARD, "rtcp_unheard")                                                                           \
	X(LANE_DECRYPT, "decrypt")         /* SRTP to one that listens in the clear */                                 \
	X(LANE_ENCRYPT, "encrypt")         /* the other way */                                                         \
	X(LANE_RECRYPT, "recrypt")         /* SRTP to SRTP of another key */                                           \
	X(LANE_SECURE_FORK, "secure_fork") /* any to several, of whom some are secure */                               \
	X(LANE_SECURE_UNHEARD, "secure_unheard")                                                                       \
	X(LANE_SECURE_HELD, "secure_held")                                                                             \
	X(LANE_SECURE_RTCP, "secure_rtcp") /* one side is secure, or both */                                           \
	X(LANE_SECURE_RTCP_UNHEARD, "secure_rtcp_unheard")                                                             \
	X(LANE_REPORT, "report")             /* RTCP that the engine made itself */                                    \
	X(LANE_TRANSCODE_IN, "transcode_in") /* RTP to be decoded */                                                   \
	X(LANE_SECURE_TRANSCODE_IN, "secure_transcode_in")                                                             \
	X(LANE_TRANSCODE_OUT, "transcode_out") /* RTP made of samples in a tick */                                     \
	X(LANE_CONVERT, "convert")             /* RTP in another codec or of another payload type, packet by packet */ \
	X(LANE_SECURE_CONVERT, "secure_convert") /* the same, one side is secure or both */                            \
	X(LANE_BINDING, "binding")               /* STUN and DTLS */
enum lane {
#define X(name, text) name,
	LANE_LIST(X)
#undef X
		LANE_COUNT
};

#endif
