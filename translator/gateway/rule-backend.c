/* Backends of routes. */
#include <string.h>
#include <strings.h>

#include "translator/gateway/route-work.h"
#include "translator/kinds.h"
#include "translator/model/listener.h"
#include "translator/resolve/service-options.h"
#include "translator/resolve/traffic-policy.h"
#include "translator/resolve/upstream.h"

typedef Portolan__Model__ClusterResult ClusterResult;
typedef Portolan__Model__ClusterSpec ClusterSpec;

/* The API's words for the result of a cluster's unit (G-BE-1, V-16, V-17). */
static const char *flaw_of(const char *reason)
{
	static const struct {
		const char *reason, *flaw;
	} rows[] = { { "ExternalNameNotAllowed", "UnsupportedValue" } };

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (strcmp(rows[i].reason, reason) == 0)
			return rows[i].flaw;
	return "BackendNotFound";
}

/* An XBackendTrafficPolicy is about requests. */
static bool is_in_effect(enum object_kind route, const char *policy)
{
	return (route != OBJECT_TCP_ROUTE && route != OBJECT_TLS_ROUTE &&
		route != OBJECT_UDP_ROUTE) ||
	       strncmp(policy, TRAFFIC_POLICY, strlen(TRAFFIC_POLICY)) != 0;
}

/* With the fault for which the backend is not reached, if it has one. */
static void tell_policies(struct route_work *w, const ClusterResult *result)
{
	const char *gateway = w->at->parent->gateway;
	ClusterResult fault = PORTOLAN__MODEL__CLUSTER_RESULT__INIT;
	uint8_t *packed;
	size_t len;

	if (!result->name) {
		fault.reason = result->reason;
		fault.message = result->message;
	}
	packed = reader_pack(w->r, &fault.base, &len);
	for (size_t i = 0; *gateway && i < result->n_policies; i++)
		if (is_in_effect(w->head.kind, result->policies[i]))
			emit_fact(w->r, FACT_POLICY_USE, result->policies[i],
				  strlen(result->policies[i]), gateway, strlen(gateway), packed,
				  len);
}

void rule_reference_fails(struct route_work *w, const char *reason, const char *field,
			  const char *message)
{
	flaw_set(&w->flaws.resolved, reason, arena_printf(w->a, "%s: %s", field, message));
	route_flaw_add(&w->flaws, reason, field, message);
}

/* A missing backend may be on its way (guard/route-patience.h). */
static const char *not_there(struct route_work *w, const char *reason, const char *field,
			     const char *message)
{
	rule_reference_fails(w, reason, field, message);
	w->waits = true;
	return NULL;
}

/* Routes of bytes go to Services of any protocol. */
static bool has_matches(enum object_kind kind)
{
	return kind == OBJECT_HTTP_ROUTE || kind == OBJECT_GRPC_ROUTE;
}

/* Clients have one session for a rule, so one policy decides. Where both ask for the same it does
 * not matter which. */
static void note_session(struct route_work *w, const ClusterResult *result)
{
	const ProtobufCBinaryData *own = &result->session;

	if (!w->session) {
		w->session = k8s__session_persistence__unpack(arena_pb(w->a), own->len, own->data);
		w->session_packed = *own;
		w->session_policy = result->session_policy;
	} else if (own->len != w->session_packed.len ||
		   memcmp(own->data, w->session_packed.data, own->len) != 0) {
		w->session_other = result->session_policy;
	}
}

/* What clients send over TLS themselves must not be wrapped in TLS once more (G-L4-8, G-BTP-1). */
static void set_bytes(const struct route_work *w, ClusterSpec *spec)
{
	const Portolan__Model__ParentListener *l = w->at->listener;

	if (w->head.kind == OBJECT_TCP_ROUTE)
		spec->has_stream = spec->stream = 1;
	if (l && l->protocol == LISTENER_TLS_PASSTHROUGH)
		spec->has_untouched = spec->untouched = 1;
}

static const char *find_cluster(struct route_work *w, const struct backend_ref *ref,
				const char *namespace, const char *field, struct backend_found *ret)
{
	ClusterSpec spec = PORTOLAN__MODEL__CLUSTER_SPEC__INIT;
	const ClusterResult *result;

	spec.namespace_ = (char *)namespace;
	spec.service = (char *)ref->name;
	spec.port = arena_printf(w->a, "%u", ref->port);
	spec.has_gateway = spec.gateway = 1;
	spec.has_grpc = spec.grpc = w->grpc || ref->grpc;
	spec.has_udp = spec.udp = ref->udp;
	spec.has_external = spec.external = strcmp(ref->kind, "XBackend") == 0;
	spec.client_secret = w->at->parent->client_secret;
	set_bytes(w, &spec);
	result = upstream_find(w->r, &spec);
	tell_policies(w, result);
	w->waits |= result->unsliced;
	if (result->has_session)
		note_session(w, result);
	if (result->app_protocol && has_matches(w->head.kind))
		service_options_tell_protocol(w->r,
					      arena_printf(w->a, "%s/%s", namespace, ref->name),
					      result->app_protocol, (int32_t)ref->port);
	if (!result->name && !result->policy_failed)
		return not_there(w, flaw_of(result->reason), field, result->message);
	if (ret && result->name)
		*ret = (struct backend_found){ arena_memdup(w->a, &spec, sizeof(spec)),
					       result->name, result->http2, result->endpoints,
					       result->shape };
	return result->name;
}

static bool is_known(const struct backend_ref *ref)
{
	if (strcmp(ref->group, XBACKEND_GROUP) == 0)
		return strcmp(ref->kind, "XBackend") == 0;
	return !*ref->group && (!*ref->kind || strcmp(ref->kind, "Service") == 0);
}

static const char *unknown_kind(struct arena *a, const struct backend_ref *ref)
{
	if (strcasecmp(*ref->kind ? ref->kind : "Service", "Service") != 0)
		return arena_printf(a, "a %s is not a backend: name a Service", ref->kind);
	return arena_printf(a, "a backend's kind is Service, of group \"\", not %s of group \"%s\"",
			    *ref->kind ? ref->kind : "Service", ref->group);
}

const char *rule_backend_find(struct route_work *w, const struct backend_ref *ref,
			      const char *field, struct backend_found *ret)
{
	const char *namespace = ref->namespace ? ref->namespace : w->head.namespace;
	const struct object_kind_row *kind = object_kind(w->head.kind);
	const struct grant_end from = { kind->group, kind->kind, w->head.namespace, NULL };
	const struct grant_end to = { ref->group, *ref->kind ? ref->kind : "Service", namespace,
				      ref->name };

	if (ret)
		*ret = (struct backend_found){ 0 };
	if (!is_known(ref)) {
		rule_reference_fails(w, "InvalidKind", field, unknown_kind(w->a, ref));
		return NULL;
	}
	/* Checks the grant first, so that no text tells about other namespaces (G-RG-6). */
	if (!reference_grant_permits(w->r, &from, &to))
		return not_there(w, "RefNotPermitted", field, reference_grant_missing(w->a, &to));
	if (ref->udp && *ref->group) {
		rule_reference_fails(w, "UnsupportedProtocol", field,
				     "an XBackend has no UDP port: name a Service");
		return NULL;
	}
	if (!ref->port && !*ref->group) {
		rule_reference_fails(w, "BackendNotFound", field,
				     "a reference to a Service needs a port");
		return NULL;
	}
	return find_cluster(w, ref, namespace, field, ret);
}
