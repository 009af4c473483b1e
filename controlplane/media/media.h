/* What the control plane wants of the media engine: streams with their addresses, ports, sources and directions.
 *
 * Who: controlplane/call makes two streams a call and says what each is to send; nobody else in the control plane knows
 * that there is a shared segment. media keeps the wanted state of every stream, so a dataplane that dies and comes back
 * is programmed again and the calls' media goes on, at the same addresses and ports. Every change within one turn of
 * the loop becomes one command. A stream is one local RTP port of the engine (its RTCP port is the next one) toward one
 * peer. What it sends is what its source received: the other leg's stream, itself (echo), or nothing. Threads: the
 * signalling loop's only. Handlers are called from the loop, never from inside a function of this header. Ownership:
 * media owns the streams. After media_stream_del the pointer is good for nothing but to be recognised in its handler;
 * it is freed when the handler has returned from MEDIA_GONE. media_free frees all without calling handlers. Limits: the
 * slots (per worker) and port pools (per address) of the dataplane; both are used again only after the dataplane said
 * that the old stream is gone, and a port as late as the pool allows. Our own restart: streams that another life of the
 * control plane left in the dataplane go on; each is ended when it has had no RTP for orphan_timeout_ms, or after
 * orphan_cap_ms. RFC 3550 11 (even RTP port, RTCP on the next), RFC 4961 (symmetric RTP), RFC 5761 (RTCP on the RTP
 * port).
 */
#ifndef CONTROLPLANE_MEDIA_MEDIA_H
#define CONTROLPLANE_MEDIA_MEDIA_H

#include "lib/rtp/quality.h"
#include "lib/shm/abi.h"
#include "lib/srtp/suite.h"

struct loop;
struct media;
struct media_stream;

/* Which of this machine's addresses the kernel would use toward a peer, and whether the peer is on this very machine. A
 * seam: transport_route in the daemon, a table in tests. ERR_NOT_FOUND: no route. */
typedef int media_route(void *arg, const struct net_address *toward, struct net_address *ret_source,
			bool *ret_is_local_host);

struct media_options {
	const char *segment_path;   /* of the dataplane's segment; copied */
	uint32_t rtp_timeout_ms;    /* for new streams; 0: never */
	uint32_t orphan_timeout_ms; /* 0: 10 s */
	uint32_t orphan_cap_ms;     /* 0: 4 h */
	uint8_t dscp;               /* of all media, 0..63 */
	uint32_t rate_limit;        /* RTP packets a second that a peer may send; 0: any */
	/* Several signalling threads: each has a media of its own, with rings of its own, and all take slots and ports from the
	 * same. The first one made finds the dataplane; the others name it here, while it lives, and go along. */
	struct media *sibling;
	uint32_t client, client_count; /* which of how many; the first is 0, client_count 0 is 1 */
	media_route *route;            /* needed */
	void *route_arg;
	void (*on_ready)(bool is_ready, void *arg); /* each time media_is_ready changes; may be NULL */
	void *arg;
};

/* ---- events of a stream ---- */
#define MEDIA_EVENT_LIST(X)                                                                                            \
	X(MEDIA_LATCHED, "latched") /* the peer's real address was learned from its packets */                         \
	X(MEDIA_SILENT, "silent")   /* no RTP for the stream's time-out; once per silence */                           \
	X(MEDIA_DIGIT, "digit")     /* the peer pressed a key and let go of it; of streams that are coded */           \
	X(MEDIA_REFUSED, "refused") /* cannot be carried out; the stream is as it was and has still to be deleted */   \
	X(MEDIA_GONE, "gone")       /* the answer to media_stream_del; the stream is freed after the handler */
enum media_event_type {
#define X(name, text) name,
	MEDIA_EVENT_LIST(X)
#undef X
		MEDIA_EVENT_COUNT
};

struct media_event {
	enum media_event_type type;
	int error;                           /* REFUSED: ERR_* */
	uint64_t silent_ms;                  /* SILENT: how long */
	struct net_endpoint latched;         /* LATCHED */
	struct shm_digit digit;              /* DIGIT */
	struct shm_stream_counters counters; /* GONE: final ones, or the last known when the dataplane is away */
};
typedef void media_handler(struct media_stream *stream, const struct media_event *event, void *arg);

const char *media_event_name(unsigned type);

/* ---- life ---- */
/* Starts to look for the dataplane; it need not be there. ERR_NOMEM, ERR_INVALID. */
int media_new(struct loop *loop, const struct media_options *options, struct media **ret_media) WARN_UNUSED;
/* The streams in the dataplane go on (its orphans then); delete them first when that is not wanted. NULL is fine. */
void media_free(struct media *media);
/* Attached, and the dataplane lives: streams can be made. */
bool media_is_ready(const struct media *media);
/* One line for people on why it is not ready ("" when it is). */
const char *media_reason(const struct media *media);

/* ---- streams ---- */
/* A stream toward a peer known by one address (of its signalling or its media): the local media address is the one from
 * which the peer is reached. On the worker of `beside` (which may be NULL): streams that are each other's source must
 * be on one worker. ERR_CLOSED: the dataplane is away; ERR_NOT_FOUND: no media address reaches the peer; ERR_LIMIT: no
 * port or slot left; ERR_NOMEM. It receives and sends, learns the peer's address, and has no remote and no source yet.
 */
int media_stream_new(struct media *media, const struct net_address *toward, const struct media_stream *beside,
		     media_handler *on_event, void *arg, struct media_stream **ret_stream) WARN_UNUSED;
/* Ends it. Its handler gets nothing more but MEDIA_GONE, later. Streams whose source it was have none then.
 */
void media_stream_del(struct media_stream *stream);

/* Where the engine receives the peer's RTP; and the same as the peer is to be told (other than local behind 1:1 NAT).
 */
const struct net_endpoint *media_stream_local(const struct media_stream *stream);
const struct net_endpoint *media_stream_advertised(const struct media_stream *stream);
/* Where to send, as signalled. rtcp NULL: the RTP port plus one, or the RTP port itself with mux. A learned address is
 * kept while what is signalled stays the same. rtp NULL or 0.0.0.0 or ::: nowhere. ERR_UNSUPPORTED: of another family
 * than the local address, or multicast; the remote stays as it was. */
int media_stream_set_remote(struct media_stream *stream, const struct net_endpoint *rtp,
			    const struct net_endpoint *rtcp, bool rtcp_mux) WARN_UNUSED;
/* Whose received media this one sends: itself is an echo, NULL is nothing. ERR_INVALID: on another worker. */
int media_stream_set_source(struct media_stream *stream, struct media_stream *source) WARN_UNUSED;
/* receive: what the peer sends is wanted; send: the peer wants to hear (RFC 3264: sendrecv is both, inactive none). */
void media_stream_set_direction(struct media_stream *stream, bool receive, bool send);
/* How its peer's audio is coded (codec 0: relayed as it comes). Two streams of a call that both say it are converted into
 * each other where they differ. */
void media_stream_set_audio(struct media_stream *stream, const struct shm_audio *audio);
/* Lets the peer of a coded stream hear a digit, behind those before; in the way that its audio says. ERR_FULL, ERR_STATE. */
int media_stream_digit(struct media_stream *stream, const struct shm_digit *digit) WARN_UNUSED;
/* MEDIA_SILENT after so long without RTP; 0: never. */
void media_stream_set_timeout(struct media_stream *stream, uint32_t rtp_timeout_ms);
/* Whether the peer's address may be learned from its packets (default), or only the signalled one is believed. */
void media_stream_set_learn(struct media_stream *stream, bool learn);

/* SRTP and SRTCP, never in the clear: what the peer sends with, and what it is sent with; a key of suite SECURE_NONE is not known
 * yet, and nothing passes. Both NULL: in the clear. The same keys again change nothing; a key that was replaced must not
 * come back. ERR_INVALID: not keys. */
int media_stream_set_crypto(struct media_stream *stream, const struct secure_key *in,
			    const struct secure_key *out) WARN_UNUSED;

/* ---- what is known ---- */
/* Live counters from the directory, a quarter of a second old at most; while the dataplane is away the last known. */
void media_stream_counters(const struct media_stream *stream, struct shm_stream_counters *ret_counters);
/* Where the stream's packets go: learned if it was, else as signalled; family 0 when not known. */
const struct net_endpoint *media_stream_remote(const struct media_stream *stream);
/* Whether the remote was learned from packets; and the enum shm_stream_flags that are wanted. */
bool media_stream_is_latched(const struct media_stream *stream);
uint32_t media_stream_flags(const struct media_stream *stream);
/* The suite that the peer sends with, enum secure_suite_id; never the key. */
uint8_t media_stream_suite(const struct media_stream *stream);
struct shm_stream_id media_stream_id(const struct media_stream *stream);
/* Visits every stream that was not deleted; the visitor must not make or delete any. */
void media_walk(struct media *media, void (*visit)(struct media_stream *stream, void *arg), void *arg);

/* ---- figures ---- */
struct media_stats {
	uint32_t streams, streams_ending; /* wanted; deleted but not yet gone */
	uint32_t orphans;                 /* of an earlier control plane, still going on */
	uint64_t orphans_swept;
	uint64_t attached;    /* times a dataplane was found */
	uint64_t programmed;  /* commands sent */
	uint64_t postponed;   /* times that a command found its ring full and had to wait */
	uint64_t refused;     /* SETs that the dataplane refused */
	uint64_t bad_events;  /* from the dataplane, against the rules; ignored */
	uint64_t corruptions; /* rings whose indices were impossible */
};
void media_stats(const struct media *media, struct media_stats *ret_stats);
/* Workers of the attached dataplane (0 while away), and their counters: reads of shared memory, each at any time. */
uint32_t media_worker_count(const struct media *media);
uint64_t media_worker_counter(const struct media *media, uint32_t worker, enum worker_counter counter);
/* What its stages cost, of the bursts that were measured: cycles and packets by enum stage. */
void media_worker_stage(const struct media *media, uint32_t worker, enum stage stage, uint64_t *ret_cycles,
			uint64_t *ret_packets);
uint64_t media_worker_drops(const struct media *media, uint32_t worker, enum drop_reason reason);
/* The media addresses, for the API and the log: NULL at and beyond the number of them, and while away. */
const struct shm_address *media_address(const struct media *media, uint32_t index);
/* Its link state now (the row's is the one at attaching). */
bool media_address_is_up(const struct media *media, uint32_t index);

/* How the stream's peer sounds to us: the E-model over what was counted; codec "PCMU/8000" (its name is used). */
void media_quality(const struct shm_stream_counters *counters, const char *codec, struct quality *ret_quality);

#endif
