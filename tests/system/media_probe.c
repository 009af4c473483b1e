/* The control plane's media without its calls: `media_probe SEGMENT FIFO [orphan timeout in ms]` takes lines from the FIFO and tells what
 * happens on standard output, so that a test can program a real dataplane stream by stream.
 *
 *   new NAME PEER [BESIDE]     -> NAME local ADDRESS:PORT
 *   remote NAME ENDPOINT, source NAME OTHER, timeout NAME MS, direction NAME RECEIVE SEND (0 or 1), del NAME
 *   counters NAME              -> NAME counters RTP_IN RTP_OUT LOST
 *   stats                      -> stats STREAMS ENDING ORPHANS SWEPT
 * Unasked: ready 0|1, NAME latched ENDPOINT, NAME silent MS, NAME refused WHY, NAME gone RTP_IN RTP_OUT.
 * What fails is told as "error ...".
 */
#include "controlplane/loop/loop.h"
#include "controlplane/media/media.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define STREAMS_MAX 16

struct named {
	char name[16];
	struct media_stream *stream;
};

struct probe {
	struct loop *loop;
	struct media *media;
	struct loop_watch watch;
	struct named streams[STREAMS_MAX];
	char line[256];
	size_t size;
};

/* ---- what happens ---- */

static int route(void *arg, const struct net_address *toward, struct net_address *ret_source, bool *ret_is_local_host)
{
	struct net_endpoint remote = {.address = *toward, .port = 9}, local;
	struct sockaddr_storage sockaddr;
	socklen_t size = (socklen_t)net_endpoint_to_sockaddr(&remote, &sockaddr);
	int fd = socket(sockaddr.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0), error = ERR_NOT_FOUND;

	if (fd >= 0 && connect(fd, (struct sockaddr *)&sockaddr, size) == 0) {
		size = sizeof(sockaddr);
		if (getsockname(fd, (struct sockaddr *)&sockaddr, &size) == 0)
			error = net_endpoint_from_sockaddr((struct sockaddr *)&sockaddr, &local);
	}
	if (fd >= 0)
		close(fd);
	if (error)
		return error;
	*ret_source = local.address;
	*ret_is_local_host = net_address_is_equal(&local.address, toward);
	return 0;
}

static void on_ready(bool is_ready, void *arg)
{
	printf("ready %d\n", is_ready);
}

static void on_event(struct media_stream *stream, const struct media_event *event, void *arg)
{
	struct named *named = arg;
	char text[NET_ENDPOINT_TEXT];

	printf("%s %s", named->name, media_event_name(event->type));
	if (event->type == MEDIA_LATCHED)
		printf(" %s\n", net_endpoint_print(&event->latched, text));
	else if (event->type == MEDIA_SILENT)
		printf(" %llu\n", (unsigned long long)event->silent_ms);
	else if (event->type == MEDIA_REFUSED)
		printf(" %s\n", error_text(event->error));
	else
		printf(" %llu %llu\n", (unsigned long long)event->counters.rtp_in,
		       (unsigned long long)event->counters.rtp_out);
	if (event->type == MEDIA_GONE)
		*named = (struct named){.stream = NULL};
}

/* ---- what is asked for ---- */

static struct named *find(struct probe *probe, const char *name)
{
	for (size_t i = 0; i < STREAMS_MAX; i++)
		if (strcmp(probe->streams[i].name, name) == 0)
			return &probe->streams[i];
	return NULL;
}

static void make(struct probe *probe, const char *name, const char *peer, const char *beside_name)
{
	struct named *named = find(probe, ""), *beside = beside_name[0] ? find(probe, beside_name) : NULL;
	struct net_address toward;
	char text[NET_ENDPOINT_TEXT];
	int error = named ? net_address_parse(view_of(peer), &toward) : ERR_LIMIT;

	if (!error)
		error = media_stream_new(probe->media, &toward, beside ? beside->stream : NULL, on_event, named,
					 &named->stream);
	if (!error)
		error = view_copy(view_of(name), named->name, sizeof(named->name));
	if (error)
		printf("error new %s: %s\n", name, error_text(error));
	else
		printf("%s local %s\n", name, net_endpoint_print(media_stream_local(named->stream), text));
}

static void tell_stats(const struct probe *probe)
{
	struct media_stats stats;

	media_stats(probe->media, &stats);
	printf("stats %u %u %u %llu\n", stats.streams, stats.streams_ending, stats.orphans,
	       (unsigned long long)stats.orphans_swept);
}

static int change(struct probe *probe, struct named *named, const char *verb, const char *one, const char *two)
{
	struct shm_stream_counters counters;
	struct net_endpoint endpoint;
	int error = 0;

	if (strcmp(verb, "remote") == 0) {
		error = net_endpoint_parse(view_of(one), 0, &endpoint);
		return error ? error : media_stream_set_remote(named->stream, &endpoint, NULL, false);
	}
	if (strcmp(verb, "source") == 0) {
		struct named *source = find(probe, one);

		return media_stream_set_source(named->stream, source ? source->stream : NULL);
	}
	if (strcmp(verb, "timeout") == 0)
		media_stream_set_timeout(named->stream, (uint32_t)atoi(one));
	else if (strcmp(verb, "direction") == 0)
		media_stream_set_direction(named->stream, one[0] == '1', two[0] == '1');
	else if (strcmp(verb, "del") == 0)
		media_stream_del(named->stream);
	else if (strcmp(verb, "counters") == 0) {
		media_stream_counters(named->stream, &counters);
		printf("%s counters %llu %llu %llu\n", named->name, (unsigned long long)counters.rtp_in,
		       (unsigned long long)counters.rtp_out, (unsigned long long)counters.lost);
	} else {
		error = ERR_SYNTAX;
	}
	return error;
}

static void command(struct probe *probe, const char *line)
{
	char verb[16] = "", name[16] = "", one[64] = "", two[64] = "";
	struct named *named;
	int error, words = sscanf(line, "%15s %15s %63s %63s", verb, name, one, two);

	if (words == 1 && strcmp(verb, "stats") == 0) {
		tell_stats(probe);
	} else if (words >= 3 && strcmp(verb, "new") == 0) {
		make(probe, name, one, two);
	} else if (words >= 2) {
		named = find(probe, name);
		error = named && named->stream ? change(probe, named, verb, one, two) : ERR_NOT_FOUND;
		if (error)
			printf("error %s: %s\n", line, error_text(error));
	} else {
		printf("error %s: not understood\n", line);
	}
}

static void on_input(void *arg, uint32_t events)
{
	struct probe *probe = arg;
	ssize_t got = read(probe->watch.fd, probe->line + probe->size, sizeof(probe->line) - 1 - probe->size);
	char *end;

	if (got <= 0)
		return;
	probe->size += (size_t)got;
	probe->line[probe->size] = '\0';
	while ((end = strchr(probe->line, '\n')) != NULL) {
		*end = '\0';
		command(probe, probe->line);
		probe->size -= (size_t)(end + 1 - probe->line);
		memmove(probe->line, end + 1, probe->size + 1);
	}
	if (probe->size == sizeof(probe->line) - 1)
		probe->size = 0;
}

static void on_signal(void *arg, int number)
{
	loop_stop(((struct probe *)arg)->loop);
}

int main(int argc, char **argv)
{
	static const int signals[] = {15};
	static struct probe probe;
	struct media_options options = {.route = route, .on_ready = on_ready};
	struct loop_signals ended;
	int fd;

	if (argc < 3)
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	options.segment_path = argv[1];
	options.orphan_timeout_ms = argc > 3 ? (uint32_t)atoi(argv[3]) : 0;
	fd = open(argv[2], O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 || loop_new_real(&probe.loop) < 0 ||
	    loop_signals_init(probe.loop, &ended, signals, 1, on_signal, &probe) < 0 ||
	    loop_watch_add(probe.loop, &probe.watch, fd, EPOLLIN, on_input, &probe) < 0 ||
	    media_new(probe.loop, &options, &probe.media) < 0) {
		perror("media_probe");
		return 1;
	}
	loop_run(probe.loop);
	media_free(probe.media);
	loop_watch_del(&probe.watch);
	loop_signals_fini(&ended);
	loop_free(probe.loop);
	close(fd);
	return 0;
}
