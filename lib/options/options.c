/* The daemons' options: rows of one table, from which getopt's table, the usage text and the dispatch are made. */
#include <getopt.h>

#include "lib/base/base.h"
#include "lib/log/log.h"
#include "lib/options/options.h"

enum { CONFIG, LOG_LEVEL, PORT, CHECK_CONFIG, VERSION, HELP, OPTION_COUNT };

static const struct row {
	const char *name, *argument, *help;
} rows[OPTION_COUNT] = {
	[CONFIG] = {"config", "FILE", "the configuration (both daemons read the same file)"},
	[LOG_LEVEL] = {"log-level", "LEVEL", "DEBUG, INFO, WARNING, ERROR or CRITICAL instead of logging.level"},
	[PORT] = {"port", "PORT", "SIP port instead of sip.listen_port"},
	[CHECK_CONFIG] = {"check-config", "", "read and check the configuration, start nothing"},
	[VERSION] = {"version", "", "print the version"},
	[HELP] = {"help", "", "print this"},
};

static bool is_known(const struct options_program *program, int row)
{
	return row != PORT || program->has_port;
}

static void print_usage(const struct options_program *program)
{
	fprintf(program->output, "usage: %s --config FILE [options]\n", program->name);
	for (int i = 0; i < OPTION_COUNT; i++)
		if (is_known(program, i))
			fprintf(program->output, "  --%-12s %-6s %s\n", rows[i].name, rows[i].argument, rows[i].help);
}

static enum options_outcome refuse(const struct options_program *program, const char *what, const char *value)
{
	fprintf(program->errors, "%s: %s%s; --help tells the options\n", program->name, what, value);
	return OPTIONS_REFUSED;
}

static enum options_outcome take(const struct options_program *program, int row, const char *value,
				 struct options *options)
{
	enum log_level level;
	uint32_t port;

	switch (row) {
	case CONFIG:
		options->config_path = value;
		return OPTIONS_RUN;
	case LOG_LEVEL:
		options->log_level = value;
		return log_level_parse(view_of(value), &level) == 0
			       ? OPTIONS_RUN
			       : refuse(program, "--log-level does not know ", value);
	case PORT:
		if (view_to_u32(view_of(value), UINT16_MAX, &port) != 0 || port == 0)
			return refuse(program, "--port wants 1 to 65535, not ", value);
		options->port = (uint16_t)port;
		return OPTIONS_RUN;
	case CHECK_CONFIG:
		options->is_check = true;
		return OPTIONS_RUN;
	case VERSION:
		fprintf(program->output, "%s %s\n", program->name, program->version);
		return OPTIONS_TOLD;
	default:
		print_usage(program);
		return OPTIONS_TOLD;
	}
}

enum options_outcome options_parse(const struct options_program *program, int argc, char **argv,
				   struct options *ret_options)
{
	struct option table[OPTION_COUNT + 1] = {{0}};
	size_t known = 0;
	int row;

	for (int i = 0; i < OPTION_COUNT; i++)
		if (is_known(program, i))
			table[known++] = (struct option){
				rows[i].name, rows[i].argument[0] ? required_argument : no_argument, NULL, i};
	*ret_options = (struct options){0};
	opterr = 0;
	optind = 0; /* from the start, also a second time */
	while ((row = getopt_long(argc, argv, "", table, NULL)) != -1) {
		enum options_outcome outcome =
			row == '?' ? refuse(program, "unknown or incomplete option ", argv[optind - 1])
				   : take(program, row, optarg, ret_options);

		if (outcome != OPTIONS_RUN)
			return outcome;
	}
	if (optind < argc)
		return refuse(program, "unexpected argument ", argv[optind]);
	return ret_options->config_path ? OPTIONS_RUN : refuse(program, "--config FILE is needed", "");
}
