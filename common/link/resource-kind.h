/* The kinds of items on the resources link: xDS types, and parts of one. Never renumber. */
#pragma once

#include <stdbool.h>
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

	/* A part of the resource of kind k has kind RESOURCE_PART + k. Its key is the resource's
	 * name, a NUL, and the part's own key; its value is bytes of the resource's encoding (a
	 * repeated field's elements). A resource's bytes are its own item's value followed by its
	 * parts' values in the order of their keys (memcmp, shorter first). Its version covers all
	 * of them, so it changes with any part. Parts without their resource are not served. */
	RESOURCE_PART = 32,

	/* Newer Envoys get this instead of the listener of the same name, which must exist. Only
	 * items have this type. */
	RESOURCE_NEWER_LISTENER = 16,

	/* An existing fleet, by its name ("namespace/name" of a Gateway): its Envoys may be
	 * answered. The default fleet, "", always exists. */
	RESOURCE_FLEET = 29,
	/* The fleets that need a resource, if it is not just the default fleet: FleetSet in
	 * ipc.proto, under the resource's kind in decimal, a NUL, and its name. Parts and
	 * replacements of a resource go to the same fleets as the resource. */
	RESOURCE_FLEET_SET = 30,

	/* Changes that are held back. xds-server keeps them and sends them back as
	 * REPORT_QUARANTINE: see Quarantine in ipc.proto. Never sent to an Envoy. */
	RESOURCE_QUARANTINE = 31,
};

struct resource_kind_row {
	const char *name; /* "cluster" */
	const char *xds;  /* "CDS" */
	const char *type_url;
	enum resource_kind in_place_of;    /* 0, or the kind of resource that it replaces */
	unsigned since_major, since_minor; /* … for Envoys of this version or a later one */
};

/* Whether an Envoy of this version gets it. */
bool resource_kind_is_for(enum resource_kind kind, unsigned major, unsigned minor);
/* NULL for other kinds. */
const struct resource_kind_row *resource_kind(unsigned kind);
/* 0 if unknown. */
enum resource_kind resource_kind_of_url(const char *type_url);
enum resource_kind resource_kind_of_name(const char *name);

/* Kinds of items on the way back, from xds-server to translator. */
enum report_kind {
	REPORT_ENVOY = 1,
	REPORT_REJECT,
	REPORT_ACCEPT,
	REPORT_QUARANTINE,
	REPORT_REFUSER,
};
