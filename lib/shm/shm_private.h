/* Shared by the sources of this folder only. */
#ifndef LIB_SHM_SHM_PRIVATE_H
#define LIB_SHM_SHM_PRIVATE_H

#include "lib/shm/shm.h"

#define SHM_STREAMS_PER_WORKER_MAX (1u << 20)

/* Writes the sentence and returns the error. */
int shm_refuse(struct shm_refusal *refusal, int error, const char *format, ...) PRINTF(3, 4);
/* Families, name, pool and flags of one row of the address table. NULL: it is sound; else what is wrong. */
const char *shm_address_check(const struct shm_address *address);
/* Does an RTP port and the RTCP port after it belong to that address's pool? */
bool shm_port_is_in_pool(const struct shm_segment *segment, uint32_t address, uint16_t local_port);

#endif
