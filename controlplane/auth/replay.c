/* Which nonce-counts were used: a fixed table with a floor per bucket, so that what was forgotten can never be used again.
 * Asked by auth.c once the response is known to be right.
 */
#include "controlplane/auth/auth_private.h"

#include <stdlib.h>

int replay_init(struct replay *replay, size_t entries)
{
	replay->bucket_count = MAX(entries / REPLAY_WAYS, 1);
	replay->buckets = calloc(replay->bucket_count, sizeof(*replay->buckets));
	return replay->buckets ? 0 : ERR_NOMEM;
}

void replay_fini(struct replay *replay)
{
	free(replay->buckets);
	*replay = (struct replay){0};
}

static bool is_alive(const struct replay_entry *entry, uint64_t now_ms, uint64_t lifetime_ms)
{
	return entry->is_used && now_ms - entry->issued_ms < lifetime_ms;
}

/* RFC 4303 3.4.3's window, for nonce-counts: what is too far behind counts as seen. */
static enum replay_result mark(struct replay_entry *entry, uint32_t count)
{
	uint32_t step, behind;

	if (count == 0)
		return REPLAY_SEEN; /* without qop a nonce is used once, and it was */
	if (count > entry->highest) {
		step = count - entry->highest;
		entry->seen = step < REPLAY_WINDOW ? entry->seen << step | 1 : 1;
		entry->highest = count;
		return REPLAY_NEW;
	}
	behind = entry->highest - count;
	if (behind >= REPLAY_WINDOW || entry->seen & UINT64_C(1) << behind)
		return REPLAY_SEEN;
	entry->seen |= UINT64_C(1) << behind;
	return REPLAY_NEW;
}

/* Room for one more: a free or dead entry, or the oldest, which raises the floor. */
static struct replay_entry *make_room(struct replay_bucket *bucket, uint64_t now_ms, uint64_t lifetime_ms)
{
	struct replay_entry *oldest = &bucket->entries[0];

	for (size_t i = 0; i < REPLAY_WAYS; i++) {
		struct replay_entry *entry = &bucket->entries[i];

		if (!is_alive(entry, now_ms, lifetime_ms))
			return entry;
		if (entry->sequence < oldest->sequence)
			oldest = entry;
	}
	bucket->floor = oldest->sequence + 1;
	return oldest;
}

enum replay_result replay_use(struct replay *replay, const struct nonce *nonce, uint32_t count, uint64_t now_ms,
			      uint64_t lifetime_ms)
{
	struct replay_bucket *bucket = &replay->buckets[nonce->sequence % replay->bucket_count];
	struct replay_entry *entry;

	for (size_t i = 0; i < REPLAY_WAYS; i++) {
		entry = &bucket->entries[i];
		if (entry->is_used && entry->sequence == nonce->sequence)
			return mark(entry, count);
	}
	if (nonce->sequence < bucket->floor)
		return REPLAY_FORGOTTEN;
	entry = make_room(bucket, now_ms, lifetime_ms);
	/* The newcomer may itself be older than the one that had to go. */
	if (nonce->sequence < bucket->floor)
		return REPLAY_FORGOTTEN;
	*entry = (struct replay_entry){
		.sequence = nonce->sequence,
		.issued_ms = nonce->issued_ms,
		.seen = count ? 1 : UINT64_MAX,
		.highest = count ? count : UINT32_MAX,
		.is_used = true,
	};
	return REPLAY_NEW;
}
