/* The configuration's status. */
#include <string.h>

#include "common/configuration/configuration-check.h"
#include "common/decode/object-kind.h"
#include "translator/resolve/config.h"
#include "translator/resolve/object.h"
#include "translator/resolve/secret.h"
#include "translator/units.h"

static void on_problem(void *ctx, enum configuration_severity severity, const char *field,
		       const char *message)
{
	struct reader *r = ctx;
	const char *path;

	/* authorization.c says it, and refuses requests. */
	if (strncmp(field, "globalExtAuth", 13) == 0)
		return;
	path = arena_printf(reader_arena(r), "spec.%s", field);
	if (severity == CONFIGURATION_WRONG)
		object_error(r, OBJECT_CONTOUR_CONFIGURATION, CONFIGURATION_KEY, "WrongValue", path,
			     "%s; it is as if it were not set", message);
	else
		object_warning(r, OBJECT_CONTOUR_CONFIGURATION, CONFIGURATION_KEY, "NoEffect", path,
			       "%s", message);
}

/* An IPv4 socket has no traffic class, and Envoy would refuse the listener. */
static void check_traffic_class(struct reader *r)
{
	const K8s__ConfigEnvoy *e = config_read(r)->envoy;

	if (e->listener->socket_options->traffic_class &&
	    (!strchr(e->http->address, ':') || !strchr(e->https->address, ':')))
		object_warning(r, OBJECT_CONTOUR_CONFIGURATION, CONFIGURATION_KEY, "NoEffect",
			       "spec.envoy.listener.socketOptions.trafficClass",
			       "has no effect on listeners with an address of IPv4");
}

/* The certificate shown for all hosts; the objects that need it report it, too. */
static void check_certificate(struct reader *r, const char *field, const K8s__ConfigReference *ref)
{
	const char *key = object_reference(r, ref);
	const ModelSecretResult *facts = key ? secret_find(r, key) : NULL;

	if (!facts || (facts->usable && !facts->kept))
		return;
	object_error(r, OBJECT_CONTOUR_CONFIGURATION, CONFIGURATION_KEY, facts->reason, field,
		     "Secret %s: %s", key, facts->message);
	emit_verdict(r, OBJECT_CONTOUR_CONFIGURATION, CONFIGURATION_KEY,
		     PORTOLAN__IPC__VERDICT__VERDICT_PARTIAL);
}

void unit_configuration(struct reader *r, const char *key, size_t key_len _unused_)
{
	struct arena *a = reader_arena(r);

	if (strcmp(key, CONFIGURATION_KEY) != 0) {
		emit_verdict(r, OBJECT_CONTOUR_CONFIGURATION, key,
			     PORTOLAN__IPC__VERDICT__VERDICT_IGNORED);
		object_warning(r, OBJECT_CONTOUR_CONFIGURATION, key, "NotInForce", "metadata.name",
			       "only the ContourConfiguration " CONFIGURATION_KEY " is in force");
		return;
	}
	emit_verdict(r, OBJECT_CONTOUR_CONFIGURATION, key,
		     PORTOLAN__IPC__VERDICT__VERDICT_ACCEPTED);
	configuration_check(a,
			    settings_unpack(a, read_object(r, OBJECT_CONTOUR_CONFIGURATION, key)),
			    on_problem, r);
	check_traffic_class(r);
	check_certificate(r, "spec.httpproxy.fallbackCertificate",
			  config_read(r)->httpproxy->fallback_certificate);
	check_certificate(r, "spec.envoy.clientCertificate",
			  config_read(r)->envoy->client_certificate);
}
