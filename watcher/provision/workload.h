/* A Deployment or DaemonSet as the API has it: its images, and how far its roll-out has got. */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>

/* The images of its pods' containers, in one string. NULL: it has no pods. The caller frees it. */
char *workload_images(struct json_object *workload);
/* All pods that it wants are as it now says, and available. */
bool workload_is_complete(struct json_object *workload, bool daemon_set);
/* Nobody has changed it since it was made. */
bool workload_is_new(struct json_object *workload);
/* Kubernetes' words, if it has given up waiting for the new pods; else NULL. Borrowed. */
const char *workload_failure(struct json_object *workload);
