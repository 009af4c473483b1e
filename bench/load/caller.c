/* The caller: INVITE, perhaps again with credentials, ACK, BYE. */
#include "bench/load/load.h"

#include <stdio.h>

/* Everything up to CSeq of a request of this call. */
static struct sip_writer *begin(struct load *load, struct call *call, enum sip_method method, struct view uri,
				uint32_t branch)
{
	struct sip_writer *w = wire_begin(load->wires[LOAD_CALLER]);
	unsigned caller = load->first + (call->slot + 1) % load->phones, callee = load->first + call->slot;

	sip_write_request_line(w, method, uri);
	sip_write_header(w, SIP_HEADER_VIA, "SIP/2.0/UDP 127.0.0.1:%u;branch=z9hG4bK%s-%u-%u-%u;rport", load->port,
			 load->run, call->slot, call->generation, branch);
	sip_write_header(w, SIP_HEADER_MAX_FORWARDS, "70");
	sip_write_header(w, SIP_HEADER_FROM, "\"Load\" <sip:%s%u@127.0.0.1>;tag=c%u-%u",
			 load->with_digest ? "" : "guest", caller, call->slot, call->generation);
	sip_write_header(w, SIP_HEADER_TO, "<sip:%u@127.0.0.1>%s%s", callee, call->to_tag[0] ? ";tag=" : "",
			 call->to_tag);
	sip_write_header(w, SIP_HEADER_CALL_ID, "L%u-%u-%s@load", call->slot, call->generation, load->run);
	sip_write_header(w, SIP_HEADER_CSEQ, "%u %s", call->cseq, sip_method_name(method));
	return w;
}

static void keep(struct load *load, struct call *call, struct view bytes)
{
	memcpy(call->request, bytes.at, call->request_size = MIN(bytes.size, sizeof(call->request)));
	call->sent_ns = load->now_ns;
	call->resend_ns = load->now_ns + T1_NS;
}

void caller_invite(struct load *load, struct call *call, const struct sip_message *challenge)
{
	unsigned number = load->first + call->slot;
	char uri[64], user[16], sdp[256];
	struct sip_writer *w;

	snprintf(uri, sizeof(uri), "sip:%u@127.0.0.1", number);
	snprintf(user, sizeof(user), "%u", load->first + (call->slot + 1) % load->phones);
	call->cseq++;
	w = begin(load, call, SIP_METHOD_INVITE, view_of(uri), call->cseq);
	sip_write_header(w, SIP_HEADER_CONTACT, "<sip:load@127.0.0.1:%u>", load->port);
	sip_write_header(w, SIP_HEADER_ALLOW, "INVITE, ACK, CANCEL, BYE, OPTIONS");
	sip_write_header(w, SIP_HEADER_USER_AGENT, "sip_load");
	if (challenge) {
		struct auth_credentials credentials = {view_of(user), VIEW(PASSWORD), VIEW("0a4f113b"), 1};

		if (auth_answer(load->auth, challenge, VIEW("INVITE"), view_of(uri), &credentials, w))
			load_wrong(load, challenge, "a challenge that cannot be answered");
	}
	keep(load, call, wire_end(load, load->wires[LOAD_CALLER], call_sdp(sdp, 20000 + call->slot % 20000 * 2)));
}

/* For a refusal: the INVITE's own branch and URI; for a 200: a transaction of its own to the remote target. */
static void ack(struct load *load, struct call *call, const struct sip_message *response)
{
	bool is_success = response->status < 300;
	char uri[64], kept[LOAD_TEXT];
	struct sip_writer *w;

	snprintf(uri, sizeof(uri), "sip:%u@127.0.0.1", load->first + call->slot);
	snprintf(kept, sizeof(kept), "%s", call->to_tag);
	if (!is_success)
		snprintf(call->to_tag, sizeof(call->to_tag), "%.*s", VIEW_ARG(response->to.tag));
	w = begin(load, call, SIP_METHOD_ACK, view_of(is_success ? call->target : uri),
		  call->cseq + (is_success ? 1000000 : 0));
	if (is_success && call->routes[0])
		sip_write_header(w, SIP_HEADER_ROUTE, "%s", call->routes);
	wire_end(load, load->wires[LOAD_CALLER], VIEW_EMPTY);
	snprintf(call->to_tag, sizeof(call->to_tag), "%s", kept);
}

void caller_bye(struct load *load, struct call *call)
{
	struct sip_writer *w;

	call->cseq++;
	call->state = CALL_ENDING;
	w = begin(load, call, SIP_METHOD_BYE, view_of(call->target), call->cseq);
	if (call->routes[0])
		sip_write_header(w, SIP_HEADER_ROUTE, "%s", call->routes);
	keep(load, call, wire_end(load, load->wires[LOAD_CALLER], VIEW_EMPTY));
}

/* What a 200 says about the dialog: tag, target, and the route set in reverse order. */
static bool learn(struct call *call, const struct sip_message *response)
{
	struct sip_name_address contact;
	struct view value;
	char routes[sizeof(call->routes)];

	call->routes[0] = '\0';
	SIP_HEADER_FOREACH (response, SIP_HEADER_RECORD_ROUTE, value) {
		snprintf(routes, sizeof(routes), "%s", call->routes);
		snprintf(call->routes, sizeof(call->routes), "%.*s%s%.*s", VIEW_ARG(value), routes[0] ? ", " : "",
			 (int)(sizeof(routes) / 2), routes);
	}
	return view_copy(response->to.tag, call->to_tag, sizeof(call->to_tag)) == 0 &&
	       sip_name_address_parse(sip_header_find(response, SIP_HEADER_CONTACT), &contact) == 0 &&
	       view_copy(contact.uri.text, call->target, sizeof(call->target)) == 0;
}

static void refused(struct load *load, struct call *call)
{
	load->counts.refused++;
	call->state = CALL_FREE;
	call_free_if_over(load, call);
}

static void on_invite_answer(struct load *load, struct call *call, const struct sip_message *response)
{
	bool is_challenge = response->status == 401 || response->status == 407;

	if (response->status < 200) {
		if (response->status > 100 && !response->to.tag.at)
			load_wrong(load, response, "no tag");
		call->resend_ns = load->now_ns + GIVE_UP_NS; /* a provisional response ends sending again, 17.1.1.2 */
		return;
	}
	if (call->state != CALL_INVITED) { /* our ACK was lost, or is on its way */
		load->counts.stray++;
		ack(load, call, response);
	} else if (response->status >= 300) {
		load->statuses[response->status]++;
		ack(load, call, response);
		if (is_challenge && load->with_digest && !call->was_challenged) {
			call->was_challenged = true;
			caller_invite(load, call, response);
		} else {
			refused(load, call);
		}
	} else if (!learn(call, response) || response->body.size == 0) {
		load_wrong(load, response, "200 without tag, Contact or session description");
	} else {
		load->statuses[response->status]++;
		load_time_add(&load->answer, load->now_ns - call->invited_ns);
		call->state = CALL_UP;
		call->hang_up_ns = load->now_ns + load->hold_ns;
		ack(load, call, response);
	}
}

static void on_bye_answer(struct load *load, struct call *call, const struct sip_message *response)
{
	if (call->state != CALL_ENDING) {
		load->counts.stray++;
	} else if (response->status >= 300) {
		load->statuses[response->status]++;
		refused(load, call);
	} else if (response->status >= 200) {
		load->counts.complete++;
		call->state = CALL_FREE;
		call_free_if_over(load, call);
	}
}

static bool is_tag(const struct call *call, struct view tag)
{
	char expected[32];

	snprintf(expected, sizeof(expected), "c%u-%u", call->slot, call->generation);
	return tag.at && view_is(tag, expected);
}

void caller_on_message(struct load *load, const struct sip_message *message)
{
	struct view rest = view_sub(message->call_id, 1, SIZE_MAX);
	uint32_t slot, generation;
	struct call *call;

	if (message->is_request) { /* the server ends what it thinks is broken */
		struct sip_writer *w = wire_begin(load->wires[LOAD_CALLER]);

		if (message->method == SIP_METHOD_ACK)
			return;
		load->counts.stray++;
		sip_write_response(w, message, 200, VIEW_EMPTY, VIEW("x"), NULL);
		wire_end(load, load->wires[LOAD_CALLER], VIEW_EMPTY);
		return;
	}
	if (!load_take(&rest, &slot) || !load_take(&rest, &generation) || slot >= load->phones ||
	    !view_has_prefix(rest, load->run)) {
		load_wrong(load, message, "unknown Call-ID");
		return;
	}
	call = &load->calls[slot];
	if (generation != call->generation || message->cseq.number != call->cseq || call->state == CALL_FREE)
		load->counts.stray++;
	else if (!is_tag(call, message->from.tag))
		load_wrong(load, message, "not our tag");
	else if (message->cseq.method == SIP_METHOD_INVITE)
		on_invite_answer(load, call, message);
	else if (message->cseq.method == SIP_METHOD_BYE && view_is(message->to.tag, call->to_tag))
		on_bye_answer(load, call, message);
	else
		load_wrong(load, message, "not an answer to what was asked");
}
