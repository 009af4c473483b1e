/* Delays in buckets that are 3 % wide. */
#include "bench/media/media.h"

static uint32_t upper_end(unsigned bucket)
{
	unsigned log = bucket >> BUCKET_BITS, low = bucket & ((1u << BUCKET_BITS) - 1);

	return log == 0 ? bucket : (uint32_t)(((uint64_t)((1u << BUCKET_BITS) + low + 1) << (log - 1)) - 1);
}

uint32_t histogram_quantile(const struct histogram *histogram, double share)
{
	uint64_t wanted = (uint64_t)((double)histogram->total * share), seen = 0;

	for (unsigned i = 0; i < BUCKET_COUNT; i++) {
		seen += histogram->counts[i];
		if (seen > wanted || (seen == histogram->total && seen > 0))
			return upper_end(i) < histogram->max ? upper_end(i) : histogram->max;
	}
	return 0;
}
