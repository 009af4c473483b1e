/* Options, EAL, the phases of a run, and one line of JSON at the end. See media.h. */
#include "bench/media/media.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_eal.h>

#include <arpa/inet.h>

#define WARM_PACKETS  8      /* of each stream before anything is counted: it latches */
#define WARM_RATE     200000 /* packets a second */
#define LATCH_SECONDS 0.05   /* probation lasts that long */
#define DRAIN_SECONDS 0.2
#define LINK_SECONDS  20

static const char usage[] =
	"usage: media_load --vdev ARGUMENTS [options]\n"
	"  --vdev ARGUMENTS  DPDK's, e.g. net_memif0,role=client,socket=/run/x,socket-abstract=no,bsize=2048,rsize=11\n"
	"  --segment FILE    the system under test is our dataplane: program it over its segment\n"
	"  --table FILE      it is somebody else's relay: lines \"ADDRESS PORT\", one a stream\n"
	"  --reflect         it is a reflector: packets come back to who sent them\n"
	"  --mac MAC         hardware address of the system under test (ff:ff:ff:ff:ff:ff)\n"
	"  --streams N       (100)\n"
	"  --payload BYTES   of UDP (172: 20 ms of G.711)\n"
	"  --rate PPS        all streams together; 0: as fast as they are taken (0)\n"
	"  --seconds S       (3)\n"
	"  --churn N         streams that end or begin a second, beside those that talk (0)\n"
	"  --lcore N         CPU (0)\n";

static void die(const char *what)
{
	fprintf(stderr, "media_load: %s\n", what);
	exit(1);
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* By rank; the slices are sorted. */
static double slice_rate(const struct load *load, double share)
{
	unsigned rank = (unsigned)((double)load->slice_count * share);

	return load->slice_count ? load->slice_rates[MIN(rank, load->slice_count - 1)] : 0;
}

static double delay_us(const struct load *load, double share)
{
	return (double)((uint64_t)histogram_quantile(&load->delays, share) << CLOCK_SHIFT) * 1e6 /
	       (double)rte_get_tsc_hz();
}

static void eal_init(const struct load *load, const char *lcore)
{
	char lcores[32], vdev[512];
	char *argv[] = {"media_load",
			"--lcores",
			lcores,
			"--no-huge",
			"-m",
			"256",
			"--no-pci",
			"--iova-mode=va",
			"--no-shconf",
			"--no-telemetry",
			"--vdev",
			vdev,
			"--log-level=*:error",
			NULL};

	snprintf(lcores, sizeof(lcores), "0@%s", lcore);
	snprintf(vdev, sizeof(vdev), "%s", load->vdev);
	if (rte_eal_init(ARRAY_LEN(argv) - 1, argv) < 0)
		die("EAL does not start");
	if (rte_eth_dev_count_avail() != 1)
		die("the device was not opened");
}

static void port_init(struct load *load)
{
	struct rte_eth_conf conf = {0};
	struct rte_eth_link link = {0};
	uint16_t receive = 2048, transmit = 2048;
	uint64_t end;

	load->receive_pool =
		rte_pktmbuf_pool_create("receive", 16383, 256, 0, RTE_PKTMBUF_HEADROOM + 2048, SOCKET_ID_ANY);
	if (!load->receive_pool || traffic_init(load))
		die("out of memory");
	if (rte_eth_dev_configure(load->port, 1, 1, &conf) ||
	    rte_eth_dev_adjust_nb_rx_tx_desc(load->port, &receive, &transmit) ||
	    rte_eth_rx_queue_setup(load->port, 0, receive, SOCKET_ID_ANY, NULL, load->receive_pool) ||
	    rte_eth_tx_queue_setup(load->port, 0, transmit, SOCKET_ID_ANY, NULL) || rte_eth_dev_start(load->port))
		die("the port does not start");
	end = rte_rdtsc() + LINK_SECONDS * rte_get_tsc_hz();
	while (link.link_status != RTE_ETH_LINK_UP) {
		if (rte_eth_link_get_nowait(load->port, &link) != 0 || rte_rdtsc() > end)
			die("no link: is the other side there?");
		rte_delay_us_sleep(1000);
	}
}

/* Streams without a segment: all to one reflector, or by a table that somebody else's signalling made. */
static void aim_all(struct load *load)
{
	FILE *file = load->table_path ? fopen(load->table_path, "re") : NULL;
	char line[128];

	if (load->table_path && !file)
		die("the table cannot be read");
	for (uint32_t i = 0; i < load->stream_count; i++) {
		struct net_endpoint endpoint = {.port = (uint16_t)(10000 + i % 50000)};
		struct view rest;
		uint32_t port, address_be;

		if (!file) {
			traffic_aim(load, i, htonl(0xc0000201 + i / 50000), endpoint.port);
			continue;
		}
		if (!fgets(line, sizeof(line), file))
			die("the table has less lines than there are streams");
		rest = view_trim(view_of(line));
		if (net_address_parse(view_cut(&rest, ' '), &endpoint.address) || view_to_u32(rest, 65535, &port))
			die("a line of the table is not \"ADDRESS PORT\"");
		memcpy(&address_be, endpoint.address.bytes, 4);
		traffic_aim(load, i, address_be, (uint16_t)port);
	}
	if (file)
		fclose(file);
}

static void report(struct load *load, double seconds)
{
	uint64_t missing = load->sent > load->received ? load->sent - load->received : 0;

	qsort(load->slice_rates, load->slice_count, sizeof(double), compare);
	printf("{\"streams\": %u, \"sent\": %llu, \"received\": %llu, \"missing\": %llu, \"gaps\": %llu, "
	       "\"reordered\": %llu, \"foreign\": %llu, \"wrong_sum\": %llu, \"wrong_port\": %llu, "
	       "\"mpps\": %.4f, \"mpps_median\": %.4f, \"mpps_best\": %.4f, "
	       "\"p50_us\": %.2f, \"p99_us\": %.2f, \"p999_us\": %.2f, \"max_us\": %.2f, \"churned\": %llu, "
	       "\"refusals\": %llu, \"left\": %llu}\n",
	       load->stream_count, (unsigned long long)load->sent, (unsigned long long)load->received,
	       (unsigned long long)missing, (unsigned long long)load->lost, (unsigned long long)load->reordered,
	       (unsigned long long)load->foreign, (unsigned long long)load->wrong_sum,
	       (unsigned long long)load->wrong_port, (double)load->received / seconds / 1e6,
	       slice_rate(load, 0.5) / 1e6, slice_rate(load, 0.9) / 1e6, delay_us(load, 0.5), delay_us(load, 0.99),
	       delay_us(load, 0.999),
	       (double)((uint64_t)load->delays.max << CLOCK_SHIFT) * 1e6 / (double)rte_get_tsc_hz(),
	       (unsigned long long)load->churned, (unsigned long long)load->refusals, (unsigned long long)load->left);
}

static void read_options(struct load *load, int argc, char **argv, const char **ret_lcore)
{
	static const struct option options[] = {
		{"vdev", required_argument, NULL, 'v'},    {"segment", required_argument, NULL, 's'},
		{"table", required_argument, NULL, 't'},   {"reflect", no_argument, NULL, 'f'},
		{"mac", required_argument, NULL, 'm'},     {"streams", required_argument, NULL, 'n'},
		{"payload", required_argument, NULL, 'p'}, {"rate", required_argument, NULL, 'r'},
		{"seconds", required_argument, NULL, 'd'}, {"churn", required_argument, NULL, 'c'},
		{"lcore", required_argument, NULL, 'l'},   {NULL, 0, NULL, 0},
	};
	struct rte_ether_addr mac;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'v':
			load->vdev = optarg;
			break;
		case 's':
			load->segment_path = optarg;
			break;
		case 't':
			load->table_path = optarg;
			break;
		case 'f':
			load->is_reflected = true;
			break;
		case 'm':
			if (rte_ether_unformat_addr(optarg, &mac))
				die(usage);
			memcpy(load->engine_mac, mac.addr_bytes, PACKET_MAC_SIZE);
			break;
		case 'n':
			load->stream_count = (uint32_t)strtoul(optarg, NULL, 10) & ~1u;
			break;
		case 'p':
			load->payload_size = (uint16_t)strtoul(optarg, NULL, 10);
			break;
		case 'r':
			load->rate = strtod(optarg, NULL);
			break;
		case 'd':
			load->seconds = strtod(optarg, NULL);
			break;
		case 'c':
			load->churn = (uint32_t)strtoul(optarg, NULL, 10);
			break;
		case 'l':
			*ret_lcore = optarg;
			break;
		default:
			die(usage);
		}
	}
	if (!load->vdev || load->stream_count < 2 || load->stream_count > STREAMS_MAX || load->payload_size < 12 ||
	    load->payload_size > 1472 || load->seconds <= 0)
		die(usage);
}

int main(int argc, char **argv)
{
	static struct load load = {.stream_count = 100, .payload_size = 172, .seconds = 3};
	uint32_t churn;
	const char *lcore = "0";

	memset(load.engine_mac, 0xff, PACKET_MAC_SIZE);
	read_options(&load, argc, argv, &lcore);
	eal_init(&load, lcore);
	port_init(&load);
	load.talkers = calloc(load.stream_count, sizeof(*load.talkers));
	if (!load.talkers)
		die("out of memory");
	if (!load.segment_path)
		aim_all(&load);
	else if (engine_attach(&load) || engine_program(&load))
		return 1;
	/* Every stream latches: its packets over at least the time that probation lasts. */
	churn = load.churn;
	load.churn = 0;
	for (int i = 0; i < WARM_PACKETS; i++) {
		traffic_run(&load, MIN((double)WARM_RATE, load.stream_count / LATCH_SECONDS * WARM_PACKETS), 10,
			    load.stream_count);
		traffic_drain(&load, LATCH_SECONDS * 2 / WARM_PACKETS);
	}
	traffic_drain(&load, DRAIN_SECONDS);
	load.churn = churn;
	traffic_run(&load, load.rate, load.seconds, 0);
	traffic_drain(&load, DRAIN_SECONDS);
	if (load.segment_path)
		engine_end(&load);
	report(&load, load.seconds);
	rte_eth_dev_stop(load.port);
	rte_eth_dev_close(load.port);
	rte_eal_cleanup();
	free(load.talkers);
	return 0;
}
