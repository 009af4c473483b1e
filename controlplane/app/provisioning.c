/* See provisioning.h. */
#include "controlplane/app/provisioning.h"

#include <stdio.h>

#include "controlplane/app/reload.h"
#include "controlplane/provision/provision.h"
#include "controlplane/routing/routing.h"

static int refuse(struct conf_problem *problem, const char *field, const char *where, const char *what)
{
	snprintf(problem->text, sizeof(problem->text), "%.150s%s%.300s", where, where[0] ? ": " : "", what);
	snprintf(problem->field, sizeof(problem->field), "%s", field);
	return ERR_INVALID;
}

/* The rules of trunks have patterns, whose grammar lib/config does not know. */
static int check_patterns(const struct conf *conf, struct conf_problem *problem)
{
	struct routing_pattern pattern;
	const char *why = "";

	for (size_t i = 0; i < conf->trunk_count; i++)
		for (size_t k = 0; k < conf->trunks[i].rewrite_count; k++)
			if (routing_pattern_parse(view_of(conf->trunks[i].rewrites[k].match), &pattern, &why) != 0)
				return refuse(problem, "rewrite", conf->trunks[i].where, why);
	return 0;
}

static int check(void *arg, const struct conf_row *rows, size_t count, struct conf_problem *ret_problem)
{
	const struct reload *reload = arg;
	struct routing_problem problem;
	struct routing *routing = NULL;
	struct conf *conf = NULL;
	int error = conf_load_text_with(reload->path, reload->text, rows, count, &conf, ret_problem);

	if (error)
		return error;
	error = check_patterns(conf, ret_problem);
	if (error == 0 && routing_new(conf, &routing, &problem) != 0)
		error = refuse(ret_problem, "pattern", "", problem.text);
	routing_free(routing);
	conf_free(conf);
	return error;
}

static void apply(void *arg)
{
	reload_rows(arg);
}

static const struct conf *conf_in_force(void *arg)
{
	return reload_conf(arg);
}

int provisioning_start(struct store *store, struct loop *loop, const char *path, const char *text,
		       struct provision **ret_provision, struct conf **ret_conf, struct conf_problem *ret_problem)
{
	const struct conf_row *rows;
	size_t count;
	int error = provision_open(store, loop, ret_provision);

	if (error) {
		snprintf(ret_problem->text, sizeof(ret_problem->text),
			 "store.url: the extensions, trunks and routes of the database cannot be read: %s",
			 error_text(error));
		return error;
	}
	rows = provision_rows(*ret_provision, &count);
	return count > 0 ? conf_load_text_with(path, text, rows, count, ret_conf, ret_problem) : 0;
}

void provisioning_connect(struct provision *provision, struct store *store, struct loop *loop, struct reload *reload)
{
	const struct provision_options options = {
		.store = store, .loop = loop, .check = check, .apply = apply, .conf = conf_in_force, .arg = reload};

	provision_set(provision, &options);
}
