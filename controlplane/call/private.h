/* Inside controlplane/call: the call, its legs, and what the two machines say to each other. */
#ifndef CONTROLPLANE_CALL_PRIVATE_H
#define CONTROLPLANE_CALL_PRIVATE_H

#include "controlplane/call/call.h"
#include "controlplane/cdr/cdr.h"
#include "controlplane/dialog/dialog.h"
#include "controlplane/loop/loop.h"
#include "controlplane/media/media.h"
#include "controlplane/routing/routing.h"
#include "controlplane/transaction/transaction.h"
#include "lib/container/list.h"
#include "lib/fsm/fsm.h"
#include "lib/log/log.h"
#include "lib/sip/sip.h"

/* ---- a leg: one dialog with one party ---- */
#define LEG_STATE_LIST(X)                                                                                              \
	X(LEG_NEW, "new")                                                                                              \
	X(LEG_OFFERED, "offered")       /* in: the INVITE waits for our answer */                                      \
	X(LEG_ANSWERED, "answered")     /* in: 2xx sent, no ACK yet */                                                 \
	X(LEG_PARTING, "parting")       /* in: to be ended as soon as that ACK comes (RFC 3261 15) */                  \
	X(LEG_CALLING, "calling")       /* out: the INVITE is on its way */                                            \
	X(LEG_RINGING, "ringing")       /* out: the peer works on it */                                                \
	X(LEG_ACCEPTED, "accepted")     /* out: 2xx with the offer that we asked for; the ACK waits for the answer */  \
	X(LEG_CANCELLING, "cancelling") /* out: given up; the final response is still to come */                       \
	X(LEG_UP, "up")                                                                                                \
	X(LEG_ASKED, "asked")           /* up; the peer's re-INVITE waits for the other party's answer */              \
	X(LEG_UPDATING, "updating")     /* up; the peer's UPDATE waits for the other party's answer */                 \
	X(LEG_CONFIRMING, "confirming") /* up; 2xx to the peer's re-INVITE sent, no ACK yet */                         \
	X(LEG_ASKING, "asking")         /* up; our re-INVITE waits for the peer's answer */                            \
	X(LEG_REFRESHING, "refreshing") /* up; our re-INVITE that changes nothing waits for its answer (RFC 4028) */   \
	X(LEG_ENDING, "ending")         /* BYE sent */                                                                 \
	X(LEG_GONE, "gone")
#define LEG_EVENT_LIST(X)                                                                                              \
	X(LEG_PEER_INVITE, "peer_invite")                                                                              \
	X(LEG_PEER_PROVISIONAL, "peer_provisional") /* 101 to 199 */                                                   \
	X(LEG_PEER_SUCCESS, "peer_success")                                                                            \
	X(LEG_PEER_OFFER, "peer_offer")     /* 2xx to an INVITE without an offer: it has the offer */                  \
	X(LEG_PEER_FAILURE, "peer_failure") /* 3xx to 6xx, no answer, not to be reached */                             \
	X(LEG_PEER_CANCEL, "peer_cancel")                                                                              \
	X(LEG_PEER_ACK, "peer_ack")                                                                                    \
	X(LEG_PEER_NO_ACK, "peer_no_ack")                                                                              \
	X(LEG_PEER_REINVITE, "peer_reinvite")                                                                          \
	X(LEG_PEER_UPDATE, "peer_update") /* with an offer, the leg being up */                                        \
	X(LEG_PEER_BYE, "peer_bye")                                                                                    \
	X(LEG_PEER_BYE_DONE, "peer_bye_done") /* our BYE was answered, or never will be */                             \
	X(LEG_CALL_INVITE, "call_invite")                                                                              \
	X(LEG_CALL_RING, "call_ring")                                                                                  \
	X(LEG_CALL_ANSWER, "call_answer")                                                                              \
	X(LEG_CALL_REFUSE, "call_refuse")   /* the peer's re-INVITE is refused, the leg stays up */                    \
	X(LEG_CALL_CONFIRM, "call_confirm") /* the answer for the ACK of an accepted leg */                            \
	X(LEG_CALL_MODIFY, "call_modify")                                                                              \
	X(LEG_CALL_REFRESH, "call_refresh") /* the session timer wants a refresh */                                    \
	X(LEG_CALL_TAKE, "call_take")       /* new: the dialog of another call's leg is its own from now on */         \
	X(LEG_CALL_PART, "call_part")       /* up: its dialog was taken */                                             \
	X(LEG_CALL_END, "call_end")
#define CALL_ENUM(name, text) name,
enum leg_state { LEG_STATE_LIST(CALL_ENUM) LEG_STATE_COUNT };
enum leg_event { LEG_EVENT_LIST(CALL_ENUM) LEG_EVENT_COUNT };

/* What an event brings. */
struct auth_account;
struct transfer;

struct leg_input {
	const struct sip_message *message;
	const struct transport_flow *flow;
	struct transaction *transaction; /* of the request that came */
	unsigned status;                 /* of a response; the one to send with RING, END and REFUSE */
	struct view body;                /* the session description to send; empty: none */
	bool is_elsewhere;               /* with END: another one took the call */
};

/* What a session description said of the leg's peer; becomes the stream's state when offer and answer are complete. */
struct leg_media {
	bool is_known;
	struct net_endpoint rtp, rtcp; /* rtcp family 0: the usual place */
	bool rtcp_mux;
	bool is_sending, is_receiving;
	struct shm_audio audio; /* codec 0: passed through */
};

/* Provisional responses that are made sure of (RFC 3262, leg_reliable.c). */
struct leg_reliable {
	struct loop_timer timer; /* until the PRACK for ours comes */
	uint32_t rseq;           /* of our last one; 0: none yet */
	uint32_t interval_ms;    /* of its next repetition; 0: none waits */
	uint32_t waited_ms;
	unsigned status;      /* of it */
	unsigned next_status; /* one more that came meanwhile; 0: none */
	bool is_answer_held;  /* the 2xx waits for the PRACK too */
	uint32_t peer_rseq;   /* of the peer's last one; 0: none yet */
};

/* The session timer (RFC 4028, leg_timer.c). */
struct leg_timer {
	struct loop_timer timer;
	uint32_t interval_s;                        /* agreed; 0: none */
	uint32_t asked_s;                           /* by the peer's request; 0: it did not ask */
	uint32_t offered_s;                         /* by us, more after a 422; 0: the configured one */
	bool is_refresher_asked, is_peer_refresher; /* what the peer's request said; what was agreed */
	bool is_ours;                               /* we refresh */
	bool is_update;                             /* leg->modify is an UPDATE of ours: no ACK */
};

/* What a leg toward a carrier has more than others (carrier.c). */
struct leg_carrier {
	struct trunk *trunk; /* NULL: it is none */
	bool has_place;      /* of the trunk */
	struct loop_timer silence;
	const struct sip_message *challenge; /* while the request that answers it is written */
	uint32_t proof_cseq;                 /* of the last request with an answer to a challenge */
};

/* Its video, on a stream of its own (video.c). */
struct leg_video_media {
	bool is_there;
	struct net_endpoint rtp, rtcp; /* rtcp family 0: the usual place */
	bool rtcp_mux, is_sending, is_receiving;
};
struct leg_video {
	struct media_stream *stream;    /* NULL: none */
	unsigned endings;               /* streams deleted whose MEDIA_GONE has not come */
	struct leg_video_media offered; /* as the peer said it last */
	bool wants_mux;                 /* its offer had a=rtcp-mux */
};

struct leg {
	struct list link; /* in call->legs */
	struct call *call;
	enum cdr_side side;
	char id[CALL_ID_SIZE + 4]; /* call id, "-", number */
	struct fsm fsm;
	struct dialog *dialog;
	struct transaction *invite, *modify, *bye; /* NULL when there is none, or it is over */
	uint32_t invite_cseq, modify_cseq;
	struct loop_message lost;        /* a transport error, told when nobody is on the stack */
	struct media_stream *stream;     /* NULL before and after */
	bool stream_is_ending;           /* media_stream_del was called; MEDIA_GONE has not come */
	struct leg_media media, offered; /* in force; of a re-INVITE that is not answered yet */
	struct leg_video *video;         /* NULL: video was never spoken of */
	bool wants_mux;                  /* its offer had a=rtcp-mux */
	bool is_engaged;                 /* its further calls come to this worker (worker_engage) */
	uint8_t profile;                 /* enum sdp_protocol of its audio line, as offered last by either side */
	uint8_t warning;                 /* enum secure_warning: why what it said was refused */
	struct leg_secure *secure;       /* NULL: keys were never spoken of (secure.c) */
	uint64_t sdp_session, sdp_version;
	char *description;      /* the session description that we sent last; NULL: none */
	char *heard;            /* the peer's last one that was of use; NULL: none */
	char extension[65];     /* whose phone it is; "": not one of ours */
	bool has_referred;      /* a REFER was accepted */
	bool is_target;         /* called, or calling, to take another leg's place */
	char *crossed, *reason; /* of the other party's answer, for ours; of its own failure. NULL: none */
	unsigned queue;         /* out: called after those with a lower one failed (callee.c) */
	unsigned failure;       /* final status of an outgoing INVITE that failed */
	bool is_offerless;      /* out: our INVITE had no offer, so the 2xx has one */
	bool knows_100rel, knows_timer, knows_update; /* the peer said so */
	struct leg_reliable reliable;
	struct leg_timer timer;
	struct leg_carrier carrier;
	struct list relays; /* requests on their way to the other party */
	unsigned relay_count;
	/* for the record */
	uint64_t start_wall_ms, answer_wall_ms, end_wall_ms;         /* 0: not yet */
	char sip_call_id[96], user_agent[48], codec[CDR_CODEC_SIZE]; /* cut */
	struct net_endpoint remote, media_remote;
	struct shm_stream_counters counters;
};

/* ---- a call ---- */
#define CALL_TRANSCODED_SIZE 128
#define CALL_STATE_LIST(X)                                                                                             \
	X(CALL_NEW, "new")                                                                                             \
	X(CALL_OFFERING, "offering") /* callees ring or are about to */                                                \
	X(CALL_UP, "up")                                                                                               \
	X(CALL_TRANSFERRING, "transferring") /* up; who is to take a party's place is called */                        \
	X(CALL_JOINING, "joining")           /* up; who stays is asked to talk with the newcomer */                    \
	X(CALL_CLEARING, "clearing")         /* over for people; waits for the last answers and counters */            \
	X(CALL_OVER, "over")
#define CALL_EVENT_LIST(X)                                                                                             \
	X(CALL_ROUTED, "routed")         /* callees are there, invite them */                                          \
	X(CALL_ECHO, "echo")             /* no callee: answer and send the caller's audio back */                      \
	X(CALL_REFUSED, "refused")       /* no way to go: status and cause are noted */                                \
	X(CALL_RINGING, "ringing")       /* a callee sent a provisional response */                                    \
	X(CALL_ANSWERED, "answered")     /* a callee took it */                                                        \
	X(CALL_ALL_FAILED, "all_failed") /* no callee is left */                                                       \
	X(CALL_RING_TIMEOUT, "ring_timeout")                                                                           \
	X(CALL_CONFIRMED, "confirmed") /* the caller's ACK */                                                          \
	X(CALL_LEG_LEFT, "leg_left")   /* the caller gave up; a party hung up or got lost */                           \
	X(CALL_MODIFY, "modify")       /* a party's re-INVITE */                                                       \
	X(CALL_MODIFIED, "modified")   /* the other party agreed */                                                    \
	X(CALL_NOT_MODIFIED, "not_modified")                                                                           \
	X(CALL_REFERRED, "referred")           /* a party sent REFER, and the targets are there */                     \
	X(CALL_NEWCOMER, "newcomer")           /* somebody wants to take a party's place, and has answered */          \
	X(CALL_JOINED, "joined")               /* who stays agreed to talk with the newcomer */                        \
	X(CALL_NOT_JOINED, "not_joined")       /* the newcomer cannot be joined, or gave up */                         \
	X(CALL_REPLACED_LEFT, "replaced_left") /* the party whose place is to be taken hung up already */              \
	X(CALL_SILENT, "silent")               /* no RTP for media.rtp_timeout */                                      \
	X(CALL_HANG_UP, "hang_up")             /* by us: API, shutdown */                                              \
	X(CALL_EMPTY, "empty")                 /* nothing of it is left */
enum call_state { CALL_STATE_LIST(CALL_ENUM) CALL_STATE_COUNT };
enum call_event { CALL_EVENT_LIST(CALL_ENUM) CALL_EVENT_COUNT };
#undef CALL_ENUM

/* What a leg tells its call. */
struct call_input {
	struct leg *leg;
	const struct sip_message *message; /* may be NULL */
	unsigned status;
};

/* Why it ended, as the record says it. The first that is noted stays. */
struct call_cause {
	enum cdr_side side;
	uint16_t sip, q850;
	const char *text; /* static */
};

/* Who calls (identity.c). */
struct call_identity {
	char number[ROUTING_NUMBER_SIZE], display[64], host[64]; /* host: as it came */
	bool is_private;                                         /* callees are not told */
	bool hides_history;                                      /* nor who was called before */
	bool is_vouched;                                         /* by an account, or a carrier */
};

struct call {
	struct map_node node; /* by id */
	struct list link;     /* in table->list, oldest first */
	struct call_table *table;
	char id[CALL_ID_SIZE];
	struct fsm fsm;
	struct list legs; /* the caller's first */
	unsigned leg_count;
	struct leg *caller, *callee; /* callee: the one that answered */
	struct loop_timer ring_timer, queue_timer, linger_timer;
	struct loop_message over;
	bool is_active, has_cause, is_recorded;
	struct transfer *transfer;                /* the last one, as long as anybody wants to hear of it; or NULL */
	char transferred_to[ROUTING_NUMBER_SIZE]; /* for the record; "": was not */
	bool is_offerless; /* the INVITE had no offer: the callee makes one, the caller's ACK answers it */
	struct call_cause cause;
	char *reason;      /* Reason headers of who ended it; NULL: none */
	bool is_emergency; /* passes all limits */
	struct call_identity identity;
	struct trunk *from_trunk;       /* a place of it is ours; NULL: from no carrier */
	struct call_carriers *carriers; /* NULL: the callees are none */
	char *forwarded_from;           /* the extension that was dialled, when another is called; NULL: none */
	char caller_party[CDR_PARTY_SIZE], callee_party[CDR_PARTY_SIZE];
	uint64_t start_wall_ms, answer_wall_ms, end_wall_ms; /* for people */
	uint64_t answer_ms, end_ms;
	char transcoded[CALL_TRANSCODED_SIZE]; /* why the engine converts; "": it does not */
};

struct call_table {
	struct call_services services;
	struct map calls;
	struct list list;
	struct dialog_table dialogs;
	const struct conf_extension **extensions; /* by number */
	size_t extension_count;
	struct list pagers; /* messages on their way (pager.c) */
	uint32_t count, active, sessions, pager_count;
	uint64_t total;
	bool is_ending;                 /* call_table_end_all was called */
	struct log_limit history_limit; /* of failed calls in the log */
};

/* ---- call.c ---- */
extern const struct fsm_machine call_machine;
struct call *call_new(struct call_table *table);
void call_free(struct call *call);
struct call *call_find(struct call_table *table, const char *id); /* NULL: there is none */
void call_feed(struct call *call, enum call_event event, const struct call_input *input);
/* Notes why the call ends, unless something was noted before. */
void call_note(struct call *call, enum cdr_side side, unsigned sip, unsigned q850, const char *text);
/* A leg or a stream is gone: feeds CALL_EMPTY when it was the last. */
void call_check_empty(struct call *call);
struct leg *call_other_leg(const struct call *call, const struct leg *leg);
/* One of the two who talk, or the one that calls. */
bool call_is_party(const struct call *call, const struct leg *leg);
/* How many legs may be added; those that are gone and matter to nobody make room. */
size_t call_free_legs(struct call *call);
/* What the failed legs of callees, or of a transfer's targets, come to for who called them: a status. */
unsigned call_failure(const struct call *call, bool of_targets);
/* The talk of two parties begins. */
void call_start_talk(struct call *call);

/* ---- leg.c ---- */
extern const struct fsm_machine leg_machine;
struct leg *leg_new(struct call *call, enum cdr_side side);
void leg_free(struct leg *leg);
void leg_feed(struct leg *leg, enum leg_event event, const struct leg_input *input);
enum leg_state leg_state(const struct leg *leg);
bool leg_is_up(const struct leg *leg);        /* up, whatever re-INVITE is going on */
bool leg_has_answered(const struct leg *leg); /* out: a 2xx came */
void leg_on_server_event(struct transaction *transaction, const struct transaction_event *event, void *arg);

/* What who watches the extension sees of it: a state of RFC 4235, NULL when there is nothing (any more). */
const char *leg_watched_state(const struct leg *leg);
void leg_tell_watchers(struct leg *leg);
/* The leg's party is out of it: notes why and tells the call. */
void leg_leave_call(struct leg *leg, unsigned sip, unsigned q850, const char *text, const struct leg_input *input);
/* The dialog of a leg that is up, and what is known of its peer, becomes a new leg's; the old one is gone then. */
void leg_take_over(struct leg *leg, struct leg *old);

/* ---- table.c ---- */
#define CALL_ALLOW     "INVITE, ACK, CANCEL, BYE, OPTIONS, PRACK, UPDATE, INFO, MESSAGE, REFER"
#define CALL_SUPPORTED "timer, replaces, norefersub"

const struct conf_extension *call_find_extension(const struct call_table *table, struct view number);

/* ---- invite.c ---- */
/* By the routes of who calls: a carrier, an extension, or neither (an empty view). */
void invite_decide(const struct call_table *table, const struct trunk *trunk, struct view caller, struct view dialled,
		   struct routing_decision *ret_decision);
/* True when who sent it is known, or guests are welcome; otherwise the answer was sent. */
bool invite_authenticate(struct call_table *table, struct transaction *transaction,
			 const struct auth_account **ret_account);
void invite_receive(struct call_table *table, struct transaction *transaction);

/* ---- record.c ---- */
void record_write(struct call *call);
/* Notes when it was answered and when it ended, after any change of its state. */
void record_leg_time(struct leg *leg);

/* Q.850 cause for a SIP status (RFC 3398 section 8.2.6.1), and the word for it in records. */
struct call_cause cause_of_status(unsigned status);

#endif
