/* OpenSSL's headers as digest.c, nonce.c and auth.c need them. Its <openssl/types.h> has a type ERR_STATE, which is also an
 * error code of lib/base: while its headers are read, theirs gets another name. Nothing of ours uses that type.
 */
#ifndef CONTROLPLANE_AUTH_OPENSSL_H
#define CONTROLPLANE_AUTH_OPENSSL_H

#define ERR_STATE OPENSSL_ERR_STATE
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#undef ERR_STATE

#endif
