/* The table of suites and the names of verdicts. */
#include "lib/srtp/srtp.h"

const struct secure_suite secure_suites[SECURE_SUITE_COUNT] = {
#define X(id, name, is_aead, key, salt, rtp_tag, rtcp_tag) [id] = {name, is_aead, key, salt, rtp_tag, rtcp_tag},
	SECURE_SUITE_LIST(X)
#undef X
};

enum secure_suite_id secure_suite_find(struct view name)
{
	for (unsigned i = SECURE_NONE + 1; i < SECURE_SUITE_COUNT; i++)
		if (view_is_nocase(name, secure_suites[i].name))
			return (enum secure_suite_id)i;
	return SECURE_NONE;
}

const char *secure_verdict_name(unsigned verdict)
{
	static const char *const names[SECURE_VERDICT_COUNT] = {
#define X(id, name) [id] = (name),
		SECURE_VERDICT_LIST(X)
#undef X
	};

	return verdict < SECURE_VERDICT_COUNT ? names[verdict] : "unknown";
}
