/* File names of days: the pattern of the configuration, checked, printed for a day and matched against names. */
#include "controlplane/cdr/cdr_private.h"

#include <time.h>

enum { MS_PER_DAY = 86400000, SECONDS_PER_DAY = 86400 };

int64_t cdr_day(uint64_t wall_ms)
{
	return (int64_t)(wall_ms / MS_PER_DAY);
}

static int refuse(struct cdr_problem *problem, const char *pattern, const char *why)
{
	struct text text;

	text_init(&text, problem->text, sizeof(problem->text));
	text_printf(&text, "cdr.filename_pattern \"%.100s\": %s", pattern, why);
	return ERR_INVALID;
}

int cdr_pattern_parse(const char *pattern, struct cdr_pattern *ret_pattern, struct cdr_problem *ret_problem)
{
	static const char conversions[] = "Ymd";
	unsigned counts[3] = {0};
	size_t size = strlen(pattern);

	/* Room for a year of four digits in place of its two characters. */
	if (size == 0 || size + 2 >= CDR_NAME_SIZE)
		return refuse(ret_problem, pattern, "must have 1 to 125 characters");
	if (strchr(pattern, '/') || strcmp(pattern, ".") == 0 || strcmp(pattern, "..") == 0)
		return refuse(ret_problem, pattern, "is a file name; the directory is cdr.output_dir");
	for (const char *at = pattern; *at; at++) {
		const char *found;

		if (*at != '%')
			continue;
		found = *++at ? strchr(conversions, *at) : NULL;
		if (!found || ++counts[found - conversions] > 1)
			return refuse(ret_problem, pattern, "knows only %Y, %m and %d, each once");
	}
	if (counts[0] != counts[1] || counts[1] != counts[2])
		return refuse(ret_problem, pattern, "a file a day needs all of %Y, %m and %d; one file for ever none");
	*ret_pattern = (struct cdr_pattern){.is_daily = counts[0] > 0};
	memcpy(ret_pattern->text, pattern, size + 1);
	return 0;
}

void cdr_pattern_print(const struct cdr_pattern *pattern, int64_t day, char name[CDR_NAME_SIZE])
{
	time_t seconds = (time_t)day * SECONDS_PER_DAY;
	struct text text;
	struct tm tm;

	gmtime_r(&seconds, &tm);
	text_init(&text, name, CDR_NAME_SIZE);
	for (const char *at = pattern->text; *at; at++) {
		if (*at != '%')
			text_add_char(&text, *at);
		else if (*++at == 'Y')
			text_printf(&text, "%04d", tm.tm_year + 1900);
		else
			text_printf(&text, "%02d", *at == 'm' ? tm.tm_mon + 1 : tm.tm_mday);
	}
}

/* Takes `count` digits from *name. */
static bool take_digits(const char **name, size_t count, int *ret_value)
{
	*ret_value = 0;
	for (; count > 0; count--, (*name)++) {
		if (**name < '0' || **name > '9')
			return false;
		*ret_value = *ret_value * 10 + (**name - '0');
	}
	return true;
}

bool cdr_pattern_is_match(const struct cdr_pattern *pattern, const char *name, int64_t *ret_day)
{
	char again[CDR_NAME_SIZE];
	const char *rest = name;
	struct tm tm = {0};
	time_t seconds;

	for (const char *at = pattern->text; *at; at++) {
		bool is_taken = true;

		if (*at != '%')
			is_taken = *rest == *at && *rest++;
		else if (*++at == 'Y')
			is_taken = take_digits(&rest, 4, &tm.tm_year);
		else
			is_taken = take_digits(&rest, 2, *at == 'm' ? &tm.tm_mon : &tm.tm_mday);
		if (!is_taken)
			return false;
	}
	if (*rest || !pattern->is_daily)
		return false;
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	seconds = timegm(&tm);
	*ret_day = (int64_t)seconds / SECONDS_PER_DAY;
	/* The 31st of February is no day: what it would be taken for prints otherwise. */
	cdr_pattern_print(pattern, *ret_day, again);
	return strcmp(again, name) == 0;
}
