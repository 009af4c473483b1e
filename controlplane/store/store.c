/* The thread: jobs in the order in which they came, one transaction each, answers by the loops of those who asked. */
#include "controlplane/store/store_private.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>

#include "lib/log/log.h"

struct store {
	struct store_session session; /* the store's thread's */
	bool is_inline;
	pthread_t thread;
	pthread_mutex_t lock; /* over everything below; never held while a job runs */
	pthread_cond_t wake;
	struct store_job *first, **last;
	bool is_ending;
	struct store_status status;
};

/* ---- one job ---- */

static void on_done(void *arg)
{
	struct store_job *job = arg;

	job->done(job->arg, job->error);
}

/* The job is not touched after its end: done may free it. */
static void end_job(struct store_job *job, int error)
{
	job->error = error;
	if (!job->loop) {
		on_done(job);
		return;
	}
	loop_message_init(&job->message, on_done, job);
	loop_post(job->loop, &job->message);
}

static void note(struct store *store, int error)
{
	bool was_up, is_up = error != ERR_CLOSED;

	pthread_mutex_lock(&store->lock);
	was_up = store->status.is_up;
	store->status.is_up = is_up;
	store->status.jobs++;
	store->status.failed += error != 0;
	snprintf(store->status.problem, sizeof(store->status.problem), "%s",
		 error == 0                  ? ""
		 : store->session.problem[0] ? store->session.problem
					     : error_text(error));
	pthread_mutex_unlock(&store->lock);
	if (was_up && !is_up)
		log_error("store", "the %s database is away: %s", store->status.kind, store->session.problem);
	if (!was_up && is_up)
		log_info("store", "the %s database is back", store->status.kind);
}

static int run_job(struct store *store, struct store_job *job)
{
	int error = store_session_run(&store->session, job->run, job->arg);

	note(store, error);
	end_job(job, error);
	return error;
}

/* ---- the queue ---- */

static struct store_job *take(struct store *store)
{
	struct store_job *job;

	pthread_mutex_lock(&store->lock);
	while (!store->first && !store->is_ending)
		pthread_cond_wait(&store->wake, &store->lock);
	job = store->first;
	if (job) {
		store->first = job->next;
		store->status.waiting--;
		if (!store->first)
			store->last = &store->first;
	}
	pthread_mutex_unlock(&store->lock);
	return job;
}

/* The database was found away: all that wait would find the same, one time-out after the other. */
static struct store_job *take_all(struct store *store)
{
	struct store_job *jobs;

	pthread_mutex_lock(&store->lock);
	jobs = store->first;
	store->first = NULL;
	store->last = &store->first;
	store->status.waiting = 0;
	pthread_mutex_unlock(&store->lock);
	return jobs;
}

static void fail_all(struct store *store)
{
	struct store_job *job = take_all(store);

	while (job) {
		struct store_job *next = job->next;

		end_job(job, ERR_CLOSED);
		job = next;
	}
}

static void *run_thread(void *arg)
{
	struct store *store = arg;
	struct store_job *job;

	while ((job = take(store)))
		if (run_job(store, job) == ERR_CLOSED)
			fail_all(store);
	return NULL;
}

int store_submit(struct store *store, struct store_job *job)
{
	int error = 0;

	if (store->is_inline) {
		(void)run_job(store, job);
		return 0;
	}
	job->next = NULL;
	pthread_mutex_lock(&store->lock);
	if (store->is_ending)
		error = ERR_CLOSED;
	else if (store->status.waiting >= STORE_QUEUE_MAX)
		error = ERR_FULL;
	if (error == 0) {
		*store->last = job;
		store->last = &job->next;
		store->status.waiting++;
		pthread_cond_signal(&store->wake);
	}
	pthread_mutex_unlock(&store->lock);
	return error;
}

/* ---- waiting ---- */

struct wait {
	struct store_job job;
	int (*run)(struct store_session *session, void *arg);
	void *arg;
	int error;
	sem_t is_over;
};

static int run_waiting(struct store_session *session, void *arg)
{
	struct wait *wait = arg;

	return wait->run(session, wait->arg);
}

static void on_over(void *arg, int error)
{
	struct wait *wait = arg;

	wait->error = error;
	sem_post(&wait->is_over);
}

int store_wait(struct store *store, int (*run)(struct store_session *session, void *arg), void *arg)
{
	struct wait wait = {.run = run, .arg = arg};
	int error;

	wait.job = (struct store_job){.run = run_waiting, .done = on_over, .arg = &wait};
	sem_init(&wait.is_over, 0, 0);
	error = store_submit(store, &wait.job);
	if (error == 0) {
		while (sem_wait(&wait.is_over) != 0)
			; /* a signal came */
		error = wait.error;
	}
	sem_destroy(&wait.is_over);
	return error;
}

/* ---- life ---- */

static void store_free(struct store *store)
{
	store_session_close(&store->session);
	pthread_cond_destroy(&store->wake);
	pthread_mutex_destroy(&store->lock);
	free(store);
}

int store_open(const struct store_options *options, struct store **ret_store, struct store_problem *ret_problem)
{
	struct store *store = calloc(1, sizeof(*store));
	int error;

	*ret_problem = (struct store_problem){"store: out of memory"};
	if (!store)
		return ERR_NOMEM;
	store->is_inline = options->is_inline;
	store->last = &store->first;
	pthread_mutex_init(&store->lock, NULL);
	pthread_cond_init(&store->wake, NULL);
	error = store_session_open(&store->session, options->url, ret_problem);
	if (error == 0)
		error = store_schema_migrate(&store->session, ret_problem);
	if (error == 0) {
		store->status.kind = store->session.driver->name;
		store->status.is_up = true;
		if (!store->is_inline && pthread_create(&store->thread, NULL, run_thread, store) != 0)
			error = ERR_NOMEM;
	}
	if (error) {
		store_free(store);
		return error;
	}
	*ret_store = store;
	return 0;
}

void store_close(struct store *store)
{
	if (!store)
		return;
	if (!store->is_inline) {
		pthread_mutex_lock(&store->lock);
		store->is_ending = true;
		pthread_cond_signal(&store->wake);
		pthread_mutex_unlock(&store->lock);
		pthread_join(store->thread, NULL);
	}
	store_free(store);
}

void store_status(struct store *store, struct store_status *ret_status)
{
	pthread_mutex_lock(&store->lock);
	*ret_status = store->status;
	pthread_mutex_unlock(&store->lock);
}
