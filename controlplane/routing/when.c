/* Time conditions of routes: "Mon-Fri 08:00-18:00". Days and hours may wrap: "Sat-Mon", "22:00-06:00". */
#include "controlplane/routing/routing.h"

#include <time.h>

static const char *const days[ROUTING_DAYS] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};

static int parse_day(struct view text, unsigned *ret_day)
{
	for (unsigned i = 0; i < ROUTING_DAYS; i++)
		if (view_is_nocase(text, days[i])) {
			*ret_day = i;
			return 0;
		}
	return ERR_SYNTAX;
}

/* "Mon-Fri,Sun" */
static int parse_days(struct view list, uint8_t *ret_days)
{
	uint8_t bits = 0;

	while (list.at) {
		struct view range = view_cut(&list, ','), first = view_cut(&range, '-');
		unsigned from, to;

		if (parse_day(first, &from) != 0)
			return ERR_SYNTAX;
		to = from;
		if (range.at && parse_day(range, &to) != 0)
			return ERR_SYNTAX;
		for (unsigned day = from;; day = (day + 1) % ROUTING_DAYS) {
			bits |= (uint8_t)(1u << day);
			if (day == to)
				break;
		}
	}
	*ret_days = bits;
	return 0;
}

/* "08:00", up to 24:00. */
static int parse_minute(struct view text, uint16_t *ret_minute)
{
	struct view hour = view_cut(&text, ':');
	uint32_t hours, minutes;

	if (hour.size != 2 || !text.at || text.size != 2 || view_to_u32(hour, 24, &hours) != 0 ||
	    view_to_u32(text, 59, &minutes) != 0 || (hours == 24 && minutes > 0))
		return ERR_SYNTAX;
	*ret_minute = (uint16_t)(hours * 60 + minutes);
	return 0;
}

static int parse_hours(struct view range, struct routing_when *when)
{
	struct view from = view_cut(&range, '-');

	if (!range.at || parse_minute(from, &when->from_minute) != 0 || parse_minute(range, &when->to_minute) != 0 ||
	    when->from_minute == when->to_minute || when->from_minute == ROUTING_DAY_MINUTES || when->to_minute == 0)
		return ERR_SYNTAX;
	return 0;
}

int routing_when_parse(struct view text, struct routing_when *ret_when)
{
	struct routing_when when = {.days = (1 << ROUTING_DAYS) - 1, .to_minute = ROUTING_DAY_MINUTES};
	struct view rest = view_trim(text), first = view_trim(view_cut(&rest, ' '));
	bool has_days = first.size > 0 && (first.at[0] < '0' || first.at[0] > '9');
	struct view hours = has_days ? view_trim(rest.at ? rest : VIEW_EMPTY) : first;

	if (first.size == 0 || (!has_days && rest.at && view_trim(rest).size > 0))
		return ERR_SYNTAX;
	if (has_days && parse_days(first, &when.days) != 0)
		return ERR_SYNTAX;
	if (hours.size > 0 && parse_hours(hours, &when) != 0)
		return ERR_SYNTAX;
	*ret_when = when;
	return 0;
}

/* Hours that wrap belong to the day on which they begin. */
bool routing_when_is_now(const struct routing_when *when, const struct routing_moment *moment)
{
	uint8_t today = (uint8_t)(1u << moment->day);
	uint8_t yesterday = (uint8_t)(1u << (moment->day + ROUTING_DAYS - 1) % ROUTING_DAYS);

	if (when->from_minute < when->to_minute)
		return (when->days & today) && moment->minute >= when->from_minute && moment->minute < when->to_minute;
	return ((when->days & today) && moment->minute >= when->from_minute) ||
	       ((when->days & yesterday) && moment->minute < when->to_minute);
}

struct routing_moment routing_moment_of(const struct tm *local)
{
	return (struct routing_moment){
		.day = (uint8_t)((local->tm_wday + ROUTING_DAYS - 1) % ROUTING_DAYS), /* there Sunday is 0 */
		.minute = (uint16_t)(local->tm_hour * 60 + local->tm_min),
	};
}
