/* Phones that register: each binds its number to the callees' socket. With a digest each registration is two round trips,
 * unless it refreshes with the nonce of its first challenge. */
#include "bench/load/load.h"

#include <stdio.h>
#include <stdlib.h>

struct phone {
	bool is_busy, has_challenged;
	uint32_t cseq, count;
	uint64_t begun_ns, resend_ns;
	struct sip_message *challenge; /* kept by those that refresh */
};

int register_new(struct load *load)
{
	load->registering = calloc(load->phones, sizeof(*load->registering));
	return load->registering ? 0 : ERR_NOMEM;
}

static void send_register(struct load *load, uint32_t index, const struct sip_message *challenge)
{
	struct phone *phone = &load->registering[index];
	struct wire *wire = load->wires[LOAD_CALLEE];
	struct sip_writer *w = wire_begin(wire);
	unsigned number = load->first + index, port = load->port + 1u;
	char user[16], uri[] = "sip:127.0.0.1";

	snprintf(user, sizeof(user), "%u", number);
	sip_write_request_line(w, SIP_METHOD_REGISTER, view_of(uri));
	sip_write_header(w, SIP_HEADER_VIA, "SIP/2.0/UDP 127.0.0.1:%u;branch=z9hG4bK%s-%u-%u;rport", port, load->run,
			 index, phone->cseq);
	sip_write_header(w, SIP_HEADER_MAX_FORWARDS, "70");
	sip_write_header(w, SIP_HEADER_FROM, "<sip:%u@127.0.0.1>;tag=r%u", number, index);
	sip_write_header(w, SIP_HEADER_TO, "<sip:%u@127.0.0.1>", number);
	sip_write_header(w, SIP_HEADER_CALL_ID, "R%u-%s@load", index, load->run);
	sip_write_header(w, SIP_HEADER_CSEQ, "%u REGISTER", phone->cseq);
	sip_write_header(w, SIP_HEADER_CONTACT, "<sip:u%u@127.0.0.1:%u>", index, port);
	sip_write_header(w, SIP_HEADER_EXPIRES, "3600");
	sip_write_header(w, SIP_HEADER_USER_AGENT, "sip_load");
	if (challenge) {
		struct auth_credentials credentials = {view_of(user), VIEW(PASSWORD), VIEW("0a4f113b"), ++phone->count};

		if (auth_answer(load->auth, challenge, VIEW("REGISTER"), view_of(uri), &credentials, w))
			load_wrong(load, challenge, "a challenge that cannot be answered");
	}
	wire_end(load, wire, VIEW_EMPTY);
}

void register_begin(struct load *load)
{
	uint32_t index = load->next++ % load->phones;
	struct phone *phone = &load->registering[index];

	if (phone->is_busy) {
		load->counts.skipped++;
		return;
	}
	phone->is_busy = true;
	phone->has_challenged = phone->challenge != NULL;
	phone->cseq++;
	phone->begun_ns = load->now_ns;
	phone->resend_ns = load->now_ns + T1_NS;
	load->counts.begun++;
	send_register(load, index, phone->challenge);
}

static void challenged(struct load *load, uint32_t index, const struct sip_message *message)
{
	struct phone *phone = &load->registering[index];

	if (phone->has_challenged && !phone->challenge) {
		phone->is_busy = false;
		load->counts.refused++;
		return;
	}
	phone->has_challenged = true;
	phone->cseq++;
	phone->count = 0;
	sip_message_free(phone->challenge);
	phone->challenge = NULL;
	if (!load->with_digest && sip_message_new(message, &phone->challenge))
		load_wrong(load, NULL, "out of memory");
	send_register(load, index, message);
}

void register_on_message(struct load *load, const struct sip_message *message)
{
	struct view rest = view_sub(message->call_id, 1, SIZE_MAX);
	uint32_t index;
	struct phone *phone;

	if (!load_take(&rest, &index) || index >= load->phones || !view_has_prefix(rest, load->run)) {
		load_wrong(load, message, "unknown Call-ID");
		return;
	}
	phone = &load->registering[index];
	if (message->is_request || !message->to.tag.at || message->cseq.method != SIP_METHOD_REGISTER) {
		load_wrong(load, message, "not an answer to REGISTER");
	} else if (!phone->is_busy || message->cseq.number != phone->cseq) {
		load->counts.stray++;
	} else if (message->status == 401 || message->status == 407) {
		challenged(load, index, message);
	} else if (message->status >= 200) {
		load->statuses[message->status]++;
		phone->is_busy = false;
		if (message->status != 200) {
			load->counts.refused++;
		} else if (!sip_header_is_present(message, SIP_HEADER_CONTACT)) {
			load_wrong(load, message, "200 without Contact");
		} else {
			load->counts.complete++;
			load_time_add(&load->answer, load->now_ns - phone->begun_ns);
		}
	}
}

/* What is sent again is a new request with the credentials anew: the answer to either is fine. */
void register_tick(struct load *load)
{
	for (uint32_t i = 0; i < load->phones; i++) {
		struct phone *phone = &load->registering[i];

		if (!phone->is_busy || load->now_ns < phone->resend_ns)
			continue;
		if (load->now_ns - phone->begun_ns > GIVE_UP_NS) {
			phone->is_busy = false;
			load->counts.missing++;
			continue;
		}
		load->counts.late++;
		phone->resend_ns += phone->resend_ns - phone->begun_ns;
		phone->cseq++;
		phone->has_challenged = phone->challenge != NULL;
		send_register(load, i, phone->challenge);
	}
}

bool register_is_busy(const struct load *load)
{
	for (uint32_t i = 0; i < load->phones; i++)
		if (load->registering[i].is_busy)
			return true;
	return false;
}
