/* A message as one line of text, for comparing: fields in the order of their numbers, absent ones
 * left out, bytes as <text>. */
#pragma once

#include <protobuf-c/protobuf-c.h>

#include "common/base/strbuf.h"

void dump_message(struct strbuf *out, const ProtobufCMessage *m);
/* Unpacks first. */
void dump_bytes(struct strbuf *out, const ProtobufCMessageDescriptor *type, const void *bytes,
		size_t n);
