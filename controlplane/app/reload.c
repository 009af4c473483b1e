/* See reload.h. The road: read (API thread) -> apply (signalling thread) -> applied (API thread). */
#include "controlplane/app/reload.h"

#include <stdio.h>
#include <stdlib.h>

#include "controlplane/api/api.h"
#include "controlplane/app/signalling.h"
#include "controlplane/app/tls.h"
#include "controlplane/provision/provision.h"
#include "controlplane/routing/routing.h"
#include "lib/config/config.h"
#include "lib/log/log.h"

/* Keys, or groups with their dot, that change without a restart. */
static const char *const live[] = {
	"auth.",
	"dialplan.",
	"extensions",
	"logging.level",
	"monitoring.tokens",
	"security.",
	"sip.allow_guests",
	"sip.contacts_per_extension",
	"sip.max_concurrent_calls",
	"sip.max_expires",
	"sip.min_expires",
	"sip.min_session_expires",
	"sip.ring_timeout",
	"sip.session_expires",
	"sip.tls",
};

static bool is_live(const char *path)
{
	for (size_t i = 0; i < ARRAY_LEN(live); i++) {
		size_t size = strlen(live[i]);

		if (strncmp(path, live[i], size) == 0 && (live[i][size - 1] == '.' || path[size] == '\0'))
			return true;
	}
	return false;
}

static void add_path(struct text *text, const char *path)
{
	text_printf(text, "%s%s", text->size > 0 ? ", " : "", path);
}

static void add_changed(void *arg, const char *path)
{
	if (is_live(path))
		add_path(arg, path);
}

static void add_waiting(void *arg, const char *path)
{
	if (!is_live(path))
		add_path(arg, path);
}

static const struct conf *in_force(const struct reload *reload)
{
	return reload->now ? reload->now : reload->first;
}

static void tell(const struct reload *reload)
{
	char buffer[1024];
	struct text text;

	text_init(&text, buffer, sizeof(buffer));
	conf_compare(in_force(reload), reload->next, add_changed, &text);
	log_info("app", "configuration reloaded; changed: %s", text.size > 0 ? buffer : "nothing");
	text_init(&text, buffer, sizeof(buffer));
	conf_compare(reload->first, reload->next, add_waiting, &text);
	if (text.size > 0)
		log_warning("app", "only a restart changes: %s", buffer);
}

static void drop_next(struct reload *reload)
{
	conf_free(reload->next);
	reload->next = NULL;
	free(reload->next_text);
	reload->next_text = NULL;
	routing_free(reload->routing);
	reload->routing = NULL;
	tls_context_free(reload->next_tls);
	reload->next_tls = NULL;
}

/* The other signalling threads: stands still until the configuration is another. */
static void on_pause(void *arg)
{
	struct reload *reload = arg;

	if (!reload->signalling)
		return;
	pthread_mutex_lock(&reload->lock);
	reload->standing++;
	pthread_cond_broadcast(&reload->changed);
	while (reload->is_applying)
		pthread_cond_wait(&reload->changed, &reload->lock);
	reload->standing--;
	pthread_cond_broadcast(&reload->changed);
	pthread_mutex_unlock(&reload->lock);
}

static void pause_others(struct reload *reload)
{
	unsigned others = reload->signalling->count - 1;

	pthread_mutex_lock(&reload->lock);
	while (reload->standing > 0) /* still going on from the last time */
		pthread_cond_wait(&reload->changed, &reload->lock);
	reload->is_applying = true;
	for (unsigned i = 0; i < others; i++)
		loop_post(reload->signalling->all[i + 1]->loop, &reload->pauses[i]);
	while (reload->standing < others)
		pthread_cond_wait(&reload->changed, &reload->lock);
	pthread_mutex_unlock(&reload->lock);
}

static void go_on(struct reload *reload)
{
	pthread_mutex_lock(&reload->lock);
	reload->is_applying = false;
	pthread_cond_broadcast(&reload->changed);
	pthread_mutex_unlock(&reload->lock);
}

/* The first signalling thread. */
static void on_apply(void *arg)
{
	struct reload *reload = arg;

	if (!reload->signalling) /* the end came first */
		return;
	pause_others(reload);
	reload->error = signalling_set_conf(reload->signalling, reload->next, reload->routing);
	if (reload->error == 0)
		reload->routing = NULL; /* signalling's now */
	go_on(reload);
	loop_post(reload->api_loop, &reload->applied);
}

static void load(struct reload *reload, char *text);

/* It is over, well or not: who waited for the rows of the database is told, and the rows that came meanwhile are loaded. */
static void end(struct reload *reload, int error)
{
	bool was_for_rows = reload->is_for_rows;

	drop_next(reload);
	reload->is_for_rows = false;
	if (was_for_rows)
		provision_applied(reload->provision, error);
	if (reload->has_rows_waiting)
		reload_rows(reload);
}

/* API thread. */
static void on_applied(void *arg)
{
	struct reload *reload = arg;
	const struct conf_monitoring *monitoring;

	if (!reload->signalling)
		return;
	if (reload->error) {
		log_error("app", "the configuration is not changed: %s", error_text(reload->error));
		end(reload, reload->error);
		return;
	}
	if (reload->next_tls)
		tls_context_replace(reload->tls, reload->next_tls);
	reload->next_tls = NULL;
	monitoring = &reload->next->monitoring;
	if (api_set_tokens(reload->api, monitoring->tokens.at, monitoring->tokens.len) != 0)
		log_error("app",
			  "the API keeps its tokens: without any, an address that is not loopback would be open");
	if (!reload->is_level_fixed)
		log_level_set(reload->next->logging.level);
	tell(reload);
	conf_free(reload->now);
	reload->now = reload->next;
	reload->next = NULL;
	free(reload->text);
	reload->text = reload->next_text;
	reload->next_text = NULL;
	end(reload, 0);
}

void reload_init(struct reload *reload)
{
	pthread_mutex_init(&reload->lock, NULL);
	pthread_cond_init(&reload->changed, NULL);
	for (size_t i = 0; i < WORKERS_MAX; i++)
		loop_message_init(&reload->pauses[i], on_pause, reload);
	loop_message_init(&reload->apply, on_apply, reload);
	loop_message_init(&reload->applied, on_applied, reload);
}

/* Takes the text over. */
static void load(struct reload *reload, char *text)
{
	struct routing_problem routing_problem;
	struct tls_problem tls_problem;
	struct conf_problem problem;
	size_t count = 0;
	const struct conf_row *rows = reload->provision ? provision_rows(reload->provision, &count) : NULL;
	int error = conf_load_text_with(reload->path, text, rows, count, &reload->next, &problem);

	reload->next_text = text;
	if (error) {
		reload->next = NULL;
		log_error("app", "the configuration is not changed: %s", problem.text);
		end(reload, error);
		return;
	}
	error = routing_new(reload->next, &reload->routing, &routing_problem);
	if (error) {
		reload->routing = NULL;
		log_error("app", "the configuration is not changed: %s", routing_problem.text);
		end(reload, error);
		return;
	}
	if (reload->tls &&
	    app_tls_new(reload->next, loop_wall_ms(reload->api_loop), &reload->next_tls, &tls_problem) != 0) {
		log_error("app", "the configuration is not changed: %s", tls_problem.text);
		end(reload, ERR_INVALID);
		return;
	}
	if (reload->port > 0)
		reload->next->sip.listen_port = reload->port;
	loop_post(reload->signalling_loop, &reload->apply);
}

void reload_start(struct reload *reload)
{
	struct conf_problem problem;
	char *text;

	if (reload->next) {
		log_warning("app", "a reload is going on; send SIGHUP again when it is through");
		return;
	}
	if (conf_read_text(reload->path, &text, &problem) == 0)
		load(reload, text);
	else
		log_error("app", "the configuration is not changed: %s", problem.text);
}

void reload_rows(struct reload *reload)
{
	char *text;

	reload->has_rows_waiting = reload->next != NULL;
	if (reload->next)
		return;
	text = strdup(reload->text);
	reload->is_for_rows = true;
	if (text)
		load(reload, text);
	else
		end(reload, ERR_NOMEM);
}

const struct conf *reload_conf(const struct reload *reload)
{
	return in_force(reload);
}

void reload_stop(struct reload *reload)
{
	reload->signalling = NULL;
}

void reload_fini(struct reload *reload)
{
	drop_next(reload);
	conf_free(reload->now);
	reload->now = NULL;
	free(reload->text);
	reload->text = NULL;
}
