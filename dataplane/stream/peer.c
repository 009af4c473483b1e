/* Who may send to a stream: probation, latching, SSRC continuity. The rules are told in stream.h. */
#include "dataplane/stream/private.h"

enum { RANK_STRANGER = 1, RANK_SAME_HOST, RANK_SAME_PEER };

static bool same_host(const struct stream_peer *a, const struct stream_peer *b)
{
	return a->family && a->family == b->family && a->address[0] == b->address[0] && a->address[1] == b->address[1];
}

/* The candidate's next step with this packet; true when it has shown enough. */
static bool probation(struct stream_table *table, struct stream_candidate *candidate,
		      const struct stream_arrival *arrival, uint8_t rank)
{
	bool is_same = candidate->count && candidate->ssrc == arrival->ssrc &&
		       stream_peer_is_equal(&candidate->peer, &arrival->source);

	if (is_same && arrival->sequence != candidate->next_sequence) {
		/* Out of step: the place is free again, even for somebody else. */
		candidate->count = 0;
		return false;
	}
	if (!is_same && candidate->count && rank <= candidate->rank &&
	    arrival->now_tsc - candidate->last_tsc < stream_ms_to_tsc(table, STREAM_CANDIDATE_MS))
		return false;
	if (!is_same)
		*candidate = (struct stream_candidate){
			.peer = arrival->source, .first_tsc = arrival->now_tsc, .ssrc = arrival->ssrc, .rank = rank};
	candidate->next_sequence = (uint16_t)(arrival->sequence + 1);
	candidate->last_tsc = arrival->now_tsc;
	candidate->count += candidate->count < UINT8_MAX;
	return candidate->count >= STREAM_PROBATION &&
	       arrival->now_tsc - candidate->first_tsc >= stream_ms_to_tsc(table, STREAM_PROBATION_MS);
}

static void begin_statistics(struct stream *stream, const struct stream_arrival *arrival)
{
	struct rtp_header header = {
		.ssrc = arrival->ssrc, .sequence = arrival->sequence, .timestamp = arrival->timestamp};

	rtp_statistics_begin(&stream->statistics, &header);
	/* The statistics stage counts this very packet again. */
	stream->statistics.received = 0;
	stream->has_sender = true;
}

static void remember_interim(struct stream_way *way, const uint8_t *mac)
{
	memcpy(way->interim, mac, PACKET_MAC_SIZE);
	way->has_interim = true;
}

static void latch(struct stream_table *table, struct stream *stream, const struct stream_arrival *arrival)
{
	bool moved = !stream_peer_is_equal(&stream->peer, &arrival->source);

	stream->peer = arrival->source;
	stream->latch = STREAM_LATCHED;
	stream->candidate = (struct stream_candidate){0};
	stream->reports |= STREAM_REPORT_LATCHED;
	stream->is_row_old = true;
	remember_interim(&stream->rtp_way, arrival->source_mac);
	remember_interim(&stream->rtcp_way, arrival->source_mac);
	if (moved) {
		/* The next hop of the signalled address need not be the one of this; the manager will find out. */
		stream->rtp_way.neighbour = stream->rtcp_way.neighbour = STREAM_NO_NEIGHBOUR;
		stream_aim(table, stream);
	}
}

/* A packet from the peer itself: the SSRC may change when the old one is gone. */
static enum drop_reason admit_ssrc(struct stream_table *table, struct stream *stream,
				   const struct stream_arrival *arrival)
{
	uint64_t silence = stream_ms_to_tsc(table, STREAM_SSRC_SILENCE_MS);

	if (!stream->has_sender) {
		begin_statistics(stream, arrival);
		return STREAM_ADMITTED;
	}
	if (arrival->ssrc == stream->statistics.ssrc) {
		stream->candidate.count = 0;
		return STREAM_ADMITTED;
	}
	if (!probation(table, &stream->candidate, arrival, RANK_SAME_PEER) ||
	    arrival->now_tsc - stream->last_rtp_tsc < silence)
		return DROP_SSRC;
	stream->candidate.count = 0;
	begin_statistics(stream, arrival);
	return STREAM_ADMITTED;
}

/* From the signalled address while the stream is open: heard at once, latched when it kept on for the probation. */
static enum drop_reason admit_signalled(struct stream_table *table, struct stream *stream,
					const struct stream_arrival *arrival)
{
	bool follows = stream->has_sender && arrival->ssrc == stream->statistics.ssrc &&
		       arrival->sequence == stream->signalled_next;
	enum drop_reason reason = admit_ssrc(table, stream, arrival);

	if (reason != STREAM_ADMITTED)
		return reason;
	if (!stream->rtp_way.is_ready) {
		remember_interim(&stream->rtp_way, arrival->source_mac);
		remember_interim(&stream->rtcp_way, arrival->source_mac);
		stream_way_refresh(table, &stream->rtp_way);
		stream_way_refresh(table, &stream->rtcp_way);
	}
	stream->signalled_run = (uint8_t)(follows ? stream->signalled_run + 1 : 1);
	stream->signalled_next = (uint16_t)(arrival->sequence + 1);
	if (stream->signalled_run >= STREAM_PROBATION)
		latch(table, stream, arrival);
	return STREAM_ADMITTED;
}

static enum drop_reason admit_rtp(struct stream_table *table, struct stream *stream,
				  const struct stream_arrival *arrival)
{
	bool is_peer = stream_peer_is_equal(&stream->peer, &arrival->source);

	if (stream->latch != STREAM_OPEN)
		return is_peer ? admit_ssrc(table, stream, arrival) : DROP_SOURCE;
	if (is_peer)
		return admit_signalled(table, stream, arrival);
	if (arrival->now_tsc < stream->barred_until_tsc && stream_peer_is_equal(&stream->barred, &arrival->source))
		return DROP_PROBATION;
	if (!probation(table, &stream->candidate, arrival,
		       same_host(&arrival->source, &stream->signalled) ? RANK_SAME_HOST : RANK_STRANGER))
		return DROP_PROBATION;
	latch(table, stream, arrival);
	begin_statistics(stream, arrival);
	return STREAM_ADMITTED;
}

enum drop_reason stream_admit_rtp(struct stream_table *table, struct stream *stream,
				  const struct stream_arrival *arrival)
{
	enum drop_reason reason = admit_rtp(table, stream, arrival);

	stream->has_candidate = stream->candidate.count > 0;
	return reason;
}

/* Where the signalling lets RTCP come from. */
static bool is_signalled_rtcp(const struct stream *stream, const struct stream_peer *source)
{
	struct stream_peer next = stream->signalled;

	if (stream->signalled_rtcp.family)
		return stream_peer_is_equal(&stream->signalled_rtcp, source);
	next.port++;
	return next.family && stream_peer_is_equal(&next, source);
}

enum drop_reason stream_admit_rtcp(struct stream_table *table, struct stream *stream,
				   const struct stream_arrival *arrival)
{
	if (stream->peer.family && stream_peer_is_equal(&stream->peer, &arrival->source))
		return STREAM_ADMITTED;
	if (stream->rtcp_peer.family)
		return stream_peer_is_equal(&stream->rtcp_peer, &arrival->source) ? STREAM_ADMITTED : DROP_SOURCE;
	if (is_signalled_rtcp(stream, &arrival->source))
		return STREAM_ADMITTED;
	if (stream->latch != STREAM_LATCHED || stream->flags & SHM_STREAM_RTCP_MUX ||
	    !same_host(&stream->peer, &arrival->source) || arrival->ssrc != stream->statistics.ssrc)
		return DROP_SOURCE;
	stream->rtcp_peer = arrival->source;
	stream_aim(table, stream);
	return STREAM_ADMITTED;
}
