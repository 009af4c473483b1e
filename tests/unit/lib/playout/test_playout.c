/* Speech through a network that loses, delays, swaps and drifts: what comes out beside what the codec's library gives offline. */
#include "tests/unit/unit.h"

#include <math.h>

#include "lib/playout/playout.h"

#define TYPE    96
#define EVENTS  101
#define NOISE   13
#define SECONDS 20
#define PACKETS 3000

/* ---- something like speech: syllables of a voice whose pitch moves, with pauses ---- */
static void speak(int16_t *samples, size_t count, uint32_t rate_hz)
{
	static const float formants[4][3] = {{700, 1220, 2600}, {300, 870, 2240}, {530, 1840, 2480}, {270, 2290, 3010}};
	double phase = 0;

	for (size_t i = 0; i < count; i++) {
		double t = (double)i / rate_hz, in = fmod(t, 0.25) / 0.25, pitch = 110 + 25 * sin(2 * M_PI * 0.7 * t),
		       sum = 0;
		const float *formant = formants[(unsigned)(t / 0.25) % 4];
		bool is_pause = (unsigned)(t / 0.25) % 7 == 6;

		phase += pitch / rate_hz;
		for (int h = 1; h < 30 && h * pitch < 3600; h++) {
			double gain = 0.02;

			for (int f = 0; f < 3; f++)
				gain += exp(-pow((h * pitch - formant[f]) / 120, 2)) / (1 + f);
			sum += gain * sin(2 * M_PI * h * phase);
		}
		samples[i] = is_pause ? 0 : (int16_t)(4500 * sin(M_PI * in) * sum);
	}
}

/* ---- a sender, a network, a receiver ---- */
struct packet {
	struct rtp_header header;
	uint8_t payload[CODEC_PAYLOAD_MAX];
	double arrives_ms;
	bool is_lost;
};
static struct packet packets[PACKETS];

struct path {
	enum codec_id codec;
	uint32_t rate_hz;
	unsigned ptime_ms;
	uint16_t fixed_ms;
	unsigned loss_percent, jitter_ms;
	double drift; /* of the sender's clock: 1.0001 is 100 ppm fast */
	bool swaps;
	const char *fmtp;
};

static int16_t said[SECONDS * 48000], offline[SECONDS * 48000], heard[SECONDS * 48000];
static struct playout_counters counters;

static void *aligned(size_t size)
{
	void *memory = aligned_alloc(PLAYOUT_ALIGN, (size + 63) / 64 * 64);

	assert_non_null(memory);
	return memory;
}

static uint32_t random_state;
static unsigned random_below(unsigned limit)
{
	random_state = random_state * 1664525 + 1013904223;
	return (random_state >> 8) % limit;
}

static int by_arrival(const void *a, const void *b)
{
	double difference = ((const struct packet *)a)->arrives_ms - ((const struct packet *)b)->arrives_ms;

	return difference < 0 ? -1 : difference > 0;
}

/* Encodes and also decodes, as the library would without a network. Returns the number of packets. */
static size_t send(const struct path *path, size_t total)
{
	struct codec_settings settings;
	struct codec_encoder *encoder;
	struct codec_decoder *decoder;
	size_t step = path->rate_hz / 1000 * path->ptime_ms, count = 0;
	uint32_t ticks = codec_rows[path->codec]->clock_hz / 1000 * path->ptime_ms;

	assert_int_equal(codec_settings_parse(path->codec, view_of(path->fmtp ? path->fmtp : ""), &settings), 0);
	settings.rate_hz = path->rate_hz;
	encoder = aligned(codec_encoder_size(path->codec, &settings));
	decoder = aligned(codec_decoder_size(path->codec, &settings));
	assert_int_equal(codec_encoder_init(encoder, path->codec, &settings), 0);
	assert_int_equal(codec_decoder_init(decoder, path->codec, &settings), 0);
	random_state = 7;
	for (size_t at = 0; at + step <= total && count < PACKETS; at += step, count++) {
		struct packet *packet = &packets[count];
		int size = codec_encode(encoder, said + at, step, packet->payload, sizeof(packet->payload));

		assert_true(size > 0);
		assert_int_equal(codec_decode(decoder, packet->payload, (size_t)size, offline + at, step), step);
		packet->header = (struct rtp_header){.payload_type = TYPE,
						     .sequence = (uint16_t)(65500 + count),
						     .timestamp = (uint32_t)(0xfffff000u + ticks * count),
						     .payload_size = (uint16_t)size};
		packet->arrives_ms = (double)count * path->ptime_ms / (path->drift ? path->drift : 1);
		if (path->jitter_ms)
			packet->arrives_ms += random_below(path->jitter_ms);
		if (path->swaps && count % 5 == 2)
			packet->arrives_ms += path->ptime_ms + 1;
		packet->is_lost = path->loss_percent && random_below(100) < path->loss_percent;
	}
	codec_encoder_fini(encoder);
	codec_decoder_fini(decoder);
	free(encoder);
	free(decoder);
	qsort(packets, count, sizeof(packets[0]), by_arrival);
	return count;
}

/* Ticks of 20 ms, the first right after the first packet. Returns the packets that were lost on the way. */
static size_t receive(const struct path *path, size_t count, size_t total)
{
	struct playout_setup setup = {.codec = path->codec,
				      .payload_type = TYPE,
				      .event_type = EVENTS,
				      .noise_type = NOISE,
				      .fixed_ms = path->fixed_ms};
	struct playout *playout;
	size_t step = path->rate_hz / 50, next = 0, lost = 0;

	assert_int_equal(codec_settings_parse(path->codec, view_of(path->fmtp ? path->fmtp : ""), &setup.settings), 0);
	setup.settings.rate_hz = path->rate_hz;
	playout = aligned(playout_size(&setup));
	assert_int_equal(playout_init(playout, &setup), 0);
	for (size_t at = 0; at + step <= total; at += step) {
		double now_ms = (double)at * 1000 / path->rate_hz + 1;

		for (; next < count && packets[next].arrives_ms <= now_ms; next++) {
			lost += packets[next].is_lost;
			if (!packets[next].is_lost)
				(void)playout_put(playout, &packets[next].header, packets[next].payload);
		}
		playout_get(playout, heard + at, step);
	}
	counters = *playout_counters(playout);
	playout_fini(playout);
	free(playout);
	return lost;
}

/* Segmental signal-to-noise ratio of 20 ms segments that hold speech, each between -5 and 40 dB, against `offline`
 * `delay` samples earlier. */
static double segmental_snr(size_t total, size_t delay, uint32_t rate_hz)
{
	size_t step = rate_hz / 50, segments = 0;
	double sum = 0;

	for (size_t at = delay; at + step <= total; at += step) {
		double signal = 0, noise = 1e-3;

		for (size_t i = at; i < at + step; i++) {
			signal += (double)offline[i - delay] * offline[i - delay];
			noise += pow(offline[i - delay] - heard[i], 2);
		}
		if (signal / (double)step < 200 * 200)
			continue;
		sum += MAX(-5.0, MIN(40.0, 10 * log10(signal / noise)));
		segments++;
	}
	return sum / (double)MAX(segments, (size_t)1);
}

/* ---- without trouble it is the library's own output, to the bit ---- */
static const struct path clean_rows[] = {
	{CODEC_PCMU, 8000, 20, 60, .swaps = true},
	{CODEC_PCMA, 8000, 10, 40},
	{CODEC_PCMA, 8000, 60, 80},
	{CODEC_G722, 16000, 20, 40},
	{CODEC_G722, 8000, 30, 60},
	{CODEC_L16_WIDE, 16000, 20, 40},
	{CODEC_OPUS, 48000, 20, 60, .swaps = true},
	{CODEC_OPUS, 8000, 40, 60, .fmtp = "useinbandfec=1"},
	{CODEC_G729, 8000, 20, 40},
	{CODEC_AMR, 8000, 20, 40},
	{CODEC_AMR_WB, 16000, 40, 60, .fmtp = "octet-align=1"},
};

static void test_clean_is_the_library_to_the_bit(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(clean_rows); i++) {
		const struct path *path = &clean_rows[i];
		size_t total = path->rate_hz * 3, delay = path->rate_hz / 1000 * path->fixed_ms;

		if (!codec_is_available(path->codec))
			continue;
		speak(said, total, path->rate_hz);
		receive(path, send(path, total), total);
		if (memcmp(heard + delay, offline, (total - delay - path->rate_hz / 5) * sizeof(*heard)) != 0)
			fail_msg("%s at %u Hz, %u ms: not equal (%.1f dB; late %u, lost %u)", codec_name(path->codec),
				 path->rate_hz, path->ptime_ms, segmental_snr(total, delay, path->rate_hz),
				 counters.late, counters.lost);
		assert_int_equal(counters.late + counters.lost, 0);
	}
}

/* ---- loss: what is missing is made up, and nothing else changes ---- */
static const struct loss_row {
	struct path path;
	double snr;
} loss_rows[] = {
	{{CODEC_PCMU, 8000, 20, 60, 1}, 38},
	{{CODEC_PCMU, 8000, 20, 60, 5}, 33},
	{{CODEC_PCMU, 8000, 20, 60, 10}, 28},
	{{CODEC_G722, 16000, 20, 60, 1}, 30},
	{{CODEC_G722, 16000, 20, 60, 5}, 19},
	{{CODEC_G722, 16000, 20, 60, 10}, 12},
	{{CODEC_OPUS, 8000, 20, 60, 1, .fmtp = "useinbandfec=1"}, 30},
	{{CODEC_OPUS, 8000, 20, 60, 5, .fmtp = "useinbandfec=1"}, 17},
	{{CODEC_OPUS, 8000, 20, 60, 10, .fmtp = "useinbandfec=1"}, 10},
	{{CODEC_OPUS, 48000, 20, 60, 10}, 10},
	{{CODEC_G729, 8000, 20, 60, 5}, 15},
	{{CODEC_AMR, 8000, 20, 60, 5}, 12},
	{{CODEC_AMR_WB, 16000, 20, 60, 5}, 12},
};

static void test_losses_are_concealed(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(loss_rows); i++) {
		const struct path *path = &loss_rows[i].path;
		size_t total = path->rate_hz * 10, lost;
		double snr;

		if (!codec_is_available(path->codec))
			continue;
		speak(said, total, path->rate_hz);
		lost = receive(path, send(path, total), total);
		snr = segmental_snr(total, path->rate_hz / 1000 * path->fixed_ms, path->rate_hz);
		print_message("         %-7s %5u Hz, %2u %% lost: %.1f dB, %u concealed\n", codec_name(path->codec),
			      path->rate_hz, path->loss_percent, snr, counters.lost);
		if (snr < loss_rows[i].snr)
			fail_msg("too bad");
		assert_in_range(counters.lost, lost - 4, lost);
	}
}

/* ---- jitter and drift: the delay follows ---- */
static const struct moving_row {
	const char *name;
	struct path path;
	uint32_t delay_ms[2]; /* at the end */
	uint32_t late_max;
	double concealed_max; /* seconds */
} moving_rows[] = {
	{"no jitter: the delay shrinks", {CODEC_PCMU, 8000, 20, 0}, {0, 30}, 0, 0},
	{"60 ms of jitter", {CODEC_PCMU, 8000, 20, 0, .jitter_ms = 60}, {15, 110}, 8, 0.4},
	{"60 ms of jitter, Opus", {CODEC_OPUS, 16000, 20, 0, .jitter_ms = 60}, {15, 110}, 8, 0.4},
	{"100 ppm fast", {CODEC_PCMU, 8000, 20, 0, .drift = 1.0001}, {0, 30}, 0, 0.05},
	{"100 ppm slow", {CODEC_PCMU, 8000, 20, 0, .drift = 0.9999}, {0, 30}, 0, 0.1},
	{"1 % fast", {CODEC_PCMU, 8000, 20, 0, .drift = 1.01}, {0, 40}, 0, 0.05},
	{"1 % slow", {CODEC_PCMU, 8000, 20, 0, .drift = 0.99}, {0, 40}, 2, 0.5},
	{"1 % fast, fixed", {CODEC_PCMU, 8000, 20, 80, .drift = 1.01}, {50, 110}, 0, 0.05},
	{"1000 ppm slow, fixed", {CODEC_PCMU, 8000, 20, 80, .drift = 0.999}, {50, 110}, 0, 0.4},
	{"1 % slow, G.722", {CODEC_G722, 16000, 20, 0, .drift = 0.99}, {0, 40}, 2, 0.5},
};

static void test_the_delay_follows_the_network(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(moving_rows); i++) {
		const struct moving_row *row = &moving_rows[i];
		size_t total = row->path.rate_hz * SECONDS;
		double concealed;

		speak(said, total, row->path.rate_hz);
		receive(&row->path, send(&row->path, total), total * 98 / 100);
		concealed = (double)counters.concealed / row->path.rate_hz;
		print_message("         %s: %u ms, %u late, %u shrunk, %u stretched, %.2f s concealed\n", row->name,
			      counters.delay_ms, counters.late, counters.shrunk, counters.stretched, concealed);
		assert_in_range(counters.delay_ms, row->delay_ms[0], row->delay_ms[1]);
		assert_in_range(counters.late, 0, row->late_max);
		assert_true(concealed <= row->concealed_max);
	}
}

/* ---- silence ---- */
static void test_noise_fills_what_is_left_out(void **state)
{
	struct playout_setup setup = {.codec = CODEC_PCMU,
				      .settings = {.rate_hz = 8000},
				      .payload_type = 0,
				      .event_type = EVENTS,
				      .noise_type = NOISE};
	struct playout *playout = aligned(playout_size(&setup));
	struct rtp_header header = {.payload_type = 0, .payload_size = 160, .timestamp = 8000};
	uint8_t payload[160];
	int16_t samples[160];
	double power = 0;

	memset(payload, 0xff, sizeof(payload));
	assert_int_equal(playout_init(playout, &setup), 0);
	assert_false(playout_get(playout, samples, 160));
	for (int i = 0; i < 10; i++, header.timestamp += 160, header.sequence++) {
		assert_int_equal(playout_put(playout, &header, payload), PLAYOUT_TAKEN);
		assert_true(playout_get(playout, samples, 160));
	}
	header.payload_type = NOISE;
	header.payload_size = 3;
	memcpy(payload, "\x28\x7f\x90", 3); /* 40 dB below the overload point */
	assert_int_equal(playout_put(playout, &header, payload), PLAYOUT_TAKEN);
	for (int i = 0; i < 500; i++) {
		assert_true(playout_get(playout, samples, 160));
		for (int s = 0; i >= 100 && s < 160; s++)
			power += (double)samples[s] * samples[s] / (400 * 160);
	}
	assert_in_range(10 * log10(32768.0 * 32768 / power), 38, 42);
	assert_int_equal(counters.concealed, counters.concealed);
	playout_fini(playout);
	/* Without comfort noise a sender that stops is silent soon, and gone after a second. */
	assert_int_equal(playout_init(playout, &setup), 0);
	header.payload_type = 0;
	header.payload_size = 160;
	assert_int_equal(playout_put(playout, &header, payload), PLAYOUT_TAKEN);
	for (int i = 0; i < 50; i++)
		assert_true(playout_get(playout, samples, 160));
	for (int i = 0; i < 5; i++)
		playout_get(playout, samples, 160);
	assert_false(playout_get(playout, samples, 160));
	playout_fini(playout);
	free(playout);
}

/* ---- hostile ---- */
static void test_rubbish_is_survived(void **state)
{
	for (unsigned id = CODEC_NONE + 1; id < CODEC_COUNT; id++) {
		struct playout_setup setup = {.codec = (enum codec_id)id,
					      .settings = {.rate_hz = 8000},
					      .payload_type = 0,
					      .event_type = EVENTS,
					      .noise_type = NOISE,
					      .detects_tones = true};
		struct playout *playout;
		struct dtmf_digit digit;
		uint8_t payload[1500];
		int16_t samples[960];

		if (!codec_is_available(id))
			continue;
		if (!codec_rate_is_possible(setup.codec, 8000))
			setup.settings.rate_hz = codec_rows[id]->native_rate_hz;
		playout = aligned(playout_size(&setup));
		assert_int_equal(playout_init(playout, &setup), 0);
		random_state = id;
		for (unsigned i = 0; i < 3000; i++) {
			static const uint8_t types[] = {0, 0, 0, EVENTS, NOISE, 7};
			struct rtp_header header = {
				.payload_type = types[random_below(6)],
				.sequence = (uint16_t)random_below(70000),
				.timestamp = i * 160 + (random_below(10) == 0 ? random_state : 0),
				.payload_size = (uint16_t)(random_below(8) ? random_below(100) : random_below(1500))};

			for (unsigned b = 0; b < header.payload_size; b++)
				payload[b] = (uint8_t)random_below(256);
			(void)playout_put(playout, &header, payload);
			playout_get(playout, samples, setup.settings.rate_hz / 50);
			while (playout_digit(playout, &digit))
				assert_in_range(digit.event, 0, DTMF_EVENT_MAX);
		}
		playout_fini(playout);
		free(playout);
	}
}

/* ---- digits from a talker to a playout ---- */
static const struct digit_row {
	const char *name;
	bool makes_tones;
	unsigned loss_percent;
	uint32_t duration_ms;
	unsigned digits;
} digit_rows[] = {
	{"events", false, 0, 100, 17},
	{"events, a fifth lost", false, 20, 160, 17},
	{"tones", true, 0, 80, 16},
	{"a long event of several segments", false, 0, 20000, 1},
};

static void digits(const struct digit_row *row, enum codec_id codec, uint32_t rate_hz)
{
	struct talker_setup say = {.codec = codec,
				   .settings = {.rate_hz = rate_hz},
				   .payload_type = TYPE,
				   .event_type = EVENTS,
				   .makes_tones = row->makes_tones,
				   .timestamp = 0xfffff000,
				   .sequence = 65530,
				   .ssrc = 5};
	struct playout_setup hear = {.codec = codec,
				     .settings = {.rate_hz = rate_hz},
				     .payload_type = TYPE,
				     .event_type = EVENTS,
				     .noise_type = NOISE,
				     .detects_tones = row->makes_tones};
	struct talker *talker = aligned(talker_size(&say));
	struct playout *playout = aligned(playout_size(&hear));
	size_t step = rate_hz / 50;
	unsigned pressed = 0, taken = 0;
	struct dtmf_digit digit;

	assert_int_equal(talker_init(talker, &say), 0);
	assert_int_equal(playout_init(playout, &hear), 0);
	random_state = 3;
	speak(said, step * 50, rate_hz);
	for (unsigned i = 0; i < 400 + row->duration_ms / 20 * (row->digits + 4) * 2; i++) {
		uint8_t packet[1500];
		int16_t samples[960];
		size_t size;

		digit = (struct dtmf_digit){.event = (uint8_t)pressed, .duration_ms = row->duration_ms};
		if (i > 20 && pressed < row->digits && talker_digit(talker, &digit))
			pressed++;
		talker_put(talker, said + i % 50 * step, step);
		while ((size = talker_next(talker, packet, sizeof(packet))) > 0) {
			struct rtp_header header;

			assert_int_equal(rtp_parse(packet, size, &header), 0);
			if (random_below(100) >= row->loss_percent)
				assert_true(playout_put(playout, &header, packet + header.payload_offset) <=
					    PLAYOUT_DUPLICATE);
		}
		playout_get(playout, samples, step);
		while (playout_digit(playout, &digit)) {
			if (digit.event != taken)
				fail_msg("%s: %u instead of %u", row->name, digit.event, taken);
			assert_in_range(digit.duration_ms + 50, row->duration_ms, row->duration_ms + 100);
			taken++;
		}
	}
	if (taken != row->digits)
		fail_msg("%s, %s: %u of %u digits", row->name, codec_name(codec), taken, row->digits);
	talker_fini(talker);
	playout_fini(playout);
	free(talker);
	free(playout);
}

static void test_digits_arrive_in_order_once_each(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(digit_rows); i++) {
		digits(&digit_rows[i], CODEC_PCMA, 8000);
		digits(&digit_rows[i], CODEC_G722, 16000);
		if (!digit_rows[i].makes_tones)
			digits(&digit_rows[i], CODEC_OPUS, 8000);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_clean_is_the_library_to_the_bit),
		cmocka_unit_test(test_losses_are_concealed),
		cmocka_unit_test(test_the_delay_follows_the_network),
		cmocka_unit_test(test_noise_fills_what_is_left_out),
		cmocka_unit_test(test_rubbish_is_survived),
		cmocka_unit_test(test_digits_arrive_in_order_once_each),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
