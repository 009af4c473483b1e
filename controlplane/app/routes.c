/* What the API is told of trunks, and where a call would go: copies, made on the signalling thread. */
#include "controlplane/app/signalling.h"

#include <stdio.h>

#include "controlplane/api/api.h"
#include "controlplane/call/call.h"
#include "controlplane/routing/routing.h"
#include "controlplane/trunk/trunk.h"

#define COPY(to, ...) snprintf(to, sizeof(to), __VA_ARGS__)

struct filling {
	const struct api_page *page;
	struct api_trunk_row *rows;
	size_t matched, written;
};

static void fill_target(struct api_target_row *row, const struct trunk_about_target *target)
{
	*row = (struct api_target_row){.remote = target->remote,
				       .priority = target->priority,
				       .weight = target->weight,
				       .is_good = target->is_good,
				       .is_registered = target->is_registered};
	COPY(row->transport, "%s", transport_kind_parameter(target->kind));
	COPY(row->health, "%s", target->health);
}

static void visit_trunk(const struct trunk_about *about, void *arg)
{
	struct filling *filling = arg;
	struct api_trunk_row *row;
	size_t at;

	if (filling->page->trunk && strcmp(filling->page->trunk, about->name) != 0)
		return;
	at = filling->matched++;
	if (at < filling->page->offset || filling->written == filling->page->capacity)
		return;
	row = &filling->rows[filling->written++];
	COPY(row->name, "%s", about->name);
	COPY(row->host, "%s", about->host);
	COPY(row->resolution, "%s", about->resolution);
	COPY(row->registration, "%s", about->registration);
	COPY(row->health, "%s", about->health);
	COPY(row->last_error, "%s", about->last_error);
	row->last_error_wall_ms = about->last_error_wall_ms;
	row->resolve_s = about->resolve_s;
	row->registered_s = about->registered_s;
	row->is_usable = about->is_usable;
	row->calls = about->calls;
	row->max_calls = about->max_calls;
	row->total_calls = about->total_calls;
	row->refused = about->refused;
	for (row->target_count = 0; row->target_count < MIN(about->target_count, API_TARGETS); row->target_count++)
		fill_target(&row->targets[row->target_count], &about->targets[row->target_count]);
}

size_t signalling_trunks(void *arg, const struct api_page *page, struct api_trunk_row *rows, size_t *ret_total)
{
	struct signalling *signalling = arg;
	struct filling filling = {.page = page, .rows = rows};

	trunk_walk(signalling->trunks, visit_trunk, &filling);
	*ret_total = filling.matched;
	return filling.written;
}

void signalling_explain(void *arg, const char *from, const char *to, struct api_route_row *ret_row)
{
	struct signalling *signalling = arg;
	struct routing_decision decision;
	struct text out;

	text_init(&out, ret_row->explanation, sizeof(ret_row->explanation));
	call_table_explain(signalling->calls, from, to, &out, &decision);
	COPY(ret_row->action, "%s", routing_action_name(decision.action));
	COPY(ret_row->target, "%s", decision.target);
	COPY(ret_row->number, "%s", decision.changed);
	COPY(ret_row->pattern, "%s", decision.pattern);
	COPY(ret_row->where, "%s", decision.where);
	ret_row->code = decision.action == ROUTING_REJECT ? decision.code : 0;
	ret_row->is_emergency = decision.is_emergency;
}
