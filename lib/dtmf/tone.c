/* Digits as pairs of tones (ITU-T Q.23): made, and found with Goertzel filters in blocks of 12.75 ms. A digit is there when
 * two blocks in a row hold one of the rows and one of the columns and hardly anything else, in the balance that Q.24 allows,
 * and when the phases of both blocks say that the frequencies are no more than 2.5 % off. */
#include "lib/dtmf/dtmf.h"

#include <math.h>

#define ROWS           4
#define BLOCK_US       12750
#define LEVEL_MIN      260.0f /* amplitude of the weaker tone: -39 dBm0 */
#define TWIST_NORMAL   6.31f  /* the row may be 8 dB stronger */
#define TWIST_REVERSE  6.31f  /* the column likewise; Q.24 wants at least 4 */
#define PEAK           6.31f  /* to the next row and column */
#define SHARE          0.68f  /* of the block's energy that the two tones hold */
#define PURE           0.88f  /* the same, both counted as if they were on frequency */
#define STEADY         2.0f   /* one block is at most so much louder than the other */
#define OFF_MAX        0.025f
#define MISSES         2
#define TONE_AMPLITUDE 9088.0f /* -8 dBm0 each */

static const float tones[DTMF_TONES] = {697, 770, 852, 941, 1209, 1336, 1477, 1633};
/* event of [row][column] */
static const uint8_t events[ROWS][ROWS] = {{1, 2, 3, 12}, {4, 5, 6, 13}, {7, 8, 9, 14}, {10, 0, 11, 15}};

/* ---- made ---- */

bool dtmf_tone_begin(struct dtmf_tone *tone, unsigned event, uint32_t rate_hz)
{
	for (unsigned row = 0; row < ROWS; row++)
		for (unsigned column = 0; column < ROWS; column++)
			if (events[row][column] == event) {
				*tone = (struct dtmf_tone){
					.step = {tones[row] / (float)rate_hz, tones[ROWS + column] / (float)rate_hz}};
				return true;
			}
	return false;
}

void dtmf_tone_make(struct dtmf_tone *tone, int16_t *samples, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		float sample = 0;

		for (int t = 0; t < 2; t++) {
			sample += TONE_AMPLITUDE * sinf(2 * (float)M_PI * tone->phase[t]);
			tone->phase[t] += tone->step[t];
			if (tone->phase[t] >= 1)
				tone->phase[t] -= 1;
		}
		samples[i] = (int16_t)sample;
	}
}

/* ---- found ---- */

void dtmf_detector_init(struct dtmf_detector *detector, uint32_t rate_hz)
{
	*detector = (struct dtmf_detector){.rate_hz = rate_hz,
					   .block = (uint32_t)((uint64_t)rate_hz * BLOCK_US / 1000000),
					   .last = -1,
					   .pressed = -1};
	for (int t = 0; t < DTMF_TONES; t++) {
		float angle = 2 * (float)M_PI * tones[t] / (float)rate_hz;

		detector->cosine[t] = cosf(angle);
		detector->sine[t] = sinf(angle);
		detector->coefficient[t] = 2 * detector->cosine[t];
	}
}

static int strongest(const float *power)
{
	int best = 0;

	for (int i = 1; i < ROWS; i++)
		if (power[i] > power[best])
			best = i;
	return best;
}

static bool stands_out(const float *power, int best)
{
	for (int i = 0; i < ROWS; i++)
		if (i != best && power[i] * PEAK > power[best])
			return false;
	return true;
}

/* Row and column of the block that has ended; -1: it holds no digit. */
static int judge(const struct dtmf_detector *detector, float ret_power[2])
{
	float power[DTMF_TONES], least, half = (float)detector->block / 2;
	int row, column;

	for (int t = 0; t < DTMF_TONES; t++)
		power[t] = detector->v1[t] * detector->v1[t] + detector->v2[t] * detector->v2[t] -
			   detector->coefficient[t] * detector->v1[t] * detector->v2[t];
	row = strongest(power);
	column = strongest(power + ROWS);
	/* A tone of amplitude a gives (a * block / 2) squared. */
	least = LEVEL_MIN * half;
	if (MIN(power[row], power[ROWS + column]) < least * least)
		return -1;
	if (power[row] > power[ROWS + column] * TWIST_NORMAL || power[ROWS + column] > power[row] * TWIST_REVERSE)
		return -1;
	if (!stands_out(power, row) || !stands_out(power + ROWS, column))
		return -1;
	/* The energy of a tone is half its amplitude squared, times the block. */
	ret_power[0] = power[row] / (detector->energy * half);
	ret_power[1] = power[ROWS + column] / (detector->energy * half);
	return ret_power[0] + ret_power[1] < SHARE ? -1 : row * ROWS + column;
}

static float phase_of(const struct dtmf_detector *detector, int t)
{
	float real = detector->v1[t] - detector->v2[t] * detector->cosine[t],
	      imaginary = detector->v2[t] * detector->sine[t];

	return atan2f(imaginary, real) / (2 * (float)M_PI);
}

/* By how many cycles a block a tone is off, from the turn that its phase made over the block. */
static float off_by(const struct dtmf_detector *detector, int t, float before, float after)
{
	float turned = after - before - tones[t] * (float)detector->block / (float)detector->rate_hz;

	return fabsf(turned - roundf(turned));
}

/* How much of the power of a tone its filter sees that is so many cycles a block off. */
static float seen(float off)
{
	float angle = (float)M_PI * off;

	return angle < 0.01f ? 1 : sinf(angle) * sinf(angle) / (angle * angle);
}

/* Two blocks with the same row and column: are these two tones all there is, on frequency and steady? */
static bool is_pure(const struct dtmf_detector *detector, int found, const float phase[2], const float share[2])
{
	float now = 0, before = 0;

	for (int i = 0; i < 2; i++) {
		int t = i ? ROWS + found % ROWS : found / ROWS;
		float off = off_by(detector, t, detector->phase[i], phase[i]);

		if (off > OFF_MAX * tones[t] * (float)detector->block / (float)detector->rate_hz)
			return false;
		now += share[i] / seen(off);
		before += detector->share[i] / seen(off);
	}
	return MIN(now, before) > PURE && detector->energy < STEADY * detector->last_energy &&
	       detector->last_energy < STEADY * detector->energy;
}

static void let_go(struct dtmf_detector *detector)
{
	struct dtmf_digit digit = {.event = events[detector->pressed / ROWS][detector->pressed % ROWS],
				   .volume = 10,
				   .duration_ms = detector->blocks * BLOCK_US / 1000};

	detector->pressed = -1;
	dtmf_queue_put(&detector->queue, &digit);
}

static void end_block(struct dtmf_detector *detector)
{
	float phase[2] = {0}, share[2] = {0};
	int found = judge(detector, share);

	if (found >= 0) {
		phase[0] = phase_of(detector, found / ROWS);
		phase[1] = phase_of(detector, ROWS + found % ROWS);
		if (detector->pressed < 0 && found == detector->last && is_pure(detector, found, phase, share)) {
			detector->pressed = (int8_t)found;
			detector->blocks = 1;
		}
	}
	if (detector->pressed >= 0) {
		detector->missed = found == detector->pressed ? 0 : (uint8_t)(detector->missed + 1);
		detector->blocks += detector->missed == 0;
		if (detector->missed == MISSES)
			let_go(detector);
	}
	detector->last = (int8_t)found;
	memcpy(detector->phase, phase, sizeof(phase));
	memcpy(detector->share, share, sizeof(share));
	detector->last_energy = detector->energy;
	memset(detector->v1, 0, sizeof(detector->v1));
	memset(detector->v2, 0, sizeof(detector->v2));
	detector->energy = 0;
	detector->at = 0;
}

void dtmf_detect(struct dtmf_detector *detector, int16_t *samples, size_t count)
{
	bool was_there = dtmf_detector_is_pressed(detector) || detector->last >= 0;

	for (size_t i = 0; i < count; i++) {
		float sample = samples[i];

		for (int t = 0; t < DTMF_TONES; t++) {
			float v0 = sample + detector->coefficient[t] * detector->v1[t] - detector->v2[t];

			detector->v2[t] = detector->v1[t];
			detector->v1[t] = v0;
		}
		detector->energy += sample * sample;
		if (++detector->at == detector->block)
			end_block(detector);
	}
	if (was_there || dtmf_detector_is_pressed(detector) || detector->last >= 0)
		memset(samples, 0, count * sizeof(*samples));
}

bool dtmf_detector_is_pressed(const struct dtmf_detector *detector)
{
	return detector->pressed >= 0;
}

bool dtmf_detector_take(struct dtmf_detector *detector, struct dtmf_digit *ret_digit)
{
	return dtmf_queue_take(&detector->queue, ret_digit);
}
