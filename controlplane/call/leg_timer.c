/* Session timers, RFC 4028: a party that knows them is heard of in time, or the call ends. Each leg has its own. */
#include "controlplane/call/leg.h"
#include "controlplane/call/session.h"
#include "controlplane/call/transfer.h"

#include "lib/config/config.h"

static const struct conf_sip *sip(const struct leg *leg)
{
	return &leg->call->table->services.conf->sip;
}

static void start(struct leg *leg)
{
	uint64_t interval_ms = leg->timer.interval_s * 1000ull;
	/* The refresher half way; the other side gives up a little before the end, with time for a BYE (section 10). */
	uint64_t delay_ms = leg->timer.is_ours ? interval_ms / 2 : interval_ms - MIN(32000, interval_ms / 3);

	if (interval_ms > 0)
		loop_timer_start(leg->call->table->services.loop, &leg->timer.timer, delay_ms);
	else
		timer_stop(leg);
}

static void on_timer(void *arg)
{
	struct leg *leg = arg;
	static const struct leg_input nothing;

	if (leg->timer.is_ours) {
		/* Again in a while: refused, or something else was going on. What is agreed anew starts it anew. */
		loop_timer_start(leg->call->table->services.loop, &leg->timer.timer,
				 leg->timer.interval_s * 1000ull / 8);
		leg_feed(leg, LEG_CALL_REFRESH, NULL);
		return;
	}
	if (transfer_meaning_of_leaving(leg) == CALL_LEG_LEFT)
		call_note(leg->call, CDR_SIDE_SYSTEM, 200, 102, "session_expired");
	leg_leave_call(leg, 200, 102, "session_expired", &nothing);
}

void timer_init(struct leg *leg)
{
	loop_timer_init(&leg->timer.timer, on_timer, leg);
}

void timer_stop(struct leg *leg)
{
	loop_timer_stop(leg->call->table->services.loop, &leg->timer.timer);
}

static void note_abilities(struct leg *leg, const struct sip_message *message)
{
	leg->knows_timer = sip_header_has(message, SIP_HEADER_SUPPORTED, "timer") ||
			   sip_header_has(message, SIP_HEADER_REQUIRE, "timer");
	leg->knows_100rel = sip_header_has(message, SIP_HEADER_SUPPORTED, "100rel") ||
			    sip_header_has(message, SIP_HEADER_REQUIRE, "100rel");
	if (sip_header_is_present(message, SIP_HEADER_ALLOW))
		leg->knows_update = sip_header_has(message, SIP_HEADER_ALLOW, "UPDATE");
}

static bool find_expires(const struct sip_message *message, struct sip_session_expires *ret_expires)
{
	struct view value = sip_header_find(message, SIP_HEADER_SESSION_EXPIRES);

	return value.at && sip_session_expires_parse(value, ret_expires) == 0;
}

bool timer_on_request(struct leg *leg, const struct sip_message *request)
{
	struct sip_session_expires expires;

	note_abilities(leg, request);
	leg->timer.asked_s = 0;
	if (sip(leg)->session_expires_s == 0 || !find_expires(request, &expires))
		return true;
	if (leg->knows_timer && expires.seconds < sip(leg)->min_session_expires_s)
		return false;
	leg->timer.asked_s = expires.seconds;
	leg->timer.is_refresher_asked = expires.refresher != SIP_REFRESHER_NONE;
	leg->timer.is_peer_refresher = expires.refresher != SIP_REFRESHER_UAS;
	return true;
}

void timer_write_answer(struct sip_writer *out, struct leg *leg)
{
	struct leg_timer *timer = &leg->timer;

	if (sip(leg)->session_expires_s == 0 || !leg->knows_timer)
		return;
	timer->interval_s = timer->asked_s > 0 ? timer->asked_s : sip(leg)->session_expires_s;
	timer->is_ours = timer->asked_s > 0 && !timer->is_peer_refresher;
	sip_write_header(out, SIP_HEADER_SESSION_EXPIRES, "%u;refresher=%s", timer->interval_s,
			 timer->is_ours ? "uas" : "uac");
	if (!timer->is_ours)
		sip_write_header(out, SIP_HEADER_REQUIRE, "timer");
	start(leg);
}

void timer_write_request(struct sip_writer *out, const struct leg *leg)
{
	uint32_t seconds = leg->timer.offered_s > 0 ? leg->timer.offered_s : sip(leg)->session_expires_s;

	if (sip(leg)->session_expires_s == 0)
		return;
	/* A refresh keeps what was agreed, and who refreshes (section 7.4). */
	if (leg->timer.interval_s > 0)
		sip_write_header(out, SIP_HEADER_SESSION_EXPIRES, "%u;refresher=%s", leg->timer.interval_s,
				 leg->timer.is_ours ? "uac" : "uas");
	else
		sip_write_header(out, SIP_HEADER_SESSION_EXPIRES, "%u", seconds);
	sip_write_header(out, SIP_HEADER_MIN_SE, "%u", MAX(sip(leg)->min_session_expires_s, leg->timer.offered_s));
}

bool timer_on_too_small(struct leg *leg, const struct sip_message *response)
{
	uint32_t seconds;

	if (leg_state(leg) != LEG_CALLING && leg_state(leg) != LEG_RINGING && leg_state(leg) != LEG_ASKING)
		return false;
	if (leg->timer.offered_s > 0 || sip_header_u32(response, SIP_HEADER_MIN_SE, 86400, &seconds) != 0)
		return false;
	leg->timer.offered_s = seconds;
	if (leg->timer.interval_s > 0)
		leg->timer.interval_s = seconds;
	return true;
}

/* From the 2xx to our request. */
void start_timer(void *owner, const void *data)
{
	struct leg *leg = owner;
	const struct sip_message *response = ((const struct leg_input *)data)->message;
	struct sip_session_expires expires;

	if (!response || sip(leg)->session_expires_s == 0)
		return;
	note_abilities(leg, response);
	leg->timer.interval_s = 0;
	if (find_expires(response, &expires)) {
		leg->timer.interval_s = MAX(expires.seconds, 90);
		leg->timer.is_ours = expires.refresher != SIP_REFRESHER_UAS;
	}
	start(leg);
}
