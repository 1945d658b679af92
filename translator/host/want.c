/* Objects' settings for hosts, as facts. */
#include <string.h>

#include "translator/envoy/envoy-jwt.h"
#include "translator/envoy/envoy-route-filter.h"
#include "translator/envoy/envoy-route.h"
#include "translator/host/fault.h"
#include "translator/host/want.h"
#include "translator/kinds.h"
#include "translator/model/front-end.h"
#include "translator/resolve/config.h"

/* ---- TLS and TCP ---- */

static ModelHostClient *client_message(struct arena *a, const struct client_validation *c)
{
	ModelHostClient *m;

	if (!c)
		return NULL;
	m = message_new(a, ModelHostClient);
	m->has_authority = c->authority_len != 0;
	m->authority = (ProtobufCBinaryData){ c->authority_len, (uint8_t *)c->authority };
	m->has_revoked = c->revoked_len != 0;
	m->revoked = (ProtobufCBinaryData){ c->revoked_len, (uint8_t *)c->revoked };
	m->has_leaf_only = m->has_may_be_absent = m->has_untrusted = 1;
	m->leaf_only = c->leaf_only;
	m->may_be_absent = c->may_be_absent;
	m->untrusted = c->untrusted;
	m->has_by_routes = m->by_routes = c->by_routes;
	m->has_max_depth = c->max_depth != 0;
	m->max_depth = c->max_depth;
	if (!c->forward)
		return m;
	m->forward = message_new(a, ModelHostClientForward);
	m->forward->subject = c->subject;
	m->forward->cert = c->cert;
	m->forward->chain = c->chain;
	m->forward->dns = c->dns;
	m->forward->uri = c->uri;
	return m;
}

static ModelHostTls *tls_message(struct arena *a, const struct host_tls *tls)
{
	ModelHostTls *m;

	if (!tls)
		return NULL;
	m = message_new(a, ModelHostTls);
	m->secret = (char *)tls->secret;
	m->field = (char *)tls->field;
	m->has_min_version = tls->min_version != 0;
	m->min_version = tls->min_version;
	m->has_max_version = tls->max_version != 0;
	m->max_version = tls->max_version;
	m->ciphers = tls->ciphers;
	m->n_ciphers = tls->n_ciphers;
	m->client = client_message(a, tls->client);
	m->has_cookies = m->cookies = tls->cookies;
	m->has_unnamed = m->unnamed = tls->unnamed;
	m->has_jwt = tls->n_jwt != 0;
	if (tls->n_jwt)
		m->jwt = envoy_jwt(a, tls->jwt, tls->n_jwt);
	if (tls->authorization) {
		m->services = message_new(a, ModelHostServices);
		m->services->authorization = tls->authorization;
	}
	m->fallback = (char *)tls->fallback;
	return m;
}

static ModelHostTcp *tcp_message(struct arena *a, const struct host_tcp *tcp)
{
	ModelHostTcp *m;

	if (!tcp)
		return NULL;
	m = message_new(a, ModelHostTcp);
	m->clusters = arena_new_of(a, char *, tcp->n + 1);
	m->weights = arena_new_of(a, uint32_t, tcp->n + 1);
	for (size_t i = 0; i < tcp->n; i++) {
		m->clusters[m->n_clusters++] = (char *)tcp->targets[i].cluster;
		m->weights[m->n_weights++] = tcp->targets[i].weight;
	}
	return m;
}

/* ---- routes ---- */

static void encode(struct reader *r, const struct host_spec *spec, const struct route *from,
		   ModelHostRoute *m)
{
	struct arena *a = reader_arena(r);
	ProtobufCBinaryData own = { 0 };

	m->has_https = !spec->plain_only && from->plain != PLAIN_ONLY;
	m->has_http = from->plain != PLAIN_ABSENT;
	if (m->has_https || from->plain == PLAIN_SERVED || from->plain == PLAIN_ONLY)
		own = envoy_route_encode(a, spec->host, spec->one_label, from);
	if (m->has_https)
		m->https = own;
	/* Most are the same for both, and each host has some. */
	m->has_same = m->same = m->has_https && from->plain == PLAIN_SERVED;
	m->has_http &= !m->same;
	if (from->plain == PLAIN_SERVED || from->plain == PLAIN_ONLY)
		m->http = own;
	else if (from->plain == PLAIN_REDIRECTED)
		m->http = envoy_route_encode_https(a, spec->host, spec->one_label, from,
						   config_read(r)->global_ext_auth != NULL);
}

static ModelHostRoute *route_message(struct reader *r, const struct host_spec *spec,
				     const struct route *from)
{
	ModelHostRoute *m = message_new(reader_arena(r), ModelHostRoute);

	m->has_path_kind = m->has_headers = m->has_queries = 1;
	m->path_kind = from->match.kind;
	m->path = (char *)from->match.path;
	m->headers = (uint32_t)from->match.n_headers;
	m->queries = (uint32_t)from->match.n_queries;
	m->has_method = m->method = from->match.method != NULL;
	m->conditions = (char *)from->match.text;
	m->field = (char *)from->origin.field;
	if (from->origin.object && strcmp(from->origin.object, spec->object) != 0)
		m->owner = (char *)from->origin.object;
	m->also = (char *)from->origin.also;
	m->has_first = m->first = from->tier == TIER_FIRST;
	m->has_fallback = m->fallback = from->tier >= TIER_FALLBACK;
	m->has_last = m->last = from->tier == TIER_LAST;
	m->rank = front_end(spec->kind)->rank;
	m->has_rank = m->rank != 0;
	m->has_place = from->place != 0;
	m->place = from->place;
	m->has_by_age = m->by_age = from->by_age;
	encode(r, spec, from, m);
	return m;
}

static ModelHostRoutes *spec_message(struct reader *r, const struct host_spec *spec)
{
	struct arena *a = reader_arena(r);
	ModelHostRoutes *m = message_new(a, ModelHostRoutes);

	m->has_object_kind = 1;
	m->object_kind = spec->kind;
	m->object_key = (char *)spec->object;
	m->routes = arena_new_of(a, ModelHostRoute *, spec->routes.n + 1);
	for (size_t i = 0; i < spec->routes.n; i++)
		m->routes[m->n_routes++] = route_message(r, spec, &spec->routes.all[i]);
	for (size_t i = 0; i < spec->routes.n; i++)
		m->has_access = m->access |= spec->routes.all[i].filters.access != NULL;
	m->options = envoy_host_filters(a, &spec->filters);
	m->has_options = m->options.len != 0;
	m->tls = tls_message(a, spec->tls);
	m->tcp = tcp_message(a, spec->tcp);
	return m;
}

/* A TLS host's name is reserved below the wildcard that covers it. */
static void emit_below(struct reader *r, const struct host_spec *spec)
{
	const char *domain = strchr(spec->host, '.'), *above;
	size_t host_len = strlen(spec->host) + 1, sort_len = strlen(spec->sort);
	char *key;

	if (!domain || *spec->host == '*' || !((spec->tls && !spec->tls->unnamed) || spec->tcp))
		return;
	above = arena_printf(reader_arena(r), "*%s", domain);
	key = arena_alloc(reader_arena(r), host_len + sort_len);
	memcpy(key, spec->host, host_len);
	memcpy(key + host_len, spec->sort, sort_len);
	emit_fact(r, FACT_BELOW, above, strlen(above), key, host_len + sort_len, NULL, 0);
}

void want_host(struct reader *r, struct host_spec *spec)
{
	uint8_t *packed;
	size_t len;

	fault_inject(r, spec);
	packed = reader_pack(r, &spec_message(r, spec)->base, &len);
	emit_fact(r, FACT_HOST, spec->host, strlen(spec->host), spec->sort, strlen(spec->sort),
		  packed, len);
	emit_below(r, spec);
}

const char **want_hosts_below(struct reader *r, const char *host, size_t *ret_n)
{
	const struct item *const *facts = NULL;
	const char **names;
	size_t n = 0, kept = 0;

	if (*host == '*')
		facts = read_facts(r, FACT_BELOW, host, strlen(host), &n);
	names = arena_new_of(reader_arena(r), const char *, n + 1);
	for (size_t i = 0; i < n; i++)
		if (!kept || strcmp(names[kept - 1], facts[i]->data) != 0)
			names[kept++] = facts[i]->data;
	*ret_n = kept;
	return names;
}
