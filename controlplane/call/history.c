/* Who was called before: Diversion (RFC 5806) and History-Info (RFC 7044). What came goes on; what the dial plan did is added. */
#include "controlplane/call/callee.h"

#include <stdio.h>

enum { INDEX_SIZE = 64 };

/* The index of the last entry that came: ours is below it. */
static void last_index(const struct sip_message *invite, char index[INDEX_SIZE])
{
	struct view value;

	index[0] = '\0';
	SIP_HEADER_FOREACH (invite, SIP_HEADER_HISTORY_INFO, value) {
		struct sip_name_address entry;
		struct sip_param param;

		if (sip_name_address_parse(value, &entry) == 0 && sip_param_find(entry.params, "index", &param))
			snprintf(index, INDEX_SIZE, "%.*s", (int)MIN(param.value.size, INDEX_SIZE - 8), param.value.at);
	}
}

/* The number of the leg within its call: each branch of a fork has its own. */
static const char *branch_of(const struct leg *leg)
{
	const char *dash = strrchr(leg->id, '-');

	return dash ? dash + 1 : "1";
}

static void write_history(struct sip_writer *out, const struct leg *leg, const struct sip_message *invite,
			  const char *host)
{
	const struct call *call = leg->call;
	char index[INDEX_SIZE];

	sip_write_copy(out, invite, SIP_HEADER_HISTORY_INFO);
	last_index(invite, index);
	/* Who does not know of it and was not forwarded is spared the bytes. */
	if (!leg->extension[0] ||
	    (!index[0] && !call->forwarded_from && !sip_header_has(invite, SIP_HEADER_SUPPORTED, "histinfo")))
		return;
	if (!index[0]) {
		snprintf(index, sizeof(index), "1");
		sip_write_header(out, SIP_HEADER_HISTORY_INFO, "<sip:%s@%s>;index=1",
				 call->forwarded_from ? call->forwarded_from : leg->extension, host);
	}
	sip_write_header(out, SIP_HEADER_HISTORY_INFO, "<sip:%s@%s>;index=%s.%s;%s=%s", leg->extension, host, index,
			 branch_of(leg), call->forwarded_from ? "mp" : "rc", index);
}

void history_write(struct sip_writer *out, const struct leg *leg, const struct sip_message *invite)
{
	const struct call *call = leg->call;
	char host[NET_ENDPOINT_TEXT];

	dialog_print_host(call->table->services.transactions, &leg->dialog->flow, host);
	if (call->forwarded_from)
		sip_write_header(out, SIP_HEADER_DIVERSION, "<sip:%s@%s>;reason=unconditional;counter=1",
				 call->forwarded_from, host);
	sip_write_copy(out, invite, SIP_HEADER_DIVERSION);
	write_history(out, leg, invite, host);
}
