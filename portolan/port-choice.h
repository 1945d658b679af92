/* Chooses ports for processes to start: 0 becomes a free one, and a used one is found before
 * anything runs. */
#pragma once

#include <stddef.h>

#define PORT_CHOICES_MAX 8

struct port_choice {
	const char *option; /* for the message: "--xds-address" */
	char *address; /* ADDRESS:PORT; replaced where the port was 0. unix:PATH is left alone */
};

/* Binds them all at once, so that no two get the same, and lets go. Returns 0, or -errno with a
 * sentence on stderr. */
int port_choices_make(struct port_choice *choices, size_t n);
