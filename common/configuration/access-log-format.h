/* The formats of Envoy's access log (Envoy's documentation, "Access logging, command operators"):
 * only operators that every Envoy of ours knows, in a form that it takes. */
#pragma once

#include "common/base/arena.h"

/* NULL, or why Envoy would not take it, in the arena. */
const char *access_log_format_problem(struct arena *arena, const char *format);
/* A field of the JSON log: a name that is known ("method"), an operator's name in small letters, or
 * name=format. The format of its value, or NULL: then *ret_problem says why. */
const char *access_log_field(struct arena *arena, const char *field, const char **ret_name,
			     const char **ret_problem);
