/* Checks that the configuration's schema cannot express: words, ranges, durations, names, and
 * which settings go together. The same for a file and for a ContourConfiguration. */
#pragma once

#include "common/configuration/configuration.h"

enum configuration_severity {
	CONFIGURATION_NO_EFFECT, /* accepted, but has no effect */
	CONFIGURATION_WRONG,
};

/* field: "envoy.timeouts.requestTimeout". */
typedef void (*configuration_problem_fn)(void *ctx, enum configuration_severity severity,
					 const char *field, const char *message);

/* Whether Envoy has this cipher of TLS 1.2 by default. */
bool configuration_is_cipher(const char *text, size_t n);
/* Unsets every setting that is wrong, so that the rest can be used. Wrong settings of
 * globalExtAuth stay, so that hosts fail closed. Scratch memory is taken from the arena. */
void configuration_check(struct arena *arena, K8s__ContourConfigurationSpec *spec,
			 configuration_problem_fn fn, void *ctx);
