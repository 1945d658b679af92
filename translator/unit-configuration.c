/* What the configuration's status says. Runs in the translator. */
#include <string.h>

#include "common/configuration-check.h"
#include "common/object-kind.h"
#include "translator/units.h"

const K8s__ContourConfigurationSpec *units_config(struct reader *r)
{
	const struct settings *s = reader_settings(r);

	return s->config;
}

bool units_hosts_are_shared(struct reader *r)
{
	return strcmp(units_config(r)->portolan->tls->hosts, SETTINGS_SHARED) == 0;
}

const char *units_tls_bound(struct reader *r, uint32_t min, uint32_t max)
{
	const K8s__ConfigTLS *all = units_config(r)->envoy->listener->tls;

	if (max == 2 && strcmp(all->minimum_protocol_version, "1.3") == 0)
		return "the configuration allows TLS 1.3 and no other version, so the host has that";
	if (min == 3 && strcmp(all->maximum_protocol_version, "1.2") == 0)
		return "the configuration allows TLS 1.2 and no other version, so the host has that";
	return NULL;
}

bool units_may_hold_roots(struct reader *r, const char *namespace)
{
	const K8s__ConfigHTTPProxy *c = units_config(r)->httpproxy;

	for (size_t i = 0; i < c->n_root_namespaces; i++)
		if (strcmp(c->root_namespaces[i], namespace) == 0)
			return true;
	return !c->n_root_namespaces;
}

static void on_problem(void *ctx, enum configuration_severity severity, const char *field, const char *message)
{
	struct reader *r = ctx;
	const char *path;

	/* authorization.c says it, and refuses requests. */
	if (strncmp(field, "globalExtAuth", 13) == 0)
		return;
	path = arena_printf(reader_arena(r), "spec.%s", field);
	if (severity == CONFIGURATION_WRONG)
		units_error(r, OBJECT_CONTOUR_CONFIGURATION, CONFIGURATION_KEY, "WrongValue", path,
			    "%s; it is as if it were not set", message);
	else
		units_warning(r, OBJECT_CONTOUR_CONFIGURATION, CONFIGURATION_KEY, "NoEffect", path, "%s",
			      message);
}

/* A socket of IPv4 has none, and Envoy would refuse the listener. */
static void check_traffic_class(struct reader *r)
{
	const K8s__ConfigEnvoy *e = units_config(r)->envoy;

	if (e->listener->socket_options->traffic_class &&
	    (!strchr(e->http->address, ':') || !strchr(e->https->address, ':')))
		units_warning(r, OBJECT_CONTOUR_CONFIGURATION, CONFIGURATION_KEY, "NoEffect",
			      "spec.envoy.listener.socketOptions.trafficClass",
			      "has no effect on listeners with an address of IPv4");
}

/* What is shown in the name of all; the objects that need it say so, too. */
static void check_certificate(struct reader *r, const char *field, const K8s__ConfigReference *ref)
{
	const char *key = units_reference(r, ref);
	const Portolan__Model__SecretResult *facts = key ? units_secret(r, key) : NULL;

	if (!facts || (facts->usable && !facts->kept))
		return;
	units_error(r, OBJECT_CONTOUR_CONFIGURATION, CONFIGURATION_KEY, facts->reason, field, "Secret %s: %s", key,
		    facts->message);
	emit_verdict(r, OBJECT_CONTOUR_CONFIGURATION, CONFIGURATION_KEY, PORTOLAN__IPC__VERDICT__VERDICT_PARTIAL);
}

void unit_configuration(struct reader *r, const char *key, size_t key_len _unused_)
{
	struct arena *a = reader_arena(r);

	if (strcmp(key, CONFIGURATION_KEY) != 0) {
		emit_verdict(r, OBJECT_CONTOUR_CONFIGURATION, key, PORTOLAN__IPC__VERDICT__VERDICT_IGNORED);
		units_warning(r, OBJECT_CONTOUR_CONFIGURATION, key, "NotInForce", "metadata.name",
			      "only the ContourConfiguration " CONFIGURATION_KEY " is in force");
		return;
	}
	emit_verdict(r, OBJECT_CONTOUR_CONFIGURATION, key, PORTOLAN__IPC__VERDICT__VERDICT_ACCEPTED);
	configuration_check(a, settings_unpack(a, read_object(r, OBJECT_CONTOUR_CONFIGURATION, key)), on_problem, r);
	check_traffic_class(r);
	check_certificate(r, "spec.httpproxy.fallbackCertificate", units_config(r)->httpproxy->fallback_certificate);
	check_certificate(r, "spec.envoy.clientCertificate", units_config(r)->envoy->client_certificate);
}
