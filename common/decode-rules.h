/* What the descriptors cannot say: JSON names that are not the camelCase of the field's, special
 * messages, the API server's defaults. Inside libdecode only. */
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>

#include "common/arena.h"
#include "common/decode.h"

/* message: "k8s.ServiceSpec"; field: "cluster_ip". NULL if the JSON name is the usual one. */
const char *rule_json_name(const char *message, const char *field);
/* The field's members stand in the message itself in JSON. */
bool rule_inlined(const char *message, const char *field);
/* A member that Kubernetes has and we have no use for: no warning. */
bool rule_unused(const char *message, const char *json_name, size_t len);

/* What the API server would fill in for an object from a file. */
void rules_default(struct arena *arena, unsigned kind, ProtobufCMessage *object);
/* What we do to every object: Secret.stringData goes into data, bulky annotations go. */
void rules_canonical(struct arena *arena, unsigned kind, ProtobufCMessage *object);

/* NULL if the name may be one of this kind, else what it must be. */
const char *rule_name_problem(unsigned kind, const char *name);
const char *rule_namespace_problem(const char *name);
