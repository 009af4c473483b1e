/* libssl's headers for this folder. Its <openssl/types.h> has a type ERR_STATE, which is also an error code of lib/base: while
 * its headers are read, theirs gets another name. Nothing of ours uses that type.
 */
#ifndef CONTROLPLANE_TLS_OPENSSL_H
#define CONTROLPLANE_TLS_OPENSSL_H

#define ERR_STATE OPENSSL_ERR_STATE
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#undef ERR_STATE

#endif
