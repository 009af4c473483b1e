/* Certificates for tests, made on the spot: an authority and what it signs, as PEM files in a folder that is removed at the end. */
#ifndef TESTS_UNIT_CONTROLPLANE_TLS_CERTIFICATES_H
#define TESTS_UNIT_CONTROLPLANE_TLS_CERTIFICATES_H

struct certificates;

/* Asserts that everything works. */
struct certificates *certificates_new(void);
void certificates_free(struct certificates *certificates);
/* "<folder>/<name>"; good until the next 64 calls. */
const char *certificates_path(const struct certificates *certificates, const char *name);

/* Writes <name>.crt, <name>.key and both as <name>.pem. alternative: "DNS:a, IP:127.0.0.1, URI:sip:a", or NULL; days: from
 * and to when, from today. Signed by the authority, ca.crt. */
void certificates_add(struct certificates *certificates, const char *name, const char *subject, const char *alternative,
		      int from_days, int to_days);
/* A file with that content. */
void certificates_write(struct certificates *certificates, const char *name, const char *content);

#endif
