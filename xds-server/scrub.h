/* Envoy's words about a resource that it refused: they can hold a dump of the resource, private
 * keys included. */
#pragma once

#include <stddef.h>

/* Copies message without possible key material (PEM, long base64 or hex words, quoted values of
 * inline_string, inline_bytes and similar fields) and without control characters, cut to size - 1
 * bytes at a character's end. */
void scrub(const char *message, char *ret, size_t size);
