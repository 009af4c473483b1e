/* One session: OpenSSL's state over a wire of somebody's. The wire is a BIO of our own, so that no bytes are copied twice and
 * no signal or descriptor is OpenSSL's business. */
#include "controlplane/tls/tls_private.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- the wire as a BIO ---- */

static int wire_result(BIO *bio, struct tls_session *session, int result, bool is_writing)
{
	BIO_clear_retry_flags(bio);
	session->wire_error = result < 0 && result != ERR_AGAIN ? result : 0;
	if (result >= 0)
		return result;
	if (result == ERR_AGAIN && is_writing)
		BIO_set_retry_write(bio);
	else if (result == ERR_AGAIN)
		BIO_set_retry_read(bio);
	return result == ERR_CLOSED && !is_writing ? 0 : -1;
}

static int wire_read(BIO *bio, char *buffer, int size)
{
	struct tls_session *session = BIO_get_data(bio);

	return wire_result(bio, session, session->wire.read(session->wire.arg, buffer, (size_t)size), false);
}

static int wire_write(BIO *bio, const char *bytes, int size)
{
	struct tls_session *session = BIO_get_data(bio);

	return wire_result(bio, session, session->wire.write(session->wire.arg, (struct view){bytes, (size_t)size}),
			   true);
}

static long wire_control(BIO *bio, int command, long number, void *pointer)
{
	return command == BIO_CTRL_FLUSH;
}

BIO_METHOD *tls_wire_method(void)
{
	BIO_METHOD *method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "voxlane");

	if (!method)
		return NULL;
	BIO_meth_set_read(method, wire_read);
	BIO_meth_set_write(method, wire_write);
	BIO_meth_set_ctrl(method, wire_control);
	return method;
}

/* ---- life ---- */

struct tls_session *tls_session_of(const SSL *ssl)
{
	return SSL_get_app_data(ssl);
}

static int session_new(struct tls_store *store, SSL_CTX *from, const struct tls_wire *wire,
		       struct tls_session **ret_session)
{
	struct tls_session *session = calloc(1, sizeof(*session));
	BIO *bio = BIO_new(store->wire);

	if (session) {
		session->store = store;
		session->wire = *wire;
		session->ssl = SSL_new(from);
	}
	if (!session || !session->ssl || !bio) {
		BIO_free(bio);
		if (session)
			SSL_free(session->ssl);
		free(session);
		tls_store_put(store);
		return ERR_NOMEM;
	}
	BIO_set_data(bio, session);
	BIO_set_init(bio, 1);
	SSL_set_bio(session->ssl, bio, bio);
	SSL_set_app_data(session->ssl, session);
	*ret_session = session;
	return 0;
}

int tls_session_new_server(struct tls_context *context, const struct tls_wire *wire, struct tls_session **ret_session)
{
	struct tls_store *store = tls_store_get(context);
	int error;

	if (store->server_count == 0) {
		tls_store_put(store);
		return ERR_STATE;
	}
	error = session_new(store, store->servers[0].ssl, wire, ret_session);
	if (error == 0)
		SSL_set_accept_state((*ret_session)->ssl);
	return error;
}

static bool is_address(const char *name)
{
	unsigned char address[16];

	return inet_pton(AF_INET, name, address) == 1 || inet_pton(AF_INET6, name, address) == 1;
}

int tls_session_new_client(struct tls_context *context, const struct tls_wire *wire, const char *name,
			   bool is_unverified, struct tls_session **ret_session)
{
	struct tls_store *store = tls_store_get(context);
	struct tls_session *session;
	int error = session_new(store, store->client, wire, &session);

	if (error)
		return error;
	snprintf(session->name, sizeof(session->name), "%s", name);
	session->is_unverified = is_unverified;
	SSL_set_verify(session->ssl, SSL_VERIFY_PEER, tls_verify_server);
	if (session->name[0] && !is_address(session->name) &&
	    SSL_set_tlsext_host_name(session->ssl, session->name) != 1) {
		tls_session_free(session);
		return ERR_NOMEM;
	}
	SSL_set_connect_state(session->ssl);
	*ret_session = session;
	return 0;
}

void tls_session_free(struct tls_session *session)
{
	if (!session)
		return;
	SSL_free(session->ssl);
	tls_store_put(session->store);
	free(session);
}

/* ---- failures ---- */

static bool is_about_versions(int reason)
{
	switch (reason) {
	case SSL_R_UNSUPPORTED_PROTOCOL:
	case SSL_R_NO_SHARED_CIPHER:
	case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
	case SSL_R_NO_PROTOCOLS_AVAILABLE:
	case SSL_R_WRONG_SSL_VERSION:
	case SSL_R_VERSION_TOO_LOW:
		return true;
	default:
		return false;
	}
}

static bool is_about_certificates(int reason)
{
	switch (reason) {
	case SSL_R_CERTIFICATE_VERIFY_FAILED:
	case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
	case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
	case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
	case SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED:
	case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
	case SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE:
	case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
	case SSL_R_TLSV1_ALERT_ACCESS_DENIED:
	case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED:
		return true;
	default:
		return false;
	}
}

/* What OpenSSL's queue says of a failure of the protocol. */
static int protocol_error(struct tls_session *session)
{
	unsigned long code = ERR_peek_last_error();
	int reason = ERR_GET_REASON(code);
	const char *text = code ? ERR_reason_error_string(code) : NULL;

	if (reason == SSL_R_CERTIFICATE_VERIFY_FAILED && ERR_GET_LIB(code) == ERR_LIB_SSL)
		snprintf(session->why, sizeof(session->why), "the peer's certificate: %s",
			 X509_verify_cert_error_string(SSL_get_verify_result(session->ssl)));
	else
		snprintf(session->why, sizeof(session->why), "%s", text ? text : "the protocol was not kept to");
	if (code && ERR_GET_LIB(code) != ERR_LIB_SSL)
		return ERR_GET_REASON(code) == ERR_R_MALLOC_FAILURE ? ERR_NOMEM : ERR_SYNTAX;
	return is_about_certificates(reason) ? ERR_PERMISSION : is_about_versions(reason) ? ERR_VERSION : ERR_SYNTAX;
}

/* What a call of OpenSSL's that did not succeed means. */
static int result_of(struct tls_session *session, int result)
{
	int error;

	session->wants_write = false;
	switch (SSL_get_error(session->ssl, result)) {
	case SSL_ERROR_WANT_WRITE:
		session->wants_write = true;
		return ERR_AGAIN;
	case SSL_ERROR_WANT_READ:
		return ERR_AGAIN;
	case SSL_ERROR_ZERO_RETURN:
		return ERR_CLOSED;
	case SSL_ERROR_SYSCALL:
		error = session->wire_error ? session->wire_error : ERR_CLOSED;
		snprintf(session->why, sizeof(session->why), "%s", error_text(error));
		return error;
	default:
		/* The end of the stream within a message is OpenSSL's error too. */
		if (session->wire_error &&
		    ERR_GET_REASON(ERR_peek_last_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING) {
			snprintf(session->why, sizeof(session->why), "%s", error_text(session->wire_error));
			return session->wire_error;
		}
		return protocol_error(session);
	}
}

/* ---- bytes ---- */

int tls_session_handshake(struct tls_session *session)
{
	int result;

	ERR_clear_error();
	result = SSL_do_handshake(session->ssl);
	return result == 1 ? 0 : result_of(session, result);
}

int tls_session_read(struct tls_session *session, char *buffer, size_t size)
{
	int result;

	ERR_clear_error();
	result = SSL_read(session->ssl, buffer, (int)MIN(size, (size_t)INT32_MAX));
	return result > 0 ? result : result_of(session, result);
}

int tls_session_write(struct tls_session *session, struct view bytes)
{
	int result;

	if (bytes.size == 0)
		return 0;
	ERR_clear_error();
	result = SSL_write(session->ssl, bytes.at, (int)MIN(bytes.size, (size_t)INT32_MAX));
	return result > 0 ? result : result_of(session, result);
}

bool tls_session_wants_write(const struct tls_session *session)
{
	return session->wants_write;
}

void tls_session_end(struct tls_session *session)
{
	ERR_clear_error();
	if (SSL_is_init_finished(session->ssl) && SSL_shutdown(session->ssl) < 0)
		ERR_clear_error(); /* it is only a courtesy */
}

/* ---- what is known ---- */

const char *tls_session_why(const struct tls_session *session)
{
	return session->why;
}

void tls_session_about(const struct tls_session *session, struct tls_about *ret_about)
{
	const char *name = SSL_get_servername(session->ssl, TLSEXT_NAMETYPE_host_name);
	X509 *certificate = SSL_get0_peer_certificate(session->ssl);
	const unsigned char *alpn;
	unsigned alpn_size;

	SSL_get0_alpn_selected(session->ssl, &alpn, &alpn_size);
	*ret_about = (struct tls_about){.version = SSL_get_version(session->ssl),
					.cipher = SSL_get_cipher_name(session->ssl),
					.alpn = {(const char *)alpn, alpn_size},
					.server_name = name ? name : ""};
	if (!certificate)
		return;
	ret_about->is_verified = !session->is_unverified && SSL_get_verify_result(session->ssl) == X509_V_OK;
	if (X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, ret_about->peer,
				      sizeof(ret_about->peer)) < 0)
		ret_about->peer[0] = '\0';
}
