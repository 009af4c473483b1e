/* A token bucket: so many events a second on average, at most a second's worth at once.
 *
 * Used for calls per second, of the whole server and of each trunk. Threads: one at a time. Time is an argument.
 * Cost: a few additions. A rate of 0 is no limit.
 */
#ifndef LIB_CONTAINER_BUCKET_H
#define LIB_CONTAINER_BUCKET_H

#include "lib/base/base.h"

struct bucket {
	uint32_t rate;         /* tokens a second, and room for as many; 0: no limit */
	uint64_t milli_tokens; /* thousandths, as of then_ms */
	uint64_t then_ms;
};

void bucket_init(struct bucket *bucket, uint32_t rate, uint64_t now_ms); /* full */
bool bucket_has(struct bucket *bucket, uint64_t now_ms);                 /* one could be taken */
bool bucket_take(struct bucket *bucket, uint64_t now_ms);                /* false: none was there */

#endif
