/* Digits: events as bytes of RFC 4733; tones over what Q.24 wants accepted and refused, and speech that holds none. */
#include "tests/unit/unit.h"

#include <math.h>

#include "lib/dtmf/dtmf.h"

static void test_characters(void **state)
{
	for (int event = 0; event <= DTMF_EVENT_MAX; event++)
		assert_int_equal(dtmf_event_of(dtmf_character((unsigned)event)), event);
	assert_int_equal(dtmf_event_of('d'), 15);
	assert_int_equal(dtmf_event_of('E'), ERR_SYNTAX);
	assert_int_equal(dtmf_character(17), '?');
}

/* ---- events ---- */
static const struct event_row {
	const char *name;
	struct {
		uint32_t timestamp;
		uint8_t bytes[5];
		uint8_t size;
		uint16_t pass_ms;
	} packets[10];
	const char *digits; /* with their lengths: "5:100 " */
} event_rows[] = {
	{"a digit and its three ends",
	 {{1000, {5, 10, 0, 160}, 4},
	  {1000, {5, 10, 1, 64}, 4},
	  {1000, {5, 0x8a, 3, 32}, 4},
	  {1000, {5, 0x8a, 3, 32}, 4},
	  {1000, {5, 0x8a, 3, 32}, 4}},
	 "5:100 "},
	{"only its end came", {{1000, {11, 0x8a, 3, 32}, 4}}, "#:100 "},
	{"its end is lost, the next one comes", {{1000, {1, 10, 1, 64}, 4}, {9000, {2, 0x8a, 1, 64}, 4}}, "1:40 2:40 "},
	{"its end is lost, nothing comes", {{1000, {1, 10, 1, 64}, 4}, {9000, {0, 0, 0, 0}, 0, 250}}, "1:40 "},
	{"a late packet of an earlier one",
	 {{1000, {1, 0x8a, 1, 64}, 4}, {9000, {2, 0x8a, 1, 64}, 4}, {1000, {1, 10, 0, 160}, 4}},
	 "1:40 2:40 "},
	{"the same digit twice", {{1000, {7, 0x8a, 1, 64}, 4}, {3000, {7, 0x8a, 1, 64}, 4}}, "7:40 7:40 "},
	{"a long one in two segments",
	 {{0, {9, 10, 0xff, 0xff}, 4}, {0xffff, {9, 10, 0x10, 0}, 4}, {0xffff, {9, 0x8a, 0x20, 0}, 4}},
	 "9:9215 "},
	{"flash", {{1, {16, 0x80, 0, 0}, 4}}, "!:0 "},
	{"fax is none of ours", {{1, {32, 0x80, 1, 0}, 4}}, ""},
	{"over the end of the timestamp",
	 {{0xfffffff0, {3, 10, 1, 64}, 4}, {0x1000, {4, 0x8a, 1, 64}, 4}},
	 "3:40 4:40 "},
};

static void test_events(void **state)
{
	for (size_t r = 0; r < ARRAY_LEN(event_rows); r++) {
		struct dtmf_receiver receiver;
		struct dtmf_digit digit;
		char buffer[128];
		struct text text;

		dtmf_receiver_init(&receiver, 8000);
		for (size_t i = 0; i < 10; i++) {
			struct rtp_header header = {.timestamp = event_rows[r].packets[i].timestamp,
						    .payload_size = event_rows[r].packets[i].size};

			if (header.payload_size)
				assert_true(dtmf_receive(&receiver, &header, event_rows[r].packets[i].bytes));
			dtmf_receiver_pass(&receiver, event_rows[r].packets[i].pass_ms);
		}
		text_init(&text, buffer, sizeof(buffer));
		while (dtmf_receiver_take(&receiver, &digit))
			text_printf(&text, "%c:%u ", dtmf_character(digit.event), digit.duration_ms);
		if (strcmp(buffer, event_rows[r].digits))
			fail_msg("%s: \"%s\"", event_rows[r].name, buffer);
	}
}

static void test_event_too_short(void **state)
{
	struct rtp_header header = {.payload_size = 3};
	struct dtmf_receiver receiver;

	dtmf_receiver_init(&receiver, 8000);
	assert_false(dtmf_receive(&receiver, &header, (const uint8_t *)"\1\2\3"));
}

/* ---- tones ---- */
static const double rows[4] = {697, 770, 852, 941}, columns[4] = {1209, 1336, 1477, 1633};
static const char keys[] = "123A456B789C*0#D";

struct pressing {
	double level_dbm0; /* of the row */
	double twist_db;   /* the column is so much louder */
	double off;        /* of both frequencies */
	double snr_db;     /* 0: no noise */
	unsigned on_ms, off_ms;
	uint32_t rate_hz;
};

/* Presses every key; what was heard. */
static void press_all(const struct pressing *pressing, char *ret_heard)
{
	static int16_t samples[48000];
	uint32_t random = 1, per_ms = pressing->rate_hz / 1000;
	double row_amplitude = 32767 * pow(10, (pressing->level_dbm0 - 3.14) / 20);
	double column_amplitude = row_amplitude * pow(10, pressing->twist_db / 20);
	double noise =
		pressing->snr_db ? hypot(row_amplitude, column_amplitude) * pow(10, -pressing->snr_db / 20) * 1.22 : 0;
	struct dtmf_detector detector;
	struct dtmf_digit digit;

	dtmf_detector_init(&detector, pressing->rate_hz);
	for (unsigned key = 0; key < 16; key++) {
		size_t on = pressing->on_ms * per_ms, total = on + pressing->off_ms * per_ms;

		for (size_t i = 0; i < total; i++) {
			double t = (double)i / pressing->rate_hz * 2 * M_PI * (1 + pressing->off), sample = 0;

			random = random * 1664525 + 1013904223;
			if (i < on)
				sample = row_amplitude * sin(rows[key / 4] * t + 0.3) +
					 column_amplitude * sin(columns[key % 4] * t);
			sample += noise * (int32_t)random / 2147483648.0;
			samples[i] = (int16_t)MAX(-32768.0, MIN(32767.0, sample));
		}
		for (size_t i = 0; i < total; i += 20 * per_ms)
			dtmf_detect(&detector, samples + i, MIN(20 * per_ms, total - i));
		while (dtmf_detector_take(&detector, &digit))
			*ret_heard++ = dtmf_character(digit.event);
	}
	memset(samples, 0, sizeof(samples));
	dtmf_detect(&detector, samples, 100 * per_ms);
	while (dtmf_detector_take(&detector, &digit))
		*ret_heard++ = dtmf_character(digit.event);
	*ret_heard = '\0';
}

static const struct tone_row {
	const char *name;
	struct pressing pressing;
	bool is_heard;
} tone_rows[] = {
	{"as we make them", {-8, 0, 0, 0, 80, 80, 8000}, true},
	{"0 dBm0", {-3, 0, 0, 0, 80, 80, 8000}, true},
	{"-25 dBm0", {-25, 0, 0, 0, 80, 80, 8000}, true},
	{"-35 dBm0", {-35, 0, 0, 0, 80, 80, 8000}, true},
	{"-50 dBm0 is nobody", {-50, 0, 0, 0, 80, 80, 8000}, false},
	{"the column 4 dB louder", {-10, 4, 0, 0, 80, 80, 8000}, true},
	{"the column 6 dB softer", {-10, -6, 0, 0, 80, 80, 8000}, true},
	{"the column 12 dB louder", {-15, 12, 0, 0, 80, 80, 8000}, false},
	{"the column 12 dB softer", {-10, -12, 0, 0, 80, 80, 8000}, false},
	{"1.5 % high", {-10, 0, 0.015, 0, 80, 80, 8000}, true},
	{"1.5 % low", {-10, 0, -0.015, 0, 80, 80, 8000}, true},
	{"3.5 % high", {-10, 0, 0.035, 0, 80, 80, 8000}, false},
	{"3.5 % low", {-10, 0, -0.035, 0, 80, 80, 8000}, false},
	{"40 ms with pauses of 40", {-10, 0, 0, 0, 40, 40, 8000}, true},
	{"10 ms is nothing", {-10, 0, 0, 0, 10, 90, 8000}, false},
	{"noise 15 dB below", {-10, 0, 0, 15, 80, 80, 8000}, true},
	{"noise 15 dB below, 1 % low, 3 dB of twist", {-20, 3, -0.01, 15, 80, 80, 8000}, true},
	{"16 kHz", {-15, 2, 0.01, 0, 50, 50, 16000}, true},
	{"48 kHz", {-15, -2, -0.01, 0, 50, 50, 48000}, true},
	{"16 kHz, 3.5 % high", {-10, 0, 0.035, 0, 80, 80, 16000}, false},
};

static void test_tones_over_the_limits_of_q24(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(tone_rows); i++) {
		char heard[256];

		press_all(&tone_rows[i].pressing, heard);
		if (strcmp(heard, tone_rows[i].is_heard ? keys : ""))
			fail_msg("%s: \"%s\"", tone_rows[i].name, heard);
	}
}

static void test_tones_made_are_heard_and_taken_out(void **state)
{
	for (unsigned rate_hz = 8000; rate_hz <= 48000; rate_hz += 8000) {
		struct dtmf_detector detector;
		size_t step = rate_hz / 50;

		dtmf_detector_init(&detector, rate_hz);
		for (unsigned event = 0; event < 16; event++) {
			struct dtmf_digit digit;
			struct dtmf_tone tone;
			int16_t samples[960];

			assert_true(dtmf_tone_begin(&tone, event, rate_hz));
			for (int i = 0; i < 10; i++) {
				dtmf_tone_make(&tone, samples, step);
				if (i >= 5)
					memset(samples, 0, sizeof(samples));
				dtmf_detect(&detector, samples, step);
				for (size_t s = 0; i > 1 && s < step; s++)
					assert_int_equal(samples[s], 0);
			}
			assert_true(dtmf_detector_take(&detector, &digit));
			assert_int_equal(digit.event, event);
			assert_in_range(digit.duration_ms, 60, 120);
			assert_false(dtmf_detector_take(&detector, &digit));
		}
	}
	assert_false(dtmf_tone_begin(&(struct dtmf_tone){0}, DTMF_EVENT_FLASH, 8000));
}

/* Ten minutes of voices: harmonics of a moving pitch, formants that wander over the bands of the tones. */
static void test_speech_holds_no_digit(void **state)
{
	struct dtmf_detector detector;
	struct dtmf_digit digit;
	double phase = 0;
	unsigned false_digits = 0;
	int16_t samples[160];

	dtmf_detector_init(&detector, 8000);
	for (unsigned frame = 0; frame < 10 * 60 * 50; frame++) {
		for (int s = 0; s < 160; s++) {
			double t = (frame * 160 + (unsigned)s) / 8000.0,
			       pitch = 160 + 80 * sin(0.9 * t) + 15 * sin(31 * t), sum = 0;
			double f1 = 800 + 220 * sin(2.3 * t), f2 = 1400 + 320 * sin(3.1 * t + 1);

			phase += pitch / 8000;
			for (int h = 1; h < 22 && h * pitch < 3400; h++)
				sum += sin(2 * M_PI * h * phase) * (0.3 + exp(-pow((h * pitch - f1) / 90, 2)) +
								    exp(-pow((h * pitch - f2) / 90, 2)));
			samples[s] = (int16_t)(6000 * (0.55 + 0.45 * sin(25 * t)) * sum);
		}
		dtmf_detect(&detector, samples, 160);
		while (dtmf_detector_take(&detector, &digit))
			false_digits++;
	}
	assert_int_equal(false_digits, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_characters),
		cmocka_unit_test(test_events),
		cmocka_unit_test(test_event_too_short),
		cmocka_unit_test(test_tones_over_the_limits_of_q24),
		cmocka_unit_test(test_tones_made_are_heard_and_taken_out),
		cmocka_unit_test(test_speech_holds_no_digit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
