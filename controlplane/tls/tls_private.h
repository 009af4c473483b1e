/* Inside controlplane/tls: what a context holds (context.c), whom a client verifies (verify.c), sessions (session.c). */
#ifndef CONTROLPLANE_TLS_TLS_PRIVATE_H
#define CONTROLPLANE_TLS_TLS_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "controlplane/tls/openssl.h"
#include "controlplane/tls/tls.h"
#include "lib/container/map.h"

struct tls_server {
	SSL_CTX *ssl;
	char *name; /* "" those of the certificate */
};

/* What was read from the files at one time. Kept by its context and by each session made of it. */
struct tls_store {
	_Atomic unsigned users;
	SSL_CTX *client;
	struct tls_server *servers; /* the first is the default */
	size_t server_count;
	BIO_METHOD *wire;
	unsigned char alpn[TLS_ALPN_MAX * 32]; /* as ALPN wants it: each behind its length */
	unsigned alpn_size;
	uint64_t expires_ms;
};

/* Names never go, and never move: who got one may look at it without the lock. */
struct tls_names {
	struct map map;
	struct tls_name **at; /* by number */
	uint32_t count;
};

struct tls_context {
	pthread_mutex_t lock; /* of the pointer store, and of names */
	struct tls_store *store;
	struct tls_names names; /* stay when the store is replaced */
};

struct tls_session {
	struct tls_store *store;
	SSL *ssl;
	struct tls_wire wire;
	int wire_error; /* of the last read or write on the wire; 0: none */
	bool wants_write;
	bool is_unverified;
	char name[TLS_NAME_MAX + 1]; /* of a client: whom it wants */
	char why[TLS_WHY_SIZE];
};

/* ---- context.c ---- */
struct tls_store *tls_store_get(struct tls_context *context);
void tls_store_put(struct tls_store *store); /* NULL is allowed */

/* ---- name.c ---- */
int tls_names_init(struct tls_names *names) WARN_UNUSED;
void tls_names_fini(struct tls_names *names);

/* ---- session.c ---- */
/* Of struct tls_store.wire. NULL when out of memory. */
BIO_METHOD *tls_wire_method(void);
struct tls_session *tls_session_of(const SSL *ssl);

/* ---- verify.c ---- */
/* The callback of a client's chain: beside OpenSSL's own checks the name of the peer's certificate. */
int tls_verify_server(int is_good, X509_STORE_CTX *chain);
/* Whether the certificate is the name's by RFC 5922 7.1 and 7.2. */
bool tls_certificate_is_of(X509 *certificate, const char *name);

#endif
