/* What has to be done to a packet of one stream so that the peer of another understands it. */
#include "dataplane/stream/private.h"

#include "lib/codec/codec.h"

static bool is_g711(const struct shm_audio *audio)
{
	return audio->codec == CODEC_PCMU || audio->codec == CODEC_PCMA;
}

enum stream_conversion stream_conversion(const struct shm_audio *from, const struct shm_audio *to)
{
	bool is_same = from->codec == to->codec;

	if (!from->codec || !to->codec)
		return STREAM_RELAYED;
	if (from->is_coded && to->is_coded)
		return STREAM_CODED;
	if (is_same && from->payload_type == to->payload_type && from->event_type == to->event_type &&
	    from->noise_type == to->noise_type)
		return STREAM_RELAYED;
	if (is_same || (is_g711(from) && is_g711(to)))
		return STREAM_CONVERTED;
	return STREAM_RELAYED;
}
