/* The callee: rings and answers at once, hangs up when told. */
#include "bench/load/load.h"

#include <stdio.h>

static struct view respond(struct load *load, const struct sip_message *request, unsigned status, struct view body)
{
	struct wire *wire = load->wires[LOAD_CALLEE];
	struct sip_writer *w = wire_begin(wire);
	char tag[32];

	snprintf(tag, sizeof(tag), "e%u",
		 (unsigned)(hash_bytes(request->call_id.at, request->call_id.size) % 1000000007));
	sip_write_response(w, request, status, VIEW_EMPTY, view_of(tag), NULL);
	if (request->method == SIP_METHOD_INVITE) {
		sip_write_copy(w, request, SIP_HEADER_RECORD_ROUTE);
		sip_write_header(w, SIP_HEADER_CONTACT, "<%.*s>", VIEW_ARG(request->uri_text));
	}
	return wire_end(load, wire, body);
}

static void on_invite(struct load *load, struct call *call, const struct sip_message *request)
{
	char sdp[256];
	struct view bytes;

	if (call->callee_state == CALLEE_ANSWERED && view_is(request->call_id, call->callee_call_id)) {
		wire_again(load, load->wires[LOAD_CALLEE], (struct view){call->answer, call->answer_size});
		return;
	}
	if (call->callee_state != CALLEE_FREE || call->state == CALL_FREE) {
		load->counts.stray++;
		respond(load, request, 486, VIEW_EMPTY);
		return;
	}
	if (view_copy(request->call_id, call->callee_call_id, LOAD_TEXT) ||
	    view_copy(request->from.tag, call->callee_from_tag, LOAD_TEXT) || request->body.size == 0 ||
	    request->to.tag.at)
		load_wrong(load, request, "INVITE with a To tag, or without From tag or session description");
	call->callee_cseq = request->cseq.number;
	call->callee_state = CALLEE_ANSWERED;
	call->answered_ns = load->now_ns;
	call->answer_again_ns = load->now_ns + T1_NS;
	load_time_add(&load->setup, load->now_ns - call->sent_ns);
	respond(load, request, 180, VIEW_EMPTY);
	bytes = respond(load, request, 200, call_sdp(sdp, 20001 + call->slot % 20000 * 2));
	memcpy(call->answer, bytes.at, call->answer_size = MIN(bytes.size, sizeof(call->answer)));
}

static void on_ack(struct load *load, struct call *call, const struct sip_message *request)
{
	if (request->cseq.number != call->callee_cseq)
		load_wrong(load, request, "ACK with another CSeq than the INVITE's");
	else if (call->callee_state == CALLEE_ANSWERED)
		call->callee_state = CALLEE_UP;
	else
		load->counts.stray++;
}

static void on_bye(struct load *load, struct call *call, const struct sip_message *request)
{
	respond(load, request, 200, VIEW_EMPTY);
	if (call->callee_state == CALLEE_GONE || call->callee_state == CALLEE_FREE) {
		load->counts.stray++;
		return;
	}
	if (request->cseq.number <= call->callee_cseq)
		load_wrong(load, request, "BYE with an old CSeq");
	call->callee_state = CALLEE_GONE;
	call_free_if_over(load, call);
}

void callee_on_message(struct load *load, const struct sip_message *message)
{
	uint32_t slot;
	struct call *call;

	if (!message->is_request || !message->uri.user.at || !view_has_prefix(message->uri.user, "u") ||
	    view_to_u32(view_sub(message->uri.user, 1, SIZE_MAX), load->phones - 1, &slot)) {
		load_wrong(load, message, "not a request to a callee");
		return;
	}
	call = &load->calls[slot];
	if (message->method == SIP_METHOD_INVITE) {
		on_invite(load, call, message);
	} else if (!view_is(message->call_id, call->callee_call_id) || call->callee_state == CALLEE_FREE) {
		load->counts.stray++;
		if (message->method != SIP_METHOD_ACK)
			respond(load, message, message->method == SIP_METHOD_BYE ? 200 : 481, VIEW_EMPTY);
	} else if (!message->from.tag.at || !view_is(message->from.tag, call->callee_from_tag) || !message->to.tag.at) {
		load_wrong(load, message, "other tags than the dialog's");
	} else if (message->method == SIP_METHOD_ACK) {
		on_ack(load, call, message);
	} else if (message->method == SIP_METHOD_BYE) {
		on_bye(load, call, message);
	} else {
		respond(load, message, message->method == SIP_METHOD_CANCEL ? 200 : 405, VIEW_EMPTY);
	}
}
