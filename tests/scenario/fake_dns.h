/* A name server for tests: lines of text are its zones, and it answers a millisecond later, or not at all. Allocates outside of the
 * system under test.
 *
 *   NAME A|AAAA ADDRESS             NAME SRV PRIORITY WEIGHT PORT TARGET          NAME NAPTR ORDER PREFERENCE SERVICE REPLACEMENT
 *   each may end in "ttl SECONDS" (60 else); `forget NAME` takes all of a name out; `silent`, `speaks`
 */
#ifndef TESTS_SCENARIO_FAKE_DNS_H
#define TESTS_SCENARIO_FAKE_DNS_H

#include "controlplane/dns/dns.h"

enum { FAKE_DNS_ROWS = 64, FAKE_DNS_SILENCE_MS = 6000 };

struct fake_dns {
	struct loop *loop;
	struct {
		char name[DNS_NAME_SIZE];
		enum dns_type type;
		uint32_t ttl_s;
		struct dns_record record;
	} rows[FAKE_DNS_ROWS];
	size_t row_count;
	bool is_silent;
	struct list open; /* questions */
	unsigned asked;
};

void fake_dns_init(struct fake_dns *fake, struct loop *loop);
void fake_dns_fini(struct fake_dns *fake);
bool fake_dns_do(struct fake_dns *fake, struct view line); /* false: not understood */
struct dns_source fake_dns_source(struct fake_dns *fake);
/* What it would answer now. */
void fake_dns_answer(const struct fake_dns *fake, enum dns_type type, const char *name,
		     struct dns_record records[DNS_RECORDS_MAX], struct dns_answer *ret_answer);

#endif
