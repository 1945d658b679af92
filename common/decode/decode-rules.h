/* Rules that descriptors cannot express: JSON names other than the field's camelCase, special
 * messages, the API server's defaults. Inside libdecode only. */
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>

#include "common/base/arena.h"
#include "common/decode/decode.h"

/* message: "k8s.ServiceSpec"; field: "cluster_ip". NULL if the JSON name is the usual one. */
const char *rule_json_name(const char *message, const char *field);
/* In JSON the field's members are in the message itself. */
bool rule_inlined(const char *message, const char *field);
/* A member that Kubernetes has and we have no use for: no warning. */
bool rule_unused(const char *message, const char *json_name, size_t len);

/* The API server's defaults, for an object from a file. */
void rules_default(struct arena *arena, unsigned kind, ProtobufCMessage *object);
/* Done to every object: Secret.stringData goes into data, bulky annotations go. */
void rules_canonical(struct arena *arena, unsigned kind, ProtobufCMessage *object);

/* NULL if an object of this kind may have the name, else the rule that it breaks. */
const char *rule_name_problem(unsigned kind, const char *name);
const char *rule_namespace_problem(const char *name);
/* Lower-case labels with dots between them, 253 characters at most (RFC 1123). */
bool rule_is_subdomain(const char *s);
