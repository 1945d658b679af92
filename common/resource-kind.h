/* The kinds of items on the resources link: xDS types, and parts of one. Never renumber. */
#pragma once

#include <stdint.h>

/* In the order in which changes are sent: make before break. */
enum resource_kind {
	RESOURCE_CLUSTER = 1,
	RESOURCE_ENDPOINT,
	RESOURCE_SECRET,
	RESOURCE_LISTENER,
	RESOURCE_SCOPED_ROUTE,
	RESOURCE_ROUTE,
	RESOURCE_VIRTUAL_HOST, /* VHDS: reserved */
	RESOURCE_RUNTIME,
	RESOURCE_EXTENSION_CONFIG,
	RESOURCE_KIND_MAX_,

	/* A part of the resource of kind k has kind RESOURCE_PART + k. Its key is the resource's name,
	 * a NUL, and the part's own key; its value is bytes of the resource's encoding (a repeated
	 * field's elements). A resource's bytes are its own item's value followed by its parts'
	 * values in the order of their keys (memcmp, shorter first). Its version covers all of
	 * them, so it changes with any part. Parts without their resource are not served. */
	RESOURCE_PART = 32,

	/* What is held back, for xds-server to keep and to send back as REPORT_QUARANTINE: see Quarantine
	 * in ipc.proto. Never sent to an Envoy. */
	RESOURCE_QUARANTINE = 31,
};

struct resource_kind_row {
	const char *name; /* "cluster" */
	const char *xds;  /* "CDS" */
	const char *type_url;
};

/* NULL where there is none. */
const struct resource_kind_row *resource_kind(unsigned kind);
/* 0 if unknown. */
enum resource_kind resource_kind_of_url(const char *type_url);

/* Kinds of items on the way back, from xds-server to translator. */
enum report_kind {
	REPORT_ENVOY = 1,
	REPORT_REJECT,
	REPORT_ACCEPT,
	REPORT_QUARANTINE,
};
