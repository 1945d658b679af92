/* Writes Envoy's bootstrap as YAML with comments, so that its owner can read it. Reference:
 * envoy.config.bootstrap.v3.Bootstrap, Envoy 1.36 to 1.40. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "common/base/address.h"
#include "common/base/alloc.h"
#include "common/daemon/runtime-dir.h"
#include "portolan/bootstrap.h"

struct host_port {
	char *host; /* without brackets */
	unsigned port;
	bool is_name;
};

static void host_port_done(struct host_port *h)
{
	free(h->host);
}

/* HOST may be a name here: Envoy looks it up. */
static int split(const char *text, struct host_port *ret)
{
	_cleanup_free_ char *any = NULL;
	const char *colon = strrchr(text, ':');
	struct sockaddr_storage a;
	struct in_addr in;
	socklen_t len;
	size_t n;

	if (!colon || colon == text)
		return -EINVAL;
	any = xasprintf("0.0.0.0%s", colon);
	if (address_parse(any, &a, &len) < 0 || address_port(&a) == 0)
		return -EINVAL;
	ret->port = address_port(&a);
	n = (size_t)(colon - text);
	if (*text == '[') {
		if (address_parse(text, &a, &len) < 0)
			return -EINVAL;
		ret->host = xstrndup(text + 1, n - 2);
		ret->is_name = false;
		return 0;
	}
	if (strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-") < n)
		return -EINVAL;
	ret->host = xstrndup(text, n);
	ret->is_name = inet_pton(AF_INET, ret->host, &in) != 1;
	return 0;
}

#define PATH_MAX_UNIX sizeof(((struct sockaddr_un *)NULL)->sun_path)

/* NULL: it is HOST:PORT. */
static const char *unix_path(const struct bootstrap *b)
{
	size_t n = strlen(BOOTSTRAP_UNIX);

	return strncmp(b->xds_address, BOOTSTRAP_UNIX, n) == 0 ? b->xds_address + n : NULL;
}

static const char *check_passwords(const struct bootstrap *b)
{
	_cleanup_(host_port_done) struct host_port check = { 0 };

	if (b->check_path && (b->check_path[0] != '/' || strlen(b->check_path) >= PATH_MAX_UNIX))
		return "--check-path: an absolute path of at most 107 bytes is wanted";
	if (!b->check_address)
		return NULL;
	if (b->check_path)
		return "--check-path and --check-address exclude each other";
	if (!b->tls_cert)
		return "--check-address: passwords go there, so --tls-cert, --tls-key and --tls-ca "
		       "are wanted";
	if (split(b->check_address, &check) < 0)
		return "--check-address: HOST:PORT is wanted, with a port from 1 to 65535";
	return NULL;
}

const char *bootstrap_check(const struct bootstrap *b)
{
	_cleanup_(host_port_done) struct host_port xds = { 0 }, admin = { 0 };

	if (unix_path(b) && (*unix_path(b) != '/' || strlen(unix_path(b)) >= PATH_MAX_UNIX))
		return "--xds-address: unix: and an absolute path of at most 107 bytes are wanted";
	if (unix_path(b) && (b->tls_cert || b->tls_key || b->tls_ca))
		return "--tls-cert, --tls-key and --tls-ca are for --xds-address HOST:PORT";
	if (!unix_path(b) && split(b->xds_address, &xds) < 0)
		return "--xds-address: unix:PATH is wanted, or HOST:PORT with a name, an IPv4 "
		       "address, or an IPv6 address in brackets, and a port from 1 to 65535";
	if (!b->admin_path && (split(b->admin_address, &admin) < 0 || admin.is_name))
		return "--admin-address: ADDRESS:PORT is wanted, with a port from 1 to 65535";
	if (b->admin_path && b->admin_path[0] != '/')
		return "--admin-path: an absolute path is wanted";
	if (b->admin_path && strlen(b->admin_path) >= PATH_MAX_UNIX)
		return "--admin-path: the name of a Unix socket has at most 107 bytes; this one is "
		       "longer";
	if ((b->tls_cert || b->tls_key || b->tls_ca) && !(b->tls_cert && b->tls_key && b->tls_ca))
		return "--tls-cert, --tls-key and --tls-ca go together";
	if (b->tls_cert && (b->tls_cert[0] != '/' || b->tls_key[0] != '/' || b->tls_ca[0] != '/'))
		return "--tls-cert, --tls-key and --tls-ca: absolute paths (on Envoy's host) are "
		       "wanted";
	if (b->max_connections == 0)
		return "--max-connections: at least 1 is wanted";
	return check_passwords(b);
}

static char *quoted(const char *s)
{
	struct strbuf b = STRBUF_INIT;

	strbuf_json(&b, s, strlen(s)); /* a JSON string is a YAML string */
	return strbuf_take(&b);
}

static void put_head(const struct bootstrap *b, struct strbuf *out)
{
	_cleanup_free_ char *id = quoted(b->node_id), *cluster = quoted(b->node_cluster);

	strbuf_printf(
		out,
		"# Envoy's bootstrap, written by portolan bootstrap (" PACKAGE_VERSION ").\n"
		"# Everything else comes from Portolan's xds-server while Envoy runs.\n"
		"node:\n"
		"  id: %s # envoy --service-node NAME sets another\n"
		"  cluster: %s\n"
		"\n"
		"# One stream for all resources, of which only what changes is sent.\n"
		"dynamic_resources:\n"
		"  ads_config:\n"
		"    api_type: DELTA_GRPC\n"
		"    transport_api_version: V3\n"
		"    set_node_on_first_message_only: true\n"
		"    grpc_services:\n"
		"    - envoy_grpc: { cluster_name: portolan }\n"
		"      retry_policy:\n"
		"        retry_back_off: { base_interval: 0.1s, max_interval: 5s }\n"
		"  # No time limit: Envoy is ready when it has its configuration, not before.\n"
		"  cds_config: { ads: {}, resource_api_version: V3, initial_fetch_timeout: 0s }\n"
		"  lds_config: { ads: {}, resource_api_version: V3, initial_fetch_timeout: 0s }\n"
		"\n",
		id, cluster);
}

static void put_tls(const struct bootstrap *b, const char *alpn, struct strbuf *out)
{
	_cleanup_free_ char *cert = quoted(b->sds_cert), *ca = quoted(b->sds_ca);
	_cleanup_free_ char *name = quoted(b->tls_name);

	strbuf_printf(
		out,
		"    # Both sides prove who they are. The two files name certificate, key and CA,\n"
		"    # which are read again when they are replaced.\n"
		"    transport_socket:\n"
		"      name: envoy.transport_sockets.tls\n"
		"      typed_config:\n"
		"        \"@type\": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3."
		"UpstreamTlsContext\n"
		"        sni: %s\n"
		"        common_tls_context:\n"
		"          tls_params: { tls_minimum_protocol_version: TLSv1_3, "
		"tls_maximum_protocol_version: TLSv1_3 }\n"
		"          alpn_protocols: [ %s ]\n"
		"          tls_certificate_sds_secret_configs:\n"
		"          - name: portolan_xds_certificate\n"
		"            sds_config: { path_config_source: { path: %s }, "
		"resource_api_version: V3 }\n"
		"          combined_validation_context:\n"
		"            default_validation_context:\n"
		"              match_typed_subject_alt_names:\n"
		"              - { san_type: DNS, matcher: { exact: %s } }\n"
		"            validation_context_sds_secret_config:\n"
		"              name: portolan_xds_ca\n"
		"              sds_config: { path_config_source: { path: %s }, "
		"resource_api_version: V3 }\n",
		name, alpn, cert, name, ca);
}

/* Where the admin interface is. */
static char *admin_place(const struct bootstrap *b)
{
	_cleanup_(host_port_done) struct host_port admin = { 0 };
	_cleanup_free_ char *where = NULL;

	if (b->admin_path) {
		where = quoted(b->admin_path);
		return xasprintf("{ pipe: { path: %s", where);
	}
	(void)split(b->admin_address, &admin);
	where = quoted(admin.host);
	return xasprintf("{ socket_address: { address: %s, port_value: %u", where, admin.port);
}

static void put_admin_cluster(const struct bootstrap *b, struct strbuf *out)
{
	_cleanup_free_ char *where = admin_place(b);

	strbuf_printf(out,
		      "  # For the listeners that show metrics and health, where the configuration "
		      "asks for them.\n"
		      "  - name: envoy-admin\n"
		      "    type: STATIC\n"
		      "    connect_timeout: 0.25s\n"
		      "    load_assignment:\n"
		      "      cluster_name: envoy-admin\n"
		      "      endpoints:\n"
		      "      - lb_endpoints:\n"
		      "        - endpoint:\n"
		      "            address: %s } }\n"
		      "\n",
		      where);
}

static char *socket_place(const char *address, bool *ret_is_name)
{
	_cleanup_(host_port_done) struct host_port at = { 0 };
	_cleanup_free_ char *where = NULL;

	(void)split(address, &at);
	where = quoted(at.host);
	*ret_is_name = at.is_name;
	return xasprintf("{ socket_address: { address: %s, port_value: %u } }", where, at.port);
}

/* NULL: nowhere. */
static char *passwords_place(const struct bootstrap *b, bool *ret_is_name)
{
	const char *slash = unix_path(b) ? strrchr(unix_path(b), '/') : NULL;
	_cleanup_free_ char *path = b->check_path ? xstrdup(b->check_path) : NULL, *where = NULL;

	*ret_is_name = false;
	if (b->check_address)
		return socket_place(b->check_address, ret_is_name);
	if (!path && slash)
		path = xasprintf("%.*s/" RUNTIME_CHECK, (int)(slash - unix_path(b)), unix_path(b));
	if (!path || strlen(path) >= PATH_MAX_UNIX)
		return NULL;
	where = quoted(path);
	return xasprintf("{ pipe: { path: %s } }", where);
}

#define BY_NAME "STRICT_DNS\n    dns_lookup_family: ALL"

/* Without it Envoy cannot ask portolan-passwords, and refuses requests with passwords. */
static void put_passwords_cluster(const struct bootstrap *b, struct strbuf *out)
{
	bool is_name;
	_cleanup_free_ char *where = passwords_place(b, &is_name);

	if (!where)
		return;
	strbuf_printf(
		out,
		"  # Checks passwords of HTTP basic authentication, if Ingresses of ingress-nginx "
		"have some.\n"
		"  - name: portolan-passwords\n"
		"    type: %s\n"
		"    connect_timeout: %s\n"
		"    load_assignment:\n"
		"      cluster_name: portolan-passwords\n"
		"      endpoints:\n"
		"      - lb_endpoints:\n"
		"        - endpoint:\n"
		"            address: %s\n"
		"    typed_extension_protocol_options:\n"
		"      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:\n"
		"        \"@type\": type.googleapis.com/envoy.extensions.upstreams.http.v3."
		"HttpProtocolOptions\n"
		"        explicit_http_config: { http_protocol_options: {} }\n"
		"        common_http_protocol_options: { idle_timeout: 60s }\n",
		is_name ? BY_NAME : "STATIC", b->check_address ? "1s" : "0.25s", where);
	if (b->check_address)
		put_tls(b, "http/1.1", out);
	strbuf_puts(out, "\n");
}

static const char tcp_keepalive[] =
	"    upstream_connection_options:\n"
	"      tcp_keepalive: { keepalive_probes: 3, keepalive_time: 30, keepalive_interval: 5 }\n";

static char *xds_place(const struct bootstrap *b, bool *ret_is_name)
{
	_cleanup_free_ char *where = NULL;

	*ret_is_name = false;
	if (!unix_path(b))
		return socket_place(b->xds_address, ret_is_name);
	where = quoted(unix_path(b));
	return xasprintf("{ pipe: { path: %s } }", where);
}

static void put_cluster(const struct bootstrap *b, struct strbuf *out)
{
	_cleanup_free_ char *place = NULL;
	bool is_name;

	place = xds_place(b, &is_name);
	strbuf_printf(
		out,
		"static_resources:\n"
		"  clusters:\n"
		"  - name: portolan\n"
		"    type: %s\n"
		"    connect_timeout: 5s\n"
		"    load_assignment:\n"
		"      cluster_name: portolan\n"
		"      endpoints:\n"
		"      - lb_endpoints:\n"
		"        - endpoint:\n"
		"            address: %s\n"
		"    typed_extension_protocol_options:\n"
		"      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:\n"
		"        \"@type\": type.googleapis.com/envoy.extensions.upstreams.http.v3."
		"HttpProtocolOptions\n"
		"        explicit_http_config:\n"
		"          http2_protocol_options:\n"
		"            # A dead peer is noticed within 40 seconds.\n"
		"            connection_keepalive: { interval: 30s, timeout: 10s }\n"
		"%s"
		"    # The way to the configuration is never closed for load.\n"
		"    circuit_breakers:\n"
		"      thresholds:\n"
		"      - { priority: DEFAULT, max_connections: 100000, max_pending_requests: "
		"100000, "
		"max_requests: 60000000, max_retries: 50 }\n"
		"      - { priority: HIGH, max_connections: 100000, max_pending_requests: 100000, "
		"max_requests: 60000000, max_retries: 50 }\n",
		is_name ? BY_NAME : "STATIC", place, unix_path(b) ? "" : tcp_keepalive);
	if (b->tls_cert)
		put_tls(b, "h2", out);
	put_passwords_cluster(b, out);
	put_admin_cluster(b, out);
}

static void put_admin(const struct bootstrap *b, struct strbuf *out)
{
	_cleanup_free_ char *where = admin_place(b);

	strbuf_printf(out,
		      "# Whoever reaches this can change and stop Envoy: keep it to this machine.\n"
		      "admin:\n"
		      "  address: %s%s } }\n\n",
		      where, b->admin_path ? ", mode: 0600" : "");
}

/* Statistics that every cluster has from the start and no dashboard shows: with 2,000 unused
 * clusters these are 66,000 of 93,000 statistics, and more than half of the main thread's time
 * for a scrape. */
static const char unseen_stats[] =
	"^cluster\\..*\\.("
	"assignment_.*|bind_errors|circuit_breakers\\.high\\..*|"
	"default\\.total_match_count|http1\\..*|init_fetch_timeout|"
	"lb_(local|recalculate|subsets|zone)_.*|max_host_weight|"
	"original_dst_host_invalid|retry_or_shadow_abandoned|"
	"update_(attempt|duration|empty|failure|no_rebuild|time)|"
	"upstream_cx_http[123]_total|upstream_flow_control_.*|"
	"upstream_rq_maintenance_mode|version|version_text|warming_state)$";

static void put_stats(const struct bootstrap *b, struct strbuf *out)
{
	_cleanup_free_ char *regex = quoted(unseen_stats);

	strbuf_puts(out, "# A cluster's statistics are made when it is first used, and histograms "
			 "are summed "
			 "up\n"
			 "# when somebody asks: both save main-thread time that updates need.\n"
			 "deferred_stat_options: { enable_deferred_creation_stats: true }\n"
			 "stats_flush_on_admin: true\n");
	if (!b->all_stats)
		strbuf_printf(
			out,
			"# What every cluster has, used or not, and no dashboard shows; bootstrap "
			"--all-stats keeps it.\n"
			"stats_config:\n"
			"  stats_matcher:\n"
			"    exclusion_list:\n"
			"      patterns:\n"
			"      - safe_regex: { regex: %s }\n",
			regex);
	strbuf_putc(out, '\n');
}

static void put_limits(const struct bootstrap *b, struct strbuf *out)
{
	strbuf_printf(out,
		      "layered_runtime:\n"
		      "  layers:\n"
		      "  - name: portolan\n"
		      "    static_layer:\n"
		      "      # Portolan refuses larger expressions before Envoy sees them.\n"
		      "      re2.max_program_size.error_level: 1048576\n"
		      "      re2.max_program_size.warn_level: 1000\n"
		      "  - name: dynamic # the configuration's runtime settings\n"
		      "    rtds_layer: { name: dynamic, rtds_config: { ads: {}, "
		      "resource_api_version: V3 } }\n"
		      "  - name: admin\n"
		      "    admin_layer: {}\n"
		      "\n"
		      "overload_manager:\n"
		      "  refresh_interval: 0.25s\n"
		      "  resource_monitors:\n"
		      "  - name: envoy.resource_monitors.global_downstream_max_connections\n"
		      "    typed_config:\n"
		      "      \"@type\": type.googleapis.com/envoy.extensions.resource_monitors."
		      "downstream_connections.v3.DownstreamConnectionsConfig\n"
		      "      max_active_downstream_connections: %u\n",
		      b->max_connections);
	if (!b->max_heap_mb)
		return;
	strbuf_printf(
		out,
		"  - name: envoy.resource_monitors.fixed_heap\n"
		"    typed_config:\n"
		"      \"@type\": type.googleapis.com/envoy.extensions.resource_monitors."
		"fixed_heap.v3.FixedHeapConfig\n"
		"      max_heap_size_bytes: %llu\n"
		"  actions:\n"
		"  - name: envoy.overload_actions.shrink_heap\n"
		"    triggers:\n"
		"    - { name: envoy.resource_monitors.fixed_heap, threshold: { value: 0.95 } }\n"
		"  - name: envoy.overload_actions.stop_accepting_requests\n"
		"    triggers:\n"
		"    - { name: envoy.resource_monitors.fixed_heap, threshold: { value: 0.98 } }\n",
		(unsigned long long)b->max_heap_mb << 20);
}

void bootstrap_write(const struct bootstrap *b, struct strbuf *out)
{
	put_head(b, out);
	put_cluster(b, out);
	put_admin(b, out);
	put_stats(b, out);
	put_limits(b, out);
}

/* The folder is watched too: Kubernetes replaces mounted files by moving a link above them. */
static char *folder_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	_cleanup_free_ char *folder = NULL;

	folder = slash > path ? xstrndup(path, (size_t)(slash - path)) : xstrdup("/");
	return quoted(folder);
}

static void put_secret(struct strbuf *out, const char *name)
{
	strbuf_printf(out,
		      "resources:\n"
		      "- \"@type\": "
		      "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret\n"
		      "  name: %s\n",
		      name);
}

void bootstrap_write_sds_cert(const struct bootstrap *b, struct strbuf *out)
{
	_cleanup_free_ char *cert = quoted(b->tls_cert), *key = quoted(b->tls_key);
	_cleanup_free_ char *folder = folder_of(b->tls_cert);

	put_secret(out, "portolan_xds_certificate");
	strbuf_printf(out,
		      "  tls_certificate:\n"
		      "    certificate_chain: { filename: %s }\n"
		      "    private_key: { filename: %s }\n"
		      "    watched_directory: { path: %s }\n",
		      cert, key, folder);
}

void bootstrap_write_sds_ca(const struct bootstrap *b, struct strbuf *out)
{
	_cleanup_free_ char *ca = quoted(b->tls_ca), *folder = folder_of(b->tls_ca);

	put_secret(out, "portolan_xds_ca");
	strbuf_printf(out,
		      "  validation_context:\n"
		      "    trusted_ca: { filename: %s }\n"
		      "    watched_directory: { path: %s }\n",
		      ca, folder);
}
