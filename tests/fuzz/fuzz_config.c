/* The loader of the configuration file: any text is either refused with a line or gives a struct that keeps its promises. */
#include "lib/config/config.h"

#include <stdlib.h>

/* libconfig 1.5 forgets a string that a syntax error follows; a refused file is read once, at start. */
const char *__lsan_default_suppressions(void)
{
	return "leak:libconfig";
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	struct conf_problem problem;
	struct conf *conf = NULL;

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	if (conf_load_text("fuzz", text, &conf, &problem)) {
		if (problem.text[0] == '\0' || strchr(problem.text, '\n'))
			abort();
	} else {
		if (conf->media.port_pool.start % 2 || conf->sip.listen_port == 0 || conf->dataplane.workers == 0 ||
		    conf->sip.transports == 0)
			abort();
		for (size_t i = 0; i < conf->extension_count; i++)
			if (!conf->extensions[i].number[0] || conf->extensions[i].max_contacts == 0)
				abort();
		conf_free(conf);
	}
	free(text);
	return 0;
}
