/* What is put together from parts: virtual hosts of the shared table for plain HTTP, that table and the
 * two listeners. Runs in the translator. */
#include <string.h>

#include "common/configuration.h"
#include "translator/asks.h"
#include "translator/envoy-admin.h"
#include "translator/envoy-runtime.h"
#include "translator/units.h"

/* Its key is the version of the routes; the hosts are all that have exactly these. They share a virtual
 * host: a further domain of one costs Envoy a fiftieth of what a further virtual host costs, at each
 * change of the table. */
void unit_virtual_host(struct reader *r, const char *key, size_t key_len)
{
	struct arena *a = reader_arena(r);
	const struct item *const *hosts;
	const char **domains;
	uint8_t *packed;
	size_t n, len;

	hosts = read_facts(r, FACT_SAME_ROUTES, key, key_len, &n);
	if (!n)
		return;
	domains = arena_new_of(a, const char *, n);
	for (size_t i = 0; i < n; i++)
		domains[i] = strchr(hosts[i]->data, '\0') + 1; /* behind the table's name */
	/* A domain belongs to one virtual host only, so the first makes a name that is nobody else's. */
	envoy_virtual_host(a, domains[0], domains, n, item_value(hosts[0]), hosts[0]->value_len, &packed,
			   &len);
	envoy_element(a, ENVOY_ROUTES_HOSTS, packed, len, &packed, &len);
	emit_part(r, RESOURCE_ROUTE, "ingress_http", domains[0], packed, len);
}

static void routes(struct reader *r)
{
	size_t len;
	uint8_t *packed = reader_pack(r, &envoy_routes(reader_arena(r), "ingress_http")->base, &len);

	emit_head(r, RESOURCE_ROUTE, "ingress_http", packed, len, false);
}

static void http(struct reader *r)
{
	size_t len;
	uint8_t *packed = reader_pack(
		r, &envoy_http_listener(reader_arena(r), reader_settings(r), asks_gather(r, NULL))->base, &len);

	emit_resource(r, RESOURCE_LISTENER, "ingress_http", packed, len);
	asks_report(r);
}

/* For server names whose connections have no business in the shared chain. */
static void misdirected(struct reader *r, bool authorized)
{
	static const char *const any = "*";
	struct arena *a = reader_arena(r);
	uint8_t *head, *host, *all;
	size_t head_len, host_len;

	head = reader_pack(r, &envoy_routes(a, UNITS_MISDIRECTED)->base, &head_len);
	envoy_misdirected(a, authorized, &any, 1, &host, &host_len);
	all = arena_alloc(a, head_len + host_len);
	memcpy(all, head, head_len);
	memcpy(all + head_len, host, host_len);
	emit_resource(r, RESOURCE_ROUTE, UNITS_MISDIRECTED, all, head_len + host_len);
}

static void https(struct reader *r)
{
	Portolan__Model__HostAsks *asks;
	size_t len;
	uint8_t *packed = reader_pack(
		r, &envoy_https_listener(reader_arena(r), reader_settings(r))->base, &len);

	/* Envoy refuses a listener without filter chains. */
	emit_head(r, RESOURCE_LISTENER, "ingress_https", packed, len, true);
	if (!units_hosts_are_shared(r))
		return;
	asks = asks_gather(r, NULL);
	packed = reader_pack(r, &envoy_shared_listener(reader_arena(r), reader_settings(r), asks)->base, &len);
	emit_head(r, RESOURCE_NEWER_LISTENER, "ingress_https", packed, len, false);
	misdirected(r, asks && asks->authorization);
}

static void runtime(struct reader *r)
{
	const K8s__ConfigEnvoy *config = units_config(r)->envoy;
	size_t len;
	uint8_t *packed = reader_pack(r, &envoy_runtime(reader_arena(r), config)->base, &len);

	emit_resource(r, RESOURCE_RUNTIME, ENVOY_RUNTIME_LAYER, packed, len);
	for (size_t i = 0; i < config->n_runtime_settings; i++)
		if (envoy_runtime_is_ours(config, config->runtime_settings[i]->key))
			units_warning(r, OBJECT_CONTOUR_CONFIGURATION, CONFIGURATION_KEY, "NoEffect",
				      "spec.envoy.runtimeSettings",
				      "%s has no effect: another setting, or the bootstrap, has a value for it",
				      config->runtime_settings[i]->key);
}

static void admin(struct reader *r)
{
	const K8s__ConfigEnvoy *config = units_config(r)->envoy;
	Envoy__Config__Listener__V3__Listener *listeners[ENVOY_ADMIN_LISTENERS_MAX];
	Envoy__Extensions__TransportSockets__Tls__V3__Secret *secrets[2];
	size_t n = envoy_admin_listeners(reader_arena(r), config, listeners), len;
	uint8_t *packed;

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
	} rows[] = { { "routes", routes },
		     { "ingress_http", http },
		     { "ingress_https", https },
		     { "admin", admin },
		     { "runtime", runtime } };

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (strcmp(rows[i].key, key) == 0)
			rows[i].make(r);
}
