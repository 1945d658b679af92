/* The configuration file: Contour's keys, and ours beside them under `portolan`. One table maps the
 * path of each key to a path in ContourConfiguration; the decoder of all other objects then reads
 * the result. */
#pragma once

#include <stdint.h>

#include "common/decode/decode.h"

struct configuration_file;

/* -errno if the file cannot be read at all; -ENODATA: it is a pipe that nobody writes to, or whose
 * writer does not close it within seconds. */
int configuration_file_load(const char *path, struct configuration_file **ret);
/* Never NULL. An empty file is a configuration, too. */
struct configuration_file *configuration_file_read(const char *text, size_t len);
void configuration_file_free(struct configuration_file *f);
DEFINE_CLEANUP(struct configuration_file *, configuration_file_free)

/* In the order of the lines; field is the key's path in the file. An error among them refuses the
 * file. */
const struct decode_problem *configuration_file_problems(const struct configuration_file *f,
							 size_t *ret_n);
/* The ContourConfiguration, encoded; NULL if the file is refused. */
const uint8_t *configuration_file_object(const struct configuration_file *f, size_t *ret_len);
