/* DPDK's log stream, line by line. */
#include "dataplane/app/dpdk_log.h"

#include <stdio.h>
#include <sys/types.h>

#include <rte_log.h>

#include "lib/log/log.h"

static FILE *stream;
static char last_error[256] = "no reason given";

/* One message a call: DPDK flushes after each. */
static ssize_t on_write(void *cookie, const char *bytes, size_t size)
{
	struct view line = view_trim((struct view){bytes, size});

	if (line.size == 0)
		return (ssize_t)size;
	if (rte_log_cur_msg_loglevel() <= (int)RTE_LOG_ERR) {
		(void)!view_copy(view_sub(line, 0, sizeof(last_error) - 1), last_error, sizeof(last_error));
		log_warning("dpdk", "%.*s", VIEW_ARG(line));
	} else {
		log_debug("dpdk", "%.*s", VIEW_ARG(line));
	}
	return (ssize_t)size;
}

int dpdk_log_init(void)
{
	stream = fopencookie(NULL, "w", (cookie_io_functions_t){.write = on_write});
	if (!stream)
		return ERR_NOMEM;
	if (rte_openlog_stream(stream)) {
		dpdk_log_fini();
		return ERR_NOMEM;
	}
	return 0;
}

void dpdk_log_fini(void)
{
	(void)rte_openlog_stream(NULL);
	if (stream)
		fclose(stream);
	stream = NULL;
}

const char *dpdk_log_last_error(void)
{
	return last_error;
}
