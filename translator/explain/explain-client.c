/* The client and its connection: the version of HTTP, offers to upgrade, and whether its address
 * may pass. */
#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

#include "envoy/extensions/filters/http/rbac/v3/rbac.pb-c.h"
#include "translator/explain/explain-internal.h"

#define MANAGER(name) \
	ENVOY__EXTENSIONS__FILTERS__NETWORK__HTTP_CONNECTION_MANAGER__V3__HTTP_CONNECTION_MANAGER__##name

/* ---- versions ---- */

static const struct {
	const char *word;
	enum explain_http version;
} versions[] = {
	{ "1.0", EXPLAIN_HTTP_1_0 }, { "1.1", EXPLAIN_HTTP_1_1 }, { "1", EXPLAIN_HTTP_1_1 },
	{ "2", EXPLAIN_HTTP_2 },     { "2.0", EXPLAIN_HTTP_2 },
};

bool explain_http_parse(const char *word, enum explain_http *ret)
{
	for (size_t i = 0; i < ARRAY_SIZE(versions); i++)
		if (strcmp(versions[i].word, word) == 0) {
			*ret = versions[i].version;
			return true;
		}
	return false;
}

const char *explain_http_refused(const struct explain *e, const EnvoyHttpConnectionManager *m)
{
	/* RFC 9113, section 8.2.2. */
	static const char *const never[] = { "connection", "keep-alive", "proxy-connection",
					     "transfer-encoding", "upgrade" };
	bool http2 = e->request.http == EXPLAIN_HTTP_2;
	size_t n;

	if (http2 && m->codec_type == MANAGER(CODEC_TYPE__HTTP1))
		return "the listener speaks HTTP/1.1 only (default-http-versions)";
	if (!http2 && m->codec_type == MANAGER(CODEC_TYPE__HTTP2))
		return "the listener speaks HTTP/2 only (default-http-versions)";
	for (size_t i = 0; http2 && i < ARRAY_SIZE(never); i++) {
		(void)explain_request_header(e, never[i], &n);
		if (n)
			return arena_printf(
				e->a, "HTTP/2 has no header %s: Envoy resets the stream", never[i]);
	}
	return NULL;
}

/* ---- upgrades ---- */

/* Whether one of the values, which are lists with commas, has the token. */
static bool has_token(const struct explain *e, const char *header, const char *token)
{
	size_t n, len = strlen(token);
	const char **values = explain_request_header(e, header, &n);

	for (size_t i = 0; i < n; i++)
		for (const char *p = values[i]; *p;) {
			size_t size;

			p += strspn(p, ", \t");
			size = strcspn(p, ",");
			while (size && strchr(" \t", p[size - 1]))
				size--;
			if (size == len && strncasecmp(p, token, len) == 0)
				return true;
			p += strcspn(p, ",");
		}
	return false;
}

static bool is_ignored(const EnvoyHttp1ProtocolOptions *o, const char *offer)
{
	for (size_t i = 0; o && i < o->n_ignore_http_11_upgrade; i++)
		if (explain_string_matches(o->ignore_http_11_upgrade[i], offer))
			return true;
	return false;
}

/* The list of offers, without those that Envoy ignores. */
static const char *offers_left(struct explain *e, const EnvoyHttp1ProtocolOptions *o,
			       const char *offers)
{
	const char *left = NULL;

	for (const char *p = offers; *p;) {
		size_t n, all = strcspn(p, ",");
		const char *one;

		p += strspn(p, " \t");
		n = strcspn(p, ",");
		all = n;
		while (n && strchr(" \t", p[n - 1]))
			n--;
		one = arena_strndup(e->a, p, n);
		if (n && !is_ignored(o, one))
			left = left ? arena_printf(e->a, "%s,%s", left, one) : one;
		p += all + (p[all] == ',');
	}
	return left;
}

const char *explain_upgrade(struct explain *e, const EnvoyHttpConnectionManager *m)
{
	size_t n;
	const char **values = explain_request_header(e, "upgrade", &n);
	const char *all = n ? values[0] : NULL;

	for (size_t i = 1; i < n; i++)
		all = arena_printf(e->a, "%s,%s", all, values[i]);
	if (!all || !*all || e->request.http == EXPLAIN_HTTP_2 ||
	    !has_token(e, "connection", "upgrade"))
		return NULL;
	return offers_left(e, m->http_protocol_options, all);
}

bool explain_upgrade_refused(struct explain *e, const EnvoyRoute *route)
{
	const char *offer = e->request.upgrade;
	const EnvoyRouteAction *a = route->action_case == EnvoyRoute__ACTION_ROUTE ? route->route
										   : NULL;

	if (!offer)
		return false;
	for (size_t i = 0; a && i < a->n_upgrade_configs; i++)
		if (strcasecmp(a->upgrade_configs[i]->upgrade_type, offer) == 0)
			return a->upgrade_configs[i]->enabled &&
			       !a->upgrade_configs[i]->enabled->value;
	for (size_t i = 0; i < e->manager->n_upgrade_configs; i++)
		if (strcasecmp(e->manager->upgrade_configs[i]->upgrade_type, offer) == 0)
			return false;
	return true;
}

void explain_upgrade_write(struct explain *e)
{
	bool websocket = strcasecmp(e->request.upgrade, "websocket") == 0;

	explain_nothing(e, "upgrade-refused", 403,
			arena_printf(e->a,
				     "Envoy refuses the upgrade to %s, which the route does not "
				     "allow%s",
				     e->request.upgrade,
				     websocket ? " (enableWebsockets, or the annotation "
						 "projectcontour.io/websocket-routes)"
					       : ""));
}

/* ---- addresses ---- */

struct address_bytes {
	uint8_t bytes[16];
	size_t n; /* 0: it is not an address */
};

static struct address_bytes parse(const char *text)
{
	struct address_bytes ret = { 0 };

	if (text && inet_pton(AF_INET, text, ret.bytes) == 1)
		ret.n = 4;
	else if (text && inet_pton(AF_INET6, text, ret.bytes) == 1)
		ret.n = 16;
	return ret;
}

bool explain_address_is_valid(const char *text)
{
	return parse(text).n > 0;
}

static bool in_cidr(const EnvoyCidrRange *range, const char *address)
{
	struct address_bytes a = parse(address), b = parse(range->address_prefix);
	uint32_t bits = range->prefix_len ? range->prefix_len->value : 0;

	if (!a.n || a.n != b.n)
		return false;
	for (size_t i = 0; i < a.n && bits; i++) {
		uint8_t mask = bits >= 8 ? 0xff : (uint8_t)(0xff << (8 - bits));

		if ((a.bytes[i] & mask) != (b.bytes[i] & mask))
			return false;
		bits -= MIN(bits, 8u);
	}
	return true;
}

/* Envoy takes this address for the client's: the peer's, or the one that so many proxies say in
 * X-Forwarded-For. */
static const char *remote(struct explain *e)
{
	uint32_t hops = e->manager->xff_num_trusted_hops;
	const char *all = NULL;

	for (size_t i = 0; i < e->request.n_headers; i++)
		if (strcmp(e->request.headers[i].name, "x-forwarded-for") == 0)
			all = all ? arena_printf(e->a, "%s,%s", all, e->request.headers[i].value)
				  : e->request.headers[i].value;
	if (!hops || !all)
		return e->request.client;
	for (const char *end = all + strlen(all), *comma; hops; hops--) {
		size_t n;

		for (comma = end; comma > all && comma[-1] != ','; comma--)
			;
		n = (size_t)(end - comma);
		if (hops == 1) {
			const char *one = arena_strndup(e->a, comma, n);

			one += strspn(one, " \t");
			one = arena_strndup(e->a, one, strcspn(one, " \t"));
			return explain_address_is_valid(one) ? one : e->request.client;
		}
		if (comma == all)
			break;
		end = comma - 1;
	}
	return e->request.client;
}

/* 1, 0, or -1: it cannot be told. */
static int is_who(struct explain *e, const EnvoyPrincipal *p, unsigned depth);

static int one_of(struct explain *e, EnvoyPrincipal *const *ids, size_t n, bool all, unsigned depth)
{
	bool unknown = false;

	for (size_t i = 0; i < n; i++) {
		int is = is_who(e, ids[i], depth);

		if (is == !all)
			return !all;
		unknown |= is < 0;
	}
	return unknown ? -1 : all;
}

static int is_who(struct explain *e, const EnvoyPrincipal *p, unsigned depth)
{
	int r;

	if (!depth)
		return -1;
	switch (p->identifier_case) {
	case EnvoyPrincipal__IDENTIFIER_ANY:
		return 1;
	case EnvoyPrincipal__IDENTIFIER_DIRECT_REMOTE_IP:
		return in_cidr(p->direct_remote_ip, e->request.client);
	case EnvoyPrincipal__IDENTIFIER_REMOTE_IP:
		return in_cidr(p->remote_ip, remote(e));
	case EnvoyPrincipal__IDENTIFIER_NOT_ID:
		r = is_who(e, p->not_id, depth - 1);
		return r < 0 ? r : !r;
	case EnvoyPrincipal__IDENTIFIER_OR_IDS:
		return one_of(e, p->or_ids->ids, p->or_ids->n_ids, false, depth - 1);
	case EnvoyPrincipal__IDENTIFIER_AND_IDS:
		return one_of(e, p->and_ids->ids, p->and_ids->n_ids, true, depth - 1);
	default:
		return -1;
	}
}

static bool is_for_all(const EnvoyPolicy *p)
{
	for (size_t i = 0; i < p->n_permissions; i++)
		if (p->permissions[i]->rule_case != EnvoyPermission__RULE_ANY)
			return false;
	return true;
}

enum explain_pass explain_address_pass(struct explain *e, const GoogleAny *any)
{
	const EnvoyRBACPerRoute *c = explain_any(e->a, any, &EnvoyRBACPerRoute__descriptor);
	const EnvoyRBAC *rules = c && c->rbac ? c->rbac->rules : NULL;
	bool found = false;

	if (!rules)
		return EXPLAIN_PASSES;
	if (!e->request.client)
		return EXPLAIN_PASS_UNKNOWN;
	for (size_t i = 0; i < rules->n_policies; i++) {
		const EnvoyPolicy *p = rules->policies[i]->value;
		int r = is_for_all(p) ? one_of(e, p->principals, p->n_principals, false, 8) : -1;

		if (r < 0)
			return EXPLAIN_PASS_UNKNOWN;
		found |= r;
	}
	return found == (rules->action == EnvoyRBAC__ACTION__ALLOW) ? EXPLAIN_PASSES
								    : EXPLAIN_STOPS;
}
