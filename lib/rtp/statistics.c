/* Loss and jitter of one sender as RFC 3550 appendix A reckons them, over extended sequence numbers. */
#include "lib/rtp/rtp.h"

#define DROPOUT_MAX  3000 /* RFC 3550 A.1: a jump ahead up to this is loss */
#define MISORDER_MAX 100  /* a jump back up to this is reordering */
#define BAD_NONE     0x10000u

void rtp_statistics_begin(struct rtp_statistics *statistics, const struct rtp_header *header)
{
	uint64_t lost = rtp_statistics_lost(statistics);

	*statistics = (struct rtp_statistics){
		.ssrc = header->ssrc,
		.base = header->sequence,
		.max = header->sequence,
		.received = 1,
		.lost_before = lost > UINT32_MAX ? UINT32_MAX : (uint32_t)lost,
		.bad = BAD_NONE,
		.timestamp = header->timestamp,
	};
}

bool rtp_statistics_sequence(struct rtp_statistics *statistics, uint16_t sequence)
{
	uint16_t ahead = (uint16_t)(sequence - (uint16_t)statistics->max);

	if (ahead < DROPOUT_MAX) {
		statistics->max += ahead; /* carries into the cycles by itself */
	} else if (ahead <= 0x10000 - MISORDER_MAX) {
		uint32_t lost;

		if (sequence != statistics->bad) {
			statistics->bad = (uint16_t)(sequence + 1);
			return false;
		}
		/* Two in a row: the sender started anew without telling. The first of them was not counted. */
		lost = (uint32_t)MIN(rtp_statistics_lost(statistics), UINT32_MAX);
		statistics->base = (uint16_t)(sequence - 1);
		statistics->max = statistics->base + 1;
		statistics->received = 1;
		statistics->lost_before = lost;
	}
	statistics->bad = BAD_NONE;
	statistics->received++;
	return true;
}

void rtp_statistics_jitter(struct rtp_statistics *statistics, uint32_t timestamp, uint64_t arrival_us,
			   uint32_t clock_hz)
{
	uint32_t transit, difference;

	if (clock_hz == 0)
		return;
	transit = (uint32_t)(arrival_us * clock_hz / 1000000) - timestamp;
	if (statistics->transit != 0 && timestamp != statistics->timestamp) {
		difference = transit - statistics->transit;
		if (difference > INT32_MAX)
			difference = -difference;
		/* RFC 3550 A.8: J += |D| / 16, kept scaled by 16 and rounded. */
		statistics->jitter += difference - ((statistics->jitter + 8) >> 4);
	}
	if (timestamp != statistics->timestamp || statistics->transit == 0)
		statistics->transit = transit;
	statistics->timestamp = timestamp;
}

uint64_t rtp_statistics_lost(const struct rtp_statistics *statistics)
{
	uint32_t expected = statistics->received ? statistics->max - statistics->base + 1 : 0;
	uint32_t lost = expected > statistics->received ? expected - statistics->received : 0;

	return (uint64_t)statistics->lost_before + lost;
}

uint32_t rtp_statistics_jitter_us(const struct rtp_statistics *statistics, uint32_t clock_hz)
{
	if (clock_hz == 0)
		return 0;
	return (uint32_t)((uint64_t)statistics->jitter * 1000000 / 16 / clock_hz);
}

void rtp_gaps_on(struct rtp_gaps *gaps, const struct rtp_statistics *statistics, uint16_t sequence)
{
	uint16_t ahead = (uint16_t)(sequence - (uint16_t)statistics->max);
	uint32_t lost = (uint32_t)ahead - 1, number = statistics->max + ahead - 1;

	if (ahead == 0) {
		gaps->duplicates++;
		return;
	}
	if (ahead >= DROPOUT_MAX) {
		gaps->reordered += ahead > 0x10000 - MISORDER_MAX;
		return;
	}
	gaps->runs++;
	if (gaps->cluster == 0 || statistics->max - gaps->last_lost >= RTP_BURST_GAP)
		gaps->cluster = 0;
	/* A loss alone is no burst; with its second it becomes one, and the first counts too. */
	if (gaps->cluster + lost >= 2) {
		gaps->bursts += gaps->cluster < 2;
		gaps->burst_lost += lost + (gaps->cluster == 1);
	}
	gaps->cluster += lost;
	gaps->last_lost = number;
}
