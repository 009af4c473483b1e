/* Whether two streams understand each other, and what has to be done where they do not. Part of dataplane/stream/stream.h.
 *
 * Used by the graph, which chooses lanes by it, and by the stage that converts. Threads: a pure function.
 */
#ifndef DATAPLANE_STREAM_CONVERSION_H
#define DATAPLANE_STREAM_CONVERSION_H

#include "lib/shm/audio.h"

/* How what one stream receives becomes what another sends (audio.c). */
enum stream_conversion {
	STREAM_RELAYED,   /* as it is */
	STREAM_CONVERTED, /* every packet by itself: payload type, and G.711 from one law to the other */
	STREAM_CODED,     /* decoded, and encoded in ticks (lib/playout) */
};
enum stream_conversion stream_conversion(const struct shm_audio *from, const struct shm_audio *to);

#endif
