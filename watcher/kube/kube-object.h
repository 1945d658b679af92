/* The kept part of an object of the API: the item for the translator, cut down to the fields
 * that it reads, and beside it the fields that writing back needs. */
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/base/arena.h"
#include "common/base/hashmap.h"
#include "common/link/state.h"

#define KUBE_UID_MAX 40

/* Our own annotation of Ingresses, which have no conditions. It is never in an item: what the
 * watcher writes there changes nothing for the translator. */
#define KUBE_PROPAGATED "portolan.io/propagated"

/* An existing object, by "namespace/name". */
struct kube_object {
	struct item *item;   /* a reference, the same as in the store */
	uint32_t epoch;      /* of the list that it was last seen in */
	uint16_t collection; /* which reflector's it is */
	char uid[KUBE_UID_MAX];
	char *version;      /* metadata.resourceVersion; only of kinds with a status */
	int64_t generation; /* 0: not known */
	/* The status at the API: in its proto/k8s schema, or JSON for Gateway API's kinds. NULL:
	 * absent. */
	uint8_t *status;
	size_t status_len;
	char *finalizers;    /* a JSON list; only where we have one of our own; NULL: see there */
	char *propagated;    /* the value of KUBE_PROPAGATED; NULL: absent */
	const char *api_key; /* borrowed: its key at the API; NULL: the item's key */
	const char *api_version; /* borrowed: the version it is read at; NULL: its kind's */
};

const char *kube_object_api_key(const struct kube_object *o);

/* All objects of the API, a map a kind. */
struct kube_objects;

struct kube_objects *kube_objects_new(void);
void kube_objects_free(struct kube_objects *o);
DEFINE_CLEANUP(struct kube_objects *, kube_objects_free)
/* NULL if absent. */
struct kube_object *kube_objects_get(const struct kube_objects *o, unsigned kind, const char *key,
				     size_t len);
/* The entry is made if it is absent; item is referenced. */
struct kube_object *kube_objects_put(struct kube_objects *o, unsigned kind, struct item *item);
void kube_objects_remove(struct kube_objects *o, struct kube_object *object);
/* *pos starts at 0; NULL at the end. Put or remove nothing meanwhile. */
struct kube_object *kube_objects_next(const struct kube_objects *o, unsigned kind, size_t *pos);

/* Replaces the status. Returns true if it differs from the former one. */
bool kube_object_set_status(struct kube_object *o, const uint8_t *status, size_t len);

/* An object without the fields that the translator does not read, in canonical bytes: no uid,
 * resourceVersion, status or annotation of our own, no data of secrets and config maps that can
 * never be used. */
struct kube_trimmed {
	const char *uid, *version, *propagated;
	int64_t generation;
	uint8_t *value; /* everything is in the arena */
	size_t value_len;
	uint8_t *status; /* NULL: absent or empty */
	size_t status_len;
};

/* value: as common/decode/decode.h made it. whole_config_maps: keeps all data of a ConfigMap of up
 * to 64 KiB, which may be ingress-nginx's settings; else only a CA bundle. -EBADMSG if the value is
 * not of that kind. */
int kube_object_trim(struct arena *arena, unsigned kind, const uint8_t *value, size_t len,
		     bool whole_config_maps, struct kube_trimmed *ret);
