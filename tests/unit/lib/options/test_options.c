/* What the daemons' command line takes, tells and refuses. */
#include <stdlib.h>
#include <string.h>

#include "lib/options/options.h"
#include "tests/unit/unit.h"

static const struct row {
	const char *name;
	const char *arguments[6];
	bool has_port;
	enum options_outcome outcome;
	const char *told; /* a part of what is printed */
} rows[] = {
	{"the least", {"--config", "a.conf"}, false, OPTIONS_RUN, ""},
	{"all of them",
	 {"--config=a.conf", "--log-level", "DEBUG", "--port=5070", "--check-config"},
	 true,
	 OPTIONS_RUN,
	 ""},
	{"help", {"--help"}, false, OPTIONS_TOLD, "usage: daemon --config FILE"},
	{"version", {"--version"}, false, OPTIONS_TOLD, "daemon 1.2"},
	{"no configuration", {NULL}, false, OPTIONS_REFUSED, "daemon: --config FILE is needed; --help tells"},
	{"unknown", {"--config", "a", "--colour"}, false, OPTIONS_REFUSED, "unknown or incomplete option --colour;"},
	{"without its value", {"--config"}, false, OPTIONS_REFUSED, "unknown or incomplete option --config;"},
	{"a level that is none", {"--log-level", "LOUD"}, false, OPTIONS_REFUSED, "--log-level does not know LOUD;"},
	{"port 0", {"--port", "0"}, true, OPTIONS_REFUSED, "--port wants 1 to 65535, not 0;"},
	{"port too high", {"--port", "65536"}, true, OPTIONS_REFUSED, "not 65536;"},
	{"a port where none is taken", {"--port", "5070"}, false, OPTIONS_REFUSED, "unknown or incomplete option"},
	{"left over", {"--config", "a", "b"}, false, OPTIONS_REFUSED, "unexpected argument b;"},
};

static void test_options(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct row *row = &rows[i];
		char *argv[8] = {"daemon"}, *text = NULL;
		struct options options;
		size_t size;
		FILE *stream = open_memstream(&text, &size);
		struct options_program program = {"daemon", "1.2", row->has_port, stream, stream};
		int argc = 1;
		enum options_outcome outcome;

		for (; row->arguments[argc - 1]; argc++)
			argv[argc] = strdup(row->arguments[argc - 1]);
		outcome = options_parse(&program, argc, argv, &options);
		fclose(stream);
		if (outcome != row->outcome || !strstr(text, row->told))
			fail_msg("%s: outcome %d, printed: %s", row->name, outcome, text);
		if (outcome == OPTIONS_RUN) {
			assert_string_equal(options.config_path, "a.conf");
			assert_int_equal(options.port, row->has_port ? 5070 : 0);
			assert_int_equal(options.is_check, row->has_port);
		}
		for (int a = 1; a < argc; a++)
			free(argv[a]);
		free(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_options)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
