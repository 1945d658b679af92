/* The Kubernetes kinds that we know: one row each. The number is the kind of an item on the objects
 * and statuses links and in recordings: never renumber. */
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>

enum object_kind {
	OBJECT_INGRESS = 1,
	OBJECT_INGRESS_CLASS,
	OBJECT_SERVICE,
	OBJECT_ENDPOINT_SLICE,
	OBJECT_SECRET,
	OBJECT_NAMESPACE,
	OBJECT_CONFIG_MAP,
	OBJECT_HTTP_PROXY,
	OBJECT_TLS_CERTIFICATE_DELEGATION,
	OBJECT_EXTENSION_SERVICE,
	OBJECT_CONTOUR_CONFIGURATION,
	OBJECT_GATEWAY_CLASS,
	OBJECT_GATEWAY,
	OBJECT_HTTP_ROUTE,
	OBJECT_GRPC_ROUTE,
	OBJECT_TLS_ROUTE,
	OBJECT_TCP_ROUTE,
	OBJECT_REFERENCE_GRANT,
	OBJECT_BACKEND_TLS_POLICY,
	OBJECT_UDP_ROUTE,
	OBJECT_LISTENER_SET,
	OBJECT_X_BACKEND,
	OBJECT_X_BACKEND_TRAFFIC_POLICY,
	OBJECT_X_TELEMETRY_POLICY,
	OBJECT_CLUSTER_TRUST_BUNDLE,
	OBJECT_CONTOUR_DEPLOYMENT,
	OBJECT_KIND_MAX_,

	/* Not a Kubernetes object: a DesiredObject (ipc.proto), only among the translator's
	 * statuses. */
	OBJECT_DESIRED = 59,
	/* Not an object of Kubernetes: the version of Gateway API that the cluster's definitions
	 * are of. Key = BUNDLE_KEY; the value is text, "" if they do not say. Only among the
	 * watcher's objects, and only where it is known. */
	OBJECT_BUNDLE = 60,
	/* Not a Kubernetes object: an Infrastructure (ipc.proto), the state of a Gateway's objects.
	 * Only among the watcher's objects. */
	OBJECT_INFRASTRUCTURE = 61,

	/* Not a Kubernetes object: the text of an object that could not be read, and why. Key =
	 * "kind-number key-of-the-object"; the value is text. Only among the watcher's objects. */
	OBJECT_REFUSED = 62,

	/* Not a Kubernetes object: a document or file that could not be read. Key =
	 * "file:document"; only in the statuses that the watcher itself keeps. */
	OBJECT_DOCUMENT = 63,
};

/* The controllerName that is ours if the configuration has none. */
#define GATEWAY_CONTROLLER "portolan.io/gateway-controller"
/* Before the name of a GatewayClass: the fleet that its Gateways share. No namespace has such a
 * name.
 */
#define FLEET_OF_CLASS "GatewayClass/"
/* Of a GatewayClass; "true": its Gateways share their Envoys. */
#define MERGE_ANNOTATION "portolan.io/merge-gateways"

#define BUNDLE_KEY "gateway.networking.k8s.io"

/* Of an EndpointSlice: the name of its Service. */
#define SERVICE_NAME_LABEL "kubernetes.io/service-name"

struct object_kind_row {
	const char *kind;    /* "Ingress" */
	const char *group;   /* "networking.k8s.io"; "" for the core group */
	const char *version; /* "v1" */
	const char *plural;  /* "ingresses" */
	bool namespaced;
	const ProtobufCMessageDescriptor *descriptor;
	/* A cluster may lack it, and a role may leave it out: the feature is then off. */
	bool optional;
	/* Versions that are read like `version`: their fields are the same. NULL: no others. */
	const char *older, *oldest;
};

/* A suggestion for an unknown apiVersion and kind. */
struct near_kind {
	const struct object_kind_row *row;
	bool is_api; /* the apiVersion is wrong, else the kind is */
};

/* Whether it is a remark of the watcher to the translator, not for people. */
static inline bool object_kind_is_remark(unsigned kind)
{
	return kind == OBJECT_INFRASTRUCTURE || kind == OBJECT_BUNDLE;
}

/* NULL for kinds without a schema. */
const struct object_kind_row *object_kind(unsigned kind);
/* Whether objects of this version ("v1beta1") are read. */
bool object_kind_has_version(const struct object_kind_row *row, const char *version);
/* The row's own string of a version; NULL: it does not have it. */
const char *object_kind_version(const struct object_kind_row *row, const char *version);
/* Whether a is newer than b; the row has both. */
bool object_kind_prefers(const struct object_kind_row *row, const char *a, const char *b);
/* By apiVersion ("networking.k8s.io/v1") and kind. 0 if unknown. */
enum object_kind object_kind_find(const char *api_version, const char *kind);
/* Whether apiVersion and kind nearly match a known kind: another version, group or case, or a
 * typo. */
bool object_kind_near(const char *api_version, const char *kind, struct near_kind *ret);
/* By kind, plural or short form, in any case: as people type it. 0 if unknown. */
enum object_kind object_kind_named(const char *word);
