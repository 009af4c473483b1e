/* Inside controlplane/defence: the buckets of rates.c. */
#ifndef CONTROLPLANE_DEFENCE_DEFENCE_PRIVATE_H
#define CONTROLPLANE_DEFENCE_DEFENCE_PRIVATE_H

#include "controlplane/defence/defence.h"

#include <pthread.h>

enum { RATES_WAYS = 8 };

/* A token bucket: fills with `per_second` a second up to one second's worth. */
struct rate {
	struct net_address address; /* family 0: free */
	uint32_t tokens;            /* thousandths, as of filled_ms */
	uint64_t filled_ms;
};
struct rates {
	struct rate *rows;
	size_t set_count;
	uint32_t per_second;  /* 0: no limit */
	pthread_mutex_t lock; /* over the rows */
};
int rates_init(struct rates *rates, size_t count) WARN_UNUSED;
void rates_fini(struct rates *rates);
/* Takes a token; false: there is none. */
bool rates_take(struct rates *rates, const struct net_address *address, uint64_t now_ms);

#endif
