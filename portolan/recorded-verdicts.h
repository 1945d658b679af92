/* How verdicts on objects changed in the course of a recording. */
#pragma once

#include <json-c/json.h>
#include <stddef.h>

/* Replays the recording into a translator: [{"usec", "world", "object", "was", "is"}], where was
 * and is are verdicts in words ("rejected ServicePortMissing") or "". The first world's verdicts
 * are no changes. NULL after a sentence on stderr. */
struct json_object *recorded_verdicts(const char *command, const char *log_level,
				      const char *const *paths, size_t n);
