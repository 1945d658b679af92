/* portolan-passwords: Envoy asks it whether a user and a password are in a file of users, which the
 * translator has told it. */
#pragma once

#include <sys/types.h>

#include "common/daemon/daemon.h"

struct passwords_options {
	const char *listen; /* NULL: in the runtime directory */
	const char *group;  /* NULL: only our user and root */
	unsigned threads;   /* 0: by the number of processors */
	unsigned waiting;
};
extern struct passwords_options passwords_options;

/* Of --group; (gid_t)-1: no such option. Call it before the sandbox closes /etc/group. */
gid_t passwords_group(void);

int passwords_start(struct daemon *d);
void passwords_stop(struct daemon *d);
bool passwords_ready(struct daemon *d, struct strbuf *why);
