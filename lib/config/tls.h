/* The part of the configuration that is about certificates. Part of lib/config/config.h, where threads and ownership are told;
 * the files themselves are read by controlplane/tls.
 */
#ifndef LIB_CONFIG_TLS_H
#define LIB_CONFIG_TLS_H

#include "lib/base/base.h"

enum conf_tls_verify { CONF_TLS_VERIFY_NONE, CONF_TLS_VERIFY_IF_GIVEN, CONF_TLS_VERIFY_REQUIRED };
enum conf_tls_version { CONF_TLS_1_2, CONF_TLS_1_3 };

/* A certificate for those who ask for that server name. */
struct conf_tls_name {
	const char *name;
	const char *certificate, *private_key; /* PEM files; private_key "": in the same file */
	const char *where;                     /* "file:line" */
};

struct conf_tls {
	const char *certificate, *private_key; /* the one for everybody else */
	const char *ca_file;                   /* "": what this machine trusts */
	unsigned verify_client;                /* enum conf_tls_verify */
	unsigned min_version;                  /* enum conf_tls_version */
	struct conf_tls_name *names;
	size_t name_count;
	const char *where; /* "file:line"; NULL when the group is not there */
};

#endif
