/* The bytes of an answer become records: c-ares takes the records apart, the times are read here because c-ares 1.18 does not tell
 * them for SRV and NAPTR. Everything comes from a stranger. */
#include "controlplane/dns/dns_private.h"

#include <ares.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>

enum { HEADER_SIZE = 12, TYPE_CNAME = 5, TYPE_SOA = 6, RCODE_NXDOMAIN = 3 };

static const uint16_t type_numbers[DNS_TYPE_COUNT] = {
#define X(name, text, number) [name] = (number),
	DNS_TYPE_LIST(X)
#undef X
};

/* ---- times ---- */

struct reader {
	const uint8_t *bytes;
	size_t size, at;
	bool is_broken;
};

static uint32_t read_number(struct reader *reader, unsigned size)
{
	uint32_t value = 0;

	if (reader->size - reader->at < size) {
		reader->is_broken = true;
		return 0;
	}
	while (size-- > 0)
		value = value << 8 | reader->bytes[reader->at++];
	return value;
}

/* A name ends with an empty label or a pointer; what it says does not matter here. */
static void skip_name(struct reader *reader)
{
	uint32_t length;

	while (!reader->is_broken && (length = read_number(reader, 1)) != 0) {
		if (length >= 0xc0) {
			read_number(reader, 1);
			return;
		}
		if (reader->size - reader->at < length)
			reader->is_broken = true;
		else
			reader->at += length;
	}
}

/* The shortest time of the records of our type and the CNAMEs that lead to them; of none of them how long it stays so. */
static int read_times(enum dns_type type, const uint8_t *bytes, size_t size, uint32_t *ret_ttl_s,
		      uint32_t *ret_absent_s)
{
	struct reader reader = {bytes, size, 4, false};
	uint32_t questions = read_number(&reader, 2), answers = read_number(&reader, 2),
		 others = read_number(&reader, 2);

	*ret_ttl_s = DNS_KEEP_MAX_S;
	*ret_absent_s = DNS_ABSENT_S;
	reader.at = HEADER_SIZE;
	while (questions-- > 0 && !reader.is_broken) {
		skip_name(&reader);
		read_number(&reader, 4);
	}
	for (uint32_t i = 0; i < answers + others && !reader.is_broken; i++) {
		uint32_t number, ttl_s, length;

		skip_name(&reader);
		number = read_number(&reader, 2);
		read_number(&reader, 2);
		ttl_s = read_number(&reader, 4);
		length = read_number(&reader, 2);
		if (reader.is_broken || reader.size - reader.at < length)
			return ERR_SYNTAX;
		reader.at += length;
		if (ttl_s > INT32_MAX) /* RFC 2181 section 8 */
			ttl_s = 0;
		if (i < answers && (number == type_numbers[type] || number == TYPE_CNAME))
			*ret_ttl_s = MIN(*ret_ttl_s, ttl_s);
		if (i >= answers && number == TYPE_SOA && length >= 4) {
			struct reader minimum = {bytes, size, reader.at - 4, false};

			*ret_absent_s = read_number(&minimum, 4);
			*ret_absent_s = MIN(*ret_absent_s, ttl_s);
		}
	}
	return reader.is_broken ? ERR_SYNTAX : 0;
}

/* ---- records: c-ares' lists, copied ---- */

static struct dns_record *next_record(struct dns_answer *answer)
{
	struct dns_record *record;

	if (answer->count == DNS_RECORDS_MAX)
		return NULL;
	record = &answer->records[answer->count];
	memset(record, 0, sizeof(*record));
	return record;
}

static int parse_a(const uint8_t *bytes, int size, struct dns_answer *answer)
{
	struct ares_addrttl list[DNS_RECORDS_MAX];
	int count = ARRAY_LEN(list), status = ares_parse_a_reply(bytes, size, NULL, list, &count);
	struct dns_record *record;

	for (int i = 0; status == ARES_SUCCESS && i < count && (record = next_record(answer)); i++, answer->count++) {
		record->address.family = NET_IPV4;
		memcpy(record->address.bytes, &list[i].ipaddr, 4);
	}
	return status;
}

static int parse_aaaa(const uint8_t *bytes, int size, struct dns_answer *answer)
{
	struct ares_addr6ttl list[DNS_RECORDS_MAX];
	int count = ARRAY_LEN(list), status = ares_parse_aaaa_reply(bytes, size, NULL, list, &count);
	struct dns_record *record;

	for (int i = 0; status == ARES_SUCCESS && i < count && (record = next_record(answer)); i++, answer->count++) {
		record->address.family = NET_IPV6;
		memcpy(record->address.bytes, &list[i].ip6addr, 16);
	}
	return status;
}

/* A target that is no name is left out; "." says that the service is not there. */
static int parse_srv(const uint8_t *bytes, int size, struct dns_answer *answer)
{
	struct ares_srv_reply *list = NULL;
	int status = ares_parse_srv_reply(bytes, size, &list);

	for (const struct ares_srv_reply *at = list; at; at = at->next) {
		struct dns_record *record = next_record(answer);

		if (!record)
			break;
		if (at->host && at->host[0] && !(at->host[0] == '.' && !at->host[1]) &&
		    dns_name_normalize(view_of(at->host), record->name) != 0)
			continue;
		record->priority = at->priority;
		record->weight = at->weight;
		record->port = at->port;
		answer->count++;
	}
	if (list)
		ares_free_data(list);
	return status;
}

static int parse_naptr(const uint8_t *bytes, int size, struct dns_answer *answer)
{
	struct ares_naptr_reply *list = NULL;
	int status = ares_parse_naptr_reply(bytes, size, &list);

	for (const struct ares_naptr_reply *at = list; at; at = at->next) {
		struct dns_record *record = next_record(answer);

		if (!record)
			break;
		if (!view_is_nocase(view_of((const char *)at->flags), "s") || (at->regexp && at->regexp[0]) ||
		    dns_name_normalize(view_of(at->replacement), record->name) != 0 ||
		    view_copy(view_of((const char *)at->service), record->service, sizeof(record->service)) != 0)
			continue;
		record->priority = at->order;
		record->weight = at->preference;
		answer->count++;
	}
	if (list)
		ares_free_data(list);
	return status;
}

void dns_answer_parse(enum dns_type type, const uint8_t *bytes, size_t size, struct dns_record records[DNS_RECORDS_MAX],
		      struct dns_answer *ret_answer)
{
	static int (*const parsers[DNS_TYPE_COUNT])(const uint8_t *, int, struct dns_answer *) = {
		[DNS_A] = parse_a, [DNS_AAAA] = parse_aaaa, [DNS_SRV] = parse_srv, [DNS_NAPTR] = parse_naptr};
	uint32_t ttl_s, absent_s;
	int status;

	*ret_answer = (struct dns_answer){.error = ERR_SYNTAX, .records = records};
	if (size < HEADER_SIZE || size > UINT16_MAX || read_times(type, bytes, size, &ttl_s, &absent_s) != 0)
		return;
	if ((bytes[3] & 0xf) != 0 && (bytes[3] & 0xf) != RCODE_NXDOMAIN) {
		ret_answer->error = ERR_IO;
		return;
	}
	status = (bytes[3] & 0xf) == RCODE_NXDOMAIN ? ARES_ENOTFOUND : parsers[type](bytes, (int)size, ret_answer);
	ret_answer->ttl_s = MIN(MAX(ttl_s, DNS_KEEP_MIN_S), DNS_KEEP_MAX_S);
	if (status == ARES_ENOTFOUND || status == ARES_ENODATA || (status == ARES_SUCCESS && ret_answer->count == 0)) {
		ret_answer->count = 0;
		ret_answer->error = ERR_NOT_FOUND;
		ret_answer->ttl_s = MIN(MAX(absent_s, DNS_KEEP_MIN_S), DNS_ABSENT_MAX_S);
	} else if (status == ARES_SUCCESS) {
		ret_answer->error = 0;
	} else {
		ret_answer->count = 0;
		ret_answer->error = status == ARES_ENOMEM ? ERR_NOMEM : ERR_SYNTAX;
	}
}
