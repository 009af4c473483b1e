/* The head of a segment against this build: which field differs, both values, and what to do about it. */
#include "lib/shm/shm_private.h"

struct header_field {
	const char *name;
	size_t offset;
	uint64_t expected;
};

/* Fields of 32 bits that must be equal in both programs. */
#define FIELD(field, value)                                                                                            \
	{                                                                                                              \
#field, offsetof(struct shm_header, field), (value)                                                    \
	}
static const struct header_field fields[] = {
	FIELD(version, SHM_VERSION),
	FIELD(header_size, sizeof(struct shm_header)),
	FIELD(address_size, sizeof(struct shm_address)),
	FIELD(command_size, sizeof(struct shm_command)),
	FIELD(event_size, sizeof(struct shm_event)),
	FIELD(row_size, sizeof(struct shm_stream_row)),
	FIELD(worker_size, sizeof(struct shm_worker)),
	FIELD(client_size, sizeof(struct shm_client)),
	FIELD(ring_cells, SHM_RING_CELLS),
	FIELD(drop_count, DROP_COUNT),
	FIELD(worker_counter_count, WORKER_COUNTER_COUNT),
};

int shm_refuse(struct shm_refusal *refusal, int error, const char *format, ...)
{
	struct text text;
	va_list args;

	text_init(&text, refusal->text, sizeof(refusal->text));
	va_start(args, format);
	text_vprintf(&text, format, args);
	va_end(args);
	return error;
}

const char *shm_address_check(const struct shm_address *address)
{
	uint8_t family = address->address.family;

	if (family != NET_IPV4 && family != NET_IPV6)
		return "its family is neither 4 nor 6";
	if (address->advertised.family != family)
		return "the advertised address is of another family";
	if (net_address_is_any(&address->address) || net_address_is_multicast(&address->address))
		return "it is not a unicast address";
	if (net_address_is_any(&address->advertised) || net_address_is_multicast(&address->advertised))
		return "the advertised one is not a unicast address";
	if (memchr(address->port_name, '\0', sizeof(address->port_name)) == NULL)
		return "the name of its port has no end";
	if (address->serves > SHM_SERVES_LOCAL)
		return "whom it serves is unknown";
	if (address->port_start == 0 || address->port_start >= address->port_end)
		return "its port pool is empty";
	return NULL;
}

static int check_counts(const struct shm_header *header, struct shm_refusal *refusal)
{
	if (header->worker_count == 0 || header->worker_count > SHM_WORKERS_MAX)
		return shm_refuse(refusal, ERR_CORRUPT, "worker_count is %u, not 1 to %u: restart the dataplane",
				  header->worker_count, SHM_WORKERS_MAX);
	if (header->client_count == 0 || header->client_count > SHM_CLIENTS_MAX)
		return shm_refuse(refusal, ERR_CORRUPT, "client_count is %u, not 1 to %u: restart the dataplane",
				  header->client_count, SHM_CLIENTS_MAX);
	if (header->streams_per_worker == 0 || header->streams_per_worker > SHM_STREAMS_PER_WORKER_MAX)
		return shm_refuse(refusal, ERR_CORRUPT, "streams_per_worker is %u, not 1 to %u: restart the dataplane",
				  header->streams_per_worker, SHM_STREAMS_PER_WORKER_MAX);
	if (header->address_count > SHM_ADDRESSES_MAX)
		return shm_refuse(refusal, ERR_CORRUPT, "address_count is %u, not 0 to %u: restart the dataplane",
				  header->address_count, SHM_ADDRESSES_MAX);
	if (header->generation == 0)
		return shm_refuse(refusal, ERR_CORRUPT, "generation is 0: restart the dataplane");
	return 0;
}

int shm_header_check(const struct shm_header *header, size_t file_size, struct shm_refusal *ret_refusal)
{
	size_t size;
	int error;

	if (header->magic != SHM_MAGIC)
		return shm_refuse(ret_refusal, ERR_CORRUPT, "magic is %#llx, not %#llx: this is no segment of Voxlane",
				  (unsigned long long)header->magic, (unsigned long long)SHM_MAGIC);
	for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
		uint32_t value;

		memcpy(&value, (const char *)header + fields[i].offset, sizeof(value));
		if (value != fields[i].expected)
			return shm_refuse(
				ret_refusal, ERR_VERSION,
				"%s is %u in the dataplane and %llu here: both programs must be of the same build",
				fields[i].name, value, (unsigned long long)fields[i].expected);
	}
	error = check_counts(header, ret_refusal);
	if (error)
		return error;
	size = shm_segment_size(header->worker_count, header->client_count, header->streams_per_worker);
	if (header->segment_size != size)
		return shm_refuse(ret_refusal, ERR_CORRUPT, "segment_size is %llu, but its parts make %zu",
				  (unsigned long long)header->segment_size, size);
	if (file_size < size)
		return shm_refuse(ret_refusal, ERR_CORRUPT, "the file has %zu bytes, but segment_size is %zu",
				  file_size, size);
	for (uint32_t i = 0; i < header->address_count; i++) {
		const char *wrong = shm_address_check(&header->addresses[i]);

		if (wrong)
			return shm_refuse(ret_refusal, ERR_CORRUPT, "addresses[%u]: %s", i, wrong);
	}
	return 0;
}
