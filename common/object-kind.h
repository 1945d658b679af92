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
	OBJECT_KIND_MAX_,

	/* Not an object of Kubernetes: a document or file that could not be read. Key = "file:document";
	 * only on the statuses that the watcher itself keeps. */
	OBJECT_DOCUMENT = 63,
};

struct object_kind_row {
	const char *kind;    /* "Ingress" */
	const char *group;   /* "networking.k8s.io"; "" for the core group */
	const char *version; /* "v1" */
	const char *plural;  /* "ingresses" */
	bool namespaced;
	const ProtobufCMessageDescriptor *descriptor;
};

/* NULL where there is none (or its schema is not written yet). */
const struct object_kind_row *object_kind(unsigned kind);
/* By apiVersion ("networking.k8s.io/v1") and kind. 0 if unknown. */
enum object_kind object_kind_find(const char *api_version, const char *kind);
/* By kind, plural or short form, case-insensitive: what people type. 0 if unknown. */
enum object_kind object_kind_named(const char *word);
