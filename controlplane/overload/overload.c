/* When new work is refused, and the refusal. */
#include "controlplane/overload/overload.h"

#include <inttypes.h>

#include "controlplane/loop/loop.h"
#include "controlplane/metrics/metrics.h"
#include "controlplane/transaction/transaction.h"
#include "lib/config/config.h"
#include "lib/log/log.h"
#include "lib/sip/sip.h"

enum { TELL_EVERY_MS = 1000, RETRY_MIN_S = 5, RETRY_SPREAD_S = 6 };

void overload_init(struct overload *overload, struct loop *loop, struct metrics *metrics, const struct conf_sip *conf)
{
	*overload = (struct overload){.loop = loop, .metrics = metrics, .lag_max_ms = conf->overload_lag_ms};
	bucket_init(&overload->calls, conf->calls_per_second, loop_now_ms(loop));
}

bool overload_is_late(const struct overload *overload)
{
	return overload->lag_max_ms > 0 && loop_lag_ms(overload->loop) > overload->lag_max_ms;
}

bool overload_has_room(struct overload *overload)
{
	return !overload_is_late(overload) && bucket_has(&overload->calls, loop_now_ms(overload->loop));
}

bool overload_take(struct overload *overload)
{
	return bucket_take(&overload->calls, loop_now_ms(overload->loop));
}

static void write_retry_after(struct sip_writer *out, void *arg)
{
	sip_write_header_u32(out, SIP_HEADER_RETRY_AFTER, *(const uint32_t *)arg);
}

static void tell(struct overload *overload)
{
	uint64_t now_ms = loop_now_ms(overload->loop);

	overload->untold++;
	if (overload->told_ms > 0 && now_ms - overload->told_ms < TELL_EVERY_MS)
		return;
	log_warning("overload", "%" PRIu64 " new requests refused; signalling is %" PRIu64 " ms behind",
		    overload->untold, loop_lag_ms(overload->loop));
	overload->told_ms = now_ms;
	overload->untold = 0;
}

void overload_refuse(struct overload *overload, struct transaction_reply *ret_reply)
{
	loop_random(overload->loop, &overload->retry_s, sizeof(overload->retry_s));
	overload->retry_s = RETRY_MIN_S + overload->retry_s % RETRY_SPREAD_S;
	*ret_reply = (struct transaction_reply){.status = 503, .headers = write_retry_after, .arg = &overload->retry_s};
	metrics_add(overload->metrics, METRIC_ERROR_OVERLOAD, 1);
	tell(overload);
}
