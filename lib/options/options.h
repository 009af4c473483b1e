/* The command line that both daemons share: one table of options, one usage text, one way to refuse.
 *
 * Used by the app folders' main, once, before there are threads. A refusal is one line on `errors` that says what is
 * wrong and how to learn more. The strings of struct options are argv's own.
 */
#ifndef LIB_OPTIONS_OPTIONS_H
#define LIB_OPTIONS_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct options_program {
	const char *name, *version;
	bool has_port;         /* takes --port */
	FILE *output, *errors; /* --help and --version; refusals */
};

struct options {
	const char *config_path; /* never NULL when OPTIONS_RUN */
	const char *log_level;   /* a level's name; NULL: as configured */
	uint16_t port;           /* 0: as configured */
	bool is_check;           /* read and check the configuration, start nothing */
};

enum options_outcome {
	OPTIONS_RUN,
	OPTIONS_TOLD,    /* --help, --version: printed, exit with success */
	OPTIONS_REFUSED, /* printed, exit with failure */
};

enum options_outcome options_parse(const struct options_program *program, int argc, char **argv,
				   struct options *ret_options);

#endif
