/* TLS 1.2 and 1.3 as a stream between somebody's messages and somebody's bytes. The only user of libssl.
 *
 * A context is certificates, keys and whom to trust, read from files once; sessions are made of it. A session turns what
 * its wire carries (a socket, memory in tests) into plain bytes and back; it opens, watches and waits for nothing itself, so
 * that SIP, HTTP (by ALPN) and tests use the same one.
 *
 * Used by controlplane/transport, and by app, which makes contexts of the configuration.
 * Threads: a context may be used and replaced by any thread; a session by one at a time. Ownership: a session keeps what it
 * needs of its context, which may be replaced or freed meanwhile: a renewed certificate cuts no connection.
 * Limits: TLS_CERTIFICATES_MAX certificates, TLS_NAMES_MAX names, TLS_ALPN_MAX protocols; a peer's certificates may take 100 KB (OpenSSL's limit);
 * an idle session costs about 15 KB, 40 KB in its handshake. The user bounds how many there are and how long each may take.
 * No renegotiation, no compression, no session cache: resumption is by tickets, whose keys die with the context.
 *
 * Whom a client verifies: the chain up to ca_file, and the name by RFC 5922 7: a sip: URI of the certificate, else a DNS name
 * of it, the whole name without wildcards; an address by an IP entry. Whom a server verifies: the chain alone; who it
 * is can be asked.
 */
#ifndef CONTROLPLANE_TLS_TLS_H
#define CONTROLPLANE_TLS_TLS_H

#include "lib/base/base.h"

struct tls_context;
struct tls_session;

enum { TLS_CERTIFICATES_MAX = 256, TLS_ALPN_MAX = 8, TLS_NAME_MAX = 255, TLS_NAMES_MAX = 32768, TLS_WHY_SIZE = 192 };

enum tls_verify { TLS_VERIFY_NONE, TLS_VERIFY_IF_GIVEN, TLS_VERIFY_REQUIRED };
enum tls_version { TLS_VERSION_1_2, TLS_VERSION_1_3 };

struct tls_certificate {
	const char *name;        /* the server name it is for; "": the names that are in it */
	const char *certificate; /* a PEM file: the certificate, then the rest of its chain */
	const char *key;         /* a PEM file; "": the same file */
	const char *where;       /* "file:line" of the configuration, for problems */
};

struct tls_options {
	const struct tls_certificate *certificates; /* the first is for who names no server, or an unknown one */
	size_t certificate_count;                   /* 0: sessions of clients only */
	const char *ca_file;                        /* PEM; "": what this machine trusts */
	const char *where;                          /* of ca_file */
	enum tls_verify verify_client;
	enum tls_version min_version;
	const char *const *alpn; /* what we speak, the most wanted first */
	size_t alpn_count;
	uint64_t wall_ms; /* now: a certificate that expired, or is not valid yet, is a problem */
};

struct tls_problem {
	char text[768]; /* "file:line: sentence", one line */
};

/* Reads the files. ERR_NOT_FOUND, ERR_PERMISSION, ERR_IO (a file cannot be read), ERR_SYNTAX (no PEM, or another thing than
 * said), ERR_CORRUPT (the key belongs to another certificate), ERR_RANGE (expired, not valid yet), ERR_INVALID, ERR_NOMEM. */
int tls_context_new(const struct tls_options *options, struct tls_context **ret_context,
		    struct tls_problem *ret_problem) WARN_UNUSED;
void tls_context_free(struct tls_context *context); /* NULL is allowed */
/* New sessions are made of what `fresh` is; fresh is gone. */
void tls_context_replace(struct tls_context *context, struct tls_context *fresh);
/* When the first of its certificates expires, in wall clock milliseconds; 0: it has none. */
uint64_t tls_context_expires_ms(struct tls_context *context);

/* A number for whom one may want to reach, the same for the same name (without case) as long as the context lives: for what is
 * a plain value and cannot carry a text. ERR_LIMIT, ERR_TOO_LONG, ERR_NOMEM. */
int tls_context_name(struct tls_context *context, const char *name, uint32_t *ret_number) WARN_UNUSED;
/* The name of that number, good as long as the context; NULL: there is none. */
const char *tls_context_named(struct tls_context *context, uint32_t number);

/* Where the cipher bytes go and come from. Bytes; ERR_AGAIN; ERR_CLOSED (also the end); other errors. arg outlives the session. */
struct tls_wire {
	int (*read)(void *arg, char *buffer, size_t size);
	int (*write)(void *arg, struct view bytes);
	void *arg;
};

/* ERR_NOMEM; ERR_STATE: a server without certificates. */
int tls_session_new_server(struct tls_context *context, const struct tls_wire *wire,
			   struct tls_session **ret_session) WARN_UNUSED;
/* name: whom we want, a domain or an address; it is sent as server name, and verified unless is_unverified. */
int tls_session_new_client(struct tls_context *context, const struct tls_wire *wire, const char *name,
			   bool is_unverified, struct tls_session **ret_session) WARN_UNUSED;
void tls_session_free(struct tls_session *session); /* NULL is allowed; says nothing to the peer */

/* 0: it stands. ERR_AGAIN: again when the wire is ready. ERR_CLOSED; ERR_PERMISSION: one of the two certificates was not
 * accepted; ERR_VERSION: no version or cipher in common; ERR_SYNTAX: the peer does not speak TLS; ERR_NOMEM, ERR_IO. */
int tls_session_handshake(struct tls_session *session) WARN_UNUSED;
/* At most size bytes; ERR_AGAIN, ERR_CLOSED (the peer ended it), ERR_SYNTAX, ERR_IO. With 16 KiB nothing stays behind that
 * the wire would not tell of. */
int tls_session_read(struct tls_session *session, char *buffer, size_t size) WARN_UNUSED;
/* How many were taken; ERR_AGAIN: none, and the next call must begin with the same bytes and have at least as many. */
int tls_session_write(struct tls_session *session, struct view bytes) WARN_UNUSED;
/* Whether the last ERR_AGAIN waits for room on the wire instead of for bytes from it. */
bool tls_session_wants_write(const struct tls_session *session);
/* Tells the peer that nothing more comes, if the wire takes it. */
void tls_session_end(struct tls_session *session);

/* Of the last failure, for people: "the certificate has expired". "" when there is none. */
const char *tls_session_why(const struct tls_session *session);
struct tls_about {
	const char *version, *cipher; /* "TLSv1.3", "TLS_AES_256_GCM_SHA384" */
	struct view alpn;             /* "" none was agreed on */
	const char *server_name;      /* asked for; "" none */
	char peer[TLS_NAME_MAX + 1];  /* common name of its certificate; "" it gave none */
	bool is_verified;             /* a certificate was given, and found good */
};
void tls_session_about(const struct tls_session *session, struct tls_about *ret_about);

#endif
