/* What is kept in the database over a restart: the bindings of an extension, written as a whole when one of them changed.
 * Extensions that changed wait in a list; a batch of them is on its way at a time, so what comes meanwhile comes
 * together. A refresh alone is no change: it is written when the stored time falls short by more than a quarter of what was
 * granted, and then together with others, at most every REGISTRAR_REFRESH_WRITE_MS.
 */
#include "controlplane/registrar/registrar_private.h"

#include <stdio.h>
#include <stdlib.h>

#include "lib/log/log.h"

enum { BATCH_NUMBERS = 500, BATCH_BINDINGS = 2000, READ_ROWS = 5000, RETRY_MS = 1000, SWEEP_MS = 3600000 };

static const char insert[] =
	"INSERT INTO registration (number, uri, reg_id, call_id, cseq, q, expires_ms, transport, local_address,"
	" remote_address, user_agent, instance, path) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)"
	" ON CONFLICT (number, uri, reg_id) DO NOTHING";
static const char select_page[] =
	"SELECT number, uri, reg_id, call_id, cseq, q, expires_ms, transport, local_address, remote_address,"
	" user_agent, instance, path FROM registration WHERE (number, uri, reg_id) > ($1, $2, $3)"
	" ORDER BY number, uri, reg_id LIMIT $4";
enum column {
	NUMBER,
	URI,
	REG_ID,
	CALL_ID,
	CSEQ,
	Q,
	EXPIRES,
	TRANSPORT,
	LOCAL,
	REMOTE,
	USER_AGENT,
	INSTANCE,
	PATH,
	COLUMN_COUNT
};

static void complain(struct registrar *registrar, const char *why)
{
	registrar->stats.state_errors++;
	if (registrar->listener.on_problem)
		registrar->listener.on_problem(registrar->listener.arg, NULL, why);
}

/* ---- a batch: copies, for the store's thread ---- */

/* A binding, or, without a URI, an extension whose rows go first. */
struct item {
	struct item *next;
	struct view number, uri, call_id, user_agent, instance, path;
	int64_t cseq, q, expires_ms, reg_id;
	const char *transport;
	char local[NET_ENDPOINT_TEXT], remote[NET_ENDPOINT_TEXT];
	char text[];
};

struct batch {
	struct store_job job;
	struct registrar *registrar; /* NULL: it is gone */
	int64_t sweep_ms;            /* rows that expired before go too; 0: they stay */
	struct item *first, **last;
	size_t numbers, bindings;
};

static struct view keep(char **at, struct view text)
{
	struct view kept = {*at, text.size};

	if (text.size > 0)
		memcpy(*at, text.at, text.size);
	*at += text.size;
	return kept;
}

static struct item *add_item(struct batch *batch, const struct aor *aor, const struct binding *binding)
{
	struct view number = view_of(aor->number);
	size_t size = number.size;
	struct item *item;
	char *at;

	if (binding)
		size += binding->uri.size + binding->call_id.size + binding->user_agent.size + binding->instance.size +
			binding->path.size;
	item = calloc(1, sizeof(*item) + size);
	if (!item)
		return NULL;
	at = item->text;
	item->number = keep(&at, number);
	if (binding) {
		item->uri = keep(&at, binding->uri);
		item->call_id = keep(&at, binding->call_id);
		item->user_agent = keep(&at, binding->user_agent);
		item->instance = keep(&at, binding->instance);
		item->path = keep(&at, binding->path);
	}
	*batch->last = item;
	batch->last = &item->next;
	return item;
}

static bool add_binding(struct batch *batch, const struct aor *aor, struct binding *binding)
{
	const struct registrar *registrar = binding->registrar;
	uint64_t now_ms = loop_now_ms(registrar->loop);
	struct item *item = add_item(batch, aor, binding);

	if (!item)
		return false;
	item->cseq = binding->cseq;
	item->q = (int64_t)binding->q;
	item->reg_id = binding->reg_id;
	item->expires_ms =
		(int64_t)(loop_wall_ms(registrar->loop) + binding->expires_at_ms - MIN(now_ms, binding->expires_at_ms));
	item->transport = transport_kind_parameter(binding->flow.kind);
	net_endpoint_print(&binding->flow.local, item->local);
	net_endpoint_print(&binding->flow.remote, item->remote);
	binding->stored_until_ms = binding->expires_at_ms;
	batch->bindings++;
	return true;
}

static bool add_aor(struct batch *batch, struct aor *aor)
{
	bool is_whole = add_item(batch, aor, NULL) != NULL;

	batch->numbers++;
	LIST_FOREACH (link, &aor->bindings)
		is_whole = is_whole && add_binding(batch, aor, LIST_ENTRY(link, struct binding, link));
	return is_whole;
}

static void batch_free(struct batch *batch)
{
	while (batch->first) {
		struct item *item = batch->first;

		batch->first = item->next;
		free(item);
	}
	free(batch);
}

/* ---- store's thread ---- */

static int run_item(struct store_session *session, const struct item *item)
{
	const struct store_value number = store_text(item->number);
	const struct store_value values[COLUMN_COUNT] = {
		[NUMBER] = number,
		[URI] = store_text(item->uri),
		[REG_ID] = store_integer(item->reg_id),
		[CALL_ID] = store_text(item->call_id),
		[CSEQ] = store_integer(item->cseq),
		[Q] = store_integer(item->q),
		[EXPIRES] = store_integer(item->expires_ms),
		[TRANSPORT] = store_text(view_of(item->transport)),
		[LOCAL] = store_string(item->local),
		[REMOTE] = store_string(item->remote),
		[USER_AGENT] = store_text(item->user_agent),
		[INSTANCE] = store_text(item->instance),
		[PATH] = store_text(item->path),
	};

	if (item->uri.size == 0)
		return store_query(session, "DELETE FROM registration WHERE number = $1", &number, 1, NULL, NULL);
	return store_query(session, insert, values, ARRAY_LEN(values), NULL, NULL);
}

static int run_sweep(struct store_session *session, int64_t before_ms)
{
	const struct store_value before = store_integer(before_ms);

	return store_query(session, "DELETE FROM registration WHERE expires_ms < $1", &before, 1, NULL, NULL);
}

static int run_batch(struct store_session *session, void *arg)
{
	const struct batch *batch = arg;
	int error = batch->sweep_ms ? run_sweep(session, batch->sweep_ms) : 0;

	for (const struct item *item = batch->first; item && error == 0; item = item->next)
		error = run_item(session, item);
	return error;
}

/* ---- signalling thread ---- */

static void flush(void *arg);

static void start_timer(struct registrar *registrar, uint64_t delay_ms)
{
	struct state *state = &registrar->state;

	if (!loop_timer_is_running(&state->timer) || loop_timer_left_ms(registrar->loop, &state->timer) > delay_ms)
		loop_timer_start(registrar->loop, &state->timer, delay_ms);
}

static void mark(struct registrar *registrar, struct aor *aor)
{
	list_del(&aor->write_link);
	list_add(&registrar->state.changed, &aor->write_link);
}

/* What could not be written changed, as far as the database is concerned. By number: a reload may have made the extensions
 * anew. */
static void take_back(struct registrar *registrar, const struct batch *batch)
{
	for (const struct item *item = batch->first; item; item = item->next) {
		struct aor *aor = item->uri.size == 0 ? registrar_find_aor(registrar, item->number) : NULL;

		if (aor)
			mark(registrar, aor);
	}
}

/* From now on only the timer tries, until it succeeds. */
static void give_way(struct registrar *registrar, const char *why)
{
	if (!registrar->state.is_away)
		complain(registrar, why);
	registrar->state.is_away = true;
	start_timer(registrar, RETRY_MS);
}

static void on_written(void *arg, int error)
{
	struct batch *batch = arg;
	struct registrar *registrar = batch->registrar;

	if (registrar) {
		registrar->state.batch = NULL;
		registrar->state.is_away &= error != 0;
		if (error) {
			take_back(registrar, batch);
			give_way(registrar, "registrations could not be written to the database; it is tried again");
		}
	}
	batch_free(batch);
	if (registrar && !error)
		flush(registrar);
}

/* Takes extensions from the list into the batch while there is room; false: no memory, the rest waits. */
static bool fill(struct batch *batch, struct list *from)
{
	struct list *link;

	while (batch->numbers < BATCH_NUMBERS && batch->bindings < BATCH_BINDINGS && (link = list_first(from))) {
		list_del(link);
		if (!add_aor(batch, LIST_ENTRY(link, struct aor, write_link))) {
			list_add(from, link);
			return false;
		}
	}
	return true;
}

static struct batch *batch_new(struct registrar *registrar)
{
	struct batch *batch = calloc(1, sizeof(*batch));

	if (!batch)
		return NULL;
	batch->registrar = registrar;
	batch->last = &batch->first;
	batch->job = (struct store_job){.run = run_batch, .done = on_written, .arg = batch, .loop = registrar->loop};
	return batch;
}

/* At the end of a turn in which something changed, when a batch was written, and by the timer. */
static void flush(void *arg)
{
	struct registrar *registrar = arg;
	struct state *state = &registrar->state;
	struct batch *batch;

	if (state->batch || list_is_empty(&state->changed))
		return;
	batch = batch_new(registrar);
	if (!batch || !fill(batch, &state->changed) || store_submit(state->store, &batch->job) != 0) {
		if (batch) {
			take_back(registrar, batch);
			batch_free(batch);
		}
		give_way(registrar, "no room for the registrations that wait for the database; it is tried again");
		return;
	}
	state->batch = batch;
}

static void sweep(struct registrar *registrar)
{
	struct state *state = &registrar->state;
	uint64_t now_ms = loop_now_ms(registrar->loop);
	struct batch *batch;

	if (state->batch || now_ms < state->sweep_at_ms)
		return;
	batch = batch_new(registrar);
	if (!batch)
		return;
	batch->sweep_ms = (int64_t)loop_wall_ms(registrar->loop);
	state->sweep_at_ms = now_ms + SWEEP_MS;
	if (store_submit(state->store, &batch->job) == 0)
		state->batch = batch;
	else
		batch_free(batch);
}

static void on_timer(void *arg)
{
	struct registrar *registrar = arg;
	struct state *state = &registrar->state;

	while (!list_is_empty(&state->refreshed)) {
		struct list *link = list_first(&state->refreshed);

		list_del(link);
		list_add(&state->changed, link);
	}
	flush(registrar);
	sweep(registrar);
	start_timer(registrar, REGISTRAR_REFRESH_WRITE_MS);
}

void state_changed(struct registrar *registrar, struct aor *aor)
{
	struct state *state = &registrar->state;

	if (!state->store)
		return;
	mark(registrar, aor);
	if (!state->batch && !state->is_away)
		loop_defer(registrar->loop, &state->flush);
}

void state_refreshed(struct registrar *registrar, struct binding *binding)
{
	struct state *state = &registrar->state;
	uint64_t now_ms = loop_now_ms(registrar->loop);
	uint64_t granted_ms = binding->expires_at_ms - now_ms;
	uint64_t stored_ms = binding->stored_until_ms - MIN(now_ms, binding->stored_until_ms);

	if (!state->store || granted_ms < stored_ms || (granted_ms - stored_ms) * 4 <= granted_ms)
		return;
	if (list_is_empty(&binding->aor->write_link))
		list_add(&state->refreshed, &binding->aor->write_link);
}

void state_move(struct registrar *registrar, struct aor *from, struct aor *to)
{
	bool was_waiting = !list_is_empty(&from->write_link);

	list_del(&from->write_link);
	if (was_waiting && to)
		state_changed(registrar, to);
}

void state_gone(struct registrar *registrar, struct aor *aor)
{
	struct batch *batch = registrar->state.store ? batch_new(registrar) : NULL;

	list_del(&aor->write_link);
	if (!registrar->state.store)
		return;
	if (batch) {
		batch->registrar = NULL; /* nobody waits for it */
		if (add_item(batch, aor, NULL) && store_submit(registrar->state.store, &batch->job) == 0)
			return;
		batch_free(batch);
	}
	complain(registrar, "the registrations of a removed extension stay in the database until they expire");
}

/* ---- reading ---- */

struct reading {
	struct registrar *registrar;
	size_t rows;
	char number[256], uri[REGISTRAR_URI_MAX + 1]; /* of the last row */
	int64_t reg_id;
};

static int read_kind(struct view text, enum transport_kind *ret_kind)
{
	for (size_t i = 0; i < TRANSPORT_COUNT; i++) {
		if (view_is(text, transport_kind_parameter((enum transport_kind)i))) {
			*ret_kind = (enum transport_kind)i;
			return 0;
		}
	}
	return ERR_UNSUPPORTED;
}

static struct view text_of(const struct store_value *column)
{
	return column->type == STORE_TEXT ? column->text : VIEW_EMPTY;
}

/* Expired ones, those of extensions that are gone, those on connections, and those beyond the limit of their extension are
 * passed over. */
static int restore(struct registrar *registrar, const struct store_value *columns)
{
	uint64_t now_ms = loop_wall_ms(registrar->loop), expires_ms = (uint64_t)store_to_integer(&columns[EXPIRES]);
	struct aor *aor = registrar_find_aor(registrar, text_of(&columns[NUMBER]));
	int64_t cseq = store_to_integer(&columns[CSEQ]), q = store_to_integer(&columns[Q]);
	int64_t reg_id = store_to_integer(&columns[REG_ID]);
	struct binding_values values = {.uri = text_of(&columns[URI]),
					.call_id = text_of(&columns[CALL_ID]),
					.user_agent = text_of(&columns[USER_AGENT]),
					.instance = text_of(&columns[INSTANCE]),
					.path = text_of(&columns[PATH])};
	struct binding *binding;
	struct sip_uri uri;

	if (cseq < 0 || cseq > INT32_MAX || q < 0 || q > 1000 || reg_id < 0 || reg_id > INT32_MAX ||
	    values.path.size > REGISTRAR_PATH_MAX || read_kind(text_of(&columns[TRANSPORT]), &values.flow.kind) ||
	    net_endpoint_parse(text_of(&columns[LOCAL]), 0, &values.flow.local) ||
	    net_endpoint_parse(text_of(&columns[REMOTE]), 0, &values.flow.remote) || sip_uri_parse(values.uri, &uri) ||
	    values.uri.size > REGISTRAR_URI_MAX || values.call_id.size > SIP_CALL_ID_MAX)
		return ERR_CORRUPT;
	/* A connection did not survive: the phone notices, and comes back. */
	if (!aor || expires_ms <= now_ms || transport_kind_is_reliable(values.flow.kind) ||
	    aor->count >= aor->max_contacts)
		return 0;
	values.cseq = (uint32_t)cseq;
	values.q = (unsigned)q;
	values.reg_id = (uint32_t)reg_id;
	values.expires_s =
		(uint32_t)MIN((expires_ms - now_ms + 999) / 1000, (uint64_t)registrar->options.max_expires_s);
	binding = binding_new(registrar, aor, &values);
	if (!binding)
		return ERR_NOMEM;
	binding->stored_until_ms = binding->expires_at_ms;
	binding_put(binding, NULL);
	return 0;
}

static int read_row(void *arg, const struct store_value *columns, size_t count)
{
	struct reading *reading = arg;
	int error = restore(reading->registrar, columns);

	reading->rows++;
	reading->reg_id = store_to_integer(&columns[REG_ID]);
	if (view_copy(text_of(&columns[NUMBER]), reading->number, sizeof(reading->number)) ||
	    view_copy(text_of(&columns[URI]), reading->uri, sizeof(reading->uri)))
		error = ERR_CORRUPT; /* such rows are not ours, and we could not go on behind them */
	else if (error == ERR_CORRUPT) {
		reading->registrar->stats.state_errors++;
		error = 0;
	}
	return error;
}

static int run_read(struct store_session *session, void *arg)
{
	struct reading *reading = arg;
	int error = 0;

	do {
		const struct store_value after[] = {
			store_text(view_of(reading->number)),
			store_text(view_of(reading->uri)),
			store_integer(reading->reg_id),
			store_integer(READ_ROWS),
		};

		reading->rows = 0;
		error = store_query(session, select_page, after, ARRAY_LEN(after), read_row, reading);
	} while (error == 0 && reading->rows == READ_ROWS);
	return error;
}

int state_init(struct registrar *registrar, struct store *store, struct transport_problem *ret_problem)
{
	struct state *state = &registrar->state;
	struct reading *reading;
	struct store_status status;
	int error;

	list_init(&state->changed);
	list_init(&state->refreshed);
	loop_message_init(&state->flush, flush, registrar);
	loop_timer_init(&state->timer, on_timer, registrar);
	if (!store)
		return 0;
	reading = calloc(1, sizeof(*reading));
	if (!reading)
		return ERR_NOMEM;
	reading->registrar = registrar;
	error = store_wait(store, run_read, reading);
	free(reading);
	if (error) {
		store_status(store, &status);
		snprintf(ret_problem->text, sizeof(ret_problem->text),
			 "store.url: the registrations cannot be read: %.150s", status.problem);
		return error;
	}
	state->store = store;
	state->sweep_at_ms = loop_now_ms(registrar->loop);
	start_timer(registrar, REGISTRAR_REFRESH_WRITE_MS);
	return 0;
}

/* What waits is written; nobody is told any more. */
void state_fini(struct registrar *registrar)
{
	struct state *state = &registrar->state;

	if (!state->store)
		return;
	loop_timer_stop(registrar->loop, &state->timer);
	loop_defer_cancel(registrar->loop, &state->flush);
	if (state->batch)
		state->batch->registrar = NULL;
	state->batch = NULL;
	while (!list_is_empty(&state->changed) || !list_is_empty(&state->refreshed)) {
		struct batch *batch = batch_new(registrar);
		bool is_good = batch && fill(batch, &state->changed) && fill(batch, &state->refreshed);

		if (batch)
			batch->registrar = NULL;
		if (is_good && store_submit(state->store, &batch->job) == 0)
			continue;
		if (batch)
			batch_free(batch);
		log_error("registrar", "some registrations of the last seconds are not in the database");
		break;
	}
	state->store = NULL;
}
