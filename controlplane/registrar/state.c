/* The file that keeps registrations over a restart: a line a change, appended; read back and rewritten at start, and
 * rewritten when it has grown far beyond what it says. plan.c tells every change.
 *
 *	voxlane-registrations 1
 *	<checksum> + number uri call-id cseq q expires transport local remote user-agent instance	(tabs between them)
 *	<checksum> - number uri
 *
 * expires is wall-clock time, because that goes on while we are away. The checksum (FNV-1a, 64 bits, hexadecimal) is over
 * what follows it; it finds torn lines, it is no defence: who can write the file owns the machine.
 */
#include "controlplane/registrar/registrar_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define FIRST_LINE "voxlane-registrations 1\n"

enum { LINE_MAX_SIZE = 2048, FIELDS_MAX = 12, CHECKSUM_SIZE = 16, SPARE_LINES = 1000 };

static uint64_t checksum(struct view text)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < text.size; i++)
		hash = (hash ^ (unsigned char)text.at[i]) * UINT64_C(0x100000001b3);
	return hash;
}

/* ---- writing ---- */
static void add_put(struct text *text, const struct binding *binding)
{
	const struct registrar *registrar = binding->registrar;
	uint64_t left_ms = binding->expires_at_ms - loop_now_ms(registrar->loop);
	char local[NET_ENDPOINT_TEXT], remote[NET_ENDPOINT_TEXT];

	text_printf(text, "+\t%s\t%.*s\t%.*s\t%u\t%u\t%llu\t%s\t%s\t%s\t%.*s\t%.*s", binding->aor->number,
		    VIEW_ARG(binding->uri), VIEW_ARG(binding->call_id), binding->cseq, binding->q,
		    (unsigned long long)(loop_wall_ms(registrar->loop) + left_ms),
		    transport_kind_parameter(binding->flow.kind), net_endpoint_print(&binding->flow.local, local),
		    net_endpoint_print(&binding->flow.remote, remote), VIEW_ARG(binding->user_agent),
		    VIEW_ARG(binding->instance));
}

/* One write a line, so that a crash tears the last one at most. */
static bool write_line(int fd, bool after_torn, struct view content)
{
	char buffer[LINE_MAX_SIZE + CHECKSUM_SIZE + 4];
	struct text line;
	ssize_t size;

	text_init(&line, buffer, sizeof(buffer));
	if (after_torn)
		text_add_char(&line, '\n');
	text_printf(&line, "%016llx\t", (unsigned long long)checksum(content));
	text_add(&line, content);
	text_add_char(&line, '\n');
	if (line.overflow)
		return false;
	do
		size = write(fd, line.at, line.size);
	while (size < 0 && errno == EINTR);
	return size == (ssize_t)line.size;
}

/* Writes all bindings to a new file and puts it in the place of the old one. 0 or an errno. */
static int rewrite(struct registrar *registrar)
{
	struct state *state = &registrar->state;
	char temporary[4096], buffer[LINE_MAX_SIZE];
	uint32_t lines = 0;
	bool is_good;
	int fd;

	if (snprintf(temporary, sizeof(temporary), "%s.new", state->path) >= (int)sizeof(temporary))
		return ENAMETOOLONG;
	fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
	if (fd < 0)
		return errno;
	is_good = write(fd, FIRST_LINE, sizeof(FIRST_LINE) - 1) == (ssize_t)sizeof(FIRST_LINE) - 1;
	for (size_t i = 0; i < registrar->aors.len; i++) {
		LIST_FOREACH (link, &registrar->aors.at[i].bindings) {
			struct text text;

			text_init(&text, buffer, sizeof(buffer));
			add_put(&text, LIST_ENTRY(link, struct binding, link));
			is_good = is_good && write_line(fd, false, text_view(&text));
			lines++;
		}
	}
	if (!is_good || rename(temporary, state->path) != 0) {
		int error = errno ? errno : EIO;

		close(fd);
		unlink(temporary);
		return error;
	}
	if (state->fd >= 0)
		close(state->fd);
	state->fd = fd;
	state->lines = lines;
	state->is_torn = false;
	return 0;
}

static void complain(struct registrar *registrar, const char *why)
{
	registrar->stats.state_errors++;
	if (registrar->listener.on_problem)
		registrar->listener.on_problem(registrar->listener.arg, NULL, why);
}

static void append(struct registrar *registrar, struct view content)
{
	struct state *state = &registrar->state;

	if (!write_line(state->fd, state->is_torn, content)) {
		state->is_torn = true;
		complain(registrar, "a line of sip.registrations_file could not be written");
		return;
	}
	state->is_torn = false;
	state->lines++;
	if (state->lines > 2 * registrar->stats.bindings + SPARE_LINES && rewrite(registrar) != 0) {
		state->lines = 0; /* not again with the very next line */
		complain(registrar, "sip.registrations_file could not be rewritten");
	}
}

void state_write_put(struct registrar *registrar, const struct binding *binding)
{
	char buffer[LINE_MAX_SIZE];
	struct text text;

	if (!registrar->state.path)
		return;
	text_init(&text, buffer, sizeof(buffer));
	add_put(&text, binding);
	append(registrar, text_view(&text));
}

void state_write_del(struct registrar *registrar, const struct binding *binding)
{
	char buffer[LINE_MAX_SIZE];
	struct text text;

	if (!registrar->state.path)
		return;
	text_init(&text, buffer, sizeof(buffer));
	text_printf(&text, "-\t%s\t%.*s", binding->aor->number, VIEW_ARG(binding->uri));
	append(registrar, text_view(&text));
}

/* ---- reading ---- */
static struct binding *find_text(const struct aor *aor, struct view uri)
{
	LIST_FOREACH (link, &aor->bindings) {
		struct binding *binding = LIST_ENTRY(link, struct binding, link);

		if (view_equal(binding->uri, uri))
			return binding;
	}
	return NULL;
}

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

/* The number of a "+" line is fields[1]. Expired ones, those of extensions that are gone, those on connections, and those beyond the limit of
 * their extension are passed over. */
static int read_put(struct registrar *registrar, const struct view *fields)
{
	uint64_t now_ms = loop_wall_ms(registrar->loop), expires_ms, left_s;
	struct aor *aor = registrar_find_aor(registrar, fields[1]);
	struct binding_values values = {
		.uri = fields[2], .call_id = fields[3], .user_agent = fields[10], .instance = fields[11]};
	struct binding *binding, *old;
	struct sip_uri uri;
	uint32_t q;

	if (view_to_u32(fields[4], INT32_MAX, &values.cseq) || view_to_u32(fields[5], 1000, &q) ||
	    view_to_u64(fields[6], UINT64_MAX, &expires_ms) || read_kind(fields[7], &values.flow.kind) ||
	    net_endpoint_parse(fields[8], 0, &values.flow.local) ||
	    net_endpoint_parse(fields[9], 0, &values.flow.remote) || sip_uri_parse(fields[2], &uri) ||
	    fields[2].size > REGISTRAR_URI_MAX || fields[3].size > SIP_CALL_ID_MAX)
		return ERR_CORRUPT;
	if (!aor)
		return 0;
	old = find_text(aor, fields[2]);
	/* A connection did not survive: the phone notices, and comes back. */
	if (expires_ms <= now_ms || transport_kind_is_reliable(values.flow.kind)) {
		if (old)
			binding_free(old);
		return 0;
	}
	if (!old && aor->count >= aor->max_contacts)
		return 0;
	left_s = (expires_ms - now_ms + 999) / 1000;
	values.expires_s = (uint32_t)MIN(left_s, registrar->options.max_expires_s);
	values.q = q;
	binding = binding_new(registrar, aor, &values);
	if (!binding)
		return ERR_NOMEM;
	binding_put(binding, old);
	return 0;
}

static int read_del(struct registrar *registrar, const struct view *fields)
{
	struct aor *aor = registrar_find_aor(registrar, fields[1]);
	struct binding *binding = aor ? find_text(aor, fields[2]) : NULL;

	if (binding)
		binding_free(binding);
	return 0;
}

static int read_line(struct registrar *registrar, struct view line)
{
	struct view fields[FIELDS_MAX], content = view_sub(line, CHECKSUM_SIZE + 1, line.size), rest = content;
	char expected[CHECKSUM_SIZE + 2];
	size_t count = 0;

	snprintf(expected, sizeof(expected), "%016llx\t", (unsigned long long)checksum(content));
	if (content.size == 0 || !view_has_prefix(line, expected))
		return ERR_CORRUPT;
	while (rest.at && count < FIELDS_MAX)
		fields[count++] = view_cut(&rest, '\t');
	if (rest.at)
		return ERR_CORRUPT;
	if (count == 12 && view_is(fields[0], "+"))
		return read_put(registrar, fields);
	if (count == 3 && view_is(fields[0], "-"))
		return read_del(registrar, fields);
	return ERR_CORRUPT;
}

static int read_text(struct registrar *registrar, struct view text)
{
	if (text.size > 0 && !view_has_prefix(text, FIRST_LINE)) {
		registrar->stats.state_errors++;
		return 0;
	}
	text = view_sub(text, sizeof(FIRST_LINE) - 1, text.size);
	while (text.size > 0) {
		struct view line = view_cut(&text, '\n');
		int error = line.size > 0 ? read_line(registrar, line) : 0;

		if (error == ERR_NOMEM)
			return error;
		registrar->stats.state_errors += error != 0;
	}
	return 0;
}

/* 0 with an empty text when there is no file. */
static int read_file(const char *path, char **ret_text, size_t *ret_size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), error = 0;
	struct stat status;
	size_t size = 0, want;
	char *text = NULL;

	if (fd < 0)
		return errno == ENOENT ? 0 : errno;
	if (fstat(fd, &status) != 0)
		error = errno;
	else if (!S_ISREG(status.st_mode) || status.st_size > REGISTRAR_STATE_MAX)
		error = EFBIG;
	want = error ? 0 : (size_t)status.st_size;
	text = error ? NULL : malloc(want + 1);
	if (!error && !text)
		error = ENOMEM;
	while (!error && size < want) {
		ssize_t got = read(fd, text + size, want - size);

		if (got < 0 && errno != EINTR)
			error = errno;
		if (got == 0)
			break;
		size += got > 0 ? (size_t)got : 0;
	}
	close(fd);
	if (error) {
		free(text);
		return error;
	}
	*ret_text = text;
	*ret_size = size;
	return 0;
}

static int problem(struct transport_problem *ret_problem, const char *path, const char *what, int number)
{
	snprintf(ret_problem->text, sizeof(ret_problem->text), "sip.registrations_file \"%s\": cannot be %s: %s", path,
		 what, strerror(number));
	return number == ENOMEM                                         ? ERR_NOMEM
	       : number == EACCES || number == EPERM || number == EROFS ? ERR_PERMISSION
									: ERR_IO;
}

int state_init(struct registrar *registrar, const char *path, struct transport_problem *ret_problem)
{
	char *text = NULL;
	size_t size = 0;
	int number, error;

	registrar->state.path = strdup(path);
	if (!registrar->state.path)
		return ERR_NOMEM;
	number = read_file(path, &text, &size);
	if (number)
		return problem(ret_problem, path, "read", number);
	error = read_text(registrar, (struct view){text ? text : "", size});
	free(text);
	if (error)
		return error;
	number = rewrite(registrar);
	return number ? problem(ret_problem, path, "written", number) : 0;
}

void state_fini(struct registrar *registrar)
{
	if (registrar->state.fd >= 0)
		close(registrar->state.fd);
	free(registrar->state.path);
	registrar->state.path = NULL;
	registrar->state.fd = -1;
}
