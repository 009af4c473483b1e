/* What a context holds, read from its files: one SSL_CTX a certificate, one for clients; which of them a server name chooses. */
#include "controlplane/tls/tls_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <time.h>

enum { PROTOCOL_MAX = 31 };

/* ---- problems ---- */

PRINTF(4, 5)
static int refuse(struct tls_problem *problem, int error, const char *where, const char *format, ...)
{
	size_t size = 0;
	va_list args;

	if (where && where[0])
		size = (size_t)snprintf(problem->text, sizeof(problem->text), "%.400s: ", where);
	va_start(args, format);
	vsnprintf(problem->text + size, sizeof(problem->text) - size, format, args);
	va_end(args);
	ERR_clear_error();
	return error;
}

/* OpenSSL does not tell a missing file from one without a certificate. */
static int check_file(const char *path, const char *where, const char *what, struct tls_problem *problem)
{
	FILE *file = fopen(path, "re");
	int number = errno;

	if (file) {
		fclose(file);
		return 0;
	}
	return refuse(problem,
		      number == ENOENT   ? ERR_NOT_FOUND
		      : number == EACCES ? ERR_PERMISSION
					 : ERR_IO,
		      where, "%s \"%.200s\" cannot be read: %s", what, path, strerror(number));
}

/* ---- one certificate ---- */

static int no_password(char *buffer, int size, int is_writing, void *arg)
{
	return -1; /* and not a question on the terminal */
}

static uint64_t time_of(const ASN1_TIME *time)
{
	struct tm tm;

	return ASN1_TIME_to_tm(time, &tm) == 1 ? (uint64_t)timegm(&tm) * 1000 : 0;
}

static void print_time(uint64_t wall_ms, char text[32])
{
	time_t seconds = (time_t)(wall_ms / 1000);
	struct tm tm;

	gmtime_r(&seconds, &tm);
	strftime(text, 32, "%Y-%m-%d %H:%M:%S UTC", &tm);
}

static int check_times(const struct tls_certificate *from, X509 *certificate, uint64_t wall_ms, uint64_t *expires_ms,
		       struct tls_problem *problem)
{
	uint64_t begin_ms = time_of(X509_get0_notBefore(certificate));
	uint64_t end_ms = time_of(X509_get0_notAfter(certificate));
	char text[32];

	if (wall_ms >= end_ms) {
		print_time(end_ms, text);
		return refuse(problem, ERR_RANGE, from->where,
			      "the certificate \"%.200s\" expired on %s; renew it, or correct this machine's clock",
			      from->certificate, text);
	}
	if (wall_ms < begin_ms) {
		print_time(begin_ms, text);
		return refuse(problem, ERR_RANGE, from->where,
			      "the certificate \"%.200s\" is not valid before %s; correct this machine's clock",
			      from->certificate, text);
	}
	if (*expires_ms == 0 || end_ms < *expires_ms)
		*expires_ms = end_ms;
	return 0;
}

static int load_certificate(SSL_CTX *ssl, const struct tls_certificate *from, struct tls_problem *problem)
{
	const char *key = from->key && from->key[0] ? from->key : from->certificate;
	int error = check_file(from->certificate, from->where, "the certificate", problem);

	if (error == 0)
		error = check_file(key, from->where, "the private key", problem);
	if (error)
		return error;
	if (SSL_CTX_use_certificate_chain_file(ssl, from->certificate) != 1)
		return refuse(problem, ERR_SYNTAX, from->where,
			      "\"%.200s\" has no certificate in it that can be used; it has to be a PEM file (BEGIN "
			      "CERTIFICATE)",
			      from->certificate);
	if (SSL_CTX_use_PrivateKey_file(ssl, key, SSL_FILETYPE_PEM) != 1) {
		if (ERR_GET_REASON(ERR_peek_last_error()) == X509_R_KEY_VALUES_MISMATCH)
			return refuse(problem, ERR_CORRUPT, from->where,
				      "the private key \"%.200s\" does not belong to the certificate \"%.200s\"", key,
				      from->certificate);
		return refuse(problem, ERR_SYNTAX, from->where,
			      "\"%.200s\" has no private key in it that can be used; it has to be a PEM file (BEGIN "
			      "PRIVATE KEY) without a password",
			      key);
	}
	return 0;
}

/* ---- what all have in common ---- */

static int load_trust(SSL_CTX *ssl, const struct tls_options *options, struct tls_problem *problem)
{
	const char *file = options->ca_file;
	int error;

	if (!file || !file[0])
		return SSL_CTX_set_default_verify_paths(ssl) == 1 ? 0 : ERR_NOMEM;
	error = check_file(file, options->where, "the certificates to trust,", problem);
	if (error)
		return error;
	if (SSL_CTX_load_verify_file(ssl, file) != 1)
		return refuse(problem, ERR_SYNTAX, options->where,
			      "\"%.200s\" has no certificate in it that can be trusted; it has to be a PEM file (BEGIN "
			      "CERTIFICATE)",
			      file);
	return 0;
}

static SSL_CTX *new_ssl(const SSL_METHOD *method, const struct tls_options *options)
{
	SSL_CTX *ssl = SSL_CTX_new(method);

	if (!ssl)
		return NULL;
	SSL_CTX_set_min_proto_version(ssl, options->min_version == TLS_VERSION_1_3 ? TLS1_3_VERSION : TLS1_2_VERSION);
	SSL_CTX_set_options(ssl, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE);
	SSL_CTX_set_mode(ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
				      SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_default_passwd_cb(ssl, no_password);
	return ssl;
}

/* ---- which certificate, which protocol ---- */

static bool is_server_for(const struct tls_server *server, const char *name)
{
	if (server->name[0])
		return strcasecmp(server->name, name) == 0;
	return X509_check_host(SSL_CTX_get0_certificate(server->ssl), name, strlen(name), 0, NULL) == 1;
}

static int on_server_name(SSL *ssl, int *alert, void *arg)
{
	const struct tls_store *store = arg;
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);

	for (size_t i = 0; name && i < store->server_count; i++) {
		if (!is_server_for(&store->servers[i], name))
			continue;
		if (i > 0)
			SSL_set_SSL_CTX(ssl, store->servers[i].ssl);
		return SSL_TLSEXT_ERR_OK;
	}
	return SSL_TLSEXT_ERR_NOACK;
}

/* Without a protocol in common the peer may go on without one: many a phone names none. */
static int on_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_size, const unsigned char *in,
		   unsigned in_size, void *arg)
{
	const struct tls_store *store = arg;
	unsigned char *chosen;

	if (SSL_select_next_proto(&chosen, out_size, store->alpn, store->alpn_size, in, in_size) !=
	    OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_NOACK;
	*out = chosen;
	return SSL_TLSEXT_ERR_OK;
}

static int set_alpn(struct tls_store *store, const struct tls_options *options, struct tls_problem *problem)
{
	if (options->alpn_count > TLS_ALPN_MAX)
		return refuse(problem, ERR_INVALID, NULL, "more than %d protocols", TLS_ALPN_MAX);
	for (size_t i = 0; i < options->alpn_count; i++) {
		size_t size = strlen(options->alpn[i]);

		if (size == 0 || size > PROTOCOL_MAX)
			return refuse(problem, ERR_INVALID, NULL, "a protocol's name has 1 to %d bytes", PROTOCOL_MAX);
		store->alpn[store->alpn_size++] = (unsigned char)size;
		memcpy(store->alpn + store->alpn_size, options->alpn[i], size);
		store->alpn_size += (unsigned)size;
	}
	return 0;
}

/* ---- a store ---- */

static int add_server(struct tls_store *store, const struct tls_options *options, size_t index,
		      struct tls_problem *problem)
{
	static const int modes[] = {[TLS_VERIFY_NONE] = SSL_VERIFY_NONE,
				    [TLS_VERIFY_IF_GIVEN] = SSL_VERIFY_PEER,
				    [TLS_VERIFY_REQUIRED] = SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT};
	const struct tls_certificate *from = &options->certificates[index];
	struct tls_server *server = &store->servers[store->server_count++];
	X509 *certificate;
	int error;

	server->name = strdup(from->name ? from->name : "");
	server->ssl = new_ssl(TLS_server_method(), options);
	if (!server->name || !server->ssl)
		return ERR_NOMEM;
	error = load_certificate(server->ssl, from, problem);
	certificate = SSL_CTX_get0_certificate(server->ssl);
	if (error == 0)
		error = check_times(from, certificate, options->wall_ms, &store->expires_ms, problem);
	if (error == 0 && options->verify_client != TLS_VERIFY_NONE) {
		error = load_trust(server->ssl, options, problem);
		SSL_CTX_set_verify(server->ssl, modes[options->verify_client], NULL);
		if (error == 0 && options->ca_file && options->ca_file[0])
			SSL_CTX_set_client_CA_list(server->ssl, SSL_load_client_CA_file(options->ca_file));
	}
	SSL_CTX_set_session_id_context(server->ssl, (const unsigned char *)"voxlane", 7);
	SSL_CTX_set_tlsext_servername_callback(server->ssl, on_server_name);
	SSL_CTX_set_tlsext_servername_arg(server->ssl, store);
	if (store->alpn_size > 0)
		SSL_CTX_set_alpn_select_cb(server->ssl, on_alpn, store);
	return error;
}

/* A client shows the first certificate to who asks for one. */
static int add_client(struct tls_store *store, const struct tls_options *options, struct tls_problem *problem)
{
	int error;

	store->client = new_ssl(TLS_client_method(), options);
	if (!store->client)
		return ERR_NOMEM;
	error = load_trust(store->client, options, problem);
	if (error == 0 && options->certificate_count > 0)
		error = load_certificate(store->client, &options->certificates[0], problem);
	if (error == 0 && store->alpn_size > 0 &&
	    SSL_CTX_set_alpn_protos(store->client, store->alpn, store->alpn_size) != 0)
		error = ERR_NOMEM;
	return error;
}

void tls_store_put(struct tls_store *store)
{
	if (!store || atomic_fetch_sub(&store->users, 1) > 1)
		return;
	for (size_t i = 0; i < store->server_count; i++) {
		SSL_CTX_free(store->servers[i].ssl);
		free(store->servers[i].name);
	}
	free(store->servers);
	SSL_CTX_free(store->client);
	BIO_meth_free(store->wire);
	free(store);
}

static int store_new(const struct tls_options *options, struct tls_store **ret_store, struct tls_problem *problem)
{
	struct tls_store *store = calloc(1, sizeof(*store));
	int error = 0;

	if (!store)
		return ERR_NOMEM;
	store->users = 1;
	store->wire = tls_wire_method();
	store->servers = calloc(options->certificate_count + 1, sizeof(*store->servers));
	if (!store->servers || !store->wire)
		error = ERR_NOMEM;
	if (error == 0)
		error = set_alpn(store, options, problem);
	for (size_t i = 0; i < options->certificate_count && error == 0; i++)
		error = add_server(store, options, i, problem);
	if (error == 0)
		error = add_client(store, options, problem);
	if (error) {
		tls_store_put(store);
		return error;
	}
	*ret_store = store;
	return 0;
}

/* ---- a context ---- */

int tls_context_new(const struct tls_options *options, struct tls_context **ret_context,
		    struct tls_problem *ret_problem)
{
	struct tls_context *context;
	int error;

	ERR_clear_error();
	snprintf(ret_problem->text, sizeof(ret_problem->text), "TLS: %s", error_text(ERR_NOMEM));
	if (options->certificate_count > TLS_CERTIFICATES_MAX)
		return refuse(ret_problem, ERR_INVALID, options->where, "more than %d certificates",
			      TLS_CERTIFICATES_MAX);
	context = calloc(1, sizeof(*context));
	if (!context)
		return ERR_NOMEM;
	error = store_new(options, &context->store, ret_problem);
	if (error == 0)
		error = tls_names_init(&context->names);
	ERR_clear_error();
	if (error) {
		tls_store_put(context->store);
		free(context);
		return error;
	}
	pthread_mutex_init(&context->lock, NULL);
	*ret_context = context;
	return 0;
}

void tls_context_free(struct tls_context *context)
{
	if (!context)
		return;
	tls_store_put(context->store);
	tls_names_fini(&context->names);
	pthread_mutex_destroy(&context->lock);
	free(context);
}

void tls_context_replace(struct tls_context *context, struct tls_context *fresh)
{
	struct tls_store *old;

	pthread_mutex_lock(&context->lock);
	old = context->store;
	context->store = fresh->store;
	pthread_mutex_unlock(&context->lock);
	fresh->store = old;
	tls_context_free(fresh);
}

struct tls_store *tls_store_get(struct tls_context *context)
{
	struct tls_store *store;

	pthread_mutex_lock(&context->lock);
	store = context->store;
	atomic_fetch_add(&store->users, 1);
	pthread_mutex_unlock(&context->lock);
	return store;
}

uint64_t tls_context_expires_ms(struct tls_context *context)
{
	struct tls_store *store = tls_store_get(context);
	uint64_t expires_ms = store->expires_ms;

	tls_store_put(store);
	return expires_ms;
}
