/* Counters of the dataplane, judged. */
#include "controlplane/media/media.h"

void media_quality(const struct shm_stream_counters *counters, const char *codec, struct quality *ret_quality)
{
	struct view rest = view_of(codec), name = view_cut(&rest, '/');
	struct quality_input input = {
		.codec = quality_codec_find(name),
		.received = counters->rtp_in,
		.lost = counters->lost,
		.loss_runs = counters->loss_runs,
		.jitter_us = counters->jitter_us,
		.round_trip_us = counters->round_trip_us,
	};

	*ret_quality = quality_of(&input);
}
