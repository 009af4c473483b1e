/* A call has one slot: extension first + slot is called by its neighbour (or by a guest), and both ends are ours. */
#include "bench/load/load.h"

#include <stdio.h>
#include <stdlib.h>

int call_new(struct load *load)
{
	load->calls = calloc(load->phones, sizeof(*load->calls));
	load->free_slots = calloc(load->phones, sizeof(*load->free_slots));
	if (!load->calls || !load->free_slots)
		return ERR_NOMEM;
	for (uint32_t i = 0; i < load->phones; i++) {
		load->calls[i].slot = i;
		load->free_slots[load->free_count++] = i;
	}
	return 0;
}

struct view call_sdp(char buffer[256], unsigned port)
{
	snprintf(buffer, 256,
		 "v=0\r\no=- 1700000000 1 IN IP4 127.0.0.1\r\ns=load\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
		 "m=audio %u RTP/AVP 0 8 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n"
		 "a=rtpmap:101 telephone-event/8000\r\na=ptime:20\r\na=sendrecv\r\n",
		 port);
	return view_of(buffer);
}

void call_begin(struct load *load)
{
	struct call *call;

	if (load->free_count == 0) {
		load->counts.skipped++;
		return;
	}
	call = &load->calls[load->free_slots[load->free_from]];
	load->free_from = (load->free_from + 1) % load->phones;
	load->free_count--;
	call->generation++;
	call->cseq = 0;
	call->was_challenged = false;
	call->to_tag[0] = '\0';
	call->callee_state = CALLEE_FREE;
	call->state = CALL_INVITED;
	call->invited_ns = load->now_ns;
	load->counts.begun++;
	caller_invite(load, call, NULL);
}

/* Both ends said good-bye, or the callee never heard of it. */
void call_free_if_over(struct load *load, struct call *call)
{
	if (call->state != CALL_FREE || (call->callee_state != CALLEE_FREE && call->callee_state != CALLEE_GONE))
		return;
	call->callee_state = CALLEE_FREE;
	load->free_slots[(load->free_from + load->free_count++) % load->phones] = call->slot;
}

static void give_up(struct load *load, struct call *call)
{
	load->counts.missing++;
	call->state = CALL_FREE;
	call->callee_state = CALLEE_GONE;
	call_free_if_over(load, call);
}

static void tick(struct load *load, struct call *call)
{
	if (call->state == CALL_UP && call->callee_state == CALLEE_UP && load->now_ns >= call->hang_up_ns)
		caller_bye(load, call);
	if ((call->state == CALL_INVITED || call->state == CALL_ENDING) && load->now_ns >= call->resend_ns) {
		if (load->now_ns - call->sent_ns > GIVE_UP_NS) {
			give_up(load, call);
			return;
		}
		load->counts.late++;
		call->resend_ns += call->resend_ns - call->sent_ns;
		wire_again(load, load->wires[LOAD_CALLER], (struct view){call->request, call->request_size});
	}
	if (call->callee_state == CALLEE_ANSWERED && load->now_ns >= call->answer_again_ns) {
		load->counts.late++;
		call->answer_again_ns += call->answer_again_ns - call->answered_ns;
		wire_again(load, load->wires[LOAD_CALLEE], (struct view){call->answer, call->answer_size});
	}
	if (call->callee_state != CALLEE_FREE && call->callee_state != CALLEE_GONE && call->state != CALL_UP &&
	    load->now_ns - call->answered_ns > load->hold_ns + GIVE_UP_NS)
		give_up(load, call);
}

void call_tick(struct load *load)
{
	for (uint32_t i = 0; i < load->phones; i++)
		if (load->calls[i].state != CALL_FREE || load->calls[i].callee_state != CALLEE_FREE)
			tick(load, &load->calls[i]);
}

bool call_is_busy(const struct load *load)
{
	return load->free_count < load->phones;
}
