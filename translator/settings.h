/* What the translator is told by its command line. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct settings {
	const char *listen_address;
	uint16_t http_port;
	uint16_t https_port;
	const char *const *classes; /* names that are ours; ends with NULL */
	bool classes_given;	    /* by the user: then objects without a class are not ours */
	bool external_names;	    /* Services of type ExternalName may be used */
	const char *tls_hosts;	    /* "chains" or SETTINGS_SHARED; NULL: as the configuration says */
	const char *access_log;	    /* "off", "stdout" or a path */
};

#define SETTINGS_SHARED "shared"

/* An IngressClass whose spec.controller says this is ours, whatever its name. */
#define SETTINGS_CONTROLLER "portolan.io/ingress-controller"
