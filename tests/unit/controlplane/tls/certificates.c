/* See certificates.h. */
#include "tests/unit/controlplane/tls/certificates.h"
#include "tests/unit/unit.h"
#include "controlplane/tls/openssl.h"

#include <openssl/evp.h>

#include <dirent.h>
#include <time.h>
#include <unistd.h>

struct certificates {
	char folder[64];
	EVP_PKEY *key;
	X509 *authority;
	long serial;
};

const char *certificates_path(const struct certificates *certificates, const char *name)
{
	static char paths[64][400];
	static unsigned next;
	char *path = paths[next++ % 64];

	snprintf(path, sizeof(paths[0]), "%s/%s", certificates->folder, name);
	return path;
}

void certificates_write(struct certificates *certificates, const char *name, const char *content)
{
	FILE *file = fopen(certificates_path(certificates, name), "we");

	assert_non_null(file);
	assert_true(fputs(content, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void write_pem(const struct certificates *certificates, const char *name, const char *ending, X509 *certificate,
		      EVP_PKEY *key)
{
	char file_name[64];
	FILE *file;

	snprintf(file_name, sizeof(file_name), "%s.%s", name, ending);
	file = fopen(certificates_path(certificates, file_name), "we");
	assert_non_null(file);
	if (certificate)
		assert_int_equal(PEM_write_X509(file, certificate), 1);
	if (key)
		assert_int_equal(PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL), 1);
	assert_int_equal(fclose(file), 0);
}

static void add_extension(X509 *certificate, int id, const char *value)
{
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, id, value);

	assert_non_null(extension);
	assert_int_equal(X509_add_ext(certificate, extension, -1), 1);
	X509_EXTENSION_free(extension);
}

static X509 *make(struct certificates *certificates, EVP_PKEY *key, const char *subject, const char *alternative,
		  int from_days, int to_days)
{
	X509 *certificate = X509_new();
	X509_NAME *name = X509_get_subject_name(certificate);

	X509_set_version(certificate, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(certificate), ++certificates->serial);
	X509_time_adj_ex(X509_getm_notBefore(certificate), from_days, 0, NULL);
	X509_time_adj_ex(X509_getm_notAfter(certificate), to_days, 0, NULL);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)subject, -1, -1, 0);
	X509_set_issuer_name(certificate,
			     certificates->authority ? X509_get_subject_name(certificates->authority) : name);
	X509_set_pubkey(certificate, key);
	if (!certificates->authority)
		add_extension(certificate, NID_basic_constraints, "critical,CA:TRUE");
	if (alternative)
		add_extension(certificate, NID_subject_alt_name, alternative);
	assert_true(X509_sign(certificate, certificates->key, EVP_sha256()) > 0);
	return certificate;
}

void certificates_add(struct certificates *certificates, const char *name, const char *subject, const char *alternative,
		      int from_days, int to_days)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *certificate = make(certificates, key, subject, alternative, from_days, to_days);

	write_pem(certificates, name, "crt", certificate, NULL);
	write_pem(certificates, name, "key", NULL, key);
	write_pem(certificates, name, "pem", certificate, key);
	X509_free(certificate);
	EVP_PKEY_free(key);
}

struct certificates *certificates_new(void)
{
	struct certificates *certificates = calloc(1, sizeof(*certificates));

	assert_non_null(certificates);
	snprintf(certificates->folder, sizeof(certificates->folder), "/tmp/voxlane-tls-XXXXXX");
	assert_non_null(mkdtemp(certificates->folder));
	certificates->key = EVP_EC_gen("P-256");
	certificates->authority = make(certificates, certificates->key, "Test Authority", NULL, -1, 10);
	write_pem(certificates, "ca", "crt", certificates->authority, NULL);
	return certificates;
}

void certificates_free(struct certificates *certificates)
{
	DIR *folder = opendir(certificates->folder);
	struct dirent *entry;

	while (folder && (entry = readdir(folder)))
		if (entry->d_name[0] != '.')
			unlink(certificates_path(certificates, entry->d_name));
	if (folder)
		closedir(folder);
	rmdir(certificates->folder);
	X509_free(certificates->authority);
	EVP_PKEY_free(certificates->key);
	free(certificates);
}
