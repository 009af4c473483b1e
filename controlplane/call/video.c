/* The first video line of a session: anchored like the audio, on a second stream of the leg, and relayed as it is. Streams are
 * opened when a description with video is passed on, and closed when an answer has none. All other lines are rejected. */
#include "controlplane/call/session.h"

#include <stdlib.h>

#include "lib/log/log.h"
#include "lib/sdp/sdp.h"

static bool find_video(const struct sdp_session *session, unsigned *ret_index)
{
	for (unsigned i = 0; i < session->media_count; i++) {
		const struct sdp_media *media = &session->media[i];

		if (media->type == SDP_TYPE_VIDEO && media->port > 0 && sdp_protocol_is_rtp(media->protocol) &&
		    !sdp_protocol_is_encrypted(media->protocol)) {
			*ret_index = i;
			return true;
		}
	}
	return false;
}

/* NULL without memory: then there is no video. */
static struct leg_video *video_of(struct leg *leg)
{
	if (!leg->video)
		leg->video = calloc(1, sizeof(*leg->video));
	return leg->video;
}

void video_read(struct leg *from, const struct sdp_session *session)
{
	struct leg_video_media offered = {.is_there = false};
	enum sdp_direction direction;
	unsigned index;

	if (!find_video(session, &index) || !video_of(from)) {
		if (from->video)
			from->video->offered = offered;
		return;
	}
	offered.is_there = true;
	offered.rtcp_mux = session->media[index].has_rtcp_mux;
	if (sdp_media_rtp(session, index, &offered.rtp) != 0 || net_address_is_any(&offered.rtp.address))
		offered.rtp = (struct net_endpoint){0};
	else if (session->media[index].rtcp_port > 0 &&
		 sdp_media_rtcp(session, index, offered.rtcp_mux, &offered.rtcp) != 0)
		offered.rtcp = (struct net_endpoint){0};
	direction = sdp_media_direction(session, index);
	offered.is_sending = direction & SDP_SENDONLY;
	offered.is_receiving = direction & SDP_RECVONLY;
	from->video->offered = offered;
}

/* Without video a call goes on: what the engine cannot carry is only told. */
static void on_video(struct media_stream *stream, const struct media_event *event, void *arg)
{
	struct leg *leg = arg;

	if (event->type == MEDIA_REFUSED)
		log_call(LOG_LEVEL_WARNING, "call", leg->call->id, "the media engine refused the %s's video: %s",
			 cdr_side_name(leg->side), error_text(event->error));
	if (event->type != MEDIA_GONE)
		return;
	leg->video->endings--;
	call_check_empty(leg->call);
}

void video_prepare(struct leg *from, struct leg *to, const struct sdp_session *session, bool is_answer)
{
	struct leg_video *video;
	unsigned index;

	if (!find_video(session, &index) || !to->stream || !from->video || !video_of(to))
		return;
	if (!is_answer)
		from->video->wants_mux = session->media[index].has_rtcp_mux;
	video = to->video;
	if (video->stream)
		return;
	if (media_stream_new(to->call->table->services.media, &to->remote.address, to->stream, on_video, to,
			     &video->stream) != 0) {
		video->stream = NULL;
		log_call(LOG_LEVEL_WARNING, "call", to->call->id, "no stream for the %s's video: it is rejected",
			 cdr_side_name(to->side));
		return;
	}
	media_stream_set_timeout(video->stream, 0);
}

void video_print(const struct leg *to, const struct sdp_session *session, bool is_answer, struct sdp_local_media *local)
{
	unsigned index;

	if (!to->video || !to->video->stream || !find_video(session, &index))
		return;
	local[index].port = media_stream_advertised(to->video->stream)->port;
	local[index].has_rtcp_mux = is_answer ? to->video->wants_mux : session->media[index].has_rtcp_mux;
}

void video_close(struct leg *leg)
{
	if (!leg->video || !leg->video->stream)
		return;
	leg->video->endings++;
	media_stream_del(leg->video->stream);
	leg->video->stream = NULL;
}

bool video_is_gone(const struct leg *leg)
{
	return !leg->video || (!leg->video->stream && leg->video->endings == 0);
}

void video_commit(struct leg *leg)
{
	const struct leg_video_media *media = leg->video ? &leg->video->offered : NULL;

	if (media && !media->is_there)
		video_close(leg);
	if (!media || !leg->video->stream)
		return;
	if (media_stream_set_remote(leg->video->stream, media->rtp.port > 0 ? &media->rtp : NULL,
				    media->rtcp.port > 0 ? &media->rtcp : NULL, media->rtcp_mux) != 0)
		log_call(LOG_LEVEL_WARNING, "call", leg->call->id,
			 "the %s's video address cannot be reached: waiting for its packets", cdr_side_name(leg->side));
	media_stream_set_direction(leg->video->stream, media->is_sending, media->is_receiving);
}

void video_join(struct leg *a, struct leg *b)
{
	if (!a->video || !b->video || !a->video->stream || !b->video->stream || a == b)
		return;
	if (BUG_ON(media_stream_set_source(a->video->stream, b->video->stream) != 0))
		return; /* opened beside their audio: one worker */
	(void)BUG_ON(media_stream_set_source(b->video->stream, a->video->stream) != 0);
}
