/* Commands carried out: a stream becomes what the control plane wants, or ends. */
#include "dataplane/stream/private.h"

#include "lib/codec/codec.h"

static void look_up_write(struct stream_table *table, const struct stream *stream, uint32_t rtp, uint32_t rtcp)
{
	_Atomic uint32_t *entries = table->lookup->entries[stream->address];

	atomic_store_explicit(&entries[stream->local_port], rtp, memory_order_release);
	atomic_store_explicit(&entries[stream->local_port + 1], rtcp, memory_order_release);
}

static void create(struct stream_table *table, struct stream *stream, const struct shm_stream_set *set)
{
	uint32_t first_listener = stream->first_listener, entry = STREAM_ENTRY(table->worker, set->id.index);

	*stream = (struct stream){
		.generation = set->id.generation,
		.slot = set->id.index,
		.address = set->address,
		.local_port = set->local_port,
		.first_listener = first_listener,
		.source_slot = STREAM_NO_SLOT,
		.next_listener = STREAM_NO_SLOT,
		.previous_listener = STREAM_NO_SLOT,
		.rtp_way.neighbour = STREAM_NO_NEIGHBOUR,
		.rtcp_way.neighbour = STREAM_NO_NEIGHBOUR,
	};
	table->live[stream->slot / 64] |= UINT64_C(1) << stream->slot % 64;
	table->live_count++;
	look_up_write(table, stream, entry, entry | STREAM_ENTRY_RTCP);
}

/* The signalled address changed: who was the peer is no longer. */
static void open_again(struct stream_table *table, struct stream *stream, uint64_t now_tsc)
{
	if (stream->latch == STREAM_LATCHED) {
		stream->barred = stream->peer;
		stream->barred_until_tsc = now_tsc + stream_ms_to_tsc(table, STREAM_BAR_MS);
	}
	stream->latch = STREAM_OPEN;
	stream->has_sender = false;
	stream->signalled_run = 0;
	stream->rtcp_peer = (struct stream_peer){0};
	stream->candidate = (struct stream_candidate){0};
	stream->rtp_way.has_interim = stream->rtcp_way.has_interim = 0;
}

static bool is_same_key(const struct secure_context *a, const struct secure_context *b)
{
	return a && b && memcmp(secure_context_key(a), secure_context_key(b), sizeof(struct secure_key)) == 0;
}

static void swap(struct secure_context **a, struct secure_context **b)
{
	struct secure_context *kept = *a;

	*a = *b;
	*b = kept;
}

/* What we send with: the same key must never begin anew, since its indexes are used; another one goes on where this is. */
static void take_out(struct stream *stream, struct stream_wish *wish, bool goes_on)
{
	if (is_same_key(stream->secure_out, wish->secure_out))
		return;
	if (stream->secure_out && wish->secure_out && goes_on)
		secure_context_inherit(wish->secure_out, stream->secure_out);
	swap(&stream->secure_out, &wish->secure_out);
}

/* What the peer sends with: packets with the key before are still on their way, and go on coming until it has our answer. */
static void take_in(const struct stream_table *table, struct stream *stream, struct stream_wish *wish, bool goes_on,
		    uint64_t now_tsc)
{
	if (is_same_key(stream->secure_in, wish->secure_in))
		return;
	if (!stream->secure_in || !wish->secure_in || !goes_on) {
		swap(&stream->secure_in, &wish->secure_in);
		swap(&stream->secure_before, &wish->secure_spare);
		stream->is_rekeyed = false;
		return;
	}
	if (is_same_key(stream->secure_before, wish->secure_in)) {
		/* It comes back, with what was seen of it. */
		swap(&stream->secure_in, &stream->secure_before);
	} else {
		secure_context_inherit(wish->secure_in, stream->secure_in);
		swap(&stream->secure_before, &stream->secure_in);
		swap(&stream->secure_in, &wish->secure_in);
	}
	stream->is_rekeyed = true;
	stream->before_until_tsc = now_tsc + stream_ms_to_tsc(table, STREAM_REKEY_MS);
}

/* Coders of the same settings go on; new ones take up where the old ones were, as far as the peer can tell. */
static void take_coders(struct stream *stream, struct stream_wish *wish)
{
	struct playout *playout = stream->playout;
	struct talker *talker = stream->talker;

	if ((playout || talker) && memcmp(&stream->audio, &wish->set.audio, sizeof(stream->audio)) == 0)
		return;
	if (talker && wish->talker)
		talker_continue(wish->talker, talker);
	stream->playout = wish->playout;
	stream->talker = wish->talker;
	wish->playout = playout;
	wish->talker = talker;
	if (wish->set.audio.codec)
		stream->clock_hz = codec_rows[wish->set.audio.codec]->clock_hz;
}

bool stream_set(struct stream_table *table, struct stream_wish *wish, uint64_t now_tsc)
{
	const struct shm_stream_set *set = &wish->set;
	struct stream_peer signalled = stream_peer_of(&set->remote_rtp);
	struct stream *stream;
	bool is_new, stays, is_used;

	stream_slot_touch(table, set->id.index);
	stream = &table->at[set->id.index];
	is_new = stream->generation == 0;
	if (is_new)
		create(table, stream, set);
	/* Naming the address that was learned (a control plane that came back does) is no change either. */
	stays = !is_new && (stream_peer_is_equal(&signalled, &stream->signalled) ||
			    (stream->latch == STREAM_LATCHED && stream_peer_is_equal(&signalled, &stream->peer)));
	if (!is_new && stream->latch == STREAM_LATCHED && (set->flags & ~stream->flags & SHM_STREAM_SECURE)) {
		/* Who was learned in the clear may be anybody; but nobody is barred for it. */
		open_again(table, stream, now_tsc);
		stream->barred = (struct stream_peer){0};
	}
	stream->signalled = signalled;
	stream->signalled_rtcp = stream_peer_of(&set->remote_rtcp);
	if (!(set->flags & SHM_STREAM_LEARN)) {
		if (!stays || stream->latch != STREAM_FIXED)
			open_again(table, stream, now_tsc);
		stream->latch = STREAM_FIXED;
	} else if (!stays || stream->latch == STREAM_FIXED) {
		open_again(table, stream, now_tsc);
	}
	if (stream->latch != STREAM_LATCHED)
		stream->peer = signalled;
	wish->secure_spare = NULL;
	take_in(table, stream, wish, stays, now_tsc);
	take_out(stream, wish, stays);
	stream->flags = set->flags;
	stream->dscp = set->dscp;
	take_coders(stream, wish);
	stream->audio = set->audio;
	stream->rate_limit = set->rate_limit;
	if (is_new)
		stream_allow(stream);
	stream->controller = set->controller;
	stream->timeout_tsc = stream_ms_to_tsc(table, set->rtp_timeout_ms);
	stream->programmed_tsc = now_tsc;
	stream->is_silent = false;
	stream->is_row_old = true;
	is_used = stream_peer_is_equal(&stream->peer, &signalled);
	if (is_used) {
		stream->rtp_way.neighbour = wish->rtp_neighbour;
		stream->rtcp_way.neighbour = wish->rtcp_neighbour;
	}
	stream_aim(table, stream);

	if (stream->source_slot != set->source.index || stream->source_generation != set->source.generation) {
		stream_graph_unlink(table, stream);
		if (set->source.generation)
			stream_graph_link(table, stream, &set->source);
	}
	stream_graph_refresh(table, stream);
	return is_used;
}

void stream_del(struct stream_table *table, struct stream *stream)
{
	look_up_write(table, stream, 0, 0);
	/* Listeners keep naming the slot and hear nothing; `sink` of the source is set anew without this stream. */
	stream->generation = 0;
	stream->sink = NULL;
	stream_graph_unlink(table, stream);
	stream->is_row_old = true;
	table->live[stream->slot / 64] &= ~(UINT64_C(1) << stream->slot % 64);
	table->live_count--;
}

bool stream_set_neighbours(struct stream_table *table, struct stream *stream, const struct net_endpoint *remote,
			   uint32_t rtp, uint32_t rtcp)
{
	struct stream_peer peer = stream_peer_of(remote);

	if (!stream_peer_is_equal(&stream->peer, &peer))
		return false;
	stream->rtp_way.neighbour = rtp;
	stream->rtcp_way.neighbour = rtcp;
	stream_way_refresh(table, &stream->rtp_way);
	stream_way_refresh(table, &stream->rtcp_way);
	return true;
}
