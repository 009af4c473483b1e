/* The table of a worker and the look-up table of the process: where a packet finds its stream. */
#include "dataplane/stream/stream.h"

#include <stdlib.h>
#include <sys/mman.h>

#define PORTS 65536

static void *map_zeroed(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (memory == MAP_FAILED)
		return NULL;
	/* Thousands of streams in small pages miss the TLB with every packet; a refusal only costs speed. */
	(void)madvise(memory, size, MADV_HUGEPAGE);
	return memory;
}

/* One piece of memory for all addresses, so that it can lie in huge pages. */
int stream_lookup_init(struct stream_lookup *lookup)
{
	const size_t size = PORTS * sizeof(*lookup->entries[0]);
	uint8_t *memory;

	if (lookup->address_count > SHM_ADDRESSES_MAX)
		return ERR_RANGE;
	if (lookup->address_count == 0)
		return 0;
	memory = map_zeroed(lookup->address_count * size);
	if (!memory)
		return ERR_NOMEM;
	for (uint32_t i = 0; i < lookup->address_count; i++)
		lookup->entries[i] = (_Atomic uint32_t *)(void *)(memory + i * size);
	return 0;
}

void stream_lookup_fini(struct stream_lookup *lookup)
{
	if (lookup->address_count && lookup->entries[0])
		munmap(lookup->entries[0], lookup->address_count * PORTS * sizeof(*lookup->entries[0]));
	memset(lookup->entries, 0, sizeof(lookup->entries));
}

int stream_table_init(struct stream_table *table, uint32_t len, uint16_t worker, struct stream_lookup *lookup,
		      const struct neighbour_table *neighbours, uint64_t tsc_hz)
{
	if (len == 0 || len > 1u << 20 || worker > 255)
		return ERR_RANGE;
	*table = (struct stream_table){
		.len = len, .worker = worker, .lookup = lookup, .neighbours = neighbours, .tsc_hz = tsc_hz};
	table->live = calloc((len + 63) / 64, sizeof(*table->live));
	table->at = map_zeroed(len * sizeof(*table->at));
	if (!table->live || !table->at) {
		stream_table_fini(table);
		return ERR_NOMEM;
	}
	return 0;
}

void stream_table_fini(struct stream_table *table)
{
	free(table->live);
	if (table->at)
		munmap(table->at, table->len * sizeof(*table->at));
	*table = (struct stream_table){0};
}

struct stream *stream_find(struct stream_table *table, const struct shm_stream_id *id)
{
	struct stream *stream;

	if (id->index >= table->high || id->generation == 0)
		return NULL;
	stream = &table->at[id->index];
	return stream->generation == id->generation ? stream : NULL;
}

struct stream_peer stream_peer_of(const struct net_endpoint *endpoint)
{
	struct stream_peer peer = {.port = endpoint->port, .family = endpoint->address.family};

	memcpy(peer.address, endpoint->address.bytes, net_address_size(&endpoint->address));
	return peer;
}

struct net_endpoint stream_peer_endpoint(const struct stream_peer *peer)
{
	struct net_endpoint endpoint = {.address.family = peer->family, .port = peer->port};

	memcpy(endpoint.address.bytes, peer->address, sizeof(peer->address));
	return endpoint;
}
