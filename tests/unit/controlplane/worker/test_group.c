/* Whose a message is, and that it gets there. */
#include "controlplane/loop/loop.h"
#include "controlplane/transport/sim.h"
#include "controlplane/worker/worker.h"
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>

#define COUNT 4

/* ---- names ---- */

struct names_row {
	const char *name, *message;
	const char *method, *branch, *to_tag, *call_id, *from_user, *uri_user, *replaces;
};

static const struct names_row names_rows[] = {
	{"a request",
	 "INVITE sip:2000@h SIP/2.0\r\nVia: SIP/2.0/UDP h;rport;branch=z9hG4bKabc\r\nFrom: \"a:b\" "
	 "<sip:1000@h>;tag=x\r\n"
	 "To: <sip:2000@h;tag=no>;tag=yes\r\nCall-ID: one@h\r\nReplaces: c;to-tag=t;from-tag=f\r\n\r\nVia: body",
	 "INVITE", "abc", "yes", "one@h", "1000", "2000", "c;to-tag=t;from-tag=f"},
	{"a response",
	 "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKxyz;received=1.2.3.4\r\nVia: SIP/2.0/UDP "
	 "i;branch=z9hG4bKno\r\n"
	 "t: sip:2000@h;tag=t\r\ni: two\r\n\r\n",
	 "", "xyz", "t", "two", "", "", ""},
	{"compact, blanks, any case",
	 "BYE sip:h SIP/2.0\r\nv : SIP/2.0/UDP h ; BRANCH=Z9HG4BKq\r\nf: <sip:u;x@h>\r\nCALL-id : three \r\n\r\n",
	 "BYE", "q", "", "three", "", "", ""},
	{"no cookie",
	 "ACK sip:1@h SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=1\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKsecond\r\n\r\n", "ACK",
	 "second", "", "", "", "1", ""},
	{"cut in the middle", "INVITE sip:2000", "INVITE", "", "", "", "", "", ""},
	{"nothing", "", "", "", "", "", "", "", ""},
	{"blank lines first", "\r\n\r\nINVITE sip:7@h SIP/2.0\r\nCall-ID: four\r\n\r\n", "INVITE", "", "", "four", "",
	 "7", ""},
};

static void expect_view(const char *row, const char *field, struct view got, const char *expected)
{
	if (!view_is(got.at ? got : VIEW_EMPTY, expected))
		fail_msg("%s: %s is \"%.*s\", not \"%s\"", row, field, VIEW_ARG(got), expected);
}

static void test_names(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(names_rows); i++) {
		const struct names_row *row = &names_rows[i];
		struct worker_names names;

		worker_names_find(view_of(row->message), &names);
		expect_view(row->name, "method", names.method, row->method);
		expect_view(row->name, "branch", names.branch, row->branch);
		expect_view(row->name, "to_tag", names.to_tag, row->to_tag);
		expect_view(row->name, "call_id", names.call_id, row->call_id);
		expect_view(row->name, "from_user", names.from_user, row->from_user);
		expect_view(row->name, "uri_user", names.uri_user, row->uri_user);
		expect_view(row->name, "replaces", names.replaces, row->replaces);
	}
}

/* ---- the group ---- */

struct fixture {
	struct loop *loop;
	struct sim_network *network;
	struct worker_group *group;
	struct transport *transports[COUNT];
	struct receiver {
		struct fixture *fixture;
		unsigned index, count, closed;
	} receivers[COUNT];
	unsigned last; /* who got the last one */
};

static void on_message(void *arg, const struct transport_flow *flow, char *bytes, size_t size)
{
	struct receiver *receiver = arg;

	receiver->count++;
	receiver->fixture->last = receiver->index;
}

static void on_closed(void *arg, const struct transport_flow *flow, int error)
{
	((struct receiver *)arg)->closed++;
}

static void nobody(void *arg, const struct transport_flow *flow, struct view bytes)
{
}

static const struct transport_flow phone_flow = {
	.kind = TRANSPORT_UDP,
	.local = {.address = {.family = NET_IPV4, .bytes = {192, 0, 2, 10}}, .port = 5060},
	.remote = {.address = {.family = NET_IPV4, .bytes = {192, 0, 2, 1}}, .port = 5060},
};

static struct fixture *make(unsigned count)
{
	struct transport_options options = {.listens = {{TRANSPORT_UDP, phone_flow.remote}}, .listen_count = 1};
	struct fixture *f = calloc(1, sizeof(*f));

	assert_int_equal(loop_new_sim(1, 0, &f->loop), 0);
	assert_int_equal(sim_network_new(f->loop, nobody, NULL, &f->network), 0);
	assert_int_equal(worker_group_new(count, &f->group), 0);
	for (unsigned i = 0; i < count; i++) {
		struct worker *worker = worker_group_get(f->group, i);
		struct transport_receiver own = {on_message, on_closed, &f->receivers[i]}, receiver;

		f->receivers[i] = (struct receiver){.fixture = f, .index = i};
		worker_start(worker, f->loop, &own);
		receiver = worker_receiver(worker);
		assert_int_equal(transport_new_sim(f->network, &options, &receiver, &f->transports[i]), 0);
		worker_set_transport(worker, f->transports[i]);
	}
	return f;
}

static void end(struct fixture *f)
{
	for (unsigned i = 0; i < worker_group_count(f->group); i++) {
		worker_set_transport(worker_group_get(f->group, i), NULL);
		transport_free(f->transports[i]);
	}
	sim_network_free(f->network);
	worker_group_free(f->group);
	loop_free(f->loop);
	free(f);
}

static unsigned receive(struct fixture *f, const char *message)
{
	f->last = UINT32_MAX;
	assert_int_equal(sim_network_send(f->network, &phone_flow, view_of(message)), 0);
	loop_sim_advance(f->loop, 5);
	return f->last;
}

static unsigned invite(struct fixture *f, const char *call_id, const char *from, const char *to)
{
	char message[256];

	snprintf(message, sizeof(message), "INVITE sip:%s@h SIP/2.0\r\nFrom: <sip:%s@h>;tag=1\r\nCall-ID: %s\r\n\r\n",
		 to, from, call_id);
	return receive(f, message);
}

static void test_marks_lead_home(void **state)
{
	static const struct {
		const char *message;
		unsigned index;
	} rows[] = {
		{"SIP/2.0 180 Ringing\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKc123\r\nCall-ID: x\r\n\r\n", 2},
		{"BYE sip:h SIP/2.0\r\nTo: <sip:h>;tag=d99\r\nCall-ID: x\r\n\r\n", 3},
		{"REGISTER sip:h SIP/2.0\r\nTo: <sip:1@h>\r\nCall-ID: x\r\n\r\n", 0},
		{"SUBSCRIBE sip:1@h SIP/2.0\r\nTo: <sip:1@h>\r\nCall-ID: x\r\n\r\n", 0},
		{"INVITE sip:1@h SIP/2.0\r\nCall-ID: y\r\nReplaces: z;from-tag=phone;to-tag=b77\r\n\r\n", 1},
		{"INVITE sip:1@h SIP/2.0\r\nCall-ID: e3456789abcdef0123456789abcdef01-1@h\r\n\r\n", 3},
		{"INVITE sip:1@h SIP/2.0\r\nCall-ID: y2\r\nReplaces: z;from-tag=c77;to-tag=phone\r\n\r\n", 2},
	};
	struct fixture *f = make(COUNT);

	/* The network gives each repetition to another worker. */
	for (unsigned i = 0; i < ARRAY_LEN(rows) * COUNT; i++)
		assert_int_equal(receive(f, rows[i / COUNT].message), rows[i / COUNT].index);
	for (unsigned i = 0; i < COUNT; i++)
		assert_int_equal(
			worker_of_mark((struct view){&(char){worker_mark(worker_group_get(f->group, i))}, 1}, COUNT),
			i);
	end(f);
}

static void test_a_call_id_stays(void **state)
{
	struct fixture *f = make(COUNT);
	unsigned used[COUNT] = {0};

	for (unsigned call = 0; call < 64; call++) {
		char id[32], cancel[128];
		unsigned index;

		snprintf(id, sizeof(id), "call-%u", call);
		index = invite(f, id, "1000", "2000");
		used[index]++;
		assert_int_equal(invite(f, id, "1000", "2000"), index);
		snprintf(cancel, sizeof(cancel), "CANCEL sip:2000@h SIP/2.0\r\nCall-ID: %s\r\n\r\n", id);
		assert_int_equal(receive(f, cancel), index);
	}
	for (unsigned i = 0; i < COUNT; i++)
		assert_true(used[i] > 4); /* one peer is served by all */
	end(f);
}

static void test_calls_of_a_phone_meet(void **state)
{
	struct fixture *f = make(COUNT);
	struct worker *third = worker_group_get(f->group, 2), *second = worker_group_get(f->group, 1);

	assert_true(worker_engage(third, "1000"));
	assert_false(worker_engage(second, "1000"));
	for (unsigned call = 0; call < 8; call++) {
		char id[32];

		snprintf(id, sizeof(id), "from-%u", call);
		assert_int_equal(invite(f, id, "1000", "3000"), 2);
		snprintf(id, sizeof(id), "to-%u", call);
		assert_int_equal(invite(f, id, "3000", "1000"), 2);
	}
	worker_release(third, "1000");
	assert_int_equal(invite(f, "to-1", "3000", "1000"), 2); /* that one was decided */
	assert_true(worker_engage(second, "1000"));
	assert_int_equal(invite(f, "another", "3000", "1000"), 1);
	worker_release(second, "1000");
	end(f);
}

static void test_alone(void **state)
{
	struct fixture *f = make(1);

	assert_int_equal(worker_mark(worker_group_get(f->group, 0)), '\0');
	assert_false(worker_engage(worker_group_get(f->group, 0), "1000"));
	assert_int_equal(receive(f, "SIP/2.0 180 Ringing\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKc123\r\n\r\n"), 0);
	end(f);
}

static void test_inbox_is_bounded(void **state)
{
	struct fixture *f = make(2);
	struct transport_receiver receiver = worker_receiver(worker_group_get(f->group, 1));
	char message[] = "REGISTER sip:h SIP/2.0\r\nCall-ID: x\r\n\r\n";
	struct worker_stats stats;

	for (unsigned i = 0; i < WORKER_INBOX_MAX + 10; i++)
		receiver.on_message(receiver.arg, &phone_flow, message, sizeof(message) - 1);
	worker_stats(worker_group_get(f->group, 1), &stats);
	assert_int_equal(stats.handed_over, WORKER_INBOX_MAX);
	assert_int_equal(stats.lost, 10);
	loop_sim_advance(f->loop, 5);
	assert_int_equal(f->receivers[0].count, WORKER_INBOX_MAX);
	end(f);
}

static void test_connections_of_others(void **state)
{
	struct fixture *f = make(2);
	struct transport_receiver receiver = worker_receiver(worker_group_get(f->group, 1));
	struct transport_flow flow = phone_flow;

	flow.local = phone_flow.remote;
	flow.remote = phone_flow.local;
	flow.connection = (uint64_t)1 << TRANSPORT_OWNER_SHIFT | 3;
	assert_int_equal(transport_send(f->transports[0], &flow, VIEW("hello")), 0);
	assert_int_equal(transport_stats(f->transports[1])->sent, 0);
	loop_sim_advance(f->loop, 5);
	assert_int_equal(transport_stats(f->transports[1])->sent, 1);
	receiver.on_closed(receiver.arg, &flow, ERR_CLOSED);
	loop_sim_advance(f->loop, 5);
	assert_int_equal(f->receivers[0].closed, 1);
	assert_int_equal(f->receivers[1].closed, 1);
	flow.connection = (uint64_t)7 << TRANSPORT_OWNER_SHIFT | 3;
	assert_int_equal(transport_send(f->transports[0], &flow, VIEW("hello")), ERR_CLOSED);
	end(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_marks_lead_home),
		cmocka_unit_test(test_a_call_id_stays),
		cmocka_unit_test(test_calls_of_a_phone_meet),
		cmocka_unit_test(test_alone),
		cmocka_unit_test(test_inbox_is_bounded),
		cmocka_unit_test(test_connections_of_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
