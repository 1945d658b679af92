/* The envelopes of the Kubernetes API, in JSON and in protobuf: watch events, list metadata, errors
 * (Status). Objects in them stay undecoded; common/decode/decode.h reads those. */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/arena.h"
#include "watcher/kube/http.h"

#define RESOURCE_VERSION_MAX 64

/* An object: one of the two is set. */
struct kube_payload {
	const uint8_t *protobuf; /* without an envelope */
	size_t len;
	struct json_object *json;
};

enum kube_event_type {
	KUBE_ADDED,
	KUBE_MODIFIED,
	KUBE_DELETED,
	KUBE_BOOKMARK,
	KUBE_ERROR,
};

/* Lives in the arena and, its JSON, until kube_event_done(). */
struct kube_event {
	enum kube_event_type type;
	struct kube_payload object;
	char resource_version[RESOURCE_VERSION_MAX]; /* "" if absent */
	bool initial_events_end; /* on a bookmark: the list that the watch began with is complete */
	struct json_object *json;
};

struct kube_list_meta {
	char resource_version[RESOURCE_VERSION_MAX];
	const char *more; /* the continue token, in the arena; "" at the end */
};

/* The API's words when it refuses. */
struct kube_status {
	unsigned code;
	char reason[64];   /* "Expired" */
	char message[512]; /* for people, control characters replaced */
	int64_t retry_after_usec;
};

/* protobuf: else JSON. All return -EBADMSG for any other text. */
int kube_event_parse(struct arena *arena, bool protobuf, const uint8_t *data, size_t len,
		     struct kube_event *ret);
void kube_event_done(struct kube_event *e);
int kube_list_meta_parse(struct arena *arena, bool protobuf, const uint8_t *data, size_t len,
			 struct kube_list_meta *ret);
/* An item of a JSON list; free with json_object_put(). */
int kube_json_parse(const uint8_t *data, size_t len, struct json_object **ret);
/* The Status in an ERROR event. */
void kube_event_status(struct arena *arena, const struct kube_event *e, struct kube_status *ret);
/* For an answer that is not 2xx: the Status in its body, or HTTP's own reason. */
void kube_result_status(struct arena *arena, const struct http_result *r, struct kube_status *ret);
