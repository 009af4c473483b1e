/* Whom a client accepts as the one it wanted: RFC 5922 7.1 (which identities a certificate has) and 7.2 (how they are
 * compared). OpenSSL checks the chain; the name is checked here, within the handshake, so that a wrong one gets its alert. */
#include "controlplane/tls/tls_private.h"

#include <arpa/inet.h>

static bool is_text(const ASN1_STRING *string, const char *text)
{
	int size = ASN1_STRING_length(string);

	return size >= 0 && view_equal_nocase((struct view){(const char *)ASN1_STRING_get0_data(string), (size_t)size},
					      view_of(text));
}

/* The domain of "sip:example.com"; empty for what is no SIP domain: another scheme, or a person's address. */
static struct view sip_domain(const ASN1_STRING *string)
{
	int size = ASN1_STRING_length(string);
	struct view uri = {(const char *)ASN1_STRING_get0_data(string), size > 0 ? (size_t)size : 0}, domain;

	if (uri.size < 4 || !view_equal_nocase(view_sub(uri, 0, 4), VIEW("sip:")))
		return VIEW_EMPTY;
	domain = view_sub(uri, 4, uri.size);
	for (size_t i = 0; i < domain.size; i++) {
		if (domain.at[i] == '@')
			return VIEW_EMPTY;
		if (domain.at[i] == ';' || domain.at[i] == ':' || domain.at[i] == '?')
			return view_sub(domain, 0, i);
	}
	return domain;
}

/* 1: one of its sip: URIs is the name's; 0: none is; -1: it has none. */
static int match_uris(X509 *certificate, const char *name)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
	int result = -1;

	for (int i = 0; names && i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *entry = sk_GENERAL_NAME_value(names, i);
		struct view domain =
			entry->type == GEN_URI ? sip_domain(entry->d.uniformResourceIdentifier) : VIEW_EMPTY;

		if (domain.size == 0)
			continue;
		if (result < 0)
			result = 0;
		if (view_equal_nocase(domain, view_of(name)))
			result = 1;
	}
	GENERAL_NAMES_free(names);
	return result;
}

/* DNS names; the common name only when there is no alternative name at all (7.1, 2). */
static bool match_dns(X509 *certificate, const char *name)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
	X509_NAME *subject = X509_get_subject_name(certificate);
	bool is_match = false;
	int at = -1;

	for (int i = 0; names && i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *entry = sk_GENERAL_NAME_value(names, i);

		is_match = is_match || (entry->type == GEN_DNS && is_text(entry->d.dNSName, name));
	}
	while (!names && !is_match && (at = X509_NAME_get_index_by_NID(subject, NID_commonName, at)) >= 0)
		is_match = is_text(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)), name);
	GENERAL_NAMES_free(names);
	return is_match;
}

bool tls_certificate_is_of(X509 *certificate, const char *name)
{
	unsigned char address[16];
	int uris;

	if (inet_pton(AF_INET, name, address) == 1 || inet_pton(AF_INET6, name, address) == 1)
		return X509_check_ip_asc(certificate, name, 0) == 1;
	uris = match_uris(certificate, name);
	return uris >= 0 ? uris > 0 : match_dns(certificate, name);
}

int tls_verify_server(int is_good, X509_STORE_CTX *chain)
{
	SSL *ssl = X509_STORE_CTX_get_ex_data(chain, SSL_get_ex_data_X509_STORE_CTX_idx());
	const struct tls_session *session = tls_session_of(ssl);

	if (session->is_unverified)
		return 1;
	if (!is_good || X509_STORE_CTX_get_error_depth(chain) > 0)
		return is_good;
	if (tls_certificate_is_of(X509_STORE_CTX_get_current_cert(chain), session->name))
		return 1;
	X509_STORE_CTX_set_error(chain, X509_V_ERR_HOSTNAME_MISMATCH);
	return 0;
}
