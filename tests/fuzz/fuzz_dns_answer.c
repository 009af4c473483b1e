/* Answers of name servers: up to eight, each a byte for its type, two for its size, then the message. The walk gets them in this
 * order, whatever it asks for, and what comes out is put in order. */
#include "controlplane/dns/dns.h"

#include <stdlib.h>

struct answers {
	struct dns_record records[8][DNS_RECORDS_MAX];
	struct dns_answer list[8];
	size_t count, next;
};

static bool find(void *arg, enum dns_type type, const char *name, struct dns_known *ret_known)
{
	static const struct dns_answer nothing = {.error = ERR_NOT_FOUND};
	struct answers *answers = arg;

	if (strlen(name) >= DNS_NAME_SIZE)
		abort();
	*ret_known =
		(struct dns_known){.answer = answers->next < answers->count ? &answers->list[answers->next] : &nothing};
	answers->next++;
	return true;
}

static uint32_t draw(void *arg, uint32_t max)
{
	uint32_t *state = arg;

	*state = *state * 1664525 + 1013904223;
	return max == UINT32_MAX ? *state : *state % (max + 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct answers answers;
	struct dns_question question = {.host = "example.net"};
	struct dns_reach reach = {.ipv4 = 3, .ipv6 = 3, .prefers_ipv6 = size & 1};
	struct dns_targets targets;
	uint32_t random = (uint32_t)size;

	answers.count = answers.next = 0;
	while (size >= 3 && answers.count < 8) {
		enum dns_type type = data[0] % DNS_TYPE_COUNT;
		size_t length = (size_t)data[1] << 8 | data[2];
		struct dns_answer *answer = &answers.list[answers.count];

		length = MIN(length, size - 3);
		dns_answer_parse(type, data + 3, length, answers.records[answers.count], answer);
		if (answer->count > DNS_RECORDS_MAX || (answer->error && answer->count > 0))
			abort();
		answers.count++;
		data += 3 + length;
		size -= 3 + length;
	}
	if (dns_walk(&question, &reach, find, &answers, &targets) != 0)
		return 0;
	if (targets.count == 0 || targets.count > DNS_TARGETS_MAX)
		abort();
	dns_targets_order(targets.list, targets.count, draw, &random);
	for (size_t i = 1; i < targets.count; i++)
		if (targets.list[i].rank < targets.list[i - 1].rank)
			abort();
	return 0;
}
