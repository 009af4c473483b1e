/* What is wanted becomes commands: one a stream and turn, later when the ring is full. */
#include "controlplane/media/media_private.h"

void media_program(struct media_stream *stream)
{
	struct media *media = stream->media;

	if (list_is_empty(&stream->pending_link))
		list_add(&media->pending, &stream->pending_link);
	loop_defer(media->loop, &media->flush);
}

static int put(struct media *media, uint32_t worker, const struct shm_command *command)
{
	int error;

	/* Our own mistakes end here, where they can be found. */
	if (BUG_ON(shm_command_check(&media->place->segment, worker, command) < 0))
		return 0;
	error = shm_command_put(&media->rings[worker].commands, command);
	if (error == 0)
		media->stats.programmed++;
	else if (error == ERR_CORRUPT)
		media_event_corrupt(media, worker, "command");
	return error;
}

int media_program_del(struct media *media, const struct shm_stream_id *id)
{
	struct shm_command command = {.type = SHM_COMMAND_STREAM_DEL, .u.stream_del.id = *id};

	return put(media, id->worker, &command);
}

int media_stream_digit(struct media_stream *stream, const struct shm_digit *digit)
{
	struct shm_command command = {.type = SHM_COMMAND_STREAM_DIGIT,
				      .u.stream_digit = {.id = stream->set.id, .digit = *digit}};

	if (stream->media->link != MEDIA_ATTACHED || !stream->is_programmed || !stream->set.audio.is_coded)
		return ERR_STATE;
	return put(stream->media, stream->set.id.worker, &command);
}

static int program_set(struct media_stream *stream)
{
	struct shm_command command = {.type = SHM_COMMAND_STREAM_SET, .u.stream_set = stream->set};
	int error;

	if (stream->source && stream->source->is_placed)
		command.u.stream_set.source = stream->source->set.id;
	error = put(stream->media, stream->set.id.worker, &command);
	explicit_bzero(&command, sizeof(command)); /* its keys */
	if (!error) {
		stream->is_programmed = true;
		stream->is_key_used |= stream->set.key_out.suite != SECURE_NONE;
	}
	return error;
}

void media_program_flush(struct media *media)
{
	uint64_t full = 0; /* a bit a worker */

	if (media->link != MEDIA_ATTACHED)
		return;
	LIST_FOREACH_SAFE (it, &media->pending) {
		struct media_stream *stream = LIST_ENTRY(it, struct media_stream, pending_link);
		uint64_t bit = UINT64_C(1) << stream->set.id.worker;
		int error = 0;

		if (full & bit)
			continue;

		if (stream->is_placed && stream->state == MEDIA_STREAM_WANTED) {
			error = program_set(stream);
		} else if (stream->is_placed && stream->state == MEDIA_STREAM_ENDING) {
			error = media_program_del(media, &stream->set.id);
			if (!error)
				stream->del_ms = loop_now_ms(media->loop);
		}
		if (!error) {
			list_del(&stream->pending_link);
			continue;
		}
		/* That worker's ring is full: the others may have room, this one is tried at the next tick. */
		media->stats.postponed++;
		full |= bit;
		if ((uint32_t)__builtin_popcountll(full) == media->place->segment.worker_count)
			return;
	}
}
