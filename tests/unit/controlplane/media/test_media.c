/* controlplane/media against a fake dataplane, in simulated time. */
#include "controlplane/media/media.h"
#include "tests/scenario/fake_dataplane.h"
#include "tests/unit/unit.h"

#include <unistd.h>

#define TOLD_MAX 64

struct told {
	struct media_stream *stream;
	struct media_event event;
};

struct fixture {
	struct loop *loop;
	struct fake_dataplane fake;
	struct media *media;
	struct media_options options;
	struct told told[TOLD_MAX];
	size_t told_count;
	int ready_count, unready_count;
	struct media_stream *del_on_gone; /* deleted by the handler when it hears of any GONE */
	bool free_on_event;
};

/* ---- the world: phones in 192.0.2.0/24 and 2001:db8::/32 are reached, 198.51.100.0/24 over .1 too; 192.0.2.99 is us */

static int route(void *arg, const struct net_address *toward, struct net_address *ret_source, bool *ret_is_local_host)
{
	struct net_address self;

	assert_int_equal(net_address_parse(view_of("192.0.2.99"), &self), 0);
	if (toward->bytes[0] == 203)
		return ERR_NOT_FOUND;
	*ret_is_local_host = net_address_is_loopback(toward) || net_address_is_equal(toward, &self);
	return net_address_parse(view_of(toward->family == NET_IPV6 ? "2001:db8::1" : "192.0.2.1"), ret_source);
}

static void on_ready(bool is_ready, void *arg)
{
	struct fixture *f = arg;

	if (is_ready)
		f->ready_count++;
	else
		f->unready_count++;
}

static void on_event(struct media_stream *stream, const struct media_event *event, void *arg)
{
	struct fixture *f = arg;

	assert_true(f->told_count < TOLD_MAX);
	f->told[f->told_count++] = (struct told){stream, *event};
	if (event->type == MEDIA_GONE && f->del_on_gone) {
		media_stream_del(f->del_on_gone);
		f->del_on_gone = NULL;
	}
	if (f->free_on_event) {
		media_free(f->media);
		f->media = NULL;
	}
}

static void media_start(struct fixture *f)
{
	assert_int_equal(media_new(f->loop, &f->options, &f->media), 0);
}

static void media_restart(struct fixture *f)
{
	media_free(f->media);
	loop_turn(f->loop, 0);
	media_start(f);
}

static int setup_bare(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	*state = f;
	assert_int_equal(loop_new_sim(1, 0, &f->loop), 0);
	fake_dataplane_init(&f->fake, f->loop);
	fake_dataplane_address(&f->fake, "192.0.2.1", "198.51.100.77", "lan", SHM_SERVES_NETWORK);
	fake_dataplane_address(&f->fake, "2001:db8::1", "2001:db8::1", "lan", SHM_SERVES_NETWORK);
	fake_dataplane_address(&f->fake, "10.9.9.1", "10.9.9.1", "local", SHM_SERVES_LOCAL);
	f->options = (struct media_options){.segment_path = f->fake.path,
					    .rtp_timeout_ms = 60000,
					    .dscp = 46,
					    .route = route,
					    .on_ready = on_ready,
					    .arg = f};
	return 0;
}

static int setup(void **state)
{
	struct fixture *f;

	setup_bare(state);
	f = *state;
	fake_dataplane_start(&f->fake);
	media_start(f);
	loop_sim_advance(f->loop, 1000);
	assert_true(media_is_ready(f->media));
	assert_int_equal(f->ready_count, 1);
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	media_free(f->media);
	loop_turn(f->loop, 0);
	fake_dataplane_fini(&f->fake);
	loop_free(f->loop);
	assert_int_equal(f->fake.commands_bad, 0);
	free(f);
	return 0;
}

static struct net_address address(const char *text)
{
	struct net_address a;

	assert_int_equal(net_address_parse(view_of(text), &a), 0);
	return a;
}

static struct net_endpoint endpoint(const char *text)
{
	struct net_endpoint e;

	assert_int_equal(net_endpoint_parse(view_of(text), 0, &e), 0);
	return e;
}

static struct media_stream *stream_toward(struct fixture *f, const char *peer, struct media_stream *beside)
{
	struct net_address toward = address(peer);
	struct media_stream *s;

	assert_int_equal(media_stream_new(f->media, &toward, beside, on_event, f, &s), 0);
	return s;
}

static struct media_stream *stream(struct fixture *f)
{
	return stream_toward(f, "192.0.2.10", NULL);
}

static int try_stream(struct fixture *f, const char *peer)
{
	struct net_address toward = address(peer);
	struct media_stream *s;

	return media_stream_new(f->media, &toward, NULL, on_event, f, &s);
}

static void set_remote(struct media_stream *s, const char *rtp)
{
	struct net_endpoint e = endpoint(rtp);

	assert_int_equal(media_stream_set_remote(s, &e, NULL, false), 0);
}

static struct fake_stream *fake_of(struct fixture *f, const struct media_stream *s)
{
	struct fake_stream *fake = fake_dataplane_find(&f->fake, media_stream_local(s)->port);

	assert_non_null(fake);
	return fake;
}

static void assert_told(struct fixture *f, size_t index, const struct media_stream *s, enum media_event_type type)
{
	assert_true(index < f->told_count);
	assert_ptr_equal(f->told[index].stream, s);
	assert_string_equal(media_event_name(f->told[index].event.type), media_event_name(type));
}

static void assert_endpoint(const struct net_endpoint *e, const char *text)
{
	char buffer[NET_ENDPOINT_TEXT];

	assert_string_equal(net_endpoint_print(e, buffer), text);
}

static struct media_stats stats(struct fixture *f)
{
	struct media_stats s;

	media_stats(f->media, &s);
	return s;
}

/* ---- programming ---- */

static void test_changes_of_one_turn_are_one_command(void **state)
{
	struct fixture *f = *state;
	struct media_stream *a = stream(f), *b = stream_toward(f, "192.0.2.11", a);
	struct net_endpoint rtcp = endpoint("192.0.2.10:5555"), rtp = endpoint("192.0.2.10:4000");
	struct fake_stream *fake;

	assert_int_equal(media_stream_set_remote(a, &rtp, &rtcp, true), 0);
	media_stream_set_direction(a, true, false);
	media_stream_set_timeout(a, 1234);
	media_stream_set_learn(a, false);
	assert_int_equal(media_stream_set_source(a, b), 0);
	assert_int_equal(media_stream_set_source(b, a), 0);
	loop_sim_advance(f->loop, 20);

	fake = fake_of(f, a);
	assert_int_equal(fake->set_count, 1);
	assert_endpoint(&fake->set.remote_rtp, "192.0.2.10:4000");
	assert_endpoint(&fake->set.remote_rtcp, "192.0.2.10:5555");
	assert_int_equal(fake->set.flags, SHM_STREAM_RTCP_MUX | SHM_STREAM_RECEIVE);
	assert_int_equal(fake->set.rtp_timeout_ms, 1234);
	assert_int_equal(fake->set.dscp, 46);
	assert_int_equal(fake->set.source.generation, media_stream_id(b).generation);
	assert_int_equal(fake->set.source.index, media_stream_id(b).index);
	fake = fake_of(f, b);
	assert_int_equal(fake->set.source.generation, media_stream_id(a).generation);
	assert_int_equal(fake->set.flags, SHM_STREAM_LEARN | SHM_STREAM_RECEIVE | SHM_STREAM_SEND);
	assert_int_equal(fake->set.rtp_timeout_ms, 60000);
	assert_int_equal(fake->set.remote_rtp.address.family, NET_NONE);
	assert_int_equal(stats(f).programmed, 2);

	/* Wanting what is wanted already sends nothing. */
	assert_int_equal(media_stream_set_remote(a, &rtp, &rtcp, true), 0);
	media_stream_set_direction(a, true, false);
	assert_int_equal(media_stream_set_source(a, b), 0);
	loop_sim_advance(f->loop, 20);
	assert_int_equal(stats(f).programmed, 2);
}

static void test_ports_are_even_and_told_as_advertised(void **state)
{
	struct fixture *f = *state;
	struct media_stream *s = stream(f);
	const struct net_endpoint *local = media_stream_local(s), *advertised = media_stream_advertised(s);
	char buffer[NET_ADDRESS_TEXT];

	assert_int_equal(local->port % 2, 0);
	assert_in_range(local->port, 10000, 10098);
	assert_string_equal(net_address_print(&local->address, buffer), "192.0.2.1");
	assert_string_equal(net_address_print(&advertised->address, buffer), "198.51.100.77");
	assert_int_equal(advertised->port, local->port);
}

static void test_address_is_the_one_that_reaches_the_peer(void **state)
{
	static const struct {
		const char *name, *peer, *local;
	} rows[] = {
		{"IPv4", "192.0.2.10", "192.0.2.1"},
		{"far IPv4", "198.51.100.3", "192.0.2.1"},
		{"IPv6", "2001:db8::9", "2001:db8::1"},
		{"loopback", "127.0.0.1", "10.9.9.1"},
		{"own address", "192.0.2.99", "10.9.9.1"},
		/* no IPv6 address serves local phones: the IPv6 one of the network before the IPv4 one for them */
		{"IPv6 loopback", "::1", "2001:db8::1"},
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct media_stream *s = stream_toward(f, rows[i].peer, NULL);
		char buffer[NET_ADDRESS_TEXT];

		if (strcmp(net_address_print(&media_stream_local(s)->address, buffer), rows[i].local) != 0)
			fail_msg("%s: %s", rows[i].name, buffer);
	}
	assert_int_equal(try_stream(f, "203.0.113.1"), ERR_NOT_FOUND);
}

static void test_remote_that_cannot_be_reached_is_refused_and_nowhere_is_held(void **state)
{
	struct fixture *f = *state;
	struct media_stream *s = stream(f);
	struct net_endpoint wrong = endpoint("[2001:db8::7]:4000"), many = endpoint("224.1.1.1:4000"),
			    any = endpoint("0.0.0.0:4000");

	set_remote(s, "192.0.2.10:4000");
	assert_int_equal(media_stream_set_remote(s, &wrong, NULL, false), ERR_UNSUPPORTED);
	assert_int_equal(media_stream_set_remote(s, &many, NULL, false), ERR_UNSUPPORTED);
	assert_endpoint(media_stream_remote(s), "192.0.2.10:4000");
	assert_int_equal(media_stream_set_remote(s, &any, NULL, false), 0);
	loop_sim_advance(f->loop, 20);
	assert_int_equal(fake_of(f, s)->set.remote_rtp.address.family, NET_NONE);
}

static void test_streams_spread_over_workers_and_stay_beside_each_other(void **state)
{
	struct fixture *f = *state;
	struct media_stream *a = stream(f), *b = stream(f), *c = stream_toward(f, "192.0.2.10", a);

	assert_int_not_equal(media_stream_id(a).worker, media_stream_id(b).worker);
	assert_int_equal(media_stream_id(a).worker, media_stream_id(c).worker);
	assert_int_equal(media_stream_set_source(a, b), ERR_INVALID);
	assert_int_equal(media_stream_set_source(a, c), 0);
	assert_int_equal(media_stream_set_source(a, a), 0);
	loop_sim_advance(f->loop, 20);
	assert_int_equal(fake_of(f, a)->set.source.generation, media_stream_id(a).generation);
}

/* ---- events ---- */

static void test_events_reach_the_handler(void **state)
{
	struct fixture *f = *state;
	struct media_stream *s = stream(f);

	set_remote(s, "192.0.2.10:4000");
	loop_sim_advance(f->loop, 20);
	fake_dataplane_latch(&f->fake, fake_of(f, s), "192.0.2.50:6000");
	fake_dataplane_silent(&f->fake, fake_of(f, s), 60000);
	f->fake.refuse_next = ERR_EXISTS;
	media_stream_set_timeout(s, 1);
	loop_sim_advance(f->loop, 20);
	assert_int_equal(f->told_count, 3);
	assert_told(f, 0, s, MEDIA_LATCHED);
	assert_endpoint(&f->told[0].event.latched, "192.0.2.50:6000");
	assert_endpoint(media_stream_remote(s), "192.0.2.50:6000");
	assert_told(f, 1, s, MEDIA_SILENT);
	assert_int_equal(f->told[1].event.silent_ms, 60000);
	assert_told(f, 2, s, MEDIA_REFUSED);
	assert_int_equal(f->told[2].event.error, ERR_EXISTS);

	/* What is signalled again does not undo what was learned; what is signalled anew does. */
	set_remote(s, "192.0.2.10:4000");
	assert_endpoint(media_stream_remote(s), "192.0.2.50:6000");
	set_remote(s, "192.0.2.10:4004");
	assert_endpoint(media_stream_remote(s), "192.0.2.10:4004");
}

static void test_end_gives_final_counters_and_cuts_listeners_off(void **state)
{
	struct fixture *f = *state;
	struct media_stream *a = stream(f), *b = stream_toward(f, "192.0.2.11", a);
	struct shm_stream_counters counters;

	assert_int_equal(media_stream_set_source(b, a), 0);
	assert_int_equal(media_stream_set_source(a, b), 0);
	loop_sim_advance(f->loop, 20);
	fake_dataplane_rtp(&f->fake, fake_of(f, a), 50);
	media_stream_counters(a, &counters);
	assert_int_equal(counters.rtp_in, 50);
	media_stream_del(a);
	assert_int_equal(f->told_count, 0);
	assert_int_equal(stats(f).streams_ending, 1);
	loop_sim_advance(f->loop, 20);
	assert_int_equal(f->told_count, 1);
	assert_told(f, 0, a, MEDIA_GONE);
	assert_int_equal(f->told[0].event.counters.rtp_in, 50);
	assert_int_equal(fake_of(f, b)->set.source.generation, 0);
	assert_int_equal(fake_dataplane_count(&f->fake), 1);
	assert_int_equal(stats(f).streams_ending, 0);
}

static void test_stream_ended_in_the_turn_it_was_made_is_never_programmed(void **state)
{
	struct fixture *f = *state;
	struct media_stream *s = stream(f);

	media_stream_del(s);
	assert_int_equal(f->told_count, 0);
	loop_sim_advance(f->loop, 20);
	assert_told(f, 0, s, MEDIA_GONE);
	assert_int_equal(f->fake.commands_taken, 0);
}

static void test_handler_may_delete_others_and_free_everything(void **state)
{
	struct fixture *f = *state;
	struct media_stream *a = stream(f), *b = stream(f), *c = stream(f);

	loop_sim_advance(f->loop, 20);
	f->del_on_gone = b;
	media_stream_del(a);
	loop_sim_advance(f->loop, 100);
	assert_int_equal(f->told_count, 2);
	assert_told(f, 1, b, MEDIA_GONE);
	f->free_on_event = true;
	fake_dataplane_silent(&f->fake, fake_of(f, c), 1);
	fake_dataplane_silent(&f->fake, fake_of(f, c), 2);
	loop_sim_advance(f->loop, 100);
	assert_int_equal(f->told_count, 3);
	assert_null(f->media);
}

static void test_hostile_events_are_counted_and_change_nothing(void **state)
{
	struct fixture *f = *state;
	struct media_stream *s = stream(f);
	struct shm_stream_id id = media_stream_id(s), other = id;
	struct shm_event rows[] = {
		{.type = SHM_EVENT_COUNT, .id = id},
		{.type = SHM_EVENT_STREAM_SILENT, .id = {.worker = id.worker, .index = UINT32_MAX, .generation = 1}},
		{.type = SHM_EVENT_STREAM_SILENT,
		 .id = {.worker = (uint16_t)(id.worker + 1), .index = id.index, .generation = id.generation}},
		{.type = SHM_EVENT_STREAM_REFUSED, .id = id, .error = 5},
		{.type = SHM_EVENT_STREAM_LATCHED, .id = id, .u.latched = endpoint("[2001:db8::5]:4000")},
		{.type = SHM_EVENT_STREAM_LATCHED, .id = id, .u.latched = endpoint("0.0.0.0:0")},
		{.type = SHM_EVENT_STREAM_GONE, .id = id}, /* unasked */
	};
	struct shm_event stale = {.type = SHM_EVENT_STREAM_GONE};
	struct shm_event_ring *ring;

	loop_sim_advance(f->loop, 20);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		fake_dataplane_say(&f->fake, id.worker, 0, &rows[i]);
	other.generation++;
	stale.id = other; /* late rather than hostile */
	fake_dataplane_say(&f->fake, id.worker, 0, &stale);
	loop_sim_advance(f->loop, 20);
	assert_int_equal(f->told_count, 0);
	assert_int_equal(stats(f).bad_events, ARRAY_LEN(rows));
	assert_int_equal(fake_of(f, s)->set_count, 2); /* wanted, so programmed again */

	ring = &shm_segment_client(&f->fake.segment, id.worker, 0)->events;
	ring->head.value += 100000;
	loop_sim_advance(f->loop, 20);
	assert_int_equal(stats(f).corruptions, 1);
	assert_true(media_is_ready(f->media));
}

/* ---- several signalling threads ---- */

static void test_siblings_share_places_and_hear_of_their_own(void **state)
{
	struct fixture *f = *state;
	struct media_options options;
	struct media_stream *mine, *streams[64];
	struct media *sibling;
	struct net_address toward = address("192.0.2.10");
	size_t count = 0;

	f->fake.layout.client_count = 2;
	fake_dataplane_start(&f->fake);
	media_start(f);
	options = f->options;
	options.sibling = f->media;
	options.client = 1;
	options.client_count = f->options.client_count = 2;
	assert_int_equal(media_new(f->loop, &options, &sibling), 0);
	loop_sim_advance(f->loop, 1000);
	assert_int_equal(f->ready_count, 2);
	mine = stream(f);
	while (count < ARRAY_LEN(streams) &&
	       media_stream_new(sibling, &toward, NULL, on_event, f, &streams[count]) == 0)
		count++;
	assert_int_equal(count, 2 * 16 - 1); /* all slots of both workers but one */
	for (size_t i = 0; i < count; i++)
		assert_int_not_equal(media_stream_local(streams[i])->port, media_stream_local(mine)->port);
	loop_sim_advance(f->loop, 20);
	fake_dataplane_silent(&f->fake, fake_of(f, streams[3]), 500);
	loop_sim_advance(f->loop, 20);
	assert_int_equal(f->told_count, 1);
	assert_ptr_equal(f->told[0].stream, streams[3]);
	/* The dataplane's end and return is everybody's. */
	fake_dataplane_kill(&f->fake);
	loop_sim_advance(f->loop, 500);
	assert_int_equal(f->unready_count, 2);
	fake_dataplane_start(&f->fake);
	loop_sim_advance(f->loop, 1000);
	assert_int_equal(f->ready_count, 4);
	assert_int_equal(fake_dataplane_count(&f->fake), count + 1);
	/* A place that one gives back the other may take. */
	media_stream_del(mine);
	loop_sim_advance(f->loop, 100);
	assert_int_equal(media_stream_new(sibling, &toward, NULL, on_event, f, &streams[count++]), 0);
	media_free(sibling);
	loop_turn(f->loop, 0);
}

static void test_a_sibling_without_rings_says_why(void **state)
{
	struct fixture *f = *state;
	struct media_options options;
	struct media *sibling;

	fake_dataplane_start(&f->fake);
	media_start(f);
	options = f->options;
	options.sibling = f->media;
	options.client = 1;
	options.client_count = 2;
	assert_int_equal(media_new(f->loop, &options, &sibling), 0);
	loop_sim_advance(f->loop, 1000);
	assert_true(media_is_ready(f->media));
	assert_false(media_is_ready(sibling));
	assert_non_null(strstr(media_reason(sibling), "fewer sip.workers"));
	media_free(sibling);
	loop_turn(f->loop, 0);
}

/* ---- limits ---- */

static void test_slots_and_ports_end_and_come_back(void **state)
{
	struct fixture *f = *state;
	struct media_stream *streams[32];
	uint16_t port;

	for (size_t i = 0; i < ARRAY_LEN(streams); i++)
		streams[i] = stream(f);
	assert_int_equal(try_stream(f, "192.0.2.10"), ERR_LIMIT);
	loop_sim_advance(f->loop, 20);
	assert_int_equal(fake_dataplane_count(&f->fake), 32);
	/* Deleted is not yet free: only the dataplane's word makes it so. */
	f->fake.is_deaf = true;
	media_stream_del(streams[3]);
	loop_sim_advance(f->loop, 100);
	assert_int_equal(try_stream(f, "192.0.2.10"), ERR_LIMIT);
	f->fake.is_deaf = false;
	port = media_stream_local(streams[3])->port;
	loop_sim_advance(f->loop, 100);
	streams[3] = stream(f);
	assert_int_not_equal(media_stream_local(streams[3])->port, port);
	assert_int_equal(f->told_count, 1);
}

static void test_a_port_is_used_again_as_late_as_possible(void **state)
{
	struct fixture *f = *state;
	uint16_t first = 0;

	for (int i = 0; i < 50; i++) { /* the pool has 50 pairs */
		struct media_stream *s = stream(f);

		if (i == 0)
			first = media_stream_local(s)->port;
		else
			assert_int_not_equal(media_stream_local(s)->port, first);
		loop_sim_advance(f->loop, 20);
		media_stream_del(s);
		loop_sim_advance(f->loop, 20);
	}
	assert_int_equal(media_stream_local(stream(f))->port, first);
}

static void test_no_port_left(void **state)
{
	struct fixture *f = *state;

	fake_dataplane_kill(&f->fake);
	loop_sim_advance(f->loop, 300);
	f->fake.addresses[0].port_start = 10001;
	f->fake.addresses[0].port_end = 10005; /* 10002 and 10004 */
	fake_dataplane_start(&f->fake);
	loop_sim_advance(f->loop, 300);
	stream(f);
	stream(f);
	assert_int_equal(try_stream(f, "192.0.2.10"), ERR_LIMIT);
	assert_int_equal(try_stream(f, "2001:db8::7"), 0);
	loop_sim_advance(f->loop, 20);
	assert_non_null(fake_dataplane_find(&f->fake, 10002));
	assert_non_null(fake_dataplane_find(&f->fake, 10004));
}

static void test_full_ring_only_delays(void **state)
{
	struct fixture *f = *state;
	struct media_stream *a = stream(f);

	loop_sim_advance(f->loop, 20);
	f->fake.is_deaf = true;
	for (uint32_t i = 0; i < SHM_RING_CELLS + 10; i++) {
		media_stream_set_timeout(a, 100000 + i);
		loop_turn(f->loop, 0);
	}
	assert_true(stats(f).postponed > 0);
	f->fake.is_deaf = false;
	loop_sim_advance(f->loop, 100);
	assert_int_equal(fake_of(f, a)->set.rtp_timeout_ms, 100000 + SHM_RING_CELLS + 9);
}

static void test_lost_answer_is_asked_for_again(void **state)
{
	struct fixture *f = *state;
	struct media_stream *s = stream(f);

	loop_sim_advance(f->loop, 20);
	f->fake.lose_gones = 2;
	media_stream_del(s);
	loop_sim_advance(f->loop, 900);
	assert_int_equal(f->told_count, 0);
	loop_sim_advance(f->loop, 2000);
	assert_int_equal(f->told_count, 1);
	assert_told(f, 0, s, MEDIA_GONE);
}

/* ---- the dataplane's restart ---- */

static void test_waits_for_the_dataplane_and_says_why(void **state)
{
	struct fixture *f = *state;

	media_start(f);
	loop_sim_advance(f->loop, 1000);
	assert_false(media_is_ready(f->media));
	assert_non_null(strstr(media_reason(f->media), "the dataplane is not running"));
	assert_int_equal(try_stream(f, "192.0.2.10"), ERR_CLOSED);
	assert_int_equal(media_worker_count(f->media), 0);
	assert_null(media_address(f->media, 0));
	fake_dataplane_start(&f->fake);
	loop_sim_advance(f->loop, 300);
	assert_true(media_is_ready(f->media));
	assert_string_equal(media_reason(f->media), "");
	assert_int_equal(f->ready_count, 1);
	assert_int_equal(media_worker_count(f->media), 2);
	assert_non_null(media_address(f->media, 2));
	assert_null(media_address(f->media, 3));
	shm_address_set_up(&f->fake.segment, 1, false);
	assert_true(media_address_is_up(f->media, 0));
	assert_false(media_address_is_up(f->media, 1));
	assert_false(media_address_is_up(f->media, 3));
	atomic_store(&shm_segment_worker(&f->fake.segment, 1)->counters.drops[DROP_SOURCE], 9);
	assert_int_equal(media_worker_drops(f->media, 1, DROP_SOURCE), 9);
	assert_int_equal(media_worker_drops(f->media, 2, DROP_SOURCE), 0);
}

static void test_everything_is_programmed_again_after_a_dataplane_restart(void **state)
{
	struct fixture *f = *state;
	struct media_stream *a = stream(f), *b = stream_toward(f, "192.0.2.11", a), *ending = stream(f);
	struct net_endpoint local_a = *media_stream_local(a), local_b = *media_stream_local(b);
	struct shm_stream_counters counters;

	set_remote(a, "192.0.2.10:4000");
	set_remote(b, "192.0.2.11:4000");
	assert_int_equal(media_stream_set_source(a, b), 0);
	assert_int_equal(media_stream_set_source(b, a), 0);
	loop_sim_advance(f->loop, 20);
	fake_dataplane_latch(&f->fake, fake_of(f, a), "192.0.2.50:6000");
	fake_dataplane_rtp(&f->fake, fake_of(f, a), 50);
	fake_dataplane_rtp(&f->fake, fake_of(f, ending), 7);
	loop_sim_advance(f->loop, 20);
	f->fake.is_deaf = true;
	media_stream_del(ending);
	loop_sim_advance(f->loop, 20);

	fake_dataplane_kill(&f->fake);
	loop_sim_advance(f->loop, 1000);
	assert_false(media_is_ready(f->media));
	assert_int_equal(f->unready_count, 1);
	assert_int_equal(f->told_count, 2);
	assert_told(f, 1, ending, MEDIA_GONE);
	assert_int_equal(f->told[1].event.counters.rtp_in, 7);
	media_stream_counters(a, &counters);
	assert_int_equal(counters.rtp_in, 50);
	assert_int_equal(try_stream(f, "192.0.2.10"), ERR_CLOSED);
	media_stream_set_direction(b, true, false); /* calls go on changing their wishes */

	f->fake.is_deaf = false;
	/* It comes back with its addresses in another order, and one worker less. */
	f->fake.addresses[3] = f->fake.addresses[0];
	f->fake.addresses[0] = f->fake.addresses[2];
	f->fake.addresses[2] = f->fake.addresses[3];
	f->fake.layout.worker_count = 1;
	fake_dataplane_start(&f->fake);
	loop_sim_advance(f->loop, 500);
	assert_true(media_is_ready(f->media));
	assert_int_equal(f->ready_count, 2);
	assert_int_equal(fake_dataplane_count(&f->fake), 2);
	assert_true(net_endpoint_is_equal(media_stream_local(a), &local_a));
	assert_true(net_endpoint_is_equal(media_stream_local(b), &local_b));
	assert_int_equal(fake_of(f, a)->set.address, 2);
	assert_endpoint(&fake_of(f, a)->set.remote_rtp, "192.0.2.50:6000");
	assert_endpoint(&fake_of(f, b)->set.remote_rtp, "192.0.2.11:4000");
	assert_int_equal(fake_of(f, b)->set.flags, SHM_STREAM_LEARN | SHM_STREAM_RECEIVE);
	assert_int_equal(fake_of(f, a)->set.source.generation, media_stream_id(b).generation);
	assert_int_equal(fake_of(f, b)->set.source.generation, media_stream_id(a).generation);
	fake_dataplane_rtp(&f->fake, fake_of(f, a), 5);
	media_stream_counters(a, &counters);
	assert_int_equal(counters.rtp_in, 55);
	media_stream_del(a);
	loop_sim_advance(f->loop, 20);
	assert_int_equal(f->told[2].event.counters.rtp_in, 55);
}

static void test_stream_without_a_place_in_the_new_dataplane_is_refused(void **state)
{
	struct fixture *f = *state;
	struct media_stream *a = stream(f), *b = stream_toward(f, "2001:db8::7", NULL);

	loop_sim_advance(f->loop, 20);
	fake_dataplane_kill(&f->fake);
	f->fake.layout.address_count = 1;
	fake_dataplane_start(&f->fake);
	loop_sim_advance(f->loop, 1000);
	assert_int_equal(f->told_count, 1);
	assert_told(f, 0, b, MEDIA_REFUSED);
	assert_int_equal(f->told[0].event.error, ERR_NOT_FOUND);
	assert_int_equal(fake_of(f, a)->set_count, 1);
	media_stream_del(b);
	loop_sim_advance(f->loop, 20);
	assert_told(f, 1, b, MEDIA_GONE);
}

/* RFC 3711 9.1: the indexes of the keys are gone with the dataplane that counted them. */
static void test_used_keys_do_not_begin_anew_in_the_new_dataplane(void **state)
{
	struct secure_key in = {.suite = SECURE_AES_CM_128_SHA1_80, .master = {1}}, out = in;
	struct fixture *f = *state;
	struct media_stream *clear = stream(f), *secure = stream(f);

	out.master[0] = 2;
	assert_int_equal(media_stream_set_crypto(secure, &in, &out), 0);
	loop_sim_advance(f->loop, 20);
	fake_dataplane_kill(&f->fake);
	fake_dataplane_start(&f->fake);
	loop_sim_advance(f->loop, 1000);
	assert_int_equal(f->told_count, 1);
	assert_told(f, 0, secure, MEDIA_REFUSED);
	assert_int_equal(f->told[0].event.error, ERR_STATE);
	assert_int_equal(fake_of(f, clear)->set_count, 1);
	media_stream_del(secure);
	loop_sim_advance(f->loop, 20);
	assert_told(f, 1, secure, MEDIA_GONE);
}

static void test_streams_may_end_while_the_dataplane_is_away(void **state)
{
	struct fixture *f = *state;
	struct media_stream *a = stream(f), *b = stream(f);

	loop_sim_advance(f->loop, 20);
	fake_dataplane_rtp(&f->fake, fake_of(f, a), 3);
	fake_dataplane_kill(&f->fake);
	loop_sim_advance(f->loop, 500);
	media_stream_del(a);
	loop_sim_advance(f->loop, 1);
	assert_told(f, 0, a, MEDIA_GONE);
	assert_int_equal(f->told[0].event.counters.rtp_in, 3);
	fake_dataplane_start(&f->fake);
	loop_sim_advance(f->loop, 500);
	assert_int_equal(fake_dataplane_count(&f->fake), 1);
	assert_int_equal(fake_of(f, b)->set_count, 1);
}

static void test_dataplane_that_stands_still_is_not_ready(void **state)
{
	struct fixture *f = *state;

	f->fake.is_hung = true;
	loop_sim_advance(f->loop, 4000);
	assert_true(media_is_ready(f->media));
	loop_sim_advance(f->loop, 2000);
	assert_false(media_is_ready(f->media));
	assert_non_null(strstr(media_reason(f->media), "does not move"));
	f->fake.is_hung = false;
	loop_sim_advance(f->loop, 100);
	assert_true(media_is_ready(f->media));
	assert_int_equal(f->ready_count, 2);
}

/* ---- our own restart ---- */

static void test_orphans_go_on_until_both_sides_are_silent(void **state)
{
	struct fixture *f = *state;
	struct media_stream *talks = stream(f), *listens = stream_toward(f, "192.0.2.11", talks), *silent = stream(f);
	uint16_t talks_port = media_stream_local(talks)->port, listens_port = media_stream_local(listens)->port,
		 silent_port = media_stream_local(silent)->port;
	struct fake_stream *fake;

	assert_int_equal(media_stream_set_source(talks, listens), 0);
	assert_int_equal(media_stream_set_source(listens, talks), 0);
	loop_sim_advance(f->loop, 20);
	fake = fake_of(f, talks);
	media_restart(f);
	loop_sim_advance(f->loop, 500);
	assert_true(media_is_ready(f->media));
	assert_int_equal(stats(f).orphans, 3);
	for (int i = 0; i < 30; i++) {
		fake_dataplane_rtp(&f->fake, fake, 50);
		loop_sim_advance(f->loop, 1000);
		assert_int_equal(fake_dataplane_find(&f->fake, silent_port) != NULL, i < 9);
	}
	assert_non_null(fake_dataplane_find(&f->fake, talks_port));
	assert_non_null(fake_dataplane_find(&f->fake, listens_port));
	assert_int_equal(stats(f).orphans_swept, 1);
	loop_sim_advance(f->loop, 12000);
	assert_int_equal(fake_dataplane_count(&f->fake), 0);
	assert_int_equal(stats(f).orphans, 0);
	assert_int_equal(stats(f).orphans_swept, 3);
}

static void test_orphans_end_at_the_cap(void **state)
{
	struct fixture *f = *state;
	struct media_stream *s = stream(f);
	struct fake_stream *fake;

	loop_sim_advance(f->loop, 20);
	fake = fake_of(f, s);
	f->options.orphan_cap_ms = 60000;
	media_restart(f);
	for (int i = 0; i < 70; i++) {
		fake_dataplane_rtp(&f->fake, fake, 50);
		loop_sim_advance(f->loop, 1000);
		assert_int_equal(fake->is_live, i < 60);
	}
}

static void test_what_orphans_hold_is_not_given_out(void **state)
{
	struct fixture *f = *state;
	struct media_stream *old[20];
	struct media_stream *new[12];

	for (size_t i = 0; i < ARRAY_LEN(old); i++)
		old[i] = stream(f);
	loop_sim_advance(f->loop, 20);
	/* Killed: what was put into the rings last is carried out after it. */
	f->fake.is_deaf = true;
	media_stream_del(old[0]);
	loop_turn(f->loop, 0);
	media_restart(f);
	loop_sim_advance(f->loop, 2000);
	assert_false(media_is_ready(f->media));
	assert_non_null(strstr(media_reason(f->media), "takes no commands"));
	f->fake.is_deaf = false;
	loop_sim_advance(f->loop, 100);
	assert_int_equal(stats(f).orphans, 19);
	for (size_t i = 0; i < ARRAY_LEN(new); i++)
		new[i] = stream(f);
	loop_sim_advance(f->loop, 100);
	assert_int_equal(stats(f).refused, 0);
	assert_int_equal(fake_dataplane_count(&f->fake), 31);
	stream(f);
	assert_int_equal(try_stream(f, "192.0.2.10"), ERR_LIMIT);
	/* The silent ones are swept, and their slots and ports are good again. */
	loop_sim_advance(f->loop, 12000);
	assert_int_equal(fake_dataplane_count(&f->fake), 13);
	for (int i = 0; i < 19; i++)
		stream(f);
	loop_sim_advance(f->loop, 100);
	assert_int_equal(stats(f).refused, 0);
	assert_int_equal(fake_dataplane_count(&f->fake), 32);
}

static void test_orphan_that_comes_to_light_late_is_left_alone(void **state)
{
	struct fixture *f = *state;
	struct shm_stream_row row = {.generation = 5, .controller = 1, .state = SHM_SLOT_LIVE, .local_port = 10020};

	for (uint32_t w = 0; w < 2; w++)
		for (uint32_t i = 0; i < 4; i++) {
			row.local_port = (uint16_t)(10020 + 2 * (4 * w + i));
			shm_stream_write(&shm_segment_rows(&f->fake.segment, w)[i], &row);
		}
	for (int i = 0; i < 24; i++)
		stream(f);
	assert_int_equal(try_stream(f, "192.0.2.10"), ERR_LIMIT);
	assert_int_equal(stats(f).orphans, 8);
	loop_sim_advance(f->loop, 20);
	assert_int_equal(stats(f).refused, 0);
}

static void test_hostile_directory_does_no_harm(void **state)
{
	struct fixture *f = *state;
	struct shm_stream_row rows[] = {
		{.generation = 5, .controller = 1, .state = SHM_SLOT_LIVE, .local_port = 10020},
		/* the same port again, far future, a source out of range */
		{.generation = 6,
		 .controller = 1,
		 .state = SHM_SLOT_LIVE,
		 .local_port = 10020,
		 .source_index = UINT32_MAX,
		 .source_generation = 9,
		 .counters.last_rtp_ms = UINT64_MAX},
		{.generation = 7, .state = SHM_SLOT_LIVE, .address = 60, .local_port = 10020},
		{.generation = 8, .state = 77},
	};

	fake_dataplane_start(&f->fake);
	for (uint32_t i = 0; i < ARRAY_LEN(rows); i++)
		shm_stream_write(&shm_segment_rows(&f->fake.segment, 0)[i], &rows[i]);
	media_start(f);
	loop_sim_advance(f->loop, 500);
	assert_int_equal(stats(f).orphans, 2);
	for (int i = 0; i < 28; i++)
		stream(f);
	assert_int_equal(try_stream(f, "192.0.2.10"), ERR_LIMIT);
	assert_int_equal(stats(f).bad_events, 2);
	loop_sim_advance(f->loop, 60000);
	assert_int_equal(fake_dataplane_count(&f->fake), 28);
}

static void test_bad_options_are_refused(void **state)
{
	struct fixture *f = *state;
	struct media_options options = f->options;
	char long_path[300];

	options.route = NULL;
	assert_int_equal(media_new(f->loop, &options, &f->media), ERR_INVALID);
	options = f->options;
	options.dscp = 64;
	assert_int_equal(media_new(f->loop, &options, &f->media), ERR_INVALID);
	options = f->options;
	memset(long_path, 'x', sizeof(long_path));
	long_path[sizeof(long_path) - 1] = '\0';
	options.segment_path = long_path;
	assert_int_equal(media_new(f->loop, &options, &f->media), ERR_INVALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name)      cmocka_unit_test_setup_teardown(name, setup, teardown)
#define TEST_BARE(name) cmocka_unit_test_setup_teardown(name, setup_bare, teardown)
		TEST_BARE(test_siblings_share_places_and_hear_of_their_own),
		TEST_BARE(test_a_sibling_without_rings_says_why),
		TEST(test_changes_of_one_turn_are_one_command),
		TEST(test_ports_are_even_and_told_as_advertised),
		TEST(test_address_is_the_one_that_reaches_the_peer),
		TEST(test_remote_that_cannot_be_reached_is_refused_and_nowhere_is_held),
		TEST(test_streams_spread_over_workers_and_stay_beside_each_other),
		TEST(test_events_reach_the_handler),
		TEST(test_end_gives_final_counters_and_cuts_listeners_off),
		TEST(test_stream_ended_in_the_turn_it_was_made_is_never_programmed),
		TEST(test_handler_may_delete_others_and_free_everything),
		TEST(test_hostile_events_are_counted_and_change_nothing),
		TEST(test_slots_and_ports_end_and_come_back),
		TEST(test_a_port_is_used_again_as_late_as_possible),
		TEST(test_no_port_left),
		TEST(test_full_ring_only_delays),
		TEST(test_lost_answer_is_asked_for_again),
		TEST_BARE(test_waits_for_the_dataplane_and_says_why),
		TEST(test_everything_is_programmed_again_after_a_dataplane_restart),
		TEST(test_stream_without_a_place_in_the_new_dataplane_is_refused),
		TEST(test_used_keys_do_not_begin_anew_in_the_new_dataplane),
		TEST(test_streams_may_end_while_the_dataplane_is_away),
		TEST(test_dataplane_that_stands_still_is_not_ready),
		TEST(test_orphans_go_on_until_both_sides_are_silent),
		TEST(test_orphans_end_at_the_cap),
		TEST(test_what_orphans_hold_is_not_given_out),
		TEST(test_orphan_that_comes_to_light_late_is_left_alone),
		TEST_BARE(test_hostile_directory_does_no_harm),
		TEST_BARE(test_bad_options_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
