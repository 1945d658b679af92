/* The stages of one Portolan, in the order in which state flows through them. For commands that ask
 * all of them: admin and portolan. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct stage_row {
	const char *name; /* its socket is RUNTIME/NAME.control */
	bool required;    /* without it Portolan is not ready */
	const char *what; /* it does, in a few words */
};

#define STAGES 7
extern const struct stage_row stages[STAGES];

/* NULL if no stage has this name (len bytes). */
const struct stage_row *stage_find(const char *name, size_t len);
