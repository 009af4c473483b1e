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

void overload_init(struct overload *overload, struct loop *loop, struct metrics *metrics, const struct conf_sip *conf,
		   struct overload *first)
{
	*overload = (struct overload){.loop = loop, .metrics = metrics, .lag_max_ms = conf->overload_lag_ms};
	overload->first = first ? first : overload;
	pthread_mutex_init(&overload->lock, NULL);
	bucket_init(&overload->calls, conf->calls_per_second, loop_now_ms(loop));
}

bool overload_is_late(const struct overload *overload)
{
	return overload->lag_max_ms > 0 && loop_lag_ms(overload->loop) > overload->lag_max_ms;
}

static bool ask(struct overload *overload, bool (*question)(struct bucket *bucket, uint64_t now_ms))
{
	struct overload *first = overload->first;
	bool answer;

	if (first->calls.rate == 0)
		return true;
	pthread_mutex_lock(&first->lock);
	/* The clocks of two threads may be a turn apart. */
	answer = question(&first->calls, MAX(loop_now_ms(overload->loop), first->calls.then_ms));
	pthread_mutex_unlock(&first->lock);
	return answer;
}

bool overload_has_room(struct overload *overload)
{
	return !overload_is_late(overload) && ask(overload, bucket_has);
}

bool overload_take(struct overload *overload)
{
	return ask(overload, bucket_take);
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
