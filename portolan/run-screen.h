/* The screen of `portolan run` when all is ready. */
#pragma once

#include <stdbool.h>

struct run_screen {
	const char *runtime_dir;
	const char *http, *https; /* ADDRESS:PORT of Envoy's listeners */
	const char *xds, *admin;
	bool envoy;           /* runs here */
	const char *try_file; /* text to show under "Try"; NULL: the general hints */
};

/* Leaves a process behind that waits for a newline from the pipe, then prints. It ends in silence
 * when the pipe is closed without one. */
void run_screen_wait_and_print(const struct run_screen *s, const int ready_pipe[2]);
