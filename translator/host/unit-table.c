/* Resources made of parts: virtual hosts of tables that hosts share, the table for plain HTTP and
 * the listeners. */
#include <string.h>

#include "common/configuration/configuration.h"
#include "translator/envoy/envoy-admin.h"
#include "translator/envoy/envoy-http3.h"
#include "translator/envoy/envoy-runtime.h"
#include "translator/host/want.h"
#include "translator/kinds.h"
#include "translator/policy/services.h"
#include "translator/resolve/config.h"
#include "translator/resolve/object.h"
#include "translator/units.h"

/* hosts: keys of parts, all of one table. */
static void virtual_host(struct reader *r, const struct item *const *hosts, size_t n)
{
	const char *table = hosts[0]->data;
	struct arena *a = reader_arena(r);
	const char **domains = arena_new_of(a, const char *, n);
	uint8_t *packed;
	size_t len;

	for (size_t i = 0; i < n; i++)
		domains[i] = strchr(hosts[i]->data, '\0') + 1; /* after the table's name */
	/* A domain may be in only one virtual host, so the first host's name is unique. */
	envoy_virtual_host(a, domains[0], domains, n, item_value(hosts[0]), hosts[0]->value_len,
			   &packed, &len);
	envoy_element(a, ENVOY_ROUTES_HOSTS, packed, len, &packed, &len);
	emit_part(r, RESOURCE_ROUTE, table, domains[0], packed, len);
}

/* Its key is the version of the routes; the hosts are all that have exactly these, table by table.
 * Those of a table share a virtual host: a further domain of one costs Envoy a fiftieth of what a
 * further virtual host costs, at each change of the table. */
void unit_virtual_host(struct reader *r, const char *key, size_t key_len)
{
	const struct item *const *hosts;
	size_t n, from = 0;

	hosts = read_facts(r, FACT_SAME_ROUTES, key, key_len, &n);
	for (size_t i = 1; i <= n; i++)
		if (i == n || strcmp(hosts[i]->data, hosts[from]->data) != 0) {
			virtual_host(r, &hosts[from], i - from);
			from = i;
		}
}

static void routes(struct reader *r)
{
	size_t len;
	uint8_t *packed =
		reader_pack(r, &envoy_routes(reader_arena(r), "ingress_http")->base, &len);

	emit_head(r, RESOURCE_ROUTE, "ingress_http", packed, len, false);
}

static void http(struct reader *r)
{
	EnvoyListener *l =
		envoy_http_listener(reader_arena(r), reader_settings(r), services_gather(r, NULL));
	size_t len;
	uint8_t *packed = reader_pack(r, &l->base, &len);

	emit_resource(r, RESOURCE_LISTENER, "ingress_http", packed, len);
	services_report(r);
}

/* Answers server names that the shared chain does not serve. */
static void misdirected(struct reader *r, bool authorized)
{
	static const char *const any = "*";
	struct arena *a = reader_arena(r);
	uint8_t *head, *host, *all;
	size_t head_len, host_len;

	head = reader_pack(r, &envoy_routes(a, TABLE_MISDIRECTED)->base, &head_len);
	envoy_misdirected(a, authorized, &any, 1, &host, &host_len);
	all = arena_alloc(a, head_len + host_len);
	memcpy(all, head, head_len);
	memcpy(all + head_len, host, host_len);
	emit_resource(r, RESOURCE_ROUTE, TABLE_MISDIRECTED, all, head_len + host_len);
}

static void https(struct reader *r)
{
	Portolan__Model__HostServices *services;
	size_t len;
	uint8_t *packed = reader_pack(
		r, &envoy_https_listener(reader_arena(r), reader_settings(r))->base, &len);

	/* Envoy refuses a listener without filter chains. */
	emit_head(r, RESOURCE_LISTENER, "ingress_https", packed, len, true);
	if (!config_hosts_are_shared(r))
		return;
	services = services_gather(r, NULL);
	packed = reader_pack(
		r, &envoy_shared_listener(reader_arena(r), reader_settings(r), services)->base,
		&len);
	emit_head(r, RESOURCE_NEWER_LISTENER, "ingress_https", packed, len, false);
	misdirected(r, services && services->authorization);
}

static void http3(struct reader *r)
{
	size_t len;
	uint8_t *packed;

	if (!config_read(r)->portolan->http3->enabled)
		return;
	packed = reader_pack(r, &envoy_http3_listener(reader_arena(r), reader_settings(r))->base,
			     &len);
	emit_head(r, RESOURCE_LISTENER, "ingress_http3", packed, len, true);
}

static void runtime(struct reader *r)
{
	const K8s__ConfigEnvoy *config = config_read(r)->envoy;
	size_t len;
	uint8_t *packed = reader_pack(r, &envoy_runtime(reader_arena(r), config)->base, &len);

	reader_fleet(r, "*");
	emit_resource(r, RESOURCE_RUNTIME, ENVOY_RUNTIME_LAYER, packed, len);
	for (size_t i = 0; i < config->n_runtime_settings; i++)
		if (envoy_runtime_is_ours(config, config->runtime_settings[i]->key))
			object_warning(r, OBJECT_CONTOUR_CONFIGURATION, CONFIGURATION_KEY,
				       "NoEffect", "spec.envoy.runtimeSettings",
				       "%s has no effect: another setting, or the bootstrap, has a "
				       "value for it",
				       config->runtime_settings[i]->key);
}

static void admin(struct reader *r)
{
	const K8s__ConfigEnvoy *config = config_read(r)->envoy;
	Envoy__Config__Listener__V3__Listener *listeners[ENVOY_ADMIN_LISTENERS_MAX];
	Envoy__Extensions__TransportSockets__Tls__V3__Secret *secrets[2];
	size_t n = envoy_admin_listeners(reader_arena(r), config, listeners), len;
	uint8_t *packed;

	/* Every Envoy has such pages, and settings for its runtime. */
	reader_fleet(r, "*");
	for (size_t i = 0; i < n; i++) {
		packed = reader_pack(r, &listeners[i]->base, &len);
		emit_resource(r, RESOURCE_LISTENER, listeners[i]->name, packed, len);
	}
	n = envoy_admin_secrets(reader_arena(r), config, secrets);
	for (size_t i = 0; i < n; i++) {
		packed = reader_pack(r, &secrets[i]->base, &len);
		emit_resource(r, RESOURCE_SECRET, secrets[i]->name, packed, len);
	}
}

void unit_table(struct reader *r, const char *key, size_t key_len _unused_)
{
	static const struct {
		const char *key;
		void (*make)(struct reader *r);
	} rows[] = { { "routes", routes },       { "ingress_http", http },
		     { "ingress_https", https }, { "ingress_http3", http3 },
		     { "admin", admin },         { "runtime", runtime } };

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (strcmp(rows[i].key, key) == 0)
			rows[i].make(r);
}
