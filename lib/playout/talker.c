/* What is said to a peer: samples into packets of its codec and packet time, digits into events or tones, with sequence
 * numbers and timestamps that go on whatever happens. */
#include "lib/playout/private.h"

#define END_PACKETS 3 /* RFC 4733 2.5.1.4: the end is said three times */
#define SEGMENT_MAX 0xffffu
#define ROOM_MS     (PLAYOUT_TICK_MS_MAX + 120)

enum digit_state { DIGIT_NONE, DIGIT_TONE, DIGIT_EVENT, DIGIT_PAUSE };

struct talker {
	struct talker_setup setup;
	const struct codec_row *row;
	struct codec_encoder *encoder;
	uint32_t rate_hz, frame; /* samples a packet */
	uint32_t timestamp;      /* of the first sample in `samples` */
	uint16_t sequence;
	bool has_marker; /* the next packet begins a talkspurt */
	/* digits */
	enum digit_state state;
	struct dtmf_queue digits;
	struct dtmf_digit digit;
	struct dtmf_tone tone;
	uint32_t digit_left;  /* samples until it is let go of, or its pause is over */
	uint32_t event_start; /* timestamp of the segment */
	uint32_t event_ticks; /* said so far of the segment */
	uint8_t ends;         /* end packets still to say */
	bool is_event_begun;
	uint32_t count;
	int16_t samples[];
};

static uint32_t to_ticks(const struct talker *talker, uint32_t samples)
{
	return (uint32_t)((uint64_t)samples * talker->row->clock_hz / talker->rate_hz);
}

static uint32_t of_ms(const struct talker *talker, uint32_t ms)
{
	return talker->rate_hz / 1000 * ms;
}

/* ---- digits ---- */

bool talker_digit(struct talker *talker, const struct dtmf_digit *digit)
{
	struct dtmf_digit pressed = *digit;

	if (pressed.duration_ms == 0)
		pressed.duration_ms = DTMF_USUAL_MS;
	pressed.duration_ms = MIN(MAX(pressed.duration_ms, 50u), 30000u);
	if (pressed.volume == 0)
		pressed.volume = 10;
	return dtmf_queue_put(&talker->digits, &pressed);
}

static void press_next(struct talker *talker)
{
	if (talker->state != DIGIT_NONE || !dtmf_queue_take(&talker->digits, &talker->digit))
		return;
	if (talker->setup.event_type != PLAYOUT_NO_TYPE && !talker->setup.makes_tones) {
		talker->state = DIGIT_EVENT;
		talker->is_event_begun = false;
		talker->event_ticks = 0;
	} else if (dtmf_tone_begin(&talker->tone, talker->digit.event, talker->rate_hz)) {
		talker->state = DIGIT_TONE;
	} else {
		return; /* a flash, to somebody who cannot hear of it */
	}
	talker->digit_left = of_ms(talker, talker->digit.duration_ms);
}

/* The samples as the peer shall hear them while a key is pressed; time goes on for the key. */
static void press_on(struct talker *talker, int16_t *samples, uint32_t count)
{
	uint32_t some = MIN(count, talker->digit_left);

	if (talker->state == DIGIT_TONE) {
		dtmf_tone_make(&talker->tone, samples, some);
		memset(samples + some, 0, (count - some) * sizeof(*samples));
	} else if (talker->state == DIGIT_EVENT) {
		memset(samples, 0, count * sizeof(*samples));
	}
	talker->digit_left -= some;
	if (talker->digit_left > 0)
		return;
	if (talker->state == DIGIT_TONE) {
		talker->state = DIGIT_PAUSE;
		talker->digit_left = of_ms(talker, DTMF_PAUSE_MS);
	} else if (talker->state == DIGIT_PAUSE) {
		talker->state = DIGIT_NONE;
	}
}

/* ---- packets ---- */

static void write_header(struct talker *talker, uint8_t *packet, uint8_t type, uint32_t timestamp)
{
	const uint32_t words[2] = {timestamp, talker->setup.ssrc};

	packet[0] = 0x80;
	packet[1] = (uint8_t)((talker->has_marker ? 0x80 : 0) | type);
	packet[2] = (uint8_t)(talker->sequence >> 8);
	packet[3] = (uint8_t)talker->sequence;
	for (int i = 0; i < 2; i++)
		for (int b = 0; b < 4; b++)
			packet[4 + 4 * i + b] = (uint8_t)(words[i] >> (24 - 8 * b));
	talker->sequence++;
	talker->has_marker = false;
}

/* A packet time of a pressed key. */
static size_t next_event(struct talker *talker, uint8_t *packet)
{
	uint32_t ticks = to_ticks(talker, talker->frame);
	bool is_begun = talker->is_event_begun;

	if (!is_begun) {
		talker->event_start = talker->timestamp;
		talker->event_ticks = 0;
	} else if (talker->event_ticks + ticks > SEGMENT_MAX) {
		talker->event_start += talker->event_ticks;
		talker->event_ticks = 0;
	}
	talker->event_ticks += ticks;
	talker->timestamp += ticks;
	talker->count -= talker->frame;
	memmove(talker->samples, talker->samples + talker->frame, talker->count * sizeof(*talker->samples));
	if (!is_begun)
		talker->has_marker = true;
	if (talker->digit_left == 0)
		talker->ends = END_PACKETS;
	talker->is_event_begun = true;
	if (talker->ends)
		return 0; /* said by next_end */
	write_header(talker, packet, talker->setup.event_type, talker->event_start);
	dtmf_event_print(packet + RTP_HEADER_SIZE, &talker->digit, false, (uint16_t)talker->event_ticks);
	return RTP_HEADER_SIZE + DTMF_EVENT_SIZE;
}

static size_t next_end(struct talker *talker, uint8_t *packet)
{
	write_header(talker, packet, talker->setup.event_type, talker->event_start);
	dtmf_event_print(packet + RTP_HEADER_SIZE, &talker->digit, true, (uint16_t)talker->event_ticks);
	if (--talker->ends == 0) {
		talker->state = DIGIT_PAUSE;
		talker->digit_left = of_ms(talker, DTMF_PAUSE_MS);
		talker->has_marker = true;
	}
	return RTP_HEADER_SIZE + DTMF_EVENT_SIZE;
}

static size_t next_audio(struct talker *talker, uint8_t *packet, size_t capacity)
{
	int size = codec_encode(talker->encoder, talker->samples, talker->frame, packet + RTP_HEADER_SIZE,
				capacity - RTP_HEADER_SIZE);
	uint32_t timestamp = talker->timestamp;

	talker->timestamp += to_ticks(talker, talker->frame);
	talker->count -= talker->frame;
	memmove(talker->samples, talker->samples + talker->frame, talker->count * sizeof(*talker->samples));
	if (size <= 0) {
		/* Silence that need not be said. */
		talker->has_marker = true;
		return 0;
	}
	write_header(talker, packet, talker->setup.payload_type, timestamp);
	return RTP_HEADER_SIZE + (size_t)size;
}

size_t talker_next(struct talker *talker, uint8_t *packet, size_t capacity)
{
	size_t size = 0;

	if (BUG_ON(capacity < RTP_HEADER_SIZE + DTMF_EVENT_SIZE))
		return 0;
	while (size == 0) {
		if (talker->ends)
			return next_end(talker, packet);
		if (talker->count < talker->frame)
			return 0;
		size = talker->state == DIGIT_EVENT ? next_event(talker, packet) : next_audio(talker, packet, capacity);
	}
	return size;
}

void talker_put(struct talker *talker, const int16_t *samples, size_t count)
{
	int16_t *to = talker->samples + talker->count;

	if (BUG_ON(count > of_ms(talker, PLAYOUT_TICK_MS_MAX) || talker->count >= talker->frame))
		return;
	memcpy(to, samples, count * sizeof(*samples));
	talker->count += (uint32_t)count;
	press_next(talker);
	if (talker->state != DIGIT_NONE)
		press_on(talker, to, (uint32_t)count);
}

void talker_rest(struct talker *talker, size_t count)
{
	if (talker->state != DIGIT_NONE || talker->digits.count || talker->ends) {
		int16_t silence[CODEC_RATE_MAX_HZ / 1000 * PLAYOUT_TICK_MS_MAX] = {0};

		talker_put(talker, silence, MIN(count, ARRAY_LEN(silence)));
		return;
	}
	talker->timestamp += to_ticks(talker, talker->count + (uint32_t)count);
	talker->count = 0;
	talker->has_marker = true;
}

uint32_t talker_rate_hz(const struct talker *talker)
{
	return talker->rate_hz;
}

uint8_t talker_ptime_ms(const struct talker *talker)
{
	return (uint8_t)(talker->frame / of_ms(talker, 1));
}

/* ---- life ---- */

/* The packet time that is wanted, as the codec can have it: Opus codes 10, 20, 40 and 60 ms. */
static uint32_t fitting_ptime(const struct talker_setup *setup)
{
	const struct codec_row *row = codec_rows[setup->codec];
	uint32_t ptime_ms = setup->ptime_ms ? setup->ptime_ms : row->ptime_ms;

	ptime_ms = MIN(ptime_ms, (uint32_t)row->ptime_max_ms) / row->frame_ms * row->frame_ms;
	if (setup->codec == CODEC_OPUS && ptime_ms > 20)
		ptime_ms = ptime_ms / 20 * 20;
	return MAX(ptime_ms, (uint32_t)MAX(row->frame_ms, 5));
}

static size_t aligned(size_t size)
{
	return (size + PLAYOUT_ALIGN - 1) / PLAYOUT_ALIGN * PLAYOUT_ALIGN;
}

static size_t own_size(const struct talker_setup *setup)
{
	return aligned(sizeof(struct talker) + setup->settings.rate_hz / 1000 * ROOM_MS * sizeof(int16_t));
}

size_t talker_size(const struct talker_setup *setup)
{
	size_t encoder = codec_encoder_size(setup->codec, &setup->settings);

	return encoder ? own_size(setup) + encoder : 0;
}

int talker_init(struct talker *talker, const struct talker_setup *setup)
{
	memset(talker, 0, own_size(setup));
	talker->setup = *setup;
	talker->row = codec_rows[setup->codec];
	talker->rate_hz = setup->settings.rate_hz;
	talker->frame = of_ms(talker, fitting_ptime(setup));
	talker->timestamp = setup->timestamp;
	talker->sequence = setup->sequence;
	talker->has_marker = true;
	talker->encoder = (struct codec_encoder *)(void *)((uint8_t *)talker + own_size(setup));
	return codec_encoder_init(talker->encoder, setup->codec, &setup->settings);
}

void talker_continue(struct talker *talker, const struct talker *before)
{
	talker->setup.ssrc = before->setup.ssrc;
	talker->sequence = before->sequence;
	talker->timestamp = before->timestamp;
}

void talker_fini(struct talker *talker)
{
	if (talker)
		codec_encoder_fini(talker->encoder);
}
