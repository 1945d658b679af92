/* What is kept of an object of the API: the item that goes to the translator, cut down to what is read
 * there, and beside it what writing back needs. */
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/arena.h"
#include "common/hashmap.h"
#include "common/state.h"

#define KUBE_UID_MAX 40

/* One that is there, by "namespace/name". */
struct kube_object {
	struct item *item;  /* a reference, the same as in the store */
	uint32_t epoch;	    /* of the list that it was last seen in */
	uint16_t collection; /* which reflector's it is */
	char uid[KUBE_UID_MAX];
	char *version;	    /* metadata.resourceVersion; only of kinds with a status */
	int64_t generation; /* 0: not known */
	uint8_t *status;    /* as it is at the API, in its proto/k8s schema; NULL: none */
	size_t status_len;
	const char *api_key; /* borrowed: what the API knows it by; NULL: the item's key */
};

const char *kube_object_api_key(const struct kube_object *o);

/* All objects of the API, a map a kind. */
struct kube_objects;

struct kube_objects *kube_objects_new(void);
void kube_objects_free(struct kube_objects *o);
DEFINE_CLEANUP(struct kube_objects *, kube_objects_free)
/* NULL if there is none. */
struct kube_object *kube_objects_get(const struct kube_objects *o, unsigned kind, const char *key,
				     size_t len);
/* The entry is made if there is none; item is referenced. */
struct kube_object *kube_objects_put(struct kube_objects *o, unsigned kind, struct item *item);
void kube_objects_remove(struct kube_objects *o, struct kube_object *object);
/* *pos starts at 0; NULL at the end. Nothing may be put or removed meanwhile. */
struct kube_object *kube_objects_next(const struct kube_objects *o, unsigned kind, size_t *pos);

/* The status is replaced. Returns true if it differs from what was there. */
bool kube_object_set_status(struct kube_object *o, uint8_t *status, size_t len);

/* An object without what the translator does not read, in canonical bytes: no uid, resourceVersion or
 * status, no data of secrets and config maps that can never be used. */
struct kube_trimmed {
	const char *uid, *version;
	int64_t generation;
	uint8_t *value; /* everything is in the arena */
	size_t value_len;
	uint8_t *status; /* NULL: none, or empty */
	size_t status_len;
};

/* value: as common/decode.h made it. -EBADMSG if it is none of that kind. */
int kube_object_trim(struct arena *arena, unsigned kind, const uint8_t *value, size_t len,
		     struct kube_trimmed *ret);
