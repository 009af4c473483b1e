/* Where packets end that came from the peer and go nowhere: each end is a reason. */
#include "dataplane/stage/stage.h"

static void drop_all(struct stage_context *context, struct burst *burst, enum drop_reason reason)
{
	for (uint16_t i = 0; i < burst->count; i++)
		stage_drop_of_stream(context, burst->packets[i], packet_meta(burst->packets[i])->stream, reason);
	burst->count = 0;
}

/* Uses: stream. Sets: nothing. Drops: DROP_NO_SINK, all. Memory: a cold line of the stream. */
void stage_unheard(struct stage_context *context, struct burst *burst)
{
	drop_all(context, burst, DROP_NO_SINK);
}

/* Uses: stream. Sets: nothing. Drops: DROP_DIRECTION, all. Memory: a cold line of the stream. */
void stage_held(struct stage_context *context, struct burst *burst)
{
	drop_all(context, burst, DROP_DIRECTION);
}

/* Uses: stream. Sets: nothing. Drops: DROP_STUN, all. Memory: a cold line of the stream. */
void stage_binding(struct stage_context *context, struct burst *burst)
{
	drop_all(context, burst, DROP_STUN);
}
