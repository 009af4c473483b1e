/* A token bucket. */
#include "lib/container/bucket.h"

void bucket_init(struct bucket *bucket, uint32_t rate, uint64_t now_ms)
{
	*bucket = (struct bucket){.rate = rate, .milli_tokens = rate * 1000ull, .then_ms = now_ms};
}

/* A rate of n a second is n thousandths a millisecond. */
static void fill(struct bucket *bucket, uint64_t now_ms)
{
	uint64_t passed_ms = MIN(now_ms - bucket->then_ms, 1000);

	bucket->milli_tokens = MIN(bucket->milli_tokens + passed_ms * bucket->rate, bucket->rate * 1000ull);
	bucket->then_ms = now_ms;
}

bool bucket_has(struct bucket *bucket, uint64_t now_ms)
{
	fill(bucket, now_ms);
	return bucket->rate == 0 || bucket->milli_tokens >= 1000;
}

bool bucket_take(struct bucket *bucket, uint64_t now_ms)
{
	if (!bucket_has(bucket, now_ms))
		return false;
	if (bucket->rate > 0)
		bucket->milli_tokens -= 1000;
	return true;
}
