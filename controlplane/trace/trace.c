/* Which messages, and to which call they belong: what the transport shows is judged here and put into the queue. */
#include "controlplane/trace/trace_private.h"

#include "controlplane/loop/loop.h"
#include "lib/sip/sip.h"

#include <stdlib.h>

struct trace {
	struct loop *loop;
	struct transport *transport; /* NULL: none */
	struct trace_options options;
	struct trace_filter filter;
	struct trace_writer writer;
	uint64_t lost;                        /* in front of a full queue */
	char copy[TRANSPORT_MESSAGE_MAX + 1]; /* the parser may write into what it parses */
};

static bool is_own_call_id(struct view call_id)
{
	const size_t size = TRACE_CALL_SIZE - 1;

	if (call_id.size <= size || call_id.at[size] != '-')
		return false;
	for (size_t i = 0; i < size; i++)
		if (!strchr("0123456789abcdef", call_id.at[i]))
			return false;
	return true;
}

/* Call-IDs of the legs that we call begin with our call id; the caller's leg is known by its dialog. */
static void find_call(const struct trace *trace, const struct sip_message *message, bool is_sent,
		      char ret_call[TRACE_CALL_SIZE])
{
	bool is_from_ours = message->is_request == is_sent;
	struct view local = is_from_ours ? message->from.tag : message->to.tag;
	struct view remote = is_from_ours ? message->to.tag : message->from.tag;

	ret_call[0] = '\0';
	if (is_own_call_id(message->call_id)) {
		memcpy(ret_call, message->call_id.at, TRACE_CALL_SIZE - 1);
		ret_call[TRACE_CALL_SIZE - 1] = '\0';
	} else if (trace->options.find_call && local.at && remote.at) {
		if (!trace->options.find_call(trace->options.arg, message->call_id, local, remote, ret_call))
			ret_call[0] = '\0';
	}
}

static bool is_of_user(const struct sip_name_address *address, const char *user)
{
	return address->uri.user.at && sip_user_is_equal(address->uri.user, view_of(user));
}

static bool is_wanted(const struct trace_filter *filter, const struct sip_message *message, const char *call)
{
	if (filter->call[0] && strcmp(call, filter->call) != 0 &&
	    !(message && (view_is(message->call_id, filter->call) ||
			  (filter->call_other[0] && view_is(message->call_id, filter->call_other)))))
		return false;
	return !filter->extension[0] || (message && (is_of_user(&message->from, filter->extension) ||
						     is_of_user(&message->to, filter->extension)));
}

static void on_message(void *arg, bool is_sent, const struct transport_flow *flow, struct view bytes)
{
	struct trace *trace = arg;
	struct trace_record record = {
		.wall_ms = loop_wall_ms(trace->loop), .flow = *flow, .is_sent = is_sent, .call = ""};
	struct sip_message message;
	struct sip_refusal refusal;
	bool is_parsed;

	if (trace->filter.peer.address.family && !net_prefix_has(&trace->filter.peer, &flow->remote.address))
		return;
	memcpy(trace->copy, bytes.at, bytes.size);
	is_parsed = sip_parse(&message, trace->copy, bytes.size,
			      transport_kind_is_reliable(flow->kind) ? SIP_STREAM : SIP_DATAGRAM, &refusal) == 0;
	if (is_parsed)
		find_call(trace, &message, is_sent, record.call);
	if (!is_wanted(&trace->filter, is_parsed ? &message : NULL, record.call))
		return;
	if (trace_queue_put(&trace->writer.queue, &record, bytes))
		sem_post(&trace->writer.work);
	else
		trace->lost++;
}

static void observe(struct trace *trace)
{
	const struct transport_observer observer = {on_message, trace}, nobody = {NULL, NULL};

	if (trace->transport)
		transport_set_observer(trace->transport, trace->filter.is_on ? &observer : &nobody);
}

int trace_new(struct loop *loop, const struct trace_options *options, struct trace **ret_trace)
{
	struct trace *trace = calloc(1, sizeof(*trace));

	if (!trace)
		return ERR_NOMEM;
	trace->loop = loop;
	trace->options = *options;
	trace->options.directory = trace->writer.directory;
	trace->writer.retention_days = options->retention_days;
	trace->writer.size_max = options->size_max;
	if (view_copy(view_of(options->directory), trace->writer.directory, sizeof(trace->writer.directory)) < 0) {
		free(trace);
		return ERR_TOO_LONG;
	}
	*ret_trace = trace;
	return 0;
}

void trace_free(struct trace *trace)
{
	if (!trace)
		return;
	trace_writer_stop(&trace->writer);
	free(trace);
}

void trace_set_transport(struct trace *trace, struct transport *transport)
{
	trace->transport = transport;
	observe(trace);
}

int trace_set(struct trace *trace, const struct trace_filter *filter)
{
	int error = filter->is_on ? trace_writer_start(&trace->writer) : 0;

	if (error)
		return error;
	trace->filter = *filter;
	observe(trace);
	return 0;
}

void trace_status(const struct trace *trace, struct trace_status *ret_status)
{
	*ret_status = (struct trace_status){
		.filter = trace->filter,
		.written = atomic_load_explicit(&trace->writer.written, memory_order_relaxed),
		.lost = trace->lost + atomic_load_explicit(&trace->writer.lost, memory_order_relaxed),
		.last_errno = atomic_load_explicit(&trace->writer.last_errno, memory_order_relaxed),
	};
}
