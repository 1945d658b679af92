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

	/* A part of the resource of kind k has kind RESOURCE_PART + k. Its key is the resource's name,
	 * a NUL, and the part's own key; its value is bytes of the resource's encoding (a repeated
	 * field's elements). A resource's bytes are its own item's value followed by its parts'
	 * values in the order of their keys (memcmp, shorter first). Its version covers all of
	 * them, so it changes with any part. Parts without their resource are not served. */
	RESOURCE_PART = 32,

	/* What newer Envoys get in place of the listener of that name, which must exist: not a type of its
	 * own, but of items only. */
	RESOURCE_NEWER_LISTENER = 16,

	/* What is held back, for xds-server to keep and to send back as REPORT_QUARANTINE: see Quarantine
	 * in ipc.proto. Never sent to an Envoy. */
	RESOURCE_QUARANTINE = 31,
};

struct resource_kind_row {
	const char *name; /* "cluster" */
	const char *xds;  /* "CDS" */
	const char *type_url;
	enum resource_kind in_place_of; /* 0, or whose names these are … */
	unsigned since_major, since_minor; /* … for Envoys of this version or a later one */
};

/* Whether an Envoy of this version gets it. */
bool resource_kind_is_for(enum resource_kind kind, unsigned major, unsigned minor);
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
