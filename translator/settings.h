/* What the translator is told: options of the command line, over the configuration object, over the
 * defaults. */
#pragma once

#include "common/arena.h"
#include "common/go-duration.h"
#include "common/state.h"
#include "k8s/contour-configuration.pb-c.h"

/* Of the connection managers and clusters; not set: Envoy's own. */
struct settings_timeouts {
	struct go_duration request, connection_idle, stream_idle, connection_max, delayed_close, drain;
	struct go_duration connect; /* always set */
};

struct settings {
	/* Checked; its sections are there (common/configuration.h), its defaults filled in. */
	const K8s__ContourConfigurationSpec *config;
	struct settings_timeouts timeouts;
};

#define SETTINGS_SHARED "shared" /* portolan.tls.hosts */

/* An IngressClass whose spec.controller says this is ours, whatever its name. */
#define SETTINGS_CONTROLLER "portolan.io/ingress-controller"

/* -EINVAL if the options of the command line cannot be, logged. */
int settings_check_options(void);
/* Made of the configuration's item, or of NULL where there is none: for graph_config. */
const void *settings_make(struct arena *a, const struct item *configuration);
/* The spec in an item, or an empty one; in the arena, as it is. */
K8s__ContourConfigurationSpec *settings_unpack(struct arena *a, const struct item *configuration);
