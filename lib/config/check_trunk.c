/* The checks of trunks and groups, and of the routes that lead to them: names that exist, addresses that are some. What is
 * written as text becomes addresses, prefixes and ranges here. The grammar of patterns belongs to controlplane/routing. */
#include "lib/config/schema.h"

static const struct conf_trunk *find_trunk(const struct conf *conf, const char *name, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(conf->trunks[i].name, name) == 0)
			return &conf->trunks[i];
	return NULL;
}

static const struct conf_trunk_group *find_group(const struct conf *conf, const char *name, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(conf->trunk_groups[i].name, name) == 0)
			return &conf->trunk_groups[i];
	return NULL;
}

/* The prefixes of its peers. */
static int read_peers(struct conf_loader *loader, struct conf_trunk *trunk, size_t index)
{
	trunk->prefixes = arena_alloc(loader->arena, (trunk->peers.len + 1) * sizeof(*trunk->prefixes));
	if (!trunk->prefixes)
		return ERR_NOMEM;
	for (size_t i = 0; i < trunk->peers.len; i++)
		if (net_prefix_parse(view_of(trunk->peers.at[i]), &trunk->prefixes[trunk->prefix_count++]) != 0)
			return conf_refuse(loader, conf_blame_member(loader, "trunks", index, "peers"),
					   "peers of trunk \"%s\" has \"%.60s\"; write an address or a prefix such as "
					   "\"198.51.100.0/24\"",
					   trunk->name, trunk->peers.at[i]);
	return 0;
}

/* Labels of letters, digits and "-"; the last one is not a number, so that a mistyped address is no name. */
static bool is_name(struct view name)
{
	bool is_number = false;

	if (name.size > 253)
		return false;
	if (name.size > 0 && name.at[name.size - 1] == '.')
		name.size--;
	do {
		struct view label = view_cut(&name, '.');

		is_number = true;
		if (label.size == 0 || label.size > 63)
			return false;
		for (size_t i = 0; i < label.size; i++) {
			char c = label.at[i];

			if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
			      c == '_'))
				return false;
			is_number = is_number && c >= '0' && c <= '9';
		}
	} while (name.at);
	return !is_number;
}

static bool split_host(struct conf_loader *loader, struct conf_trunk *trunk)
{
	struct net_endpoint remote;
	char address[NET_ADDRESS_TEXT];
	char name[256];
	struct view rest = view_of(trunk->host), host;
	uint32_t port = 0;

	if (net_endpoint_parse(view_of(trunk->host), 1, &remote) == 0) {
		struct net_endpoint other;
		bool has_port = net_endpoint_parse(view_of(trunk->host), 2, &other) == 0 && other.port == remote.port;

		trunk->host_name = conf_keep(loader, net_address_print(&remote.address, address));
		trunk->host_port = has_port ? remote.port : 0;
		return trunk->host_name && !net_address_is_any(&remote.address) &&
		       !net_address_is_multicast(&remote.address) && remote.port > 0;
	}
	host = view_cut(&rest, ':');
	if (!is_name(host) || (rest.at && (view_to_u32(rest, 65535, &port) != 0 || port == 0)) ||
	    view_copy(host, name, sizeof(name)) != 0)
		return false;
	trunk->host_port = (uint16_t)port;
	trunk->host_name = conf_keep(loader, name);
	return trunk->host_name;
}

static int check_trunk(struct conf_loader *loader, size_t index)
{
	struct conf_trunk *trunk = &loader->conf->trunks[index];
	const struct conf_trunk *other = find_trunk(loader->conf, trunk->name, index);

	if (other)
		return conf_refuse(loader, conf_blame_member(loader, "trunks", index, "name"),
				   "trunk \"%s\" is there twice; the other one is at %s", trunk->name, other->where);
	if (!split_host(loader, trunk))
		return conf_refuse(loader, conf_blame_member(loader, "trunks", index, "host"),
				   "host \"%.80s\" of trunk \"%s\" is neither a name nor an address; write one such as "
				   "\"sip.example.net\" or \"192.0.2.5:5060\"",
				   trunk->host, trunk->name);
	if (trunk->transport != CONF_TRUNK_AUTO && !(loader->conf->sip.transports & 1u << trunk->transport))
		return conf_refuse(loader, conf_blame_member(loader, "trunks", index, "transport"),
				   "trunk \"%s\" has a transport that sip.transport does not have; add it there",
				   trunk->name);
	if (trunk->registers && !trunk->username[0])
		return conf_refuse(loader, conf_blame_member(loader, "trunks", index, "register"),
				   "trunk \"%s\" shall register without a username; add username and password",
				   trunk->name);
	if (strcspn(trunk->username, " <>\"@\\") != strlen(trunk->username) || strpbrk(trunk->realm, "\"\\"))
		return conf_refuse(loader, conf_blame_member(loader, "trunks", index, "username"),
				   "username or realm of trunk \"%s\" has a character that cannot stand in SIP; write "
				   "letters, digits, . - _ +",
				   trunk->name);
	if (trunk->caller_id == CONF_CALLER_ID_FIXED && !trunk->caller_number[0])
		return conf_refuse(loader, conf_blame_member(loader, "trunks", index, "caller_id"),
				   "trunk \"%s\" has a fixed caller_id and no caller_number; add it", trunk->name);
	if (trunk->srtp == CONF_SRTP_INHERIT)
		trunk->srtp = loader->conf->media.srtp;
	return read_peers(loader, trunk, index);
}

/* "503" or "500-599". */
static int parse_codes(const char *text, struct conf_code_range *ret_range)
{
	struct view rest = view_of(text), first = view_trim(view_cut(&rest, '-'));
	uint32_t low, high;

	if (view_to_u32(first, 699, &low) != 0 || low < 300)
		return ERR_SYNTAX;
	high = low;
	if (rest.at && (view_to_u32(view_trim(rest), 699, &high) != 0 || high < low))
		return ERR_SYNTAX;
	*ret_range = (struct conf_code_range){(uint16_t)low, (uint16_t)high};
	return 0;
}

static int read_codes(struct conf_loader *loader, struct conf_trunk_group *group, size_t index)
{
	static const char *usual[] = {"408", "500-599"};
	const struct conf_strings *from = &group->failover_on;
	struct conf_strings otherwise = {usual, ARRAY_LEN(usual)};

	if (from->len == 0)
		from = &otherwise;
	group->codes = arena_alloc(loader->arena, from->len * sizeof(*group->codes));
	if (!group->codes)
		return ERR_NOMEM;
	for (size_t i = 0; i < from->len; i++)
		if (parse_codes(from->at[i], &group->codes[group->code_count++]) != 0)
			return conf_refuse(
				loader, conf_blame_member(loader, "trunk_groups", index, "failover_on"),
				"failover_on has \"%.40s\"; write a response or a range from 300 to 699 such as "
				"\"503\" or \"500-599\"",
				from->at[i]);
	return 0;
}

static int check_group(struct conf_loader *loader, size_t index)
{
	struct conf_trunk_group *group = &loader->conf->trunk_groups[index];
	const struct conf_trunk_group *other = find_group(loader->conf, group->name, index);
	const struct conf_trunk *trunk = find_trunk(loader->conf, group->name, loader->conf->trunk_count);

	if (other || trunk)
		return conf_refuse(loader, conf_blame_member(loader, "trunk_groups", index, "name"),
				   "\"%s\" is the name of another trunk or group already, at %s", group->name,
				   other ? other->where : trunk->where);
	if (group->member_count == 0)
		return conf_refuse(loader, conf_blame_member(loader, "trunk_groups", index, "members"),
				   "group \"%s\" has no members; write members = ( { trunk = \"...\"; } )",
				   group->name);
	for (size_t i = 0; i < group->member_count; i++)
		if (!find_trunk(loader->conf, group->members[i].trunk, loader->conf->trunk_count))
			return conf_refuse(loader, conf_blame_member(loader, "trunk_groups", index, "members"),
					   "group \"%s\" names the trunk \"%s\", which is not there; see trunks",
					   group->name, group->members[i].trunk);
	return read_codes(loader, group, index);
}

static int check_route(struct conf_loader *loader, size_t index)
{
	const struct conf *conf = loader->conf;
	const struct conf_route *route = &conf->dialplan.routes[index];

	if (route->action != CONF_ROUTE_TRUNK)
		return 0;
	if (!find_trunk(conf, route->target, conf->trunk_count) &&
	    !find_group(conf, route->target, conf->trunk_group_count))
		return conf_refuse(loader, conf_blame_route(loader, index, "target"),
				   "route \"%s\" leads to the trunk \"%s\", which is neither in trunks nor in "
				   "trunk_groups",
				   route->pattern, route->target);
	return 0;
}

int conf_check_trunks(struct conf_loader *loader)
{
	const struct conf *conf = loader->conf;
	int error = 0;

	for (size_t i = 0; i < conf->trunk_count && !error; i++)
		error = check_trunk(loader, i);
	for (size_t i = 0; i < conf->trunk_group_count && !error; i++)
		error = check_group(loader, i);
	for (size_t i = 0; i < conf->dialplan.route_count && !error; i++)
		error = check_route(loader, i);
	return error;
}
