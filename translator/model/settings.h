/* The translator's settings: options of the command line, over the configuration object, over
 * the defaults. */
#pragma once

#include "common/base/arena.h"
#include "common/base/go-duration.h"
#include "common/base/options.h"
#include "common/link/state.h"
#include "k8s/contour-configuration.pb-c.h"

/* For connection managers and clusters; unset: Envoy's own. */
struct settings_timeouts {
	struct go_duration request, connection_idle, stream_idle, connection_max, delayed_close,
		drain, request_headers;
	struct go_duration connect; /* always set */
};

struct settings {
	/* Checked; its sections exist (common/configuration/configuration.h), its defaults are
	 * filled in. */
	const K8s__ContourConfigurationSpec *config;
	struct settings_timeouts timeouts;
};

/* The command line's settings of translation. */
struct settings_options {
	const char *listen_address; /* NULL and 0: the configuration's */
	unsigned http_port;
	unsigned https_port;
	struct option_list classes;
	struct option_list root_namespaces;
	bool external_names;
	bool ingress_nginx;
	const char *access_log;
	const char *tls_hosts;
};

#define SETTINGS_SHARED "shared" /* portolan.tls.hosts */

/* An IngressClass with this spec.controller is ours, whatever its name. */
#define SETTINGS_CONTROLLER "portolan.io/ingress-controller"

/* -EINVAL if the options of the command line cannot be, logged. */
int settings_check_options(const struct settings_options *o);
/* A struct settings in the arena, made of the configuration's item; NULL without one. */
const void *settings_make(struct arena *a, const struct settings_options *options,
			  const struct item *configuration);
/* The spec in an item, or an empty one; in the arena, unchanged. */
K8s__ContourConfigurationSpec *settings_unpack(struct arena *a, const struct item *configuration);
