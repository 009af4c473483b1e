/* The E-model, with everything that a telephone exchange cannot know at its default. */
#include <math.h>

#include "lib/rtp/quality.h"

/* G.107 table 2 and what follows from it: Ro 94.77, Is 1.41; loudness ratings 8 and 2, talker echo 65 dB, WEPL 110 dB. */
#define BASE_R         94.77
#define SIMULTANEOUS   1.41
#define WIDE_BASE_R    129.0
#define ECHO_LOUDNESS  65.0
#define WEIGHTED_ECHO  110.0
#define BUFFER_JITTERS 2 /* a jitter buffer holds about this many times the mean jitter */

/* G.113 tables I.1, I.4 and IV.1; Opus and L16 are not there and stand by their nearest. */
static const struct quality_codec codecs[] = {
	{"PCMU", false, 0, 25.1, 0}, {"PCMA", false, 0, 25.1, 0},
	{"G729", false, 11, 19, 5},  {"G722", true, 13, 14.1, 1.5},
	{"AMR", false, 5, 10, 5},    {"AMR-WB", true, 8, 14, 5},
	{"opus", true, 5, 22, 6.5},  {"L16", true, 0, 25.1, 0},
	{"GSM", false, 20, 43, 0},   {"telephone-event", false, 0, 25.1, 0},
};

const struct quality_codec *quality_codec_find(struct view name)
{
	for (size_t i = 0; i < ARRAY_LEN(codecs); i++)
		if (view_equal_nocase(name, view_of(codecs[i].name)))
			return &codecs[i];
	return &codecs[0];
}

/* G.107 7.4: talker echo, listener echo, and the delay itself. */
double quality_delay_impairment(double one_way_ms)
{
	double t = one_way_ms;
	double echo = ECHO_LOUDNESS - 40 * log10((1 + t / 10) / (1 + t / 150)) + 6 * exp(-0.3 * t * t);
	double talker = BASE_R - (80 + 2.5 * (echo - 14));
	double listener = BASE_R - 10.5 * (WEIGHTED_ECHO + 7) * pow(2 * t + 1, -0.25);
	double impairment = (talker / 2 + sqrt(talker * talker / 4 + 100) - 1) * (1 - exp(-t));

	impairment += listener / 2 + sqrt(listener * listener / 4 + 169);
	if (t > 100) {
		double x = log2(t / 100);

		impairment += 25 * (pow(1 + pow(x, 6), 1.0 / 6) - 3 * pow(1 + pow(x / 3, 6), 1.0 / 6) + 2);
	}
	return impairment;
}

double quality_mos(double r, bool is_wide)
{
	if (is_wide)
		r /= WIDE_BASE_R / 100;
	if (r <= 6.5) /* below it the polynomial falls under 1 */
		return 1;
	if (r >= 100)
		return 4.5;
	return 1 + 0.035 * r + r * (r - 60) * (100 - r) * 7e-6;
}

/* Mean length of the stretches that were lost, against what chance makes of the same loss. */
static double burst_ratio(const struct quality_input *input, double loss)
{
	double ratio;

	if (input->loss_runs == 0 || input->lost == 0)
		return 1;
	ratio = (double)input->lost / input->loss_runs * (1 - loss);
	return ratio < 1 ? 1 : ratio;
}

struct quality quality_of(const struct quality_input *input)
{
	const struct quality_codec *codec = input->codec;
	struct quality quality = {.burst_ratio = 1};
	double loss, impairment;

	if (input->received == 0)
		return quality;
	loss = (double)input->lost / (double)(input->received + input->lost);
	quality.loss_percent = loss * 100;
	quality.burst_ratio = burst_ratio(input, loss);
	quality.delay_ms = input->round_trip_us / 2000.0 + (input->packet_ms ? input->packet_ms : 20) +
			   codec->delay_ms + BUFFER_JITTERS * input->jitter_us / 1000.0;
	impairment = codec->impairment + (95 - codec->impairment) * quality.loss_percent /
						 (quality.loss_percent / quality.burst_ratio + codec->robustness);
	quality.r = (codec->is_wide ? WIDE_BASE_R : BASE_R - SIMULTANEOUS) -
		    quality_delay_impairment(quality.delay_ms) - impairment;
	quality.r = quality.r < 0 ? 0 : quality.r;
	quality.mos = quality_mos(quality.r, codec->is_wide);
	return quality;
}
