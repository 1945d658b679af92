/* Hashes for tables in memory, with a secret of this process: a user who chooses the keys (names in
 * a request, names of objects) cannot choose their places. Other processes, and the next start of
 * this one, hash otherwise: never write, send or sort by such a hash. */
#pragma once

#include <stddef.h>
#include <stdint.h>

uint64_t hash_bytes(const void *data, size_t len);
uint64_t hash_number(uint64_t n);
