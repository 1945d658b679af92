/* The configuration, as units read it. */
#include <string.h>

#include "translator/resolve/config.h"

const K8s__ContourConfigurationSpec *config_read(struct reader *r)
{
	const struct settings *s = reader_settings(r);

	return s->config;
}

bool config_hosts_are_shared(struct reader *r)
{
	return strcmp(config_read(r)->portolan->tls->hosts, SETTINGS_SHARED) == 0;
}

bool config_serves_nginx(const void *settings)
{
	const struct settings *s = settings;

	return s->config->portolan->ingress_nginx->enabled;
}

bool config_is_strict(const void *settings)
{
	const struct settings *s = settings;

	return strcmp(s->config->portolan->hosts->ownership, "strict") == 0;
}

const char *config_tls_bound(struct reader *r, uint32_t min, uint32_t max)
{
	const K8s__ConfigTLS *all = config_read(r)->envoy->listener->tls;

	if (max == 2 && strcmp(all->minimum_protocol_version, "1.3") == 0)
		return "the configuration allows TLS 1.3 and no other version, so the host has "
		       "that";
	if (min == 3 && strcmp(all->maximum_protocol_version, "1.2") == 0)
		return "the configuration allows TLS 1.2 and no other version, so the host has "
		       "that";
	return NULL;
}

bool config_may_hold_roots(struct reader *r, const char *namespace)
{
	const K8s__ConfigHTTPProxy *c = config_read(r)->httpproxy;

	for (size_t i = 0; i < c->n_root_namespaces; i++)
		if (strcmp(c->root_namespaces[i], namespace) == 0)
			return true;
	return !c->n_root_namespaces;
}
