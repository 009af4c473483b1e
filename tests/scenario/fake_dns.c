/* The name server of tests. */
#include "tests/scenario/fake_dns.h"

#include <stdlib.h>

#include "controlplane/loop/loop.h"

struct question {
	struct list link;
	struct loop_timer timer;
	struct fake_dns *fake;
	struct dns_query *query;
};

void fake_dns_init(struct fake_dns *fake, struct loop *loop)
{
	*fake = (struct fake_dns){.loop = loop};
	list_init(&fake->open);
}

static void close_question(struct question *question, const struct dns_answer *answer)
{
	loop_timer_stop(question->fake->loop, &question->timer);
	list_del(&question->link);
	question->query->answered(question->query, answer);
	free(question);
}

void fake_dns_fini(struct fake_dns *fake)
{
	struct dns_answer nothing = {.error = ERR_CLOSED};
	struct list *link;

	while ((link = list_first(&fake->open)))
		close_question(LIST_ENTRY(link, struct question, link), &nothing);
}

/* ---- zones ---- */

static struct view word(struct view *rest)
{
	*rest = view_trim(*rest);
	return view_cut(rest, ' ');
}

static bool number(struct view *rest, uint16_t *ret_number)
{
	uint32_t value;

	if (view_to_u32(word(rest), 65535, &value) != 0)
		return false;
	*ret_number = (uint16_t)value;
	return true;
}

static bool parse_record(struct view *rest, enum dns_type type, struct dns_record *record)
{
	bool is_good = true;

	if (type == DNS_A || type == DNS_AAAA)
		return net_address_parse(word(rest), &record->address) == 0 &&
		       (record->address.family == NET_IPV6) == (type == DNS_AAAA);
	is_good = number(rest, &record->priority) && number(rest, &record->weight);
	if (type == DNS_SRV)
		is_good = is_good && number(rest, &record->port);
	else
		is_good = is_good && view_copy(word(rest), record->service, sizeof(record->service)) == 0;
	if (view_has_prefix(view_trim(*rest), "."))
		return is_good && word(rest).size == 1;
	return is_good && view_copy(word(rest), record->name, sizeof(record->name)) == 0;
}

static bool add(struct fake_dns *fake, struct view name, struct view rest)
{
	struct view type = word(&rest);
	size_t at = fake->row_count;

	if (at == FAKE_DNS_ROWS || view_copy(name, fake->rows[at].name, DNS_NAME_SIZE) != 0)
		return false;
	for (unsigned i = 0; i < DNS_TYPE_COUNT; i++)
		if (view_is(type, dns_type_name(i))) {
			fake->rows[at].type = i;
			memset(&fake->rows[at].record, 0, sizeof(fake->rows[at].record));
			fake->rows[at].ttl_s = 60;
			if (!parse_record(&rest, i, &fake->rows[at].record))
				return false;
			if (view_is(word(&rest), "ttl") && view_to_u32(word(&rest), 86400, &fake->rows[at].ttl_s) != 0)
				return false;
			fake->row_count++;
			return true;
		}
	return false;
}

bool fake_dns_do(struct fake_dns *fake, struct view line)
{
	struct view first = word(&line);
	size_t kept = 0;

	if (view_is(first, "silent") || view_is(first, "speaks")) {
		fake->is_silent = view_is(first, "silent");
		return true;
	}
	if (!view_is(first, "forget"))
		return add(fake, first, line);
	first = word(&line);
	for (size_t i = 0; i < fake->row_count; i++)
		if (!view_is(first, fake->rows[i].name))
			fake->rows[kept++] = fake->rows[i];
	fake->row_count = kept;
	return true;
}

void fake_dns_answer(const struct fake_dns *fake, enum dns_type type, const char *name,
		     struct dns_record records[DNS_RECORDS_MAX], struct dns_answer *ret_answer)
{
	*ret_answer = (struct dns_answer){.error = ERR_NOT_FOUND, .ttl_s = DNS_ABSENT_S, .records = records};
	for (size_t i = 0; i < fake->row_count && ret_answer->count < DNS_RECORDS_MAX; i++) {
		if (fake->rows[i].type != type || strcmp(fake->rows[i].name, name) != 0)
			continue;
		ret_answer->error = 0;
		ret_answer->ttl_s = fake->rows[i].ttl_s;
		records[ret_answer->count++] = fake->rows[i].record;
	}
}

/* ---- the source ---- */

static void on_due(void *arg)
{
	struct question *question = arg;
	struct dns_record records[DNS_RECORDS_MAX];
	struct dns_answer answer;

	fake_dns_answer(question->fake, question->query->type, question->query->name, records, &answer);
	if (question->fake->is_silent)
		answer = (struct dns_answer){.error = ERR_TIMEOUT};
	close_question(question, &answer);
}

static void ask(void *arg, struct dns_query *query)
{
	struct fake_dns *fake = arg;
	struct question *question = calloc(1, sizeof(*question));

	fake->asked++;
	if (!question) {
		query->answered(query, &(struct dns_answer){.error = ERR_NOMEM});
		return;
	}
	question->fake = fake;
	question->query = query;
	loop_timer_init(&question->timer, on_due, question);
	list_add(&fake->open, &question->link);
	loop_timer_start(fake->loop, &question->timer, fake->is_silent ? FAKE_DNS_SILENCE_MS : 1);
}

static void end(void *arg)
{
	fake_dns_fini(arg);
}

struct dns_source fake_dns_source(struct fake_dns *fake)
{
	return (struct dns_source){.ask = ask, .free = end, .arg = fake};
}
