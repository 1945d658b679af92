/* One object that we own, or want: its state at the API, and the object that the translator wants.
 */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "common/decode/object-kind.h"
#include "common/link/state.h"
#include "watcher/kube/http.h"
#include "watcher/provision/owned-kind.h"

struct provision;

/* The Gateway of some objects, or the GatewayClass whose Gateways share them. */
struct owner {
	TAILQ_HEAD(owned_objects, owned) objects;
	struct item *said;     /* the Infrastructure that the store has */
	enum object_kind kind; /* of Gateway or GatewayClass */
	const char *object;    /* its key as an object, within key */
	char *title;           /* for people: "Gateway namespace/name" */
	bool dirty;
	size_t len;
	char key[]; /* the fleet: "namespace/name" or "GatewayClass/name" */
};

/* A workload whose images differ from the wanted ones is upgraded when its turn comes. */
enum owned_upgrade {
	UPGRADE_NONE,
	UPGRADE_WAITS,
	UPGRADE_HELD,  /* the configuration says so */
	UPGRADE_ROLLS, /* it has the new images, and not all of its pods */
	UPGRADE_STUCK, /* and takes too long */
};

struct owned {
	struct provision *provision;
	const struct owned_kind *kind;
	struct owner *owner;
	TAILQ_ENTRY(owned) of_owner;
	TAILQ_ENTRY(owned) queue;
	char *namespace, *name;
	struct item *desired;     /* a DesiredObject; NULL: it is not wanted */
	struct json_object *live; /* NULL: absent, as far as known */
	uint32_t epoch;           /* of the list that it was last seen in */
	struct http_call *call;
	bool queued, again;
	bool asked;   /* the API has confirmed that the name is free */
	bool deleted; /* the call deletes it */
	bool made;    /* written, and the watch has not shown it yet */
	bool kept;    /* it is wanted as it is, whatever that is */
	bool fixed_replicas;
	int64_t not_before, retry_usec;
	enum owned_upgrade upgrade;
	char *wanted_images, *live_images; /* of a workload; NULL: it is not wanted, or absent */
	char *sent_images;                 /* written, and not seen at the API yet */
	int64_t rolls_since;               /* 0: it does not */
	char *problem, *reason;            /* NULL: all is well */
	size_t key_len;
	char key[]; /* "Kind namespace/name" */
};

/* The Portolan that writes. */
struct owned_writer {
	const char *namespace;  /* where objects of a GatewayClass belong */
	const char *controller; /* the controllerName of its classes */
};

/* The wanted object, with its owner added. The caller frees it. NULL, and *ret_why, if it must not
 * be written. */
struct json_object *owned_compose(const struct owned *o, const char *uid,
				  const struct owned_writer *writer, const char **ret_why);
/* Whether all wanted fields have their values already. */
bool owned_is_within(struct json_object *wanted, struct json_object *live);
