/* Comfort noise (RFC 3389): white noise of a level, through the filter whose reflection coefficients the sender gave. */
#include "lib/playout/private.h"

#include <math.h>

void noise_set(struct noise *noise, const uint8_t *payload, size_t size)
{
	float gain = 1;

	if (size == 0)
		return;
	noise->order = (int)MIN(size - 1, (size_t)NOISE_ORDER);
	for (int i = 0; i < noise->order; i++) {
		/* RFC 3389 section 3.2: 127 is zero, 254 nearly one. */
		float k = ((float)MIN(payload[1 + i], 254) - 127) / 128;

		noise->reflection[i] = k;
		gain *= 1 - k * k;
	}
	/* The level is in dB below the overload point; uniform noise of amplitude a has a power of a * a / 3. */
	noise->level = (int32_t)(32767 * powf(10, -(float)(payload[0] & 0x7f) / 20) * sqrtf(3 * MAX(gain, 0.001f)));
	if (noise->random == 0)
		noise->random = 1;
}

static float filter(struct noise *noise, float excitation)
{
	float forward = excitation;

	for (int i = noise->order; i > 0; i--) {
		forward -= noise->reflection[i - 1] * noise->state[i - 1];
		noise->state[i] = noise->state[i - 1] + noise->reflection[i - 1] * forward;
	}
	noise->state[0] = forward;
	return forward;
}

void noise_make(struct noise *noise, int16_t *samples, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		float sample;

		noise->random = noise->random * 1664525u + 1013904223u;
		sample = filter(noise, (float)noise->level * ((float)(int32_t)noise->random / 2147483648.0f));
		samples[i] = (int16_t)MAX(-32768.0f, MIN(32767.0f, sample));
	}
}
