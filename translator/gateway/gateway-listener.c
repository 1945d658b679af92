/* The fields of a listener. */
#include "translator/gateway/gateway-listener.h"

#include <string.h>

#include "translator/model/host-name.h"
#include "translator/resolve/reference-grant.h"

/* The words of the API, and the kinds of routes that each protocol can have (G-LST-14). */
static const struct {
	const char *word;
	enum listener_protocol protocol;
	enum object_kind kinds[2];
} protocols[] = {
	{ "HTTP", LISTENER_HTTP, { OBJECT_HTTP_ROUTE, OBJECT_GRPC_ROUTE } },
	{ "HTTPS", LISTENER_HTTPS, { OBJECT_HTTP_ROUTE, OBJECT_GRPC_ROUTE } },
	{ "TLS", LISTENER_TLS_TERMINATE, { OBJECT_TLS_ROUTE, 0 } },
	{ "TCP", LISTENER_TCP, { OBJECT_TCP_ROUTE, 0 } },
	{ "UDP", LISTENER_UDP, { OBJECT_UDP_ROUTE, 0 } },
};

static bool is_passthrough(const K8s__Listener *s)
{
	return s->tls && strcmp(s->tls->mode, "Passthrough") == 0;
}

static void read_host(struct arena *a, struct gateway_listener *l)
{
	const char *text = l->spec->hostname ? l->spec->hostname : "", *why;
	size_t n = strlen(text);

	l->host = host_name_normal(
		a, n && text[n - 1] == '.' ? arena_strndup(a, text, n - 1) : text, &why);
	if (!l->host) {
		flaw_set(&l->accepted, "UnsupportedValue",
			 arena_printf(a, "hostname \"%s\": %s", text, why));
		l->host = "*";
	}
	if (strcmp(l->host, "*") != 0 && !listener_has_server_name(l->protocol) &&
	    l->protocol != LISTENER_HTTP) {
		flaw_set(&l->accepted, "UnsupportedValue",
			 "only HTTP, HTTPS and TLS listeners can have a hostname");
		l->host = "*";
	}
}

static void allow_kind(struct gateway_listener *l, enum object_kind kind)
{
	for (size_t i = 0; i < l->n_kinds; i++)
		if (l->kinds[i] == kind)
			return;
	l->kinds[l->n_kinds++] = kind;
}

static enum object_kind find_kind(const enum object_kind all[2], const K8s__RouteGroupKind *k)
{
	if (k->group && strcmp(k->group, GATEWAY_GROUP) != 0)
		return 0;
	for (size_t i = 0; i < 2 && all[i]; i++)
		if (strcmp(object_kind(all[i])->kind, k->kind) == 0)
			return all[i];
	return 0;
}

static void read_kinds(struct arena *a, struct gateway_listener *l, const enum object_kind all[2])
{
	const K8s__AllowedRoutes *allowed = l->spec->allowed_routes;

	for (size_t i = 0; i < 2 && all[i] && (!allowed || !allowed->n_kinds); i++)
		allow_kind(l, all[i]);
	for (size_t i = 0; allowed && i < allowed->n_kinds; i++) {
		enum object_kind kind = find_kind(all, allowed->kinds[i]);

		if (kind) {
			allow_kind(l, kind);
			continue;
		}
		flaw_set(&l->resolved, "InvalidRouteKinds",
			 arena_printf(a, "a listener of protocol %s cannot have routes of kind %s",
				      l->spec->protocol, allowed->kinds[i]->kind));
	}
}

static void check_tls(struct gateway_listener *l)
{
	const K8s__ListenerTLSConfig *tls = l->spec->tls;

	if (l->protocol == LISTENER_HTTPS && is_passthrough(l->spec))
		flaw_set(&l->accepted, "UnsupportedValue",
			 "an HTTPS listener terminates TLS: tls.mode must be Terminate");
	if (tls && !listener_has_server_name(l->protocol))
		flaw_set(&l->accepted, "UnsupportedValue",
			 "only HTTPS and TLS listeners can have tls");
	for (size_t i = 0; tls && i < tls->n_options; i++)
		if (strncmp(tls->options[i]->key, "portolan.io/", 12) == 0)
			flaw_set(&l->accepted, "UnsupportedValue",
				 "tls.options has a key under portolan.io that has no meaning");
}

/* They are a guard: without one of them nothing may be served (GEP-5224). */
static void check_filters(struct arena *a, struct gateway_listener *l)
{
	const K8s__ListenerFilters *f = l->spec->filters;
	const char *field;

	if (!f || !f->n_requests)
		return;
	if (!listener_has_routes(l->protocol))
		flaw_set(&l->accepted, "InvalidListenerFilter",
			 "only HTTP and HTTPS listeners can have filters");
	if (f->n_requests > LISTENER_GUARDS_MAX)
		flaw_set(&l->accepted, "InvalidListenerFilter",
			 arena_printf(a, "%s.filters.requests: there are more than %d", l->field,
				      LISTENER_GUARDS_MAX));
	for (size_t i = 0; i < f->n_requests; i++) {
		const K8s__ListenerFilter *one = f->requests[i];

		field = arena_printf(a, "%s.filters.requests[%zu]", l->field, i);
		if (one->extension_ref)
			flaw_set(&l->resolved, "InvalidListenerFilterRef",
				 arena_printf(a, "%s: a %s is no filter", field,
					      one->extension_ref->kind));
		if (strcmp(one->type, "ExternalAuth") == 0 && one->external_auth)
			continue;
		flaw_set(&l->accepted, "UnsupportedValue",
			 arena_printf(a,
				      "%s: a filter of type %s is not supported: ExternalAuth is",
				      field, one->type));
	}
}

static void parse(struct arena *a, struct gateway_listener *l)
{
	const enum object_kind *kinds = NULL;

	l->protocol = LISTENER_UNKNOWN;
	for (size_t i = 0; i < ARRAY_SIZE(protocols); i++)
		if (strcmp(protocols[i].word, l->spec->protocol) == 0) {
			l->protocol = protocols[i].protocol;
			kinds = protocols[i].kinds;
		}
	if (l->protocol == LISTENER_TLS_TERMINATE && is_passthrough(l->spec))
		l->protocol = LISTENER_TLS_PASSTHROUGH;
	if (!kinds)
		flaw_set(&l->accepted, "UnsupportedProtocol",
			 arena_printf(a, "protocol \"%s\" is not HTTP, HTTPS, TLS, TCP or UDP",
				      l->spec->protocol));
	if (l->spec->port < 1 || l->spec->port > 65535)
		flaw_set(&l->accepted, "UnsupportedValue", "port is not between 1 and 65535");
	check_filters(a, l);
	read_host(a, l);
	if (!kinds)
		return;
	check_tls(l);
	read_kinds(a, l, kinds);
}

void gateway_listeners_parse(struct arena *a, struct listener_owner *o)
{
	o->listeners = arena_new_of(a, struct gateway_listener, o->n_specs + 1);
	for (size_t i = 0; i < o->n_specs; i++) {
		struct gateway_listener *l = &o->listeners[i];

		*l = (struct gateway_listener){
			.owner = o,
			.spec = o->specs[i],
			.field = arena_printf(a, "spec.listeners[%zu]", i),
		};
		parse(a, l);
		for (size_t k = 0; k < i; k++)
			if (strcmp(o->specs[k]->name, l->spec->name) == 0)
				flaw_set(&l->accepted, "UnsupportedValue",
					 "an earlier listener has the same name");
	}
}

bool gateway_listener_is_accepted(const struct gateway_listener *l)
{
	return !l->accepted.reason && !l->conflict.reason;
}

bool gateway_listener_is_served(const struct gateway_listener *l)
{
	return gateway_listener_is_accepted(l) && l->n_kinds &&
	       (!listener_terminates_tls(l->protocol) || l->n_secrets);
}
