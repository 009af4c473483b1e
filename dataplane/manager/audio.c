/* Coders of a stream's audio: made here, where allocating is allowed, used by the worker, and freed here when they come back. */
#include "dataplane/manager/private.h"

#include <stdlib.h>

#include <rte_random.h>

static struct codec_settings settings_of(const struct shm_audio *audio)
{
	return (struct codec_settings){.rate_hz = audio->rate_hz,
				       .bitrate_bps = audio->bitrate_bps,
				       .playback_hz = audio->playback_hz,
				       .flags = audio->flags,
				       .modes = audio->modes};
}

static void *memory(size_t size)
{
	return size ? aligned_alloc(PLAYOUT_ALIGN, (size + PLAYOUT_ALIGN - 1) / PLAYOUT_ALIGN * PLAYOUT_ALIGN) : NULL;
}

static int playout_of(const struct shm_audio *audio, struct playout **ret_playout)
{
	struct playout_setup setup = {.codec = (enum codec_id)audio->codec,
				      .settings = settings_of(audio),
				      .payload_type = audio->payload_type,
				      .event_type = audio->event_type,
				      .noise_type = audio->noise_type,
				      .fixed_ms = audio->playout_ms,
				      .detects_tones = audio->dtmf == SHM_DTMF_INBAND};
	struct playout *playout = memory(playout_size(&setup));
	int error = playout ? playout_init(playout, &setup) : ERR_NOMEM;

	if (error)
		free(playout);
	else
		*ret_playout = playout;
	return error;
}

static int talker_of(const struct shm_audio *audio, struct talker **ret_talker)
{
	struct talker_setup setup = {.codec = (enum codec_id)audio->codec,
				     .settings = settings_of(audio),
				     .payload_type = audio->payload_type,
				     .event_type = audio->event_type,
				     .ptime_ms = audio->ptime_ms,
				     .makes_tones = audio->dtmf == SHM_DTMF_INBAND,
				     .ssrc = (uint32_t)rte_rand(),
				     .timestamp = (uint32_t)rte_rand(),
				     .sequence = (uint16_t)(rte_rand() & 0x7fff)};
	struct talker *talker = memory(talker_size(&setup));
	int error = talker ? talker_init(talker, &setup) : ERR_NOMEM;

	if (error)
		free(talker);
	else
		*ret_talker = talker;
	return error;
}

int manager_audio(struct stream_wish *wish)
{
	const struct shm_audio *audio = &wish->set.audio;
	int error;

	wish->playout = NULL;
	wish->talker = NULL;
	if (audio->codec >= CODEC_COUNT)
		return ERR_INVALID;
	if (!audio->codec || !audio->is_coded)
		return 0;
	if (!codec_rate_is_possible((enum codec_id)audio->codec, audio->rate_hz))
		return ERR_UNSUPPORTED;
	error = playout_of(audio, &wish->playout);
	if (!error)
		error = talker_of(audio, &wish->talker);
	if (error)
		manager_audio_free(wish);
	return error;
}

void manager_audio_free(struct stream_wish *wish)
{
	playout_fini(wish->playout);
	talker_fini(wish->talker);
	free(wish->playout);
	free(wish->talker);
	wish->playout = NULL;
	wish->talker = NULL;
}
