/* Waveform work on the last samples: the pitch that repeats in them, and with it the concealment of losses after the manner
 * of G.711 Appendix I and the shortening of what waits too long. At any rate. */
#include "lib/playout/private.h"

#define PITCH_MIN_HZ 66
#define PITCH_MAX_HZ 400
#define FADE_FROM_MS 10
#define SILENT_MS    60
#define BLEND_MS     4
#define COMPARE_MS   20
#define STRIDE_HZ    8000 /* the first search looks at this many samples a second */

static uint32_t pitch_min(uint32_t rate_hz)
{
	return rate_hz / PITCH_MAX_HZ;
}

static uint32_t pitch_max(uint32_t rate_hz)
{
	return rate_hz / PITCH_MIN_HZ;
}

/* How alike the last `count` samples before `end` are to those `lag` earlier: squared correlation over energy. */
static double likeness(const int16_t *end, uint32_t lag, uint32_t count, uint32_t stride)
{
	int64_t product = 0, energy = 1;

	for (uint32_t i = stride; i <= count; i += stride) {
		product += (int64_t)end[-(int64_t)i] * end[-(int64_t)i - lag];
		energy += (int64_t)end[-(int64_t)i - lag] * end[-(int64_t)i - lag];
	}
	return product > 0 ? (double)product * (double)product / (double)energy : 0;
}

/* The lag at which what is before `end` repeats; needs pitch_max + COMPARE_MS of samples there. */
static uint32_t find_pitch(const int16_t *end, uint32_t rate_hz, uint32_t longest)
{
	uint32_t stride = MAX(rate_hz / STRIDE_HZ, 1u), count = rate_hz / 1000 * COMPARE_MS, best = longest;
	double most = 0;

	for (uint32_t lag = pitch_min(rate_hz); lag <= longest; lag += stride) {
		double alike = likeness(end, lag, count, stride);

		if (alike > most) {
			most = alike;
			best = lag;
		}
	}
	return best;
}

void conceal_init(struct conceal *conceal, uint32_t rate_hz)
{
	*conceal = (struct conceal){.rate_hz = rate_hz, .len = rate_hz / 1000 * CONCEAL_HISTORY_MS};
}

static void remember(struct conceal *conceal, const int16_t *samples, size_t count)
{
	size_t len = conceal->len;

	if (count >= len) {
		memcpy(conceal->history, samples + count - len, len * sizeof(*samples));
		return;
	}
	memmove(conceal->history, conceal->history + count, (len - count) * sizeof(*samples));
	memcpy(conceal->history + len - count, samples, count * sizeof(*samples));
}

/* What the running concealment says next, faded as far as it has come. */
static int16_t next_made(struct conceal *conceal)
{
	uint32_t ms = conceal->rate_hz / 1000, from = FADE_FROM_MS * ms, until = SILENT_MS * ms;
	const int16_t *period = conceal->history + conceal->len - conceal->pitch;
	int32_t sample = period[conceal->position];

	if (++conceal->position == conceal->pitch)
		conceal->position = 0;
	if (conceal->made >= until)
		sample = 0;
	else if (conceal->made > from)
		sample = (int32_t)((int64_t)sample * (until - conceal->made) / (until - from));
	conceal->made++;
	return (int16_t)sample;
}

static int16_t blend(int32_t old, int32_t new, size_t at, size_t count)
{
	return (int16_t)((old * (int32_t)(count - at) + new *(int32_t)at) / (int32_t)count);
}

/* The period's end goes over into its begin: the last quarter is blended with what came before the period. */
static void smooth_period(struct conceal *conceal)
{
	size_t quarter = conceal->pitch / 4;
	int16_t *end = conceal->history + conceal->len - quarter;

	for (size_t i = 0; i < quarter; i++)
		end[i] = blend(end[i], end[(int64_t)i - conceal->pitch], i, quarter);
}

void conceal_make(struct conceal *conceal, int16_t *samples, size_t count)
{
	if (conceal->made == 0) {
		conceal->pitch =
			find_pitch(conceal->history + conceal->len, conceal->rate_hz, pitch_max(conceal->rate_hz));
		conceal->position = 0;
		smooth_period(conceal);
	}
	for (size_t i = 0; i < count; i++)
		samples[i] = next_made(conceal);
}

void conceal_good(struct conceal *conceal, int16_t *samples, size_t count)
{
	if (conceal->made > 0) {
		size_t some = MIN(count, (size_t)(conceal->rate_hz / 1000 * BLEND_MS));

		for (size_t i = 0; i < some; i++)
			samples[i] = blend(next_made(conceal), samples[i], i, some);
		conceal->made = 0;
	}
	remember(conceal, samples, count);
}

size_t conceal_shorten(uint32_t rate_hz, int16_t *samples, size_t count)
{
	uint32_t longest = MIN(pitch_max(rate_hz), (uint32_t)(count / 2)), lag, shortest = pitch_min(rate_hz);
	double most = -1;
	int64_t loud = 0;

	if (longest <= shortest)
		return count;
	lag = longest;
	for (uint32_t l = shortest; l <= longest; l++) {
		int64_t product = 0, energy = 1;

		for (uint32_t i = 0; i < l; i += 2) {
			product += (int64_t)samples[i] * samples[i + l];
			energy += (int64_t)samples[i] * samples[i] + (int64_t)samples[i + l] * samples[i + l];
		}
		loud = MAX(loud, energy / l);
		if (2 * (double)product / (double)energy > most) {
			most = 2 * (double)product / (double)energy;
			lag = l;
		}
	}
	/* What does not repeat is only shortened when nobody would hear it. */
	if (most < 0.8 && loud > 100 * 100)
		return count;
	for (uint32_t i = 0; i < lag; i++)
		samples[i] = blend(samples[i], samples[i + lag], i, lag);
	memmove(samples + lag, samples + 2 * lag, (count - 2 * lag) * sizeof(*samples));
	return count - lag;
}
