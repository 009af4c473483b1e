/* What DPDK says goes to our log: its errors as warnings, the rest as debug lines; and its last error is kept for the one
 * line of a refused start. Main thread calls these; DPDK's lines may come from any. */
#ifndef DATAPLANE_APP_DPDK_LOG_H
#define DATAPLANE_APP_DPDK_LOG_H

#include "lib/base/base.h"

/* Before rte_eal_init. ERR_NOMEM. */
int dpdk_log_init(void) WARN_UNUSED;
void dpdk_log_fini(void);
/* "no reason given" when there was none. Valid until the next line. */
const char *dpdk_log_last_error(void);

#endif
