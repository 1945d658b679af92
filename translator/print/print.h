/* Prints packed protobuf messages, for people: proto3's JSON mapping with the fields' own names
 * (snake_case), or the same as YAML. It reads the bytes on the wire, so nothing is unpacked, and
 * nesting is bounded. */
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/document.h"

/* Private keys and session ticket keys become "[redacted]"; so does an Any of an unknown type. */
#define PRINT_REDACT (1u << 0)

/* Appends the message as a document of its own. -EBADMSG if the bytes are not such a message,
 * -ELOOP if it nests too deep; then nothing is appended. */
int print_message(struct strbuf *b, enum document_format format,
		  const ProtobufCMessageDescriptor *descriptor, const uint8_t *bytes, size_t n,
		  unsigned flags);
/* The same as a value inside a document; on failure the document is as it was. */
int print_value(struct document *d, const ProtobufCMessageDescriptor *descriptor,
		const uint8_t *bytes, size_t n, unsigned flags);

/* A resource, as a map of kind, name, version and resource. kind is an enum resource_kind. If its
 * bytes cannot be read, "resource" is a string that says so, and the error is returned. */
int print_resource(struct document *d, unsigned kind, const char *name, const char *version,
		   const uint8_t *bytes, size_t n, unsigned flags);

/* The descriptor of the message in an Any with this type URL; NULL for types that we never emit. */
const ProtobufCMessageDescriptor *print_type(const char *type_url, size_t n);
