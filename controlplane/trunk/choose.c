/* Which trunk takes a call: priority, weight, health; and after which responses the next one is tried. */
#include "controlplane/trunk/trunk_private.h"

#include "lib/config/config.h"

enum { MEMBERS_MAX = 32 }; /* as the configuration has it */

struct candidate {
	struct trunk *trunk;
	uint32_t priority, weight;
	bool is_usable;
};

static const struct conf_trunk_group *find_group(const struct trunk_table *table, const char *name)
{
	const struct conf *conf = table->services.conf;

	for (size_t i = 0; i < conf->trunk_group_count; i++)
		if (strcmp(conf->trunk_groups[i].name, name) == 0)
			return &conf->trunk_groups[i];
	return NULL;
}

/* All trunks of a target, in the order of the file. */
static size_t gather(struct trunk_table *table, const char *target, struct candidate candidates[MEMBERS_MAX])
{
	const struct conf_trunk_group *group = find_group(table, target);
	size_t count = 0;

	for (size_t i = 0; group && i < MIN(group->member_count, MEMBERS_MAX); i++)
		candidates[count++] = (struct candidate){.trunk = trunk_find(table, group->members[i].trunk),
							 .priority = group->members[i].priority,
							 .weight = group->members[i].weight};
	if (!group && trunk_find(table, target))
		candidates[count++] = (struct candidate){.trunk = trunk_find(table, target)};
	for (size_t i = 0; i < count; i++)
		candidates[i].is_usable = trunk_is_usable(candidates[i].trunk);
	return count;
}

static bool is_before(const struct candidate *a, const struct candidate *b)
{
	return a->is_usable != b->is_usable ? a->is_usable : a->priority < b->priority;
}

/* Those of the best class, at the front; returns how many. */
static size_t move_best(struct candidate *candidates, size_t count)
{
	struct candidate best = candidates[0];
	size_t found = 0;

	for (size_t i = 1; i < count; i++)
		if (is_before(&candidates[i], &best))
			best = candidates[i];
	for (size_t i = 0; i < count; i++)
		if (!is_before(&best, &candidates[i])) {
			struct candidate swap = candidates[i];

			candidates[i] = candidates[found];
			candidates[found++] = swap;
		}
	return found;
}

/* One of them by weight; those of weight 0 only when no other is left. */
static size_t draw(struct loop *loop, const struct candidate *candidates, size_t count)
{
	uint64_t sum = 0;
	uint32_t random;

	for (size_t i = 0; i < count; i++)
		sum += candidates[i].weight;
	loop_random(loop, &random, sizeof(random));
	if (sum == 0)
		return random % count;
	random = (uint32_t)(random % sum);
	for (size_t i = 0; i < count; i++) {
		if (random < candidates[i].weight)
			return i;
		random -= candidates[i].weight;
	}
	return 0;
}

size_t trunk_choose(struct trunk_table *table, const char *target, bool is_emergency, struct trunk **ret_trunks,
		    size_t capacity)
{
	struct candidate candidates[MEMBERS_MAX];
	size_t count = gather(table, target, candidates), done = 0;

	while (done < count && done < capacity) {
		size_t best = move_best(candidates + done, count - done);
		size_t drawn = done + draw(table->services.loop, candidates + done, best);
		struct candidate swap = candidates[drawn];

		if (!swap.is_usable && !is_emergency)
			break;
		candidates[drawn] = candidates[done];
		candidates[done] = swap;
		ret_trunks[done++] = swap.trunk;
	}
	return done;
}

bool trunk_fails_over(const struct trunk_table *table, const char *target, unsigned status)
{
	const struct conf_trunk_group *group = find_group(table, target);

	for (size_t i = 0; group && i < group->code_count; i++)
		if (status >= group->codes[i].first && status <= group->codes[i].last)
			return true;
	return false;
}

static void print_targets(const struct trunk *trunk, struct text *out)
{
	struct trunk_about about;

	trunk_describe(trunk, &about);
	text_printf(out, ", health %s", about.health);
	if (trunk->resolve_error || trunk->is_stale)
		text_printf(out, ", name %s", about.resolution);
	for (size_t i = 0; trunk->resolve_error != 0 || about.resolve_s > 0 ? i < about.target_count : false; i++) {
		char remote[NET_ENDPOINT_TEXT];

		text_printf(out, "%s %s %s %s", i > 0 ? "," : ", which is",
			    transport_kind_parameter(about.targets[i].kind),
			    net_endpoint_print(&about.targets[i].remote, remote),
			    about.targets[i].is_good ? "good" : "down");
	}
}

void trunk_explain(struct trunk_table *table, const char *target, const char *number, struct text *out)
{
	struct candidate candidates[MEMBERS_MAX];
	size_t count = gather(table, target, candidates);
	char changed[TRUNK_NUMBER_SIZE];

	if (find_group(table, target))
		text_printf(out, "group %s of %zu, in this order, by weight where the priority is the same\n", target,
			    count);
	for (size_t done = 0; done < count;)
		done += move_best(candidates + done, count - done);
	for (size_t i = 0; i < count; i++) {
		const struct trunk *trunk = candidates[i].trunk;
		const struct conf_trunk *conf = trunk->conf;
		struct trunk *shared = trunk->first;
		uint32_t calls;
		bool is_full;

		pthread_mutex_lock(&shared->lock);
		calls = shared->calls;
		pthread_mutex_unlock(&shared->lock);
		is_full = conf->max_calls > 0 && calls >= conf->max_calls;

		text_printf(out, "  %s  %s at %s",
			    !candidates[i].is_usable ? "down"
			    : is_full                ? "full"
						     : "good",
			    conf->name, conf->host);
		if (find_group(table, target))
			text_printf(out, ", priority %u, weight %u", candidates[i].priority, candidates[i].weight);
		text_printf(out, ", %u calls", calls);
		if (conf->max_calls > 0)
			text_printf(out, " of %u", conf->max_calls);
		if (trunk_rewrite(trunk, CONF_REWRITE_OUT, number, changed) == 0)
			text_printf(out, ", dials %s", changed);
		if (conf->registers)
			text_printf(out, ", registration %s", fsm_state_name(&trunk->registration.fsm));
		print_targets(trunk, out);
		text_printf(out, " (%s)\n", conf->where);
	}
}
