/* The stages of one Portolan. Used by admin and the portolan command. */
#include <string.h>

#include "common/daemon/stage.h"

const struct stage_row stages[STAGES] = {
	{ "watcher", true, "reads objects" },
	{ "translator", true, "translates them for Envoy" },
	{ "xds-server", true, "serves Envoys" },
	{ "passwords", false, "checks passwords for Envoy" },
	{ "recorder", false, "records what the watcher sees" },
	{ "admin", false, "answers people and Prometheus" },
	/* systemd or the kubelet may replace it. */
	{ "supervisor", false, "keeps the others running" },
};

const struct stage_row *stage_find(const char *name, size_t len)
{
	for (size_t i = 0; i < STAGES; i++)
		if (strlen(stages[i].name) == len && memcmp(stages[i].name, name, len) == 0)
			return &stages[i];
	return NULL;
}
