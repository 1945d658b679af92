/* What the configuration's schema cannot say: words, ranges, durations, names, and what goes with what.
 * The same for a file and for a ContourConfiguration. */
#pragma once

#include "common/configuration.h"

enum configuration_severity {
	CONFIGURATION_NO_EFFECT, /* it is taken, and nothing is done with it */
	CONFIGURATION_WRONG,
};

/* field: "envoy.timeouts.requestTimeout". */
typedef void (*configuration_problem_fn)(void *ctx, enum configuration_severity severity, const char *field,
					 const char *message);

/* Unsets every setting that is wrong, so that what is left can be used; but those of globalExtAuth, with
 * which nobody must be let in. Scratch memory is taken from
 * the arena. */
void configuration_check(struct arena *arena, K8s__ContourConfigurationSpec *spec,
			 configuration_problem_fn fn, void *ctx);
