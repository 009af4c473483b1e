/* What people meet: defaults, a full file, and one clear line for each way to get a file wrong. */
#include "tests/unit/unit.h"

#include "lib/config/config.h"
#include "lib/config/rows.h"

#include <unistd.h>

static struct conf *load_good(const char *text)
{
	struct conf_problem problem;
	struct conf *conf = NULL;

	if (conf_load_text("test.conf", text, &conf, &problem))
		fail_msg("refused: %s", problem.text);
	return conf;
}

static void test_config_empty_file_gives_defaults(void **state)
{
	struct conf *conf = load_good("");

	assert_true(net_address_is_any(&conf->sip.listen_ip));
	assert_int_equal(conf->sip.listen_ip.family, NET_IPV4);
	assert_int_equal(conf->sip.listen_port, 5060);
	assert_int_equal(conf->sip.transports, 1u << CONF_TRANSPORT_UDP);
	assert_int_equal(conf->sip.max_concurrent_calls, 1000);
	assert_false(conf->sip.allow_guests);
	assert_int_equal(conf->sip.advertised_ip.family, NET_NONE);
	assert_int_equal(conf->media.port_pool.start, 10000);
	assert_int_equal(conf->media.port_pool.end, 20000);
	assert_int_equal(conf->media.rtp_timeout_s, 60);
	assert_int_equal(conf->media.dscp, 46);
	assert_string_equal(conf->cdr.filename_pattern, "cdr-%Y-%m-%d.jsonl");
	assert_true(conf->cdr.enabled);
	assert_int_equal(conf->logging.level, 1);
	assert_int_equal(conf->monitoring.prometheus_port, 9090);
	assert_int_equal(conf->monitoring.health_check_port, 8080);
	assert_true(net_address_is_loopback(&conf->monitoring.listen_ip));
	assert_int_equal(conf->dataplane.workers, 1);
	assert_int_equal(conf->dataplane.main_core, -1);
	assert_int_equal(conf->dataplane.port_count, 0);
	assert_int_equal(conf->extension_count, 0);
	assert_int_equal(conf->dialplan.route_count, 3);
	assert_string_equal(conf->dialplan.routes[2].pattern, "7777");
	assert_int_equal(conf->dialplan.routes[2].action, CONF_ROUTE_ECHO);
	conf_free(conf);
}

static void test_config_full_file_is_read(void **state)
{
	struct conf *conf = load_good(
		"sip: { listen_ip = \"::\"; listen_port = 5070; transport = [\"udp\"]; domains = (\"a.example\", "
		"\"b.example\");\n"
		"  contacts_per_extension = 2; };\n"
		"media: { port_pool: { start = 0x7000; end = 29000; }; rtp_timeout = 0; };\n"
		"dataplane: { workers = 2; idle = \"poll\"; worker_cores = [1, 3]; ports = (\n"
		"  { name = \"lan\"; device = \"eth0\"; addresses = [\"192.0.2.1\", \"2001:db8::1\"];\n"
		"    advertised = [\"198.51.100.1\", \"2001:db8::2\"]; },\n"
		"  { name = \"loc\"; driver = \"af_packet\"; device = \"vx0\"; addresses = [\"10.0.0.1\"]; serves = "
		"\"local\";\n"
		"    port_pool: { start = 30000; end = 30999; }; queues = 2; }\n"
		"); };\n"
		"extensions = ( { number = \"1000\"; password = \"test1000\"; name = \"A\\\"lice\"; max_contacts = 9; "
		"},\n"
		"  { number = \"2000\"; ha1_md5 = \"00112233445566778899aabbccddeeff\"; context = \"lobby\"; } );\n"
		"dialplan: { routes = ( { pattern = \"_[2-5]X.\"; action = \"reject\"; code = 603; } ); };\n"
		"monitoring: { listen_ip = \"0.0.0.0\"; tokens = \"0123456789abcdef\"; };\n"
		"logging: { level = \"DEBUG\"; format = \"json\"; };\n");
	const struct conf_port *ports = conf->dataplane.ports;

	assert_int_equal(conf->sip.listen_ip.family, NET_IPV6);
	assert_int_equal(conf->sip.domains.len, 2);
	assert_string_equal(conf->sip.domains.at[1], "b.example");
	assert_int_equal(conf->media.port_pool.start, 0x7000);
	assert_int_equal(conf->dataplane.idle, CONF_IDLE_POLL);
	assert_int_equal(conf->dataplane.worker_cores.at[1], 3);
	assert_int_equal(conf->dataplane.port_count, 2);
	assert_int_equal(ports[0].driver, CONF_DRIVER_AF_XDP);
	assert_int_equal(ports[0].addresses.len, 2);
	assert_int_equal(ports[0].addresses.at[1].family, NET_IPV6);
	assert_int_equal(ports[0].advertised.len, 2);
	assert_int_equal(ports[0].port_pool.end, 29000);
	assert_string_equal(ports[0].where, "test.conf:5");
	assert_int_equal(ports[1].serves, CONF_SERVES_LOCAL);
	assert_int_equal(ports[1].port_pool.start, 30000);
	assert_int_equal(conf->extension_count, 2);
	assert_string_equal(conf->extensions[0].name, "A\"lice");
	assert_int_equal(conf->extensions[0].max_contacts, 9);
	assert_string_equal(conf->extensions[0].context, "from-internal");
	assert_int_equal(conf->extensions[1].max_contacts, 2);
	assert_string_equal(conf->extensions[1].context, "lobby");
	assert_int_equal(conf->dialplan.route_count, 1);
	assert_int_equal(conf->dialplan.routes[0].code, 603);
	assert_int_equal(conf->monitoring.tokens.len, 1);
	assert_int_equal(conf->logging.level, 0);
	assert_int_equal(conf->logging.format, 1);
	conf_free(conf);
}

static const struct bad {
	const char *name, *text, *problem;
} bads[] = {
#include "tests/unit/lib/config/bad_files.h"
};

static void test_config_bad_files_say_what_and_what_to_do(void **state)
{
	size_t wrong = 0;

	for (size_t i = 0; i < ARRAY_LEN(bads); i++) {
		struct conf_problem problem;
		struct conf *conf = NULL;
		int error = conf_load_text("test.conf", bads[i].text, &conf, &problem);

		if (!error || conf || strcmp(problem.text, bads[i].problem) != 0) {
			print_error("%s:\n  is     %s\n  wanted %s\n", bads[i].name,
				    error ? problem.text : "(accepted)", bads[i].problem);
			wrong++;
		}
		if (!error)
			conf_free(conf);
	}
	assert_int_equal(wrong, 0);
}

static void test_config_files_that_cannot_be_read(void **state)
{
	char path[] = "/tmp/voxlane-config-XXXXXX";
	struct conf_problem problem;
	struct conf *conf = NULL;
	int fd;

	assert_int_equal(conf_load("/nonexistent/a.conf", &conf, &problem), ERR_NOT_FOUND);
	assert_string_equal(problem.text, "/nonexistent/a.conf: cannot be opened: No such file or directory");
	assert_int_equal(conf_load("/", &conf, &problem), ERR_IO);
	assert_string_equal(problem.text, "/: cannot be read: Is a directory");
	fd = mkstemp(path);
	assert_int_equal(write(fd, "sip: \0 {}", 9), 9);
	assert_int_equal(conf_load(path, &conf, &problem), ERR_SYNTAX);
	assert_non_null(strstr(problem.text, "holds a zero byte"));
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(ftruncate(fd, CONF_FILE_SIZE_MAX + 1), 0);
	assert_int_equal(conf_load(path, &conf, &problem), ERR_TOO_LONG);
	close(fd);
	unlink(path);
}

static char *sample(void)
{
	char *text = NULL;
	size_t size;
	FILE *stream = open_memstream(&text, &size);

	conf_print_sample(stream);
	fclose(stream);
	return text;
}

/* Takes away the # of the examples, which stand behind a # without a blank. */
static void uncomment(char *text)
{
	for (char *at = text; *at; at++)
		if (at[0] == '#' && at[1] != ' ' && (at == text || at[-1] == '\n' || at[-1] == '\t'))
			*at = ' ';
}

static void test_config_sample_loads_with_and_without_its_examples(void **state)
{
	char *text = sample();
	struct conf *conf = load_good(text);

	assert_int_equal(conf->sip.listen_port, 5060);
	conf_free(conf);
	uncomment(text);
	conf = load_good(text);
	assert_int_equal(conf->extension_count, 1);
	assert_int_equal(conf->dataplane.port_count, 1);
	assert_int_equal(conf->dialplan.route_count, 3);
	conf_free(conf);
	free(text);
}

static void test_config_sample_in_the_repository_is_the_schema(void **state)
{
	char *text = sample(), *kept = calloc(1, CONF_FILE_SIZE_MAX);
	FILE *file = fopen(SOURCE_ROOT "/conf/voxlane.conf", "re");

	assert_non_null(file);
	assert_true(fread(kept, 1, CONF_FILE_SIZE_MAX - 1, file) > 0);
	fclose(file);
	if (strcmp(kept, text) != 0)
		fail_msg("conf/voxlane.conf differs from lib/config/schema.c; run build/tools/print_config > "
			 "conf/voxlane.conf");
	free(kept);
	free(text);
}

static void test_config_quickstart_loads(void **state)
{
	struct conf_problem problem;
	struct conf *conf = NULL;

	if (conf_load(SOURCE_ROOT "/conf/quickstart.conf", &conf, &problem))
		fail_msg("refused: %s", problem.text);
	assert_int_equal(conf->extension_count, 2);
	assert_int_equal(conf->dataplane.port_count, 2);
	assert_int_equal(conf->dataplane.ports[1].serves, CONF_SERVES_LOCAL);
	conf_free(conf);
}

static void add_shown(void *arg, const struct conf_key *key, const struct conf_member_value *value)
{
	if (key->kind == CONF_KIND_TEXT && value->text[0] && !key->choices)
		text_printf(arg, "%s=%s ", key->key, value->text);
	if (key->kind == CONF_KIND_NUMBER && value->number)
		text_printf(arg, "%s=%lld ", key->key, (long long)value->number);
	if (key->kind == CONF_KIND_TEXTS && value->texts.len > 0)
		text_printf(arg, "%s=%s ", key->key, value->texts.at[0]);
}

static const char *shown(const struct conf *conf, enum conf_list list, size_t index)
{
	static char buffer[512];
	struct text text;

	text_init(&text, buffer, sizeof(buffer));
	conf_walk_member(conf, list, index, add_shown, &text);
	return buffer;
}

static void test_config_rows_stand_behind_those_of_the_file(void **state)
{
	static const struct conf_row rows[] = {
		{"routes", "r1", "{ pattern = \"5555\"; target = \"2000\"; times = ( \"Mon\" ); }"},
		{"extensions", "2000", "{ number = \"2000\"; password = \"x\"; max_contacts = 3L; }"},
		{"extensions", "3000", "{ number = \"3000\"; password = \"y\"; }"},
	};
	static const char *const files[] = {
		"extensions = ( { number = \"1000\"; password = \"p\"; } );",
		"extensions = ( { number = \"1000\"; password = \"p\"; } ); dialplan: { default_context = "
		"\"from-internal\"; };",
	};

	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		struct conf_problem problem;
		struct conf *conf = NULL;

		if (conf_load_text_with("a.conf", files[i], rows, ARRAY_LEN(rows), &conf, &problem))
			fail_msg("refused: %s", problem.text);
		assert_int_equal(conf_list_len(conf, CONF_LIST_EXTENSIONS), 3);
		assert_string_equal(conf_list_where(conf, CONF_LIST_EXTENSIONS, 0), "a.conf:1");
		assert_string_equal(conf_list_where(conf, CONF_LIST_EXTENSIONS, 2), "database:extensions/3000");
		assert_string_equal(shown(conf, CONF_LIST_EXTENSIONS, 1),
				    "number=2000 password=x context=from-internal max_contacts=3 ");
		/* The default routes stay, since the file has none. */
		assert_int_equal(conf_list_len(conf, CONF_LIST_ROUTES), 4);
		assert_string_equal(conf_list_where(conf, CONF_LIST_ROUTES, 0), "default");
		assert_string_equal(conf_list_where(conf, CONF_LIST_ROUTES, 3), "database:routes/r1");
		assert_string_equal(shown(conf, CONF_LIST_ROUTES, 3),
				    "pattern=5555 context=from-internal target=2000 code=404 times=Mon ");
		conf_free(conf);
	}
}

static void test_config_bad_rows_are_named(void **state)
{
	static const struct {
		struct conf_row row;
		const char *problem, *field;
	} rows[] = {
		{{"extensions", "3", "{ number = \"3\"; password = \"x\"; colour = 1; }"},
		 "database:extensions/3: unknown key extensions[0].colour;",
		 "colour"},
		{{"extensions", "3", "{ number = \"3\"; }"},
		 "database:extensions/3: extension \"3\" has no password",
		 ""},
		{{"extensions", "1000", "{ number = \"1000\"; password = \"x\"; }"},
		 "database:extensions/1000: extension \"1000\" is there twice; the other one is at a.conf:1",
		 "number"},
		{{"extensions", "3", "{ number = \"3\"; password = \"x\"; max_contacts = 4294967297L; }"},
		 "database:extensions/3: extensions[0].max_contacts = 4294967297 is out of range",
		 "max_contacts"},
		{{"routes", "r", "{ pattern = \"9\"; action = \"trunk\"; target = \"t\"; }"},
		 "database:routes/r: route \"9\" leads to the trunk \"t\"",
		 "target"},
		{{"trunks", "t", "{ name = \"t\"; host = \"h h\"; }"}, "database:trunks/t: ", "host"},
		{{"extensions", "3", "{ number = "}, "database:extensions/3: syntax error", ""},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct conf_problem problem;
		struct conf *conf = NULL;

		assert_int_not_equal(conf_load_text_with("a.conf",
							 "extensions = ( { number = \"1000\"; password = \"p\"; } );",
							 &rows[i].row, 1, &conf, &problem),
				     0);
		if (strncmp(problem.text, rows[i].problem, strlen(rows[i].problem)) != 0 ||
		    strcmp(problem.field, rows[i].field) != 0 || !problem.is_row)
			fail_msg("%zu: %s (%s)", i, problem.text, problem.field);
		assert_null(conf);
	}
}

static void add_difference(void *arg, const char *path)
{
	text_printf(arg, "%s ", path);
}

static void test_config_differences_are_named(void **state)
{
	static const struct {
		const char *a, *b, *paths;
	} rows[] = {
		{"", "", ""},
		{"sip: { listen_port = 5060; };", "", ""},
		{"", "sip: { listen_port = 5061; realm = \"x\"; };", "sip.listen_port sip.realm "},
		{"security: { deny = [ \"192.0.2.1\" ]; };", "security: { deny = [ \"192.0.2.2\" ]; };",
		 "security.deny "},
		{"extensions = ({ number = \"1\"; password = \"a\"; });",
		 "extensions = ({ number = \"1\"; password = \"b\"; });", "extensions "},
		{"extensions = ({ number = \"1\"; password = \"a\"; });", "", "extensions "},
		{"dialplan: { routes = ({ pattern = \"1\"; code = 404; }); };",
		 "\n\ndialplan: { routes = ({ pattern = \"1\"; code = 404; }); };", ""},
		{"media: { port_pool: { start = 20000; end = 30000; }; };", "", "media.port_pool "},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct conf *a, *b;
		struct conf_problem problem;
		char buffer[256];
		struct text text;

		text_init(&text, buffer, sizeof(buffer));
		assert_int_equal(conf_load_text("a", rows[i].a, &a, &problem), 0);
		assert_int_equal(conf_load_text("b", rows[i].b, &b, &problem), 0);
		conf_compare(a, b, add_difference, &text);
		assert_string_equal(buffer, rows[i].paths);
		conf_free(a);
		conf_free(b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_config_empty_file_gives_defaults),
		cmocka_unit_test(test_config_full_file_is_read),
		cmocka_unit_test(test_config_bad_files_say_what_and_what_to_do),
		cmocka_unit_test(test_config_files_that_cannot_be_read),
		cmocka_unit_test(test_config_sample_loads_with_and_without_its_examples),
		cmocka_unit_test(test_config_sample_in_the_repository_is_the_schema),
		cmocka_unit_test(test_config_quickstart_loads),
		cmocka_unit_test(test_config_rows_stand_behind_those_of_the_file),
		cmocka_unit_test(test_config_bad_rows_are_named),
		cmocka_unit_test(test_config_differences_are_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
