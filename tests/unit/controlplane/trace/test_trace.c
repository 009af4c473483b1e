/* controlplane/trace: which messages are written, how, and what is hidden in them; the queue; the files. */
#include "tests/unit/unit.h"

#include "controlplane/loop/loop.h"
#include "controlplane/trace/trace_private.h"
#include "controlplane/transport/sim.h"

#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#define WALL_MS UINT64_C(1795269785042) /* 2026-11-21T14:03:05.042Z */
#define TODAY   "sip_traffic_20261121.log"
#define OURS    "0123456789abcdef0123456789abcdef"

/* ---- what is hidden ---- */

static void test_mask_by_rows(void **state)
{
	static const struct {
		const char *name, *message, *masked;
	} rows[] = {
		{"a digest", "M\r\nAuthorization: Digest username=\"1\", response=\"abc\", nc=1\r\n\r\n",
		 "M\r\nAuthorization: Digest username=\"1\", response=\"***\", nc=1\r\n\r\n"},
		{"a proxy's, without quotes and blanks", "M\nproxy-authorization:digest a=1,RESPONSE=abc,b=2\n\n",
		 "M\nproxy-authorization:digest a=1,RESPONSE=***,b=2\n\n"},
		{"folded", "M\r\nAuthorization: Digest realm=\"x\",\r\n response\r\n = \"a\r\n b\"\r\nTo: y\r\n\r\n",
		 "M\r\nAuthorization: Digest realm=\"x\",\r\n response\r\n = \"*\r\n *\"\r\nTo: y\r\n\r\n"},
		{"another scheme", "M\r\nAuthorization: Basic QWxhZGRpbg==\r\n\r\n",
		 "M\r\nAuthorization: ***** ************\r\n\r\n"},
		{"without an end", "M\r\nAuthorization: Digest response=\"abc",
		 "M\r\nAuthorization: Digest response=\"***"},
		{"our own", "M\r\nAuthentication-Info: rspauth=\"ab\", nc=1\r\n\r\n",
		 "M\r\nAuthentication-Info: rspauth=\"**\", nc=1\r\n\r\n"},
		{"a challenge is no secret", "M\r\nWWW-Authenticate: Digest nonce=\"abc\"\r\n\r\n",
		 "M\r\nWWW-Authenticate: Digest nonce=\"abc\"\r\n\r\n"},
		{"another header with such a name", "M\r\nX-Authorization: response=\"abc\"\r\n\r\n",
		 "M\r\nX-Authorization: response=\"abc\"\r\n\r\n"},
		{"keys of SRTP",
		 "M\r\n\r\nv=0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:QUJD|2^20\r\na=inline:QUJD\r\n",
		 "M\r\n\r\nv=0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:****|2^20\r\na=inline:QUJD\r\n"},
		{"nothing", "", ""},
		{"no value", "M\r\nAuthorization:", "M\r\nAuthorization:"},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		size_t size = strlen(rows[i].message);
		char *message = malloc(size + 1); /* of exactly that size, so that a step beyond is found */

		assert_non_null(message);
		memcpy(message, rows[i].message, size);
		trace_mask(message, size);
		if (memcmp(message, rows[i].masked, size) != 0)
			fail_msg("%s: %.*s", rows[i].name, (int)size, message);
		free(message);
	}
}

/* ---- the queue ---- */

static void test_queue_keeps_order_and_tells_losses(void **state)
{
	struct trace_queue queue;
	struct trace_record *record;
	char bytes[1000], *message;
	unsigned put = 0, got = 0, lost = 0, told = 0;

	memset(bytes, 'x', sizeof(bytes));
	assert_int_equal(trace_queue_init(&queue, 4096), 0);
	assert_null(trace_queue_get(&queue, &message));
	for (unsigned i = 0; i < 5000; i++) {
		struct trace_record given = {.wall_ms = put};
		struct view view = {bytes, (i * 37) % sizeof(bytes)};

		if (trace_queue_put(&queue, &given, view))
			put++;
		else
			lost++;
		if (i % 3 == 0 && (record = trace_queue_get(&queue, &message))) {
			assert_int_equal(record->wall_ms, got++);
			told += record->lost;
			assert_true(record->size == 0 || message[record->size - 1] == 'x');
			trace_queue_drop(&queue);
		}
	}
	while ((record = trace_queue_get(&queue, &message))) {
		assert_int_equal(record->wall_ms, got++);
		told += record->lost;
		trace_queue_drop(&queue);
	}
	assert_int_equal(got, put);
	assert_true(lost > 0);
	assert_int_equal(told + queue.lost, lost);
	trace_queue_fini(&queue);
}

/* ---- the whole ---- */

struct bench {
	char directory[64];
	struct loop *loop;
	struct sim_network *network;
	struct transport *transport;
	struct trace *trace;
};

static struct net_endpoint endpoint(const char *text)
{
	struct net_endpoint e = {0};

	assert_int_equal(net_endpoint_parse(view_of(text), 5060, &e), 0);
	return e;
}

static void ignore_packet(void *arg, const struct transport_flow *flow, struct view bytes)
{
}

static void ignore_message(void *arg, const struct transport_flow *flow, char *bytes, size_t size)
{
}

static bool find_call(void *arg, struct view sip_call_id, struct view local_tag, struct view remote_tag,
		      char ret_call[TRACE_CALL_SIZE])
{
	if (!view_is(sip_call_id, "callers") || !view_is(local_tag, "ours") || !view_is(remote_tag, "theirs"))
		return false;
	memcpy(ret_call, OURS, TRACE_CALL_SIZE);
	return true;
}

static struct bench *bench_new(uint64_t size_max, uint32_t retention_days)
{
	const struct transport_options options = {.listens = {{TRANSPORT_UDP, endpoint("192.0.2.1:5060")}},
						  .listen_count = 1};
	const struct transport_receiver receiver = {ignore_message, NULL};
	struct bench *bench = calloc(1, sizeof(*bench));
	char path[128];

	assert_non_null(bench);
	strcpy(bench->directory, "/tmp/voxlane-trace-XXXXXX");
	assert_non_null(mkdtemp(bench->directory));
	snprintf(path, sizeof(path), "%s/made", bench->directory);
	assert_int_equal(loop_new_sim(1, WALL_MS, &bench->loop), 0);
	assert_int_equal(sim_network_new(bench->loop, ignore_packet, NULL, &bench->network), 0);
	assert_int_equal(transport_new_sim(bench->network, &options, &receiver, &bench->transport), 0);
	assert_int_equal(trace_new(bench->loop,
				   &(struct trace_options){.directory = path,
							   .size_max = size_max,
							   .retention_days = retention_days,
							   .find_call = find_call},
				   &bench->trace),
			 0);
	trace_set_transport(bench->trace, bench->transport);
	return bench;
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *where)
{
	return remove(path);
}

/* Ends the writer and reads the file; "" when there is none. */
static char *bench_free(struct bench *bench, const char *name)
{
	char path[256], *text = calloc(1, 1 << 20);
	FILE *file;

	transport_free(bench->transport);
	trace_free(bench->trace);
	sim_network_free(bench->network);
	loop_free(bench->loop);
	snprintf(path, sizeof(path), "%s/made/%s", bench->directory, name);
	file = fopen(path, "r");
	assert_non_null(text);
	if (file) {
		text[fread(text, 1, (1 << 20) - 1, file)] = '\0';
		fclose(file);
	}
	nftw(bench->directory, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	free(bench);
	return text;
}

static void receive(struct bench *bench, const char *from, const char *message)
{
	const struct transport_flow flow = {
		.kind = TRANSPORT_UDP, .local = endpoint(from), .remote = endpoint("192.0.2.1:5060")};

	assert_int_equal(sim_network_send(bench->network, &flow, view_of(message)), 0);
	loop_turn(bench->loop, 0);
	loop_turn(bench->loop, 0);
}

static void answer(struct bench *bench, const char *to, const char *message)
{
	const struct transport_flow flow = {
		.kind = TRANSPORT_UDP, .local = endpoint("192.0.2.1:5060"), .remote = endpoint(to)};

	assert_int_equal(transport_send(bench->transport, &flow, view_of(message)), 0);
}

#define MESSAGE(start, call_id, from, to, method)                                                                      \
	start "\r\nVia: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK1\r\nFrom: <sip:1000@x>;tag=" from                         \
	      "\r\nTo: <sip:2000@x>" to "\r\nCall-ID: " call_id "\r\nCSeq: 1 " method                                  \
	      "\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
#define REQUEST(call_id, from, to) MESSAGE("OPTIONS sip:x SIP/2.0", call_id, from, to, "OPTIONS")
#define OK(call_id, from, to)      MESSAGE("SIP/2.0 200 OK", call_id, from, to, "OPTIONS")

static unsigned count_of(const char *text, const char *part)
{
	unsigned count = 0;

	while ((text = strstr(text, part))) {
		count++;
		text++;
	}
	return count;
}

static void test_off_nothing_is_written(void **state)
{
	struct bench *bench = bench_new(0, 0);
	char *text;

	receive(bench, "192.0.2.9:5060", REQUEST("a", "t", ""));
	assert_int_equal(trace_set(bench->trace, &(struct trace_filter){.is_on = true}), 0);
	assert_int_equal(trace_set(bench->trace, &(struct trace_filter){.is_on = false}), 0);
	receive(bench, "192.0.2.9:5060", REQUEST("a", "t", ""));
	text = bench_free(bench, TODAY);
	assert_string_equal(text, "");
	free(text);
}

static void test_record_has_all_that_is_known(void **state)
{
	static const char wanted[] =
		"--- 2026-11-21T14:03:05.042Z received UDP 192.0.2.9:5070 -> 192.0.2.1:5060 %zu bytes\n%s\n\n"
		"--- 2026-11-21T14:03:05.542Z sent UDP 192.0.2.1:5060 -> 192.0.2.7:5060 %zu bytes call=" OURS "\n%s\n\n"
		"--- 2026-11-21T14:03:05.542Z received UDP 192.0.2.9:5070 -> 192.0.2.1:5060 8 bytes\nnonsense\n\n";
	static const char first[] = REQUEST("a", "t", ""), second[] = REQUEST(OURS "-1@192.0.2.1", "t", "");
	struct bench *bench = bench_new(0, 0);
	struct trace_status status;
	char expected[2048], *text;

	assert_int_equal(trace_set(bench->trace, &(struct trace_filter){.is_on = true}), 0);
	receive(bench, "192.0.2.9:5070", first);
	loop_sim_advance(bench->loop, 500);
	answer(bench, "192.0.2.7:5060", second);
	receive(bench, "192.0.2.9:5070", "nonsense");
	receive(bench, "192.0.2.9:5070", "\r\n\r\n"); /* keep-alives are not worth a line */
	trace_status(bench->trace, &status);
	assert_true(status.filter.is_on);
	assert_int_equal(status.lost, 0);
	text = bench_free(bench, TODAY);
	snprintf(expected, sizeof(expected), wanted, strlen(first), first, strlen(second), second);
	assert_string_equal(text, expected);
	free(text);
}

static void test_filters_by_rows(void **state)
{
	static const struct {
		const char *name, *peer;
		struct trace_filter filter;
		unsigned count;
	} rows[] = {
		{"everything", NULL, {.is_on = true}, 8},
		{"a peer", "192.0.2.9", {.is_on = true}, 4},
		{"a network", "192.0.2.0/24", {.is_on = true}, 8},
		{"a call: its called leg by Call-ID, the caller's by its dialog",
		 NULL,
		 {.is_on = true, .call = OURS},
		 4},
		{"a call whose caller's Call-ID is known: from its INVITE on",
		 NULL,
		 {.is_on = true, .call = OURS, .call_other = "callers"},
		 5},
		{"a SIP Call-ID", NULL, {.is_on = true, .call = "else"}, 1},
		{"an extension", NULL, {.is_on = true, .extension = "2000"}, 7},
		{"another extension", NULL, {.is_on = true, .extension = "20"}, 0},
		{"a peer of a call", "192.0.2.7", {.is_on = true, .call = OURS}, 2},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct bench *bench = bench_new(0, 0);
		struct trace_filter filter = rows[i].filter;
		char *text;

		if (rows[i].peer)
			assert_int_equal(net_prefix_parse(view_of(rows[i].peer), &filter.peer), 0);
		assert_int_equal(trace_set(bench->trace, &filter), 0);
		receive(bench, "192.0.2.9:5060", REQUEST("callers", "theirs", ""));
		answer(bench, "192.0.2.9:5060", OK("callers", "theirs", ";tag=ours"));
		answer(bench, "192.0.2.9:5060", REQUEST("callers", "ours", ";tag=theirs"));
		answer(bench, "192.0.2.7:5060", REQUEST(OURS "-1@192.0.2.1", "x", ""));
		receive(bench, "192.0.2.7:5060", OK(OURS "-1@192.0.2.1", "x", ";tag=y"));
		receive(bench, "192.0.2.7:5060", REQUEST("else", "x", ""));
		receive(bench, "192.0.2.7:5060", REQUEST("0123456789abcdef0123456789ABCDEF-1", "x", ""));
		receive(bench, "192.0.2.9:5060", "nonsense");
		text = bench_free(bench, TODAY);
		if (count_of(text, "--- 2026") != rows[i].count)
			fail_msg("%s: %u\n%s", rows[i].name, count_of(text, "--- 2026"), text);
		free(text);
	}
}

static void test_file_ends_at_its_largest_size(void **state)
{
	struct bench *bench = bench_new(5000, 0);
	struct trace_status status;
	char *text;

	assert_int_equal(trace_set(bench->trace, &(struct trace_filter){.is_on = true}), 0);
	for (unsigned i = 0; i < 50; i++)
		receive(bench, "192.0.2.9:5060", REQUEST("a", "t", ""));
	for (unsigned i = 0; i < 5000; i++) { /* until the writer is through, five seconds at most */
		trace_status(bench->trace, &status);
		if (status.written + status.lost == 50)
			break;
		usleep(1000);
	}
	assert_int_equal(status.written + status.lost, 50);
	assert_true(status.lost > 0 && status.last_errno != 0);
	text = bench_free(bench, TODAY);
	assert_true(strlen(text) <= 5000);
	assert_int_equal(count_of(text, "--- 2026"), status.written);
	assert_int_equal(count_of(text, "largest size"), 1);
	free(text);
}

static void touch(const struct bench *bench, const char *name)
{
	char path[256];
	FILE *file;

	snprintf(path, sizeof(path), "%s/made/%s", bench->directory, name);
	file = fopen(path, "w");
	assert_non_null(file);
	fclose(file);
}

static bool is_there(const struct bench *bench, const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/made/%s", bench->directory, name);
	return access(path, F_OK) == 0;
}

static void test_old_files_go_with_a_new_day(void **state)
{
	struct bench *bench = bench_new(0, 3);
	char path[128], *text;

	snprintf(path, sizeof(path), "%s/made", bench->directory);
	assert_int_equal(mkdir(path, 0755), 0);
	touch(bench, "sip_traffic_20261117.log");
	touch(bench, "sip_traffic_20261118.log");
	touch(bench, "sip_traffic_2026111x.log");
	touch(bench, "sip_traffic_20261101.log.gz");
	assert_int_equal(trace_set(bench->trace, &(struct trace_filter){.is_on = true}), 0);
	receive(bench, "192.0.2.9:5060", REQUEST("a", "t", ""));
	loop_sim_advance(bench->loop, UINT64_C(24) * 3600 * 1000);
	receive(bench, "192.0.2.9:5060", REQUEST("a", "t", ""));
	for (unsigned i = 0; i < 5000 && is_there(bench, "sip_traffic_20261118.log"); i++)
		usleep(1000);
	assert_false(is_there(bench, "sip_traffic_20261117.log"));
	assert_false(is_there(bench, "sip_traffic_20261118.log"));
	assert_true(is_there(bench, TODAY));
	assert_true(is_there(bench, "sip_traffic_2026111x.log"));
	assert_true(is_there(bench, "sip_traffic_20261101.log.gz"));
	text = bench_free(bench, "sip_traffic_20261122.log");
	assert_int_equal(count_of(text, "--- 2026-11-22"), 1);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mask_by_rows),
		cmocka_unit_test(test_queue_keeps_order_and_tells_losses),
		cmocka_unit_test(test_off_nothing_is_written),
		cmocka_unit_test(test_record_has_all_that_is_known),
		cmocka_unit_test(test_filters_by_rows),
		cmocka_unit_test(test_file_ends_at_its_largest_size),
		cmocka_unit_test(test_old_files_go_with_a_new_day),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
