/* What one row cannot know: values that depend on each other. Each check is a function in one table; the first that
 * refuses ends the start. */
#include "lib/config/schema.h"

#include <stdlib.h>

/* The setting to blame, by its path in the file; the deepest group on the way that exists when it was left out. */
static const config_setting_t *blame(struct conf_loader *loader, const char *path)
{
	char part[256];
	size_t size = strlen(path);

	if (size >= sizeof(part))
		return NULL;
	memcpy(part, path, size + 1);
	for (;;) {
		const config_setting_t *setting = config_lookup(loader->config, part);
		char *dot = strrchr(part, '.');

		if (setting || !dot)
			return setting;
		*dot = '\0';
	}
}

const config_setting_t *conf_blame_member(struct conf_loader *loader, const char *path, size_t index, const char *key)
{
	const config_setting_t *list = config_lookup(loader->config, path), *group;
	size_t own = list ? (size_t)config_setting_length(list) : 0;
	const char *dot = strrchr(path, '.');

	if (index >= own) {
		list = conf_rows_of(loader, dot ? dot + 1 : path);
		index -= own;
	}
	group = list ? config_setting_get_elem(list, (unsigned)index) : NULL;
	const config_setting_t *member = group && key ? config_setting_get_member(group, key) : NULL;

	return member ? member : group;
}

const config_setting_t *conf_blame_route(struct conf_loader *loader, size_t index, const char *key)
{
	/* The default ones stand nowhere, in front of the others. */
	bool has_defaults = !config_lookup(loader->config, "dialplan.routes");
	size_t defaults = has_defaults ? CONF_DEFAULT_ROUTES : 0;

	return index >= defaults ? conf_blame_member(loader, "dialplan.routes", index - defaults, key) : NULL;
}

static int check_pool(struct conf_loader *loader, const struct conf_port_pool *pool, const config_setting_t *setting)
{
	if (pool->start % 2 != 0)
		return conf_refuse(loader, setting,
				   "the port pool starts at the odd port %u; RTP takes even ports, write %u",
				   pool->start, pool->start + 1);
	if (pool->start >= pool->end)
		return conf_refuse(loader, setting,
				   "the port pool ends at %u before it starts at %u; write start < end", pool->end,
				   pool->start);
	if (loader->conf->sip.listen_port >= pool->start && loader->conf->sip.listen_port <= pool->end)
		return conf_refuse(loader, setting,
				   "sip.listen_port %u lies inside the port pool %u-%u; move one of them",
				   loader->conf->sip.listen_port, pool->start, pool->end);
	return 0;
}

static int check_tls(struct conf_loader *loader)
{
	const struct conf_sip *sip = &loader->conf->sip;

	if (!(sip->transports & 1u << CONF_TRANSPORT_TLS))
		return 0;
	if (!sip->tls.certificate[0])
		return conf_refuse(loader, blame(loader, "sip.tls"),
				   "sip.transport has \"tls\" without a certificate; write tls = { certificate = "
				   "\"...\"; private_key = \"...\"; } into sip, or take \"tls\" out");
	if (sip->tls_port == sip->listen_port && sip->transports & 1u << CONF_TRANSPORT_TCP)
		return conf_refuse(loader, blame(loader, "sip.tls_port"),
				   "sip.tls_port is also listen_port, which TCP has; write another one");
	if (sip->tls.verify_client != CONF_TLS_VERIFY_NONE && !sip->tls.ca_file[0])
		return conf_refuse(loader, blame(loader, "sip.tls.verify_client"),
				   "sip.tls.verify_client without ca_file would accept a certificate of anybody; name "
				   "the authority of your phones in ca_file");
	return 0;
}

static int check_sip(struct conf_loader *loader)
{
	const struct conf_sip *sip = &loader->conf->sip;

	if (sip->min_expires_s > sip->max_expires_s)
		return conf_refuse(loader, blame(loader, "sip.min_expires"),
				   "sip.min_expires = %u is longer than sip.max_expires = %u; write a smaller one",
				   sip->min_expires_s, sip->max_expires_s);
	if (net_address_is_multicast(&sip->listen_ip))
		return conf_refuse(loader, blame(loader, "sip.listen_ip"),
				   "sip.listen_ip is a multicast address; write one of this machine");
	return check_tls(loader);
}

static int check_prefixes(struct conf_loader *loader, const struct conf_strings *list, const char *path)
{
	struct net_prefix prefix;

	for (size_t i = 0; i < list->len; i++)
		if (net_prefix_parse(view_of(list->at[i]), &prefix) < 0)
			return conf_refuse(loader, blame(loader, path),
					   "%s has \"%.60s\"; write addresses and prefixes, such as \"192.0.2.0/24\"",
					   path, list->at[i]);
	return 0;
}

static int check_security(struct conf_loader *loader)
{
	const struct conf_security *security = &loader->conf->security;
	int error = check_prefixes(loader, &security->allow, "security.allow");

	for (size_t i = 0; i < security->scanners.len && error == 0; i++)
		if (strlen(security->scanners.at[i]) < 4)
			error = conf_refuse(loader, blame(loader, "security.scanners"),
					    "security.scanners has \"%s\", which many phones have in their name; write "
					    "four characters at least",
					    security->scanners.at[i]);
	return error ? error : check_prefixes(loader, &security->deny, "security.deny");
}

static int check_suites(struct conf_loader *loader)
{
	/* The one that every phone knows comes first; tags of 32 bits come last. */
	static const uint8_t usual[] = {SECURE_AES_CM_128_SHA1_80, SECURE_AEAD_AES_256_GCM, SECURE_AEAD_AES_128_GCM,
					SECURE_AES_CM_256_SHA1_80, SECURE_AES_CM_128_SHA1_32};
	struct conf_media *media = &loader->conf->media;

	if (media->srtp_suites.len == 0) {
		memcpy(media->suites, usual, sizeof(usual));
		media->suite_count = sizeof(usual);
	}
	for (size_t i = 0; i < media->srtp_suites.len; i++) {
		enum secure_suite_id suite = secure_suite_find(view_of(media->srtp_suites.at[i]));

		if (suite == SECURE_NONE || memchr(media->suites, suite, media->suite_count))
			return conf_refuse(loader, blame(loader, "media.srtp_suites"),
					   "media.srtp_suites has \"%.40s\", which %s; write such as "
					   "\"AES_CM_128_HMAC_SHA1_80\"",
					   media->srtp_suites.at[i],
					   suite == SECURE_NONE ? "is no suite of SRTP" : "is there twice");
		media->suites[media->suite_count++] = (uint8_t)suite;
	}
	return 0;
}

static int check_media(struct conf_loader *loader)
{
	int error = check_suites(loader);

	return error ? error
		     : check_pool(loader, &loader->conf->media.port_pool, blame(loader, "media.port_pool.start"));
}

static int check_events(struct conf_loader *loader)
{
	const struct conf_strings *urls = &loader->conf->events.webhook_urls;

	for (size_t i = 0; i < urls->len; i++)
		if (!view_has_prefix(view_of(urls->at[i]), "http://") &&
		    !view_has_prefix(view_of(urls->at[i]), "https://"))
			return conf_refuse(loader, blame(loader, "events.webhook_urls"),
					   "events.webhook_urls has \"%.80s\"; write http:// or https:// and the rest",
					   urls->at[i]);
	return 0;
}

static int check_cdr(struct conf_loader *loader)
{
	static const char conversions[] = "Ymd";
	const char *pattern = loader->conf->cdr.filename_pattern;
	unsigned counts[3] = {0};

	if (strchr(pattern, '/') || strcmp(pattern, ".") == 0 || strcmp(pattern, "..") == 0)
		return conf_refuse(loader, blame(loader, "cdr.filename_pattern"),
				   "cdr.filename_pattern is not a file's name; the directory goes into cdr.output_dir");
	/* Retention has to find the day in the name again. */
	for (const char *at = pattern; *at; at++) {
		const char *found;

		if (*at != '%')
			continue;
		found = *++at ? strchr(conversions, *at) : NULL;
		if (!found)
			return conf_refuse(
				loader, blame(loader, "cdr.filename_pattern"),
				"cdr.filename_pattern \"%s\" has something else than %%Y, %%m and %%d behind "
				"a %%; write such as \"cdr-%%Y-%%m-%%d.jsonl\"",
				pattern);
		counts[found - conversions]++;
	}
	if (counts[0] != counts[1] || counts[1] != counts[2] || counts[0] > 1)
		return conf_refuse(
			loader, blame(loader, "cdr.filename_pattern"),
			"cdr.filename_pattern \"%s\" must have each of %%Y, %%m and %%d once, or none of them",
			pattern);
	return 0;
}

static int check_monitoring(struct conf_loader *loader)
{
	const struct conf_monitoring *m = &loader->conf->monitoring;

	for (size_t i = 0; i < m->tokens.len; i++)
		if (strlen(m->tokens.at[i]) < 16)
			return conf_refuse(loader, blame(loader, "monitoring.tokens"),
					   "monitoring.tokens[%zu] has %zu characters; write at least 16 random ones",
					   i, strlen(m->tokens.at[i]));
	if (m->tokens.len == 0 && !m->allow_anonymous && !net_address_is_loopback(&m->listen_ip))
		return conf_refuse(
			loader, blame(loader, "monitoring.listen_ip"),
			"monitoring.listen_ip opens the API to the network without tokens; add monitoring.tokens, or "
			"write allow_anonymous = true if everybody may use it");
	if (m->health_check_port == m->prometheus_port)
		return conf_refuse(loader, blame(loader, "monitoring.prometheus_port"),
				   "monitoring.prometheus_port is also health_check_port; write another one");
	return 0;
}

static int check_port(struct conf_loader *loader, size_t index)
{
	struct conf_port *port = &loader->conf->dataplane.ports[index];
	bool is_interface = port->driver == CONF_DRIVER_AF_XDP || port->driver == CONF_DRIVER_AF_PACKET;
	const char *list = "dataplane.ports";

	for (size_t i = 0; i < index; i++)
		if (strcmp(loader->conf->dataplane.ports[i].name, port->name) == 0)
			return conf_refuse(loader, conf_blame_member(loader, list, index, "name"),
					   "two ports are called \"%s\"; the other one is at %s", port->name,
					   loader->conf->dataplane.ports[i].where);
	if (is_interface && strlen(port->device) > 15)
		return conf_refuse(loader, conf_blame_member(loader, list, index, "device"),
				   "device \"%.40s\" is longer than the name of an interface; see ip link",
				   port->device);
	if (port->tap[0] && port->driver != CONF_DRIVER_PCI && port->driver != CONF_DRIVER_MEMIF)
		return conf_refuse(loader, conf_blame_member(loader, list, index, "tap"),
				   "only pci and memif have a tap; the kernel keeps using this interface anyway");
	if (port->advertised.len != 0 && port->advertised.len != port->addresses.len)
		return conf_refuse(loader, conf_blame_member(loader, list, index, "advertised"),
				   "advertised has %zu members and addresses %zu; write one for each",
				   port->advertised.len, port->addresses.len);
	if (port->port_pool.start == 0)
		port->port_pool = loader->conf->media.port_pool;
	return check_pool(loader, &port->port_pool, conf_blame_member(loader, list, index, "port_pool"));
}

static int check_port_addresses(struct conf_loader *loader, size_t index)
{
	const struct conf_port *ports = loader->conf->dataplane.ports, *port = &ports[index];
	const config_setting_t *setting = conf_blame_member(loader, "dataplane.ports", index, "addresses");
	char text[NET_ADDRESS_TEXT];

	for (size_t i = 0; i < port->addresses.len; i++) {
		const struct net_address *address = &port->addresses.at[i];

		net_address_print(address, text);
		if (net_address_is_any(address) || net_address_is_multicast(address))
			return conf_refuse(loader, setting,
					   "media cannot be received on %s; write an address of the device", text);
		if (port->advertised.len && port->advertised.at[i].family != address->family)
			return conf_refuse(loader, conf_blame_member(loader, "dataplane.ports", index, "advertised"),
					   "the advertised address of %s is of the other IP version; write one like it",
					   text);
		for (size_t p = 0; p <= index; p++)
			for (size_t a = 0; a < (p == index ? i : ports[p].addresses.len); a++)
				if (net_address_is_equal(&ports[p].addresses.at[a], address))
					return conf_refuse(
						loader, setting,
						"address %s is already used by the port at %s; each has one place",
						text, ports[p].where);
	}
	return 0;
}

static int check_dataplane(struct conf_loader *loader)
{
	const struct conf_dataplane *dataplane = &loader->conf->dataplane;
	size_t addresses = 0;

	if (dataplane->worker_cores.len != 0 && dataplane->worker_cores.len != dataplane->workers)
		return conf_refuse(loader, blame(loader, "dataplane.worker_cores"),
				   "dataplane.worker_cores has %zu members for %u workers; write one for each",
				   dataplane->worker_cores.len, dataplane->workers);
	for (size_t i = 0; i < dataplane->port_count; i++) {
		int error = check_port(loader, i);

		if (!error)
			error = check_port_addresses(loader, i);
		if (error)
			return error;
		addresses += dataplane->ports[i].addresses.len;
	}
	if (addresses > CONF_ADDRESSES_MAX)
		return conf_refuse(loader, blame(loader, "dataplane.ports"),
				   "the ports have %zu addresses together; at most %d are possible", addresses,
				   CONF_ADDRESSES_MAX);
	return 0;
}

/* The default routes when the file has none. The grammar of patterns belongs to controlplane/routing, which refuses a bad
 * one by its `where`. */
static int check_dialplan(struct conf_loader *loader)
{
	static const struct conf_route defaults[] = {
#define DEFAULT(pattern_, action_)                                                                                     \
	{.pattern = pattern_,                                                                                          \
	 .context = "from-internal",                                                                                   \
	 .action = action_,                                                                                            \
	 .target = "",                                                                                                 \
	 .code = 404,                                                                                                  \
	 .prepend = "",                                                                                                \
	 .where = "default"}
		DEFAULT("_1XXX", CONF_ROUTE_EXTENSION),
		DEFAULT("_2XXX", CONF_ROUTE_EXTENSION),
		DEFAULT("7777", CONF_ROUTE_ECHO),
#undef DEFAULT
	};
	_Static_assert(ARRAY_LEN(defaults) == CONF_DEFAULT_ROUTES, "conf_blame_route");
	struct conf_dialplan *dialplan = &loader->conf->dialplan;
	struct conf_route *routes;

	if (config_lookup(loader->config, "dialplan.routes"))
		return 0;

	routes = arena_alloc(loader->arena, sizeof(defaults) + dialplan->route_count * sizeof(*routes));
	if (!routes)
		return ERR_NOMEM;
	/* Those that are not of the file come last, as in all lists; check_trunk.c blames by that order. */
	memcpy(routes, defaults, sizeof(defaults));
	if (dialplan->route_count > 0)
		memcpy(routes + ARRAY_LEN(defaults), dialplan->routes, dialplan->route_count * sizeof(*routes));
	dialplan->routes = routes;
	dialplan->route_count += ARRAY_LEN(defaults);
	return 0;
}

static bool is_hash(const char *text, size_t size)
{
	return text[0] == '\0' || (strlen(text) == size && strspn(text, "0123456789abcdefABCDEF") == size);
}

static int check_extension(struct conf_loader *loader, size_t index)
{
	struct conf_extension *extension = &loader->conf->extensions[index];
	const char *list = "extensions";

	if (strcspn(extension->number, " <>\"@:;,") != strlen(extension->number))
		return conf_refuse(loader, conf_blame_member(loader, list, index, "number"),
				   "extension \"%s\" is not a number or name; write letters, digits, . - _",
				   extension->number);
	if (!extension->password[0] && !extension->ha1_md5[0] && !extension->ha1_sha256[0])
		return conf_refuse(loader, conf_blame_member(loader, list, index, NULL),
				   "extension \"%s\" has no password; add password, ha1_md5 or ha1_sha256",
				   extension->number);
	if (!is_hash(extension->ha1_md5, 32))
		return conf_refuse(loader, conf_blame_member(loader, list, index, "ha1_md5"),
				   "ha1_md5 is not 32 hexadecimal digits; write the MD5 of number:realm:password");
	if (!is_hash(extension->ha1_sha256, 64))
		return conf_refuse(
			loader, conf_blame_member(loader, list, index, "ha1_sha256"),
			"ha1_sha256 is not 64 hexadecimal digits; write the SHA-256 of number:realm:password");
	if (!extension->context[0])
		extension->context = loader->conf->dialplan.default_context;
	if (extension->max_contacts == 0)
		extension->max_contacts = loader->conf->sip.contacts_per_extension;
	if (extension->srtp == CONF_SRTP_INHERIT)
		extension->srtp = loader->conf->media.srtp;
	return 0;
}

/* By number, and the later one in the file behind the earlier. */
static int compare_extensions(const void *a, const void *b)
{
	const struct conf_extension *x = *(const struct conf_extension *const *)a;
	const struct conf_extension *y = *(const struct conf_extension *const *)b;
	int order = strcmp(x->number, y->number);

	return order ? order : x < y ? -1 : 1;
}

static int check_extensions(struct conf_loader *loader)
{
	size_t count = loader->conf->extension_count;
	const struct conf_extension **sorted;
	int error = 0;

	for (size_t i = 0; i < count && !error; i++)
		error = check_extension(loader, i);
	if (error || count == 0)
		return error;
	sorted = calloc(count, sizeof(*sorted));
	if (!sorted)
		return ERR_NOMEM;
	for (size_t i = 0; i < count; i++)
		sorted[i] = &loader->conf->extensions[i];
	qsort(sorted, count, sizeof(*sorted), compare_extensions);
	for (size_t i = 1; i < count && !error; i++)
		if (strcmp(sorted[i]->number, sorted[i - 1]->number) == 0)
			error = conf_refuse(loader,
					    conf_blame_member(loader, "extensions",
							      (size_t)(sorted[i] - loader->conf->extensions), "number"),
					    "extension \"%s\" is there twice; the other one is at %s",
					    sorted[i]->number, sorted[i - 1]->where);
	free(sorted);
	return error;
}

static int check_dns(struct conf_loader *loader)
{
	const struct conf_strings *servers = &loader->conf->dns.servers;
	struct net_endpoint server;

	for (size_t i = 0; i < servers->len; i++)
		if (net_endpoint_parse(view_of(servers->at[i]), 53, &server) != 0 || server.port == 0)
			return conf_refuse(loader, config_lookup(loader->config, "dns.servers"),
					   "dns.servers has \"%.60s\"; write an address such as \"192.0.2.53\" or "
					   "\"192.0.2.53:5353\"",
					   servers->at[i]);
	return 0;
}

int conf_check(struct conf_loader *loader)
{
	static int (*const checks[])(struct conf_loader *) = {
		check_sip,       check_security, check_media,      check_events,      check_cdr, check_monitoring,
		check_dataplane, check_dialplan, check_extensions, conf_check_trunks, check_dns,
	};
	int error = 0;

	for (size_t i = 0; i < ARRAY_LEN(checks) && !error; i++)
		error = checks[i](loader);
	return error;
}
