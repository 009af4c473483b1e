/* THE table of the configuration: every key that the file may contain, with its help. conf/voxlane.conf is printed from
 * here (sample.c); a new key is a field in config.h and a row here. */
#include "lib/config/schema.h"

#define KIND_OF(type, field)                                                                                           \
	_Generic(((type *)NULL)->field, bool                                                                           \
		 : SCHEMA_BOOL, uint8_t                                                                                \
		 : SCHEMA_U8, uint16_t                                                                                 \
		 : SCHEMA_U16, uint32_t                                                                                \
		 : SCHEMA_U32, int32_t                                                                                 \
		 : SCHEMA_I32, const char *                                                                            \
		 : SCHEMA_STRING, struct net_address                                                                   \
		 : SCHEMA_ADDRESS, struct conf_strings                                                                 \
		 : SCHEMA_STRINGS, struct conf_addresses                                                               \
		 : SCHEMA_ADDRESSES, struct conf_integers                                                              \
		 : SCHEMA_INTEGERS)
#define ROW(key, type, field, min, max, fallback, unit, help)                                                          \
	{                                                                                                              \
		key, KIND_OF(type, field), offsetof(type, field), 0, min, max, fallback, unit, help, NULL, NULL, NULL  \
	}
#define CHOICE(key, type, field, choices, fallback, help)                                                              \
	{                                                                                                              \
		key, SCHEMA_CHOICE, offsetof(type, field), 0, 0, 0, fallback, "", help, choices, NULL, NULL            \
	}
#define CHOICES(key, type, field, choices, fallback, help)                                                             \
	{                                                                                                              \
		key, SCHEMA_CHOICES, offsetof(type, field), 0, 1, 32, fallback, "", help, choices, NULL, NULL          \
	}
#define GROUP(key, type, field, group, help)                                                                           \
	{                                                                                                              \
		key, SCHEMA_GROUP, offsetof(type, field), 0, 0, 0, "", "", help, NULL, group, NULL                     \
	}
#define LIST(key, type, field, count, max, group, help, example)                                                       \
	{                                                                                                              \
		key, SCHEMA_LIST, offsetof(type, field), offsetof(type, count), 0, max, "", "", help, NULL, group,     \
			example                                                                                        \
	}
#define GROUP_OF(rows, type)                                                                                           \
	{                                                                                                              \
		rows, ARRAY_LEN(rows), sizeof(type), false, 0                                                          \
	}
#define GROUP_OF_WITH_WHERE(rows, type)                                                                                \
	{                                                                                                              \
		rows, ARRAY_LEN(rows), sizeof(type), true, offsetof(type, where)                                       \
	}

/* The order of each list is the order of its enum. */
static const char *const transport_names[] = {"udp", "tcp", "tls", NULL};
static const char *const tls_verifies[] = {"no", "if_given", "required", NULL};
static const char *const tls_versions[] = {"1.2", "1.3", NULL};
/* As above, and CONF_TRUNK_AUTO. */
static const char *const trunk_transport_names[] = {"udp", "tcp", "tls", "auto", NULL};
static const char *const families[] = {"ipv4", "ipv6", NULL};
static const char *const digest_names[] = {"md5", "sha-256", NULL};
static const char *const media_modes[] = {"bypass", "transcode", NULL};
static const char *const dtmf_modes[] = {"auto", "rfc4733", "info", "inband", NULL};
static const char *const srtp_policies[] = {"off", "optional", "required", NULL};
static const char *const own_srtp_policies[] = {"off", "optional", "required", "inherit", NULL};
static const char *const clear_keys[] = {"allow", "warn", "refuse", NULL};
static const char *const rotations[] = {"daily", "none", NULL};
static const char *const levels[] = {"DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL", NULL};
static const char *const formats[] = {"text", "json", NULL};
static const char *const idles[] = {"adaptive", "poll", NULL};
static const char *const drivers[] = {"af_xdp", "af_packet", "memif", "pci", "pcap", NULL};
static const char *const serves[] = {"network", "local", NULL};
static const char *const route_actions[] = {"extension", "echo", "reject", "trunk", NULL};
static const char *const caller_ids[] = {"pass", "fixed", "anonymous", NULL};
static const char *const rewrite_directions[] = {"out", "in", NULL};

static const struct schema_row tls_name_rows[] = {
	ROW("name", struct conf_tls_name, name, 1, 253, NULL, "", "The server name (SNI) that a phone asks for."),
	ROW("certificate", struct conf_tls_name, certificate, 1, 4000, NULL, "", "PEM file, with its chain."),
	ROW("private_key", struct conf_tls_name, private_key, 0, 4000, "", "", "PEM file; \"\": in the same file."),
};
static const struct schema_group tls_name_group = GROUP_OF_WITH_WHERE(tls_name_rows, struct conf_tls_name);

static const struct schema_row tls_rows[] = {
	ROW("certificate", struct conf_tls, certificate, 0, 4000, "", "",
	    "PEM file with our certificate and the rest of its chain. SIGHUP reads all these files again."),
	ROW("private_key", struct conf_tls, private_key, 0, 4000, "", "",
	    "PEM file with its key, without a password; \"\": in the same file."),
	ROW("ca_file", struct conf_tls, ca_file, 0, 4000, "", "",
	    "PEM file of the authorities we trust; \"\": those of this machine."),
	CHOICE("verify_client", struct conf_tls, verify_client, tls_verifies, "no",
	       "Whether who connects has to show a certificate of such an authority."),
	CHOICE("min_version", struct conf_tls, min_version, tls_versions, "1.2", "Oldest version of TLS spoken."),
	LIST("names", struct conf_tls, names, name_count, 255, &tls_name_group,
	     "Further certificates, for phones that ask for these server names.",
	     "{ name = \"sip.example.com\"; certificate = \"/etc/voxlane/example.com.pem\"; }\n"),
};
static const struct schema_group tls_group = GROUP_OF_WITH_WHERE(tls_rows, struct conf_tls);

static const struct schema_row sip_rows[] = {
	ROW("listen_ip", struct conf_sip, listen_ip, 0, 0, "0.0.0.0", "",
	    "Address to listen on; \"0.0.0.0\" and \"::\" are every IPv4 and IPv6 address of this machine."),
	ROW("listen_port", struct conf_sip, listen_port, 1, 65535, "5060", "", "Port for UDP and TCP."),
	ROW("workers", struct conf_sip, workers, 0, 32, "0", "",
	    "Signalling threads. 0: one for each core that the dataplane's workers do not use."),
	ROW("tls_port", struct conf_sip, tls_port, 1, 65535, "5061", "", "Port for TLS."),
	CHOICES("transport", struct conf_sip, transports, transport_names, "udp",
		"Transports to listen on; tls needs tls.certificate."),
	GROUP("tls", struct conf_sip, tls, &tls_group, "Certificates of SIP over TLS."),
	ROW("max_connections", struct conf_sip, max_connections, 16, 1000000, "10000", "connections",
	    "Connections (TCP, TLS) open at the same time; fewer where the limit of open files is lower."),
	ROW("connections_per_source", struct conf_sip, connections_per_source, 1, 1000000, "200", "connections",
	    "Of these, from one address (one IPv6 /64)."),
	ROW("tls_handshakes", struct conf_sip, tls_handshakes, 1, 100000, "500", "connections",
	    "TLS connections that are not through their handshake yet; further ones are closed at once."),
	ROW("tls_handshakes_per_source", struct conf_sip, tls_handshakes_per_source, 1, 100000, "50", "connections",
	    "Of these, from one address (one IPv6 /64)."),
	ROW("tcp_above", struct conf_sip, tcp_above, 0, 65535, "1300", "bytes",
	    "Requests larger than this go by TCP instead of UDP, if transport has tcp and the peer can be reached by "
	    "it; 0: "
	    "never."),
	ROW("max_concurrent_calls", struct conf_sip, max_concurrent_calls, 1, 1000000, "1000", "calls",
	    "Further calls are refused with 503 and Retry-After."),
	ROW("calls_per_second", struct conf_sip, calls_per_second, 0, 100000, "0", "calls/s",
	    "New calls beyond this rate are refused with 503 and Retry-After; 0: no limit."),
	ROW("overload_lag", struct conf_sip, overload_lag_ms, 0, 10000, "200", "ms",
	    "New calls and registrations are refused while signalling lags this far behind; 0: never."),
	ROW("realm", struct conf_sip, realm, 1, 128, "voxlane", "", "Realm of digest authentication."),
	ROW("domains", struct conf_sip, domains, 0, 64, "", "",
	    "Domains that are ours beside our addresses; empty: any domain is."),
	ROW("advertised_ip", struct conf_sip, advertised_ip, 0, 0, "", "",
	    "Public address to write into SIP messages when we are behind 1:1 NAT; \"\": the address the peer "
	    "reaches."),
	ROW("allow_guests", struct conf_sip, allow_guests, 0, 0, "false", "",
	    "Let callers without an account call extensions. Off unless you know why."),
	ROW("min_expires", struct conf_sip, min_expires_s, 1, 86400, "60", "s", "Shortest registration granted."),
	ROW("max_expires", struct conf_sip, max_expires_s, 1, 604800, "3600", "s",
	    "Longest registration granted; also what a phone gets that asks for none."),
	ROW("ring_timeout", struct conf_sip, ring_timeout_s, 1, 3600, "60", "s",
	    "A call that nobody answers ends after this long."),
	ROW("fork_timeout", struct conf_sip, fork_timeout_s, 1, 3600, "20", "s",
	    "Contacts of an extension with a lower q are called when those with a higher one have not answered for "
	    "this long."),
	ROW("session_expires", struct conf_sip, session_expires_s, 0, 86400, "1800", "s",
	    "Parties that know session timers (RFC 4028) must be heard of in this time; 0: no session timers."),
	ROW("min_session_expires", struct conf_sip, min_session_expires_s, 90, 86400, "90", "s",
	    "Shortest session timer that is agreed to."),
	ROW("contacts_per_extension", struct conf_sip, contacts_per_extension, 1, 100, "5", "contacts",
	    "Phones that may be registered for one extension at the same time."),
	ROW("user_agent", struct conf_sip, user_agent, 0, 128, "Voxlane/" VOXLANE_VERSION, "",
	    "Text of the Server and User-Agent headers; \"\": none."),
};
static const struct schema_group sip_group = GROUP_OF(sip_rows, struct conf_sip);

static const struct schema_row auth_rows[] = {
	CHOICES("algorithms", struct conf_auth, algorithms, digest_names, "md5",
		"Offered to phones, the strongest first. Add sha-256 when all phones know it: some give up when they "
		"see it."),
	ROW("nonce_lifetime", struct conf_auth, nonce_lifetime_s, 5, 3600, "60", "s",
	    "A challenge can be answered for this long; phones renew it without asking their user."),
	ROW("ban_failures", struct conf_auth, ban_failures, 0, 1000000, "20", "failures",
	    "Wrong answers from one address within ban_window that ban it; 0: nobody is banned. Loopback never is."),
	ROW("ban_window", struct conf_auth, ban_window_s, 1, 86400, "60", "s", "Time in which failures are counted."),
	ROW("ban_time", struct conf_auth, ban_time_s, 1, 604800, "300", "s", "A ban ends after this long."),
};
static const struct schema_group auth_group = GROUP_OF(auth_rows, struct conf_auth);

static const struct schema_row security_rows[] = {
	ROW("allow", struct conf_security, allow, 0, 1024, "", "",
	    "Addresses and prefixes that nothing of this group, and no ban, applies to: carriers, edge proxies."),
	ROW("deny", struct conf_security, deny, 0, 1024, "", "",
	    "Addresses and prefixes that get no answer; with [ \"0.0.0.0/0\", \"::/0\" ] only allow is served."),
	ROW("silent_scanners", struct conf_security, silent_scanners, 0, 0, "true", "",
	    "Give no answer to programs that look for victims and say so: friendly-scanner, sipvicious and their kin."),
	ROW("scanners", struct conf_security, scanners, 0, 32, "", "",
	    "Further such programs: a part of their User-Agent, or of the name in From, in any case."),
	ROW("requests_per_second", struct conf_security, requests_per_second, 0, 1000000, "0", "",
	    "New requests outside dialogs from one address; more get no answer; 0: no limit. Loopback has none."),
};
static const struct schema_group security_group = GROUP_OF(security_rows, struct conf_security);

static const struct schema_row port_pool_rows[] = {
	ROW("start", struct conf_port_pool, start, 1024, 65534, "10000", "", "First port, even."),
	ROW("end", struct conf_port_pool, end, 1025, 65535, "20000", "", "Last port."),
};
static const struct schema_group port_pool_group = GROUP_OF(port_pool_rows, struct conf_port_pool);

static const struct schema_row media_rows[] = {
	CHOICE("mode", struct conf_media, mode, media_modes, "bypass",
	       "bypass: the engine anchors and relays media; transcode: and converts it where two parties share no "
	       "codec."),
	ROW("codecs", struct conf_media, codecs, 0, 16, "", "",
	    "With transcode: codecs that parties are offered beside each other's, best first; empty: opus, G722, PCMA, "
	    "PCMU."),
	GROUP("port_pool", struct conf_media, port_pool, &port_pool_group,
	      "UDP ports for RTP (even) and RTCP (the next one), on every media address."),
	ROW("rtp_timeout", struct conf_media, rtp_timeout_s, 0, 86400, "60", "s",
	    "A call whose media stays away this long is ended; 0: never."),
	ROW("dscp", struct conf_media, dscp, 0, 63, "46", "", "DSCP of the media we send; 46 is EF."),
	CHOICE("srtp", struct conf_media, srtp, srtp_policies, "optional",
	       "off: media is in the clear; optional: encrypted when the other side offers it or takes it; required: "
	       "not "
	       "otherwise. Extensions and trunks may say differently."),
	ROW("srtp_suites", struct conf_media, srtp_suites, 0, 6, "", "",
	    "Suites that are taken, and offered in this order; empty: AES_CM_128_HMAC_SHA1_80, AEAD_AES_256_GCM, "
	    "AEAD_AES_128_GCM, AES_256_CM_HMAC_SHA1_80, AES_CM_128_HMAC_SHA1_32. AES_256_CM_HMAC_SHA1_32 can be had "
	    "too."),
	CHOICE("srtp_clear_signalling", struct conf_media, srtp_clear_signalling, clear_keys, "warn",
	       "Keys in SIP that is not TLS, where everybody on the way reads them. allow: as with TLS; warn: only "
	       "when the "
	       "other side begins or srtp is required, and the log says so; refuse: never."),
	ROW("packet_rate_limit", struct conf_media, packet_rate_limit, 0, 1000000, "1000", "packets/s",
	    "RTP packets a second that one stream may receive; more are dropped (reason rate). 0: any number."),
	ROW("segment", struct conf_media, segment, 1, 255, "/dev/shm/voxlane-media", "",
	    "File of the shared segment between the two daemons."),
};
static const struct schema_group media_group = GROUP_OF(media_rows, struct conf_media);

static const struct schema_row events_rows[] = {
	ROW("webhook_urls", struct conf_events, webhook_urls, 0, 32, "", "", "URLs that events are posted to."),
	ROW("webhook_timeout", struct conf_events, webhook_timeout_s, 1, 300, "10", "s", "Time for one attempt."),
	ROW("webhook_retries", struct conf_events, webhook_retries, 0, 20, "3", "", "Attempts after the first one."),
};
static const struct schema_group events_group = GROUP_OF(events_rows, struct conf_events);

static const struct schema_row cdr_rows[] = {
	ROW("enabled", struct conf_cdr, enabled, 0, 0, "true", "", "Write call detail records."),
	ROW("output_dir", struct conf_cdr, output_dir, 1, 4000, "./cdr", "", "Directory; made when it is missing."),
	ROW("filename_pattern", struct conf_cdr, filename_pattern, 1, 125, "cdr-%Y-%m-%d.jsonl", "",
	    "File name with the day in UTC: %Y, %m and %d once each; or without them one file for ever."),
	CHOICE("rotation", struct conf_cdr, rotation, rotations, "daily",
	       "daily: a file named by the pattern each day; none: the one named when the daemon started."),
	ROW("retention_days", struct conf_cdr, retention_days, 0, 36500, "90", "days",
	    "Older files are removed; 0: never."),
};
static const struct schema_group cdr_group = GROUP_OF(cdr_rows, struct conf_cdr);

static const struct schema_row dns_rows[] = {
	ROW("servers", struct conf_dns, servers, 0, 8, "", "",
	    "Name servers, \"192.0.2.53\", \"[2001:db8::53]:5353\"; empty: those of /etc/resolv.conf."),
	ROW("timeout", struct conf_dns, timeout_ms, 100, 30000, "2000", "ms",
	    "For an answer; twice as long for each further try."),
	ROW("tries", struct conf_dns, tries, 1, 10, "2", "", "Questions to each server."),
	ROW("cache_size", struct conf_dns, cache_size, 64, 1000000, "10000", "answers",
	    "Answers that are kept for their time."),
	CHOICE("prefer", struct conf_dns, prefer, families, "ipv4", "Whose addresses of a server are tried first."),
};
static const struct schema_group dns_group = GROUP_OF(dns_rows, struct conf_dns);

static const struct schema_row store_rows[] = {
	ROW("url", struct conf_store, url, 0, 1000, "sqlite:./voxlane.db", "",
	    "sqlite:PATH, or postgresql://USER:PASSWORD@HOST/DATABASE; \"\": none, and registrations end with the "
	    "process."),
};
static const struct schema_group store_group = GROUP_OF(store_rows, struct conf_store);

static const struct schema_row logging_rows[] = {
	CHOICE("level", struct conf_logging, level, levels, "INFO", "Lines below this level are not written."),
	CHOICE("format", struct conf_logging, format, formats, "text", "json: an object a line."),
	ROW("output", struct conf_logging, output, 1, 4000, "stdout", "",
	    "\"stdout\", or a file that is opened anew on SIGHUP."),
	ROW("sip_traffic", struct conf_logging, sip_traffic, 0, 0, "false", "",
	    "Write every SIP message from the start; `voxctl trace` switches it while calls go on."),
	ROW("sip_traffic_dir", struct conf_logging, sip_traffic_dir, 1, 400, "./logs", "",
	    "Directory of sip_traffic_YYYYMMDD.log; made when it is needed."),
	ROW("sip_traffic_retention_days", struct conf_logging, sip_traffic_retention_days, 0, 36500, "7", "days",
	    "Older files of SIP traffic are removed; 0: never."),
	ROW("sip_traffic_max_mb", struct conf_logging, sip_traffic_max_mb, 1, 1048576, "1024", "MB",
	    "Largest size of a day's file; what comes later that day is lost."),
};
static const struct schema_group logging_group = GROUP_OF(logging_rows, struct conf_logging);

static const struct schema_row monitoring_rows[] = {
	ROW("listen_ip", struct conf_monitoring, listen_ip, 0, 0, "127.0.0.1", "",
	    "Address of the API. Any but loopback needs tokens, or allow_anonymous."),
	ROW("health_check_port", struct conf_monitoring, health_check_port, 1, 65535, "8080", "",
	    "Port of the API, /health and /ready."),
	ROW("metrics_listen_ip", struct conf_monitoring, metrics_listen_ip, 0, 0, "127.0.0.1", "",
	    "Address of /metrics, which needs no token."),
	ROW("prometheus_port", struct conf_monitoring, prometheus_port, 1, 65535, "9090", "", "Port of /metrics."),
	ROW("tokens", struct conf_monitoring, tokens, 0, 1000, "", "",
	    "Bearer tokens of the API, at least 16 characters each; empty: no token is asked for."),
	ROW("allow_anonymous", struct conf_monitoring, allow_anonymous, 0, 0, "false", "",
	    "Serve the API without tokens to everybody who reaches listen_ip."),
};
static const struct schema_group monitoring_group = GROUP_OF(monitoring_rows, struct conf_monitoring);

static const struct schema_row own_port_pool_rows[] = {
	ROW("start", struct conf_port_pool, start, 1024, 65534, NULL, "", "First port, even."),
	ROW("end", struct conf_port_pool, end, 1025, 65535, NULL, "", "Last port."),
};
static const struct schema_group own_port_pool_group = GROUP_OF(own_port_pool_rows, struct conf_port_pool);

static const struct schema_row port_rows[] = {
	ROW("name", struct conf_port, name, 1, 31, NULL, "", "A name of your choice, unique."),
	CHOICE("driver", struct conf_port, driver, drivers, "af_xdp",
	       "af_xdp: shares the interface with the kernel; af_packet: where AF_XDP cannot be had; pci: takes the "
	       "device."),
	ROW("device", struct conf_port, device, 1, 255, NULL, "",
	    "Interface (af_xdp, af_packet), PCI address (pci), socket (memif) or file (pcap)."),
	ROW("addresses", struct conf_port, addresses, 1, CONF_ADDRESSES_MAX, NULL, "", "Where media is received."),
	ROW("advertised", struct conf_port, advertised, 0, CONF_ADDRESSES_MAX, "", "",
	    "Public addresses, one for each of addresses, when those are behind 1:1 NAT."),
	CHOICE("serves", struct conf_port, serves, serves, "network",
	       "network: phones elsewhere; local: phones on this machine, through a veth pair."),
	ROW("queues", struct conf_port, queues, 0, 64, "0", "queues", "0: one a worker, or what the device has."),
	GROUP("port_pool", struct conf_port, port_pool, &own_port_pool_group, "Instead of media.port_pool."),
	ROW("options", struct conf_port, options, 0, 255, "", "", "Further arguments of the DPDK driver."),
	ROW("tap", struct conf_port, tap, 0, 15, "", "",
	    "Interface to be made for everything that is not media (pci, memif)."),
};
static const struct schema_group port_group = GROUP_OF_WITH_WHERE(port_rows, struct conf_port);

static const struct schema_row dataplane_rows[] = {
	ROW("workers", struct conf_dataplane, workers, 1, 64, "1", "threads",
	    "Threads that carry media, each on a core."),
	CHOICE("idle", struct conf_dataplane, idle, idles, "adaptive",
	       "adaptive: a worker without traffic naps; poll: it never sleeps (bare metal)."),
	ROW("huge_pages", struct conf_dataplane, huge_pages, 0, 0, "false", "", "Take memory from huge pages."),
	ROW("memory_mb", struct conf_dataplane, memory_mb, 0, 1048576, "0", "MB", "Memory for packets; 0: as needed."),
	ROW("streams_per_worker", struct conf_dataplane, streams_per_worker, 16, 1048576, "16384", "streams",
	    "Room in the table of each worker; a call takes two."),
	ROW("main_core", struct conf_dataplane, main_core, -1, 1023, "-1", "", "Core of the main thread; -1: any."),
	ROW("worker_cores", struct conf_dataplane, worker_cores, 0, 64, "", "", "A core for each worker; empty: any."),
	LIST("ports", struct conf_dataplane, ports, port_count, CONF_PORTS_MAX, &port_group,
	     "Network interfaces that carry media.",
	     "{ name = \"lan\"; driver = \"af_xdp\"; device = \"eth0\"; addresses = [ \"192.0.2.10\", \"2001:db8::10\" "
	     "]; }\n"),
};
static const struct schema_group dataplane_group = GROUP_OF(dataplane_rows, struct conf_dataplane);

static const struct schema_row route_rows[] = {
	ROW("pattern", struct conf_route, pattern, 1, 64, NULL, "",
	    "A number; or \"_\" and a pattern: X is 0-9, Z is 1-9, N is 2-9, [2-5] a set, a last \".\" one or more, "
	    "\"!\" any more."),
	ROW("context", struct conf_route, context, 1, 64, "from-internal", "", "Callers to whom it applies."),
	CHOICE("action", struct conf_route, action, route_actions, "extension",
	       "extension: call the registered phones; echo: answer and echo; reject: refuse; trunk: call through a "
	       "carrier."),
	ROW("target", struct conf_route, target, 0, 64, "", "",
	    "trunk: the trunk or group, always; extension: the one to call instead of the number dialled."),
	ROW("code", struct conf_route, code, 400, 699, "404", "", "SIP response of reject."),
	ROW("strip", struct conf_route, strip, 0, 63, "0", "", "Characters to take off the front of the number."),
	ROW("prepend", struct conf_route, prepend, 0, 63, "", "", "What is put in front of it then."),
	ROW("times", struct conf_route, times, 0, 32, "", "",
	    "When the route is there, in local time: \"Mon-Fri 08:00-18:00\", \"Sat\", \"22:00-06:00\"; empty: "
	    "always."),
	ROW("emergency", struct conf_route, emergency, 0, 0, "false", "", "Its calls pass all limits and overload."),
};
static const struct schema_group route_group = GROUP_OF_WITH_WHERE(route_rows, struct conf_route);

static const struct schema_row dialplan_rows[] = {
	ROW("default_context", struct conf_dialplan, default_context, 1, 64, "from-internal", "",
	    "Context of extensions that name none."),
	LIST("routes", struct conf_dialplan, routes, route_count, 10000, &route_group,
	     "The most specific pattern that fits the dialled number wins. Without this list the routes below apply.",
	     "{ pattern = \"_1XXX\"; action = \"extension\"; },\n"
	     "{ pattern = \"_2XXX\"; action = \"extension\"; },\n"
	     "{ pattern = \"7777\"; action = \"echo\"; }\n"),
};
static const struct schema_group dialplan_group = GROUP_OF(dialplan_rows, struct conf_dialplan);

static const struct schema_row rewrite_rows[] = {
	CHOICE("direction", struct conf_rewrite, direction, rewrite_directions, "out",
	       "out: numbers to the carrier; in: numbers from it."),
	ROW("match", struct conf_rewrite, match, 1, 64, NULL, "", "A pattern as in routes; the first that fits."),
	ROW("strip", struct conf_rewrite, strip, 0, 63, "0", "", "Characters to take off the front."),
	ROW("prepend", struct conf_rewrite, prepend, 0, 63, "", "", "What is put in front then."),
};
static const struct schema_group rewrite_group = GROUP_OF(rewrite_rows, struct conf_rewrite);

static const struct schema_row trunk_rows[] = {
	ROW("name", struct conf_trunk, name, 1, 64, NULL, "", "A name of your choice, unique among trunks and groups."),
	ROW("host", struct conf_trunk, host, 1, 255, NULL, "",
	    "The carrier's name or address, \"sip.example.net\", \"192.0.2.5:5070\"; a name without port is looked up "
	    "by SRV."),
	CHOICE("transport", struct conf_trunk, transport, trunk_transport_names, "auto",
	       "How to reach it; auto: as DNS says (NAPTR, SRV), else by UDP."),
	ROW("tls_verify", struct conf_trunk, tls_verify, 0, 0, "true", "",
	    "Over TLS: its certificate has to be valid and host's own (RFC 5922)."),
	ROW("username", struct conf_trunk, username, 0, 128, "", "", "For the carrier's challenges."),
	ROW("password", struct conf_trunk, password, 0, 128, "", "", "For the carrier's challenges."),
	ROW("register", struct conf_trunk, registers, 0, 0, "false", "",
	    "Register there as username; calls from host's addresses are the trunk's then."),
	ROW("expires", struct conf_trunk, expires_s, 60, 86400, "600", "s", "Registration time to ask for."),
	ROW("realm", struct conf_trunk, realm, 0, 128, "", "",
	    "Only challenges of this realm are answered; \"\": of any."),
	ROW("peers", struct conf_trunk, peers, 0, 256, "", "",
	    "Addresses and prefixes, \"198.51.100.0/24\", whose calls are this trunk's without a password."),
	ROW("options_interval", struct conf_trunk, options_interval_s, 0, 3600, "30", "s",
	    "OPTIONS that often; a trunk that does not answer gets no calls; 0: none."),
	ROW("max_calls", struct conf_trunk, max_calls, 0, 1000000, "0", "calls",
	    "Calls at the same time, both directions; 0: no limit."),
	ROW("calls_per_second", struct conf_trunk, calls_per_second, 0, 100000, "0", "calls/s",
	    "New calls to it; 0: no limit."),
	ROW("answer_timeout", struct conf_trunk, answer_timeout_ms, 500, 32000, "4000", "ms",
	    "Without any response in this time the next address of it, or member of the group, is tried."),
	ROW("codecs", struct conf_trunk, codecs, 0, 32, "", "",
	    "Codecs offered to it, by name, \"PCMA\", best first; empty: those of the caller, or media.codecs."),
	CHOICE("dtmf", struct conf_trunk, dtmf, dtmf_modes, "auto",
	       "How digits go to it and come from it; auto: rfc4733 where it knows that, else tones."),
	CHOICE("srtp", struct conf_trunk, srtp, own_srtp_policies, "inherit",
	       "As media.srtp; inherit: what that says."),
	ROW("context", struct conf_trunk, context, 1, 64, "from-trunk", "", "Whose routes calls from it follow."),
	CHOICE("caller_id", struct conf_trunk, caller_id, caller_ids, "pass",
	       "The number shown: the caller's, caller_number, or none."),
	ROW("caller_number", struct conf_trunk, caller_number, 0, 64, "", "", "With caller_id = \"fixed\"."),
	LIST("rewrite", struct conf_trunk, rewrites, rewrite_count, 256, &rewrite_group,
	     "Changes of the dialled number.", ""),
};
static const struct schema_group trunk_group = GROUP_OF_WITH_WHERE(trunk_rows, struct conf_trunk);

static const struct schema_row member_rows[] = {
	ROW("trunk", struct conf_member, trunk, 1, 64, NULL, "", "A trunk's name."),
	ROW("priority", struct conf_member, priority, 0, 65535, "1", "", "The lowest is tried first."),
	ROW("weight", struct conf_member, weight, 0, 65535, "1", "",
	    "Share of the calls among members of the same priority."),
};
static const struct schema_group member_group = GROUP_OF(member_rows, struct conf_member);

static const struct schema_row trunk_group_rows[] = {
	ROW("name", struct conf_trunk_group, name, 1, 64, NULL, "", "A name of your choice."),
	LIST("members", struct conf_trunk_group, members, member_count, 32, &member_group, "Trunks, at least one.", ""),
	ROW("failover_on", struct conf_trunk_group, failover_on, 0, 64, "", "",
	    "Responses after which the next member is tried, \"503\", \"500-599\"; empty: 408 and 500-599."),
};
static const struct schema_group trunk_group_group = GROUP_OF_WITH_WHERE(trunk_group_rows, struct conf_trunk_group);

static const struct schema_row extension_rows[] = {
	ROW("number", struct conf_extension, number, 1, 64, NULL, "", "Number and user name, unique."),
	ROW("password", struct conf_extension, password, 0, 128, "", "", "Or one of the hashes."),
	ROW("ha1_md5", struct conf_extension, ha1_md5, 0, 32, "", "", "MD5 of number:realm:password in hexadecimal."),
	ROW("ha1_sha256", struct conf_extension, ha1_sha256, 0, 64, "", "",
	    "SHA-256 of number:realm:password in hexadecimal."),
	ROW("name", struct conf_extension, name, 0, 128, "", "", "Shown to the called party."),
	ROW("context", struct conf_extension, context, 0, 64, "", "", "Instead of dialplan.default_context."),
	ROW("max_contacts", struct conf_extension, max_contacts, 1, 100, "0", "contacts",
	    "Instead of sip.contacts_per_extension."),
	ROW("codecs", struct conf_extension, codecs, 0, 32, "", "",
	    "Codecs offered to its phones, by name, best first; empty: those of the other party, or media.codecs."),
	CHOICE("dtmf", struct conf_extension, dtmf, dtmf_modes, "auto",
	       "How digits go to its phones and come from them; auto: rfc4733 where they know that, else tones."),
	CHOICE("srtp", struct conf_extension, srtp, own_srtp_policies, "inherit",
	       "As media.srtp; inherit: what that says."),
};
static const struct schema_group extension_group = GROUP_OF_WITH_WHERE(extension_rows, struct conf_extension);

static const struct schema_row root_rows[] = {
	GROUP("sip", struct conf, sip, &sip_group, "Signalling."),
	GROUP("dns", struct conf, dns, &dns_group, "How names of carriers are looked up."),
	GROUP("auth", struct conf, auth, &auth_group, "Digest authentication of phones."),
	GROUP("security", struct conf, security, &security_group, "Who is not listened to."),
	GROUP("media", struct conf, media, &media_group, "Media, as both daemons see it."),
	GROUP("dataplane", struct conf, dataplane, &dataplane_group, "The engine's threads and network ports."),
	GROUP("dialplan", struct conf, dialplan, &dialplan_group, "Which number leads where."),
	LIST("extensions", struct conf, extensions, extension_count, 1000000, &extension_group, "Accounts of phones.",
	     "{ number = \"1000\"; password = \"a long secret\"; name = \"Alice\"; }\n"),
	LIST("trunks", struct conf, trunks, trunk_count, 10000, &trunk_group, "Carriers.",
	     "{ name = \"carrier\"; host = \"192.0.2.5\"; username = \"49301234\"; password = \"a long secret\"; "
	     "register = true;\n"
	     "  rewrite = ( { direction = \"in\"; match = \"_49.\"; prepend = \"+\"; } ); }\n"),
	LIST("trunk_groups", struct conf, trunk_groups, trunk_group_count, 10000, &trunk_group_group,
	     "Trunks that stand in for each other; routes name the group.",
	     "{ name = \"outside\"; members = ( { trunk = \"carrier\"; priority = 1; } ); failover_on = [ \"408\", "
	     "\"500-599\" ]; }\n"),
	GROUP("store", struct conf, store, &store_group,
	      "The database: registrations, call detail records, extensions and routes made by API."),
	GROUP("cdr", struct conf, cdr, &cdr_group, "Call detail records."),
	GROUP("events", struct conf, events, &events_group, "Events to other systems."),
	GROUP("logging", struct conf, logging, &logging_group, "The log of both daemons."),
	GROUP("monitoring", struct conf, monitoring, &monitoring_group, "The API and the metrics."),
};
const struct schema_group schema_root = GROUP_OF(root_rows, struct conf);
