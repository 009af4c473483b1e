/* See tls.h. */
#include "controlplane/app/tls.h"

#include <stdlib.h>

#include "controlplane/loop/loop.h"
#include "controlplane/transport/transport.h"
#include "lib/config/config.h"
#include "lib/log/log.h"

_Static_assert((int)TLS_VERIFY_NONE == (int)CONF_TLS_VERIFY_NONE &&
		       (int)TLS_VERIFY_IF_GIVEN == (int)CONF_TLS_VERIFY_IF_GIVEN &&
		       (int)TLS_VERIFY_REQUIRED == (int)CONF_TLS_VERIFY_REQUIRED &&
		       (int)TLS_VERSION_1_2 == (int)CONF_TLS_1_2 && (int)TLS_VERSION_1_3 == (int)CONF_TLS_1_3,
	       "the configuration's choices are those of controlplane/tls");

enum { SOON_DAYS = 14 };

static void warn_of_end(struct tls_context *context, uint64_t wall_ms)
{
	static const uint64_t day_ms = UINT64_C(86400) * 1000;
	uint64_t left_ms = tls_context_expires_ms(context) - wall_ms;

	if (left_ms < SOON_DAYS * day_ms)
		log_warning("tls", "a certificate of sip.tls expires in %u days; renew it and send SIGHUP",
			    (unsigned)(left_ms / day_ms));
}

int app_tls_new(const struct conf *conf, uint64_t wall_ms, struct tls_context **ret_context,
		struct tls_problem *ret_problem)
{
	const struct conf_tls *tls = &conf->sip.tls;
	struct tls_options options = {.ca_file = tls->ca_file,
				      .where = tls->where,
				      .verify_client = (enum tls_verify)tls->verify_client,
				      .min_version = (enum tls_version)tls->min_version,
				      .certificate_count = tls->name_count + 1,
				      .wall_ms = wall_ms};
	struct tls_certificate *certificates;
	int error;

	*ret_context = NULL;
	ret_problem->text[0] = '\0';
	if (!(conf->sip.transports & 1u << CONF_TRANSPORT_TLS))
		return 0;
	certificates = calloc(options.certificate_count, sizeof(*certificates));
	if (!certificates)
		return ERR_NOMEM;
	certificates[0] = (struct tls_certificate){
		.name = "", .certificate = tls->certificate, .key = tls->private_key, .where = tls->where};
	for (size_t i = 0; i < tls->name_count; i++)
		certificates[i + 1] = (struct tls_certificate){.name = tls->names[i].name,
							       .certificate = tls->names[i].certificate,
							       .key = tls->names[i].private_key,
							       .where = tls->names[i].where};
	options.certificates = certificates;
	error = tls_context_new(&options, ret_context, ret_problem);
	free(certificates);
	if (error == 0)
		warn_of_end(*ret_context, wall_ms);
	return error;
}

void app_tls_on_handshake(void *arg, const struct transport_flow *flow, int error, const char *why)
{
	struct app_tls_log *log = arg;
	uint64_t now_ms = loop_now_ms(log->loop);
	bool is_ours = flow->connection % 2 == 0;
	char remote[NET_ENDPOINT_TEXT];

	if (error == 0)
		return;
	log->untold++;
	if (!is_ours && now_ms < log->next_ms)
		return;
	log_warning("tls", "no connection %s %s: %s (%llu such since the last line)", is_ours ? "to" : "from",
		    net_endpoint_print(&flow->remote, remote), why, (unsigned long long)log->untold);
	log->untold = 0;
	log->next_ms = now_ms + APP_TLS_LOG_MS;
}
