/* The timeline of what a peer says: packets in their order, gaps filled, the delay kept as small as the network lets it. */
#include "lib/playout/private.h"

#define START_MS   40   /* adaptive delay to begin with */
#define JUMP_MS    2000 /* a timestamp farther off begins anew */
#define IDLE_MS    1000 /* after so long without a packet nothing is said any more */
#define SPARE_MS   15   /* delay that no packet of the last windows needed: more is taken out */
#define MOVED_MS   15   /* of a fixed delay: a clock that drifts is followed from there */
#define PAYLOAD_MS 60   /* longest packet, for memory */
#define WINDOW_MS  1000
#define WINDOWS    3
#define FIFO_MS    (CODEC_PACKET_MS_MAX + PLAYOUT_TICK_MS_MAX)

struct playout {
	struct playout_setup setup;
	const struct codec_row *row;
	struct codec_decoder *decoder;
	struct buffer buffer;
	struct playout_counters counters;
	struct dtmf_receiver receiver;
	struct dtmf_detector detector;
	struct noise noise;
	uint32_t rate_hz;
	bool is_running, has_played, is_noisy;
	uint32_t ssrc;
	bool has_own_conceal;
	uint32_t next;       /* timestamp of the sample that comes behind the fifo */
	uint32_t filled;     /* samples made up at the end of the timeline, which a late packet may take back */
	uint32_t unheard;    /* samples since a packet came */
	uint32_t last_count; /* samples of the last packet */
	/* the least and the greatest lead of packets before their turn, in samples, of the running window and earlier */
	int32_t least[WINDOWS], greatest[WINDOWS];
	uint32_t window_left;
	int32_t smooth_lead;
	uint32_t fifo_count, fifo_capacity;
	int16_t *fifo;
	struct conceal conceal; /* at the end: of a low rate only its begin is touched */
};

/* ---- time ---- */

static uint32_t to_ticks(const struct playout *playout, uint32_t samples)
{
	return (uint32_t)((uint64_t)samples * playout->row->clock_hz / playout->rate_hz);
}

static int32_t to_samples(const struct playout *playout, int32_t ticks)
{
	return (int32_t)((int64_t)ticks * playout->rate_hz / playout->row->clock_hz);
}

static uint32_t of_ms(const struct playout *playout, uint32_t ms)
{
	return playout->rate_hz / 1000 * ms;
}

/* How long before its turn a packet is here, in samples. */
static int32_t lead_of(const struct playout *playout, uint32_t timestamp)
{
	return to_samples(playout, (int32_t)(timestamp - playout->next)) + (int32_t)playout->fifo_count;
}

/* ---- the delay ---- */

static void windows_clear(struct playout *playout)
{
	for (int i = 0; i < WINDOWS; i++) {
		playout->least[i] = INT32_MAX;
		playout->greatest[i] = INT32_MIN;
	}
	playout->window_left = of_ms(playout, WINDOW_MS);
}

static void windows_move(struct playout *playout, int32_t samples)
{
	for (int i = 0; i < WINDOWS; i++) {
		if (playout->least[i] == INT32_MAX)
			continue;
		playout->least[i] += samples;
		playout->greatest[i] += samples;
	}
}

static void windows_pass(struct playout *playout, size_t count)
{
	if (playout->window_left > count) {
		playout->window_left -= (uint32_t)count;
		return;
	}
	for (int i = WINDOWS - 1; i > 0; i--) {
		playout->least[i] = playout->least[i - 1];
		playout->greatest[i] = playout->greatest[i - 1];
	}
	playout->least[0] = INT32_MAX;
	playout->greatest[0] = INT32_MIN;
	playout->window_left = of_ms(playout, WINDOW_MS);
}

static void observe(struct playout *playout, int32_t lead)
{
	playout->least[0] = MIN(playout->least[0], lead);
	playout->greatest[0] = MAX(playout->greatest[0], lead);
	playout->smooth_lead += (lead - playout->smooth_lead) / 8;
	playout->counters.delay_ms = (uint32_t)MAX(playout->smooth_lead, 0) / (playout->rate_hz / 1000);
}

/* Is there delay that no packet of the last seconds needed? Only when all windows are filled. */
static bool is_too_long(const struct playout *playout)
{
	int32_t limit =
		(int32_t)of_ms(playout, playout->setup.fixed_ms ? playout->setup.fixed_ms + MOVED_MS : SPARE_MS);

	for (int i = 0; i < WINDOWS; i++) {
		int32_t spare = playout->setup.fixed_ms ? playout->greatest[i] : playout->least[i];

		if (playout->least[i] == INT32_MAX || spare <= limit)
			return false;
	}
	return true;
}

/* A fixed delay that has melted away: the sender's clock is slower than ours. */
static bool is_too_short(const struct playout *playout)
{
	for (int i = 0; i < WINDOWS; i++)
		if (!playout->setup.fixed_ms || playout->least[i] == INT32_MAX ||
		    playout->greatest[i] >=
			    (int32_t)of_ms(playout, playout->setup.fixed_ms) - (int32_t)of_ms(playout, MOVED_MS))
			return false;
	return true;
}

/* ---- filling ---- */

static int16_t *fifo_end(struct playout *playout)
{
	return playout->fifo + playout->fifo_count;
}

static void fifo_zero(struct playout *playout, uint32_t count)
{
	memset(fifo_end(playout), 0, count * sizeof(*playout->fifo));
	playout->fifo_count += count;
}

/* `count` samples that nobody sent; next: the packet behind the gap, whose redundancy may cover it. */
static void fill(struct playout *playout, uint32_t count, const struct buffer_slot *next)
{
	const uint8_t *payload = next ? buffer_payload(&playout->buffer, next) : NULL;
	int made = ERR_UNSUPPORTED;

	count = MIN(count, playout->fifo_capacity - playout->fifo_count);
	if (playout_is_in_digit(playout)) {
		fifo_zero(playout, count);
		return;
	}
	if (playout->is_noisy) {
		noise_make(&playout->noise, fifo_end(playout), count);
		playout->fifo_count += count;
		return;
	}
	if (playout->has_own_conceal)
		made = codec_conceal(playout->decoder, payload, next ? next->size : 0, fifo_end(playout), count);
	if (made != (int)count) {
		if (playout->has_own_conceal)
			memset(fifo_end(playout), 0, count * sizeof(*playout->fifo));
		else
			conceal_make(&playout->conceal, fifo_end(playout), count);
	}
	playout->fifo_count += count;
	playout->counters.concealed += count;
}

/* The packet's samples, or what stands for it when it cannot be decoded. */
static void play(struct playout *playout, struct buffer_slot *slot)
{
	size_t room = playout->fifo_capacity - playout->fifo_count;
	int count = codec_decode(playout->decoder, buffer_payload(&playout->buffer, slot), slot->size,
				 fifo_end(playout), room);

	playout->next = slot->timestamp;
	if (count <= 0) {
		playout->next += to_ticks(playout, playout->last_count);
		playout->is_noisy = false;
		fill(playout, playout->last_count, NULL);
		return;
	}
	playout->next += to_ticks(playout, (uint32_t)count);
	playout->last_count = (uint32_t)count;
	playout->is_noisy = false;
	playout->has_played = true;
	playout->filled = 0;
	if (is_too_long(playout)) {
		size_t left = conceal_shorten(playout->rate_hz, fifo_end(playout), (size_t)count);

		playout->counters.shrunk += left < (size_t)count;
		windows_move(playout, -(count - (int32_t)left));
		count = (int)left;
	}
	if (!playout->has_own_conceal)
		conceal_good(&playout->conceal, fifo_end(playout), (size_t)count);
	playout->fifo_count += (uint32_t)count;
	playout->counters.played += (uint32_t)count;
	if (is_too_short(playout)) {
		uint32_t more = of_ms(playout, 10);

		fill(playout, playout->has_own_conceal ? playout->last_count : more, NULL);
		windows_clear(playout);
		playout->counters.stretched++;
	}
}

static void play_noise(struct playout *playout, struct buffer_slot *slot)
{
	noise_set(&playout->noise, buffer_payload(&playout->buffer, slot), slot->size);
	playout->is_noisy = true;
	playout->next = slot->timestamp + to_ticks(playout, playout->last_count);
	fill(playout, playout->last_count, NULL);
	playout->filled = 0;
}

/* At least one sample more into the fifo. */
static void produce(struct playout *playout)
{
	struct buffer_slot *slot = buffer_first(&playout->buffer);
	uint32_t count = playout->last_count;
	int32_t gap;

	/* What was overtaken by a packet that covers its time. */
	while (slot && (int32_t)(slot->timestamp - playout->next) < -(int32_t)to_ticks(playout, count / 2)) {
		buffer_drop(&playout->buffer, slot);
		playout->counters.late++;
		slot = buffer_first(&playout->buffer);
	}
	gap = slot ? to_samples(playout, (int32_t)(slot->timestamp - playout->next)) : 0;
	if (slot && gap <= 0) {
		if (slot->is_noise)
			play_noise(playout, slot);
		else
			play(playout, slot);
		buffer_drop(&playout->buffer, slot);
		return;
	}
	if (slot && !playout->has_played) {
		/* The time that the first packet waits. */
		fifo_zero(playout, MIN((uint32_t)gap, playout->fifo_capacity - playout->fifo_count));
		playout->next = slot->timestamp;
		return;
	}
	if (slot && (uint32_t)gap < count)
		count = playout->has_own_conceal ? count : (uint32_t)gap;
	if (slot && !playout->is_noisy)
		playout->counters.lost++;
	if (!slot)
		playout->filled += count;
	playout->next += to_ticks(playout, count);
	if (slot && (uint32_t)gap < count)
		playout->next = slot->timestamp;
	fill(playout, count, slot && (uint32_t)gap == count && !slot->is_noise ? slot : NULL);
}

/* ---- digits ---- */

bool playout_is_in_digit(const struct playout *playout)
{
	return dtmf_receiver_is_pressed(&playout->receiver) ||
	       (playout->setup.detects_tones && dtmf_detector_is_pressed(&playout->detector));
}

bool playout_digit(struct playout *playout, struct dtmf_digit *ret_digit)
{
	return dtmf_receiver_take(&playout->receiver, ret_digit) ||
	       (playout->setup.detects_tones && dtmf_detector_take(&playout->detector, ret_digit));
}

/* ---- put and get ---- */

static void start(struct playout *playout, uint32_t timestamp)
{
	uint32_t delay = of_ms(playout, playout->setup.fixed_ms ? playout->setup.fixed_ms : START_MS);

	buffer_clear(&playout->buffer);
	windows_clear(playout);
	playout->fifo_count = 0;
	playout->filled = 0;
	playout->is_running = true;
	playout->has_played = false;
	playout->is_noisy = false;
	playout->smooth_lead = (int32_t)delay;
	playout->next = timestamp - to_ticks(playout, delay);
}

enum playout_verdict playout_put(struct playout *playout, const struct rtp_header *header, const uint8_t *payload)
{
	bool is_noise = header->payload_type == playout->setup.noise_type;
	enum playout_verdict verdict;
	int32_t lead;

	if (header->payload_type == playout->setup.event_type)
		return dtmf_receive(&playout->receiver, header, payload) ? PLAYOUT_TAKEN : PLAYOUT_CORRUPT;
	if (!is_noise && header->payload_type != playout->setup.payload_type)
		return PLAYOUT_UNKNOWN_TYPE;
	if (is_noise ? header->payload_size == 0 : codec_duration(playout->decoder, payload, header->payload_size) <= 0)
		return PLAYOUT_CORRUPT;
	if (!playout->is_running || header->ssrc != playout->ssrc)
		start(playout, header->timestamp);
	playout->ssrc = header->ssrc;
	lead = lead_of(playout, header->timestamp);
	if (lead > (int32_t)of_ms(playout, JUMP_MS) || lead < -(int32_t)of_ms(playout, JUMP_MS)) {
		start(playout, header->timestamp);
		lead = lead_of(playout, header->timestamp);
	}
	if ((int32_t)(header->timestamp - playout->next) < 0) {
		uint32_t late = (uint32_t)to_samples(playout, (int32_t)(playout->next - header->timestamp));

		if (playout->setup.fixed_ms || late > playout->filled || late > of_ms(playout, PLAYOUT_DELAY_MAX_MS)) {
			observe(playout, lead);
			playout->counters.late++;
			return PLAYOUT_LATE;
		}
		/* Nothing was heard since but what we made up: the time goes back, and the delay is longer. */
		playout->next = header->timestamp;
		playout->filled = 0;
		playout->counters.stretched++;
		windows_clear(playout);
		lead = lead_of(playout, header->timestamp);
	}
	verdict = buffer_put(&playout->buffer, header, payload, is_noise);
	if (verdict != PLAYOUT_TAKEN)
		return verdict;
	observe(playout, lead);
	playout->unheard = 0;
	return PLAYOUT_TAKEN;
}

bool playout_get(struct playout *playout, int16_t *samples, size_t count)
{
	if (playout->setup.event_type != PLAYOUT_NO_TYPE)
		dtmf_receiver_pass(&playout->receiver, (uint32_t)(count * 1000 / playout->rate_hz));
	if (playout->is_running && playout->unheard > of_ms(playout, IDLE_MS) && !playout->is_noisy)
		playout->is_running = false;
	if (!playout->is_running || BUG_ON(count > of_ms(playout, PLAYOUT_TICK_MS_MAX))) {
		memset(samples, 0, count * sizeof(*samples));
		if (playout->setup.detects_tones)
			dtmf_detect(&playout->detector, samples, count);
		return playout_is_in_digit(playout);
	}
	playout->unheard += (uint32_t)count;
	windows_pass(playout, count);
	while (playout->fifo_count < count)
		produce(playout);
	memcpy(samples, playout->fifo, count * sizeof(*samples));
	playout->fifo_count -= (uint32_t)count;
	memmove(playout->fifo, playout->fifo + count, playout->fifo_count * sizeof(*samples));
	if (playout->setup.detects_tones)
		dtmf_detect(&playout->detector, samples, count);
	return true;
}

const struct playout_counters *playout_counters(const struct playout *playout)
{
	return &playout->counters;
}

uint32_t playout_rate_hz(const struct playout *playout)
{
	return playout->rate_hz;
}

/* ---- life ---- */

static size_t aligned(size_t size)
{
	return (size + PLAYOUT_ALIGN - 1) / PLAYOUT_ALIGN * PLAYOUT_ALIGN;
}

static uint32_t payload_max(const struct playout_setup *setup)
{
	return (uint32_t)aligned(
		MIN(codec_rows[setup->codec]->bytes_per_ms * PAYLOAD_MS + 16u, (unsigned)CODEC_PAYLOAD_MAX));
}

static uint32_t fifo_capacity(const struct playout_setup *setup)
{
	return setup->settings.rate_hz / 1000 * FIFO_MS;
}

size_t playout_size(const struct playout_setup *setup)
{
	size_t decoder = codec_decoder_size(setup->codec, &setup->settings);

	return decoder ? aligned(sizeof(struct playout)) + aligned(decoder) +
				 aligned(fifo_capacity(setup) * sizeof(int16_t)) +
				 (size_t)payload_max(setup) * PLAYOUT_SLOTS
		       : 0;
}

int playout_init(struct playout *playout, const struct playout_setup *setup)
{
	uint8_t *at = (uint8_t *)playout + aligned(sizeof(*playout));
	int error;

	memset(playout, 0, sizeof(*playout));
	playout->setup = *setup;
	playout->rate_hz = setup->settings.rate_hz;
	playout->decoder = (struct codec_decoder *)(void *)at;
	error = codec_decoder_init(playout->decoder, setup->codec, &setup->settings);
	if (error)
		return error;
	at += aligned(codec_decoder_size(setup->codec, &setup->settings));
	playout->row = codec_rows[setup->codec];
	playout->has_own_conceal = playout->row->conceal != NULL;
	playout->fifo = (int16_t *)(void *)at;
	playout->fifo_capacity = fifo_capacity(setup);
	at += aligned(playout->fifo_capacity * sizeof(int16_t));
	playout->buffer.payloads = at;
	playout->buffer.payload_max = payload_max(setup);
	playout->last_count = of_ms(playout, playout->row->ptime_ms);
	conceal_init(&playout->conceal, playout->rate_hz);
	windows_clear(playout);
	dtmf_receiver_init(&playout->receiver, playout->row->clock_hz);
	dtmf_detector_init(&playout->detector, playout->rate_hz);
	return 0;
}

void playout_fini(struct playout *playout)
{
	if (playout)
		codec_decoder_fini(playout->decoder);
}
