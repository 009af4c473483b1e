/* What crosses the segment about the audio of a stream: how its peer codes it, and the digits its user presses. Part of
 * lib/shm/abi.h.
 *
 * Threads: constants and plain values. The codecs behind the numbers are lib/codec's.
 */
#ifndef LIB_SHM_AUDIO_H
#define LIB_SHM_AUDIO_H

#include "lib/base/base.h"

/* How the peer codes its audio, and what is sent to it coded: as its session description and ours agreed. codec 0: not
 * said, and then whatever comes is relayed as it is. A stream and its source that both say it are converted into each
 * other where they differ. The numbers are those of struct codec_settings of lib/codec. */
#define SHM_NO_PAYLOAD_TYPE 255
#define SHM_DTMF_LIST(X)                                                                                               \
	X(SHM_DTMF_NONE, "none")       /* digits are not looked at */                                                  \
	X(SHM_DTMF_RFC4733, "rfc4733") /* events of the type event_type */                                             \
	X(SHM_DTMF_INFO, "info")       /* by signalling: told, and taken, by the control plane */                      \
	X(SHM_DTMF_INBAND, "inband")   /* tones in the audio */
enum shm_dtmf {
#define X(name, text) name,
	SHM_DTMF_LIST(X)
#undef X
		SHM_DTMF_COUNT
};
const char *shm_dtmf_name(unsigned dtmf);

struct shm_audio {
	uint8_t codec; /* enum codec_id */
	uint8_t payload_type;
	uint8_t event_type, noise_type; /* payload types of telephone-event and CN, or SHM_NO_PAYLOAD_TYPE */
	uint8_t ptime_ms;               /* of what is sent; 0: the codec's usual one */
	uint8_t dtmf;                   /* enum shm_dtmf */
	uint8_t playout_ms;             /* the jitter buffer's fixed delay; 0: adaptive */
	uint8_t is_coded; /* 1: the engine decodes and encodes it; 0: converted packet by packet at most */
	uint32_t rate_hz; /* of the samples at which this side and the other meet */
	uint32_t bitrate_bps, playback_hz;
	uint16_t flags, modes;
};

/* A digit, or another event of RFC 4733. */
#define SHM_DIGIT_EVENT_MAX 16 /* 0 to 9, * #, A to D, flash */
struct shm_digit {
	uint32_t event;
	uint32_t duration_ms; /* in a command 0: 100 ms */
};

#endif
