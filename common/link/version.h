/* Versions are content: 128 bits of SHA-256. The hash is cryptographic because users choose parts
 * of the hashed bytes, and must not be able to hide another user's change. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/link/state.h"

#define VERSION_SIZE 16
#define VERSION_HEX  (2 * VERSION_SIZE)

/* One hash at a time in a process: begin, add, end. */
void version_begin(void);
void version_add(const void *data, size_t len);
void version_end(uint8_t ret[VERSION_SIZE]);

void version_of(const void *data, size_t len, uint8_t ret[VERSION_SIZE]);
/* For a resource with a head and parts: made of the parts' own versions (their meta). */
void version_of_parts(const void *head, size_t len, const struct item *const *parts, size_t n,
		      uint8_t ret[VERSION_SIZE]);
/* VERSION_HEX digits and a NUL. */
void version_to_hex(const uint8_t version[VERSION_SIZE], char ret[VERSION_HEX + 1]);
