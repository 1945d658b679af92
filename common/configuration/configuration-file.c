/* The configuration file. Used by the watcher and the portolan command. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/spelling.h"
#include "common/configuration/configuration-check.h"
#include "common/configuration/configuration-file.h"
#include "common/decode/decode-message.h"

#define TREE_CHUNK   (16 * 1024)
#define PROBLEMS_MAX 50
#define FILE_MAX     (1u << 20)
#define PIPE_USEC    (5 * USEC_PER_SEC) /* far less than the watchdog of the watcher */

/* How a value of the file becomes one of the object. */
enum form {
	FORM_SAME,
	FORM_REFERENCE, /* "namespace/name" */
	FORM_VERSIONS,  /* HTTP versions, in any case */
	FORM_NOTHING,   /* accepted but unused: `to` says what to do instead */
};

/* Every key that there is. */
static const struct row {
	const char *key, *to;
	enum form form;
} rows[] = {
	{ "debug", "use --log-level", FORM_NOTHING },
	{ "incluster", "use portolan-watcher --in-cluster", FORM_NOTHING },
	{ "kubeconfig", "use portolan-watcher --kubeconfig", FORM_NOTHING },
	{ "kubernetesClientQPS", "requests are not throttled", FORM_NOTHING },
	{ "kubernetesClientBurst", "requests are not throttled", FORM_NOTHING },
	{ "server", "Contour has no setting in it", FORM_NOTHING },
	{ "gateway.gatewayRef", "gateway.gatewayRef" },
	{ "ingress-status-address", "ingress.statusAddress" },
	{ "accesslog-format", "envoy.logging.accessLogFormat" },
	{ "accesslog-format-string", "envoy.logging.accessLogFormatString" },
	{ "accesslog-level", "envoy.logging.accessLogLevel" },
	{ "json-fields", "envoy.logging.accessLogJSONFields" },
	{ "tls.minimum-protocol-version", "envoy.listener.tls.minimumProtocolVersion" },
	{ "tls.maximum-protocol-version", "envoy.listener.tls.maximumProtocolVersion" },
	{ "tls.cipher-suites", "envoy.listener.tls.cipherSuites" },
	{ "tls.ecdh-curves", "envoy.listener.tls.ecdhCurves" },
	{ "tls.fingerprint", "envoy.listener.tls.fingerprint" },
	{ "tls.fallback-certificate", "httpproxy.fallbackCertificate" },
	{ "tls.envoy-client-certificate", "envoy.clientCertificate" },
	{ "disablePermitInsecure", "httpproxy.disablePermitInsecure" },
	{ "disableAllowChunkedLength", "envoy.listener.disableAllowChunkedLength" },
	{ "disableMergeSlashes", "envoy.listener.disableMergeSlashes" },
	{ "serverHeaderTransformation", "envoy.listener.serverHeaderTransformation" },
	{ "compression.algorithm", "envoy.listener.compression.algorithm" },
	{ "enableExternalNameService", "enableExternalNameService" },
	{ "default-http-versions", "envoy.defaultHTTPVersions", FORM_VERSIONS },
	{ "timeouts.request-timeout", "envoy.timeouts.requestTimeout" },
	{ "timeouts.connection-idle-timeout", "envoy.timeouts.connectionIdleTimeout" },
	{ "timeouts.stream-idle-timeout", "envoy.timeouts.streamIdleTimeout" },
	{ "timeouts.max-connection-duration", "envoy.timeouts.maxConnectionDuration" },
	{ "timeouts.delayed-close-timeout", "envoy.timeouts.delayedCloseTimeout" },
	{ "timeouts.connection-shutdown-grace-period",
	  "envoy.timeouts.connectionShutdownGracePeriod" },
	{ "timeouts.connect-timeout", "envoy.timeouts.connectTimeout" },
	{ "policy.request-headers", "policy.requestHeaders" },
	{ "policy.response-headers", "policy.responseHeaders" },
	{ "policy.applyToIngress", "policy.applyToIngress" },
	{ "envoy-service-name", "envoy.service.name" },
	{ "envoy-service-namespace", "envoy.service.namespace" },
	{ "cluster.dns-lookup-family", "envoy.cluster.dnsLookupFamily" },
	{ "cluster.max-requests-per-connection", "envoy.cluster.maxRequestsPerConnection" },
	{ "cluster.per-connection-buffer-limit-bytes",
	  "envoy.cluster.per-connection-buffer-limit-bytes" },
	{ "cluster.circuit-breakers.max-connections",
	  "envoy.cluster.circuitBreakers.maxConnections" },
	{ "cluster.circuit-breakers.max-pending-requests",
	  "envoy.cluster.circuitBreakers.maxPendingRequests" },
	{ "cluster.circuit-breakers.max-requests", "envoy.cluster.circuitBreakers.maxRequests" },
	{ "cluster.circuit-breakers.max-retries", "envoy.cluster.circuitBreakers.maxRetries" },
	{ "cluster.circuit-breakers.per-host-max-connections",
	  "envoy.cluster.circuitBreakers.perHostMaxConnections" },
	{ "cluster.upstream-tls.minimum-protocol-version",
	  "envoy.cluster.upstreamTLS.minimumProtocolVersion" },
	{ "cluster.upstream-tls.maximum-protocol-version",
	  "envoy.cluster.upstreamTLS.maximumProtocolVersion" },
	{ "cluster.upstream-tls.cipher-suites", "envoy.cluster.upstreamTLS.cipherSuites" },
	{ "cluster.upstream-tls.ecdh-curves", "envoy.cluster.upstreamTLS.ecdhCurves" },
	{ "network.num-trusted-hops", "envoy.network.numTrustedHops" },
	{ "network.admin-port", "envoy.network.adminPort" },
	{ "network.strip-trailing-host-dot", "envoy.network.stripTrailingHostDot" },
	{ "listener.connection-balancer", "envoy.listener.connectionBalancer" },
	{ "listener.max-requests-per-connection", "envoy.listener.maxRequestsPerConnection" },
	{ "listener.per-connection-buffer-limit-bytes",
	  "envoy.listener.per-connection-buffer-limit-bytes" },
	{ "listener.socket-options.tos", "envoy.listener.socketOptions.tos" },
	{ "listener.socket-options.traffic-class", "envoy.listener.socketOptions.trafficClass" },
	{ "listener.max-requests-per-io-cycle", "envoy.listener.maxRequestsPerIOCycle" },
	{ "listener.http2-max-concurrent-streams", "envoy.listener.httpMaxConcurrentStreams" },
	{ "listener.max-connections-per-listener", "envoy.listener.maxConnectionsPerListener" },
	{ "listener.max-connections-to-accept-per-socket-event",
	  "envoy.listener.maxConnectionsToAcceptPerSocketEvent" },
	{ "metrics.contour.address", "metrics.address" },
	{ "metrics.contour.port", "metrics.port" },
	{ "metrics.contour.server-certificate-path", "metrics.tls.certFile" },
	{ "metrics.contour.server-key-path", "metrics.tls.keyFile" },
	{ "metrics.contour.ca-certificate-path", "metrics.tls.caFile" },
	{ "metrics.envoy.address", "envoy.metrics.address" },
	{ "metrics.envoy.port", "envoy.metrics.port" },
	{ "metrics.envoy.server-certificate-path", "envoy.metrics.tls.certFile" },
	{ "metrics.envoy.server-key-path", "envoy.metrics.tls.keyFile" },
	{ "metrics.envoy.ca-certificate-path", "envoy.metrics.tls.caFile" },
	{ "omEnforcedHealthListener", "envoy.omEnforcedHealth" },
	{ "rateLimitService.extensionService", "rateLimitService.extensionService",
	  FORM_REFERENCE },
	{ "rateLimitService.domain", "rateLimitService.domain" },
	{ "rateLimitService.failOpen", "rateLimitService.failOpen" },
	{ "rateLimitService.enableXRateLimitHeaders", "rateLimitService.enableXRateLimitHeaders" },
	{ "rateLimitService.enableResourceExhaustedCode",
	  "rateLimitService.enableResourceExhaustedCode" },
	{ "rateLimitService.defaultGlobalRateLimitPolicy",
	  "rateLimitService.defaultGlobalRateLimitPolicy" },
	{ "globalExtAuth.extensionService", "globalExtAuth.extensionRef", FORM_REFERENCE },
	{ "globalExtAuth.serviceType", "globalExtAuth.serviceType" },
	{ "globalExtAuth.httpSettings", "globalExtAuth.httpSettings" },
	{ "globalExtAuth.authPolicy", "globalExtAuth.authPolicy" },
	{ "globalExtAuth.responseTimeout", "globalExtAuth.responseTimeout" },
	{ "globalExtAuth.failOpen", "globalExtAuth.failOpen" },
	{ "globalExtAuth.withRequestBody", "globalExtAuth.withRequestBody" },
	{ "tracing.extensionService", "tracing.extensionService", FORM_REFERENCE },
	{ "tracing.includePodDetail", "tracing.includePodDetail" },
	{ "tracing.serviceName", "tracing.serviceName" },
	{ "tracing.overallSampling", "tracing.overallSampling" },
	{ "tracing.clientSampling", "tracing.clientSampling" },
	{ "tracing.randomSampling", "tracing.randomSampling" },
	{ "tracing.maxPathTagLength", "tracing.maxPathTagLength" },
	{ "tracing.customTags", "tracing.customTags" },
	{ "featureFlags", "featureFlags" },
	{ "runtime-settings", "envoy.runtimeSettings" },
	/* Keys for which Contour has flags, or nothing. */
	{ "portolan.ingress-class-names", "ingress.classNames" },
	{ "portolan.root-namespaces", "httpproxy.rootNamespaces" },
	{ "portolan.use-proxy-protocol", "envoy.listener.useProxyProtocol" },
	{ "portolan.gateway.addresses", "portolan.gateway.addresses" },
	{ "portolan.gateway.controller-name", "portolan.gateway.controllerName" },
	{ "portolan.gateway.provisioning", "portolan.gateway.provisioning" },
	{ "portolan.gateway.xds-address", "portolan.gateway.xdsAddress" },
	{ "portolan.gateway.xds-authority", "portolan.gateway.xdsAuthority" },
	{ "portolan.gateway.envoy-image", "portolan.gateway.envoyImage" },
	{ "portolan.gateway.image", "portolan.gateway.image" },
	{ "portolan.gateway.envoy-upgrades", "portolan.gateway.envoyUpgrades" },
	{ "portolan.http.address", "envoy.http.address" },
	{ "portolan.http.port", "envoy.http.port" },
	{ "portolan.http.access-log", "envoy.http.accessLog" },
	{ "portolan.https.address", "envoy.https.address" },
	{ "portolan.https.port", "envoy.https.port" },
	{ "portolan.https.access-log", "envoy.https.accessLog" },
	{ "portolan.health.address", "envoy.health.address" },
	{ "portolan.health.port", "envoy.health.port" },
	{ "portolan.tls.hosts", "portolan.tls.hosts" },
	{ "portolan.hosts.ownership", "portolan.hosts.ownership" },
	{ "portolan.http3.enabled", "portolan.http3.enabled" },
	{ "portolan.http3.port", "portolan.http3.port" },
	{ "portolan.status.propagated", "portolan.status.propagated" },
	{ "portolan.edge.request-headers-timeout", "portolan.edge.requestHeadersTimeout" },
	{ "portolan.edge.escaped-slashes", "portolan.edge.escapedSlashes" },
	{ "portolan.edge.headers-with-underscores", "portolan.edge.headersWithUnderscores" },
	{ "portolan.destinations.allow-local", "portolan.destinations.allowLocal" },
	{ "ingressNginx.enabled", "portolan.ingressNginx.enabled" },
	{ "ingressNginx.classes", "portolan.ingressNginx.classes" },
	{ "ingressNginx.controllerName", "portolan.ingressNginx.controllerName" },
	{ "ingressNginx.watchIngressWithoutClass",
	  "portolan.ingressNginx.watchIngressWithoutClass" },
	{ "ingressNginx.configMap", "portolan.ingressNginx.configMap" },
	{ "ingressNginx.defaultSslCertificate", "portolan.ingressNginx.defaultSslCertificate" },
	{ "ingressNginx.defaultBackendService", "portolan.ingressNginx.defaultBackendService" },
	{ "ingressNginx.translateSnippets", "portolan.ingressNginx.translateSnippets" },
	{ "ingressNginx.passwords", "portolan.ingressNginx.passwords" },
	{ "ingressNginx.enableSslPassthrough", "portolan.ingressNginx.enableSslPassthrough" },
	{ "ingressNginx.tcpServicesConfigMap", "portolan.ingressNginx.tcpServicesConfigMap" },
	{ "ingressNginx.udpServicesConfigMap", "portolan.ingressNginx.udpServicesConfigMap" },
};

struct configuration_file {
	struct arena *tree, *out;
	struct schemas schemas;
	struct problems problems; /* fields are of the object at first, then of the file */
	uint8_t *object;
	size_t object_len;
	struct node *root; /* of the object's spec */
	bool read;
};

/* A key of the file and the maps around it. */
struct place {
	char path[256];
	size_t len;
};

static bool enter(struct place *p, const char *key, size_t n)
{
	bool dot = p->len > 0;

	if (n + 2 > sizeof(p->path) - p->len)
		return false;
	if (dot)
		p->path[p->len++] = '.';
	memcpy(p->path + p->len, key, n);
	p->len += n;
	p->path[p->len] = '\0';
	return true;
}

static void leave(struct place *p, size_t len)
{
	p->len = len;
	p->path[len] = '\0';
}

/* Faults of the file itself have the file's key as their only step. */
static void say(struct configuration_file *f, bool error, const char *reason, const char *key,
		unsigned line, const char *message)
{
	const struct path path = { .key = key, .key_len = strlen(key) };

	problems_add(&f->problems, error, reason, *key ? &path : NULL, line, "%s", message);
}

/* ---- the object's tree ---- */

static struct node *make_node(struct configuration_file *f, enum node_type type, const char *key,
			      size_t n, unsigned line)
{
	struct node *made = arena_new_of(f->out, struct node, 1);

	*made = (struct node){ .type = type, .line = line, .key = key, .key_len = (uint32_t)n };
	return made;
}

static void append(struct node *parent, struct node *child)
{
	struct node **at = &parent->first;

	while (*at)
		at = &(*at)->next;
	child->next = NULL;
	*at = child;
	parent->n++;
}

/* Puts a value where `to` says; the maps on the way are made. */
static void put(struct configuration_file *f, const char *to, struct node *value)
{
	struct node *at = f->root;
	size_t n;

	for (; to[n = strcspn(to, ".")]; to += n + 1) {
		struct node *next = at->first;

		while (next && !(next->key_len == n && memcmp(next->key, to, n) == 0))
			next = next->next;
		if (!next) {
			next = make_node(f, NODE_MAP, to, n, value->line);
			append(at, next);
		}
		at = next;
	}
	value->key = to;
	value->key_len = (uint32_t)n;
	append(at, value);
}

static struct node *string_node(struct configuration_file *f, const char *key, const char *text,
				size_t n, unsigned line)
{
	struct node *made = make_node(f, NODE_STRING, key, strlen(key), line);

	made->text = arena_strndup(f->out, text, n);
	made->len = (uint32_t)n;
	return made;
}

/* "namespace/name" → { namespace, name } */
static struct node *reference(struct configuration_file *f, const struct row *row,
			      const struct node *n)
{
	const char *slash = n->type == NODE_STRING ? strchr(n->text, '/') : NULL;
	struct node *map;

	if (n->type == NODE_STRING && !n->len)
		return NULL;
	if (!slash || strchr(slash + 1, '/')) {
		say(f, true, "WrongValue", row->key, n->line, "must be \"namespace/name\"");
		return NULL;
	}
	map = make_node(f, NODE_MAP, NULL, 0, n->line);
	append(map, string_node(f, "namespace", n->text, (size_t)(slash - n->text), n->line));
	append(map, string_node(f, "name", slash + 1, strlen(slash + 1), n->line));
	return map;
}

static struct node *versions(struct configuration_file *f, const struct node *n)
{
	struct node *list = make_node(f, n->type, NULL, 0, n->line);

	if (n->type != NODE_LIST) {
		*list = *n;
		return list;
	}
	for (const struct node *e = n->first; e; e = e->next) {
		struct node *copy = arena_new_of(f->out, struct node, 1);

		*copy = *e;
		if (e->type == NODE_STRING && strncasecmp(e->text, "http/", 5) == 0) {
			char *text = arena_strdup(f->out, e->text);

			memcpy(text, "HTTP", 4);
			copy->text = text;
		}
		append(list, copy);
	}
	return list;
}

static bool wants_strings(const char *to)
{
	const ProtobufCFieldDescriptor *f = configuration_field(to);
	const ProtobufCMessageDescriptor *type = f->type == PROTOBUF_C_TYPE_MESSAGE ? f->descriptor
										    : NULL;

	/* A map's entry has a key and a value. */
	if (type && f->label == PROTOBUF_C_LABEL_REPEATED)
		f = protobuf_c_message_descriptor_get_field_by_name(type, "value");
	return f && f->type == PROTOBUF_C_TYPE_STRING;
}

/* Contour's reader of YAML takes a number, or true, where a string is wanted: so it is in files. */
static struct node *same(struct configuration_file *f, const struct node *n, bool strings)
{
	struct node *copy = arena_new_of(f->out, struct node, 1);

	*copy = *n;
	copy->next = NULL;
	if (n->type == NODE_MAP || n->type == NODE_LIST) {
		copy->first = NULL;
		copy->n = 0;
		for (const struct node *e = n->first; e; e = e->next)
			append(copy, same(f, e, strings));
	} else if (strings && n->type != NODE_NULL) {
		copy->type = NODE_STRING;
	}
	return copy;
}

static void take(struct configuration_file *f, const struct row *row, const struct node *n)
{
	struct node *value;

	if (row->form == FORM_NOTHING) {
		say(f, false, "NoEffect", row->key, n->line,
		    arena_printf(f->out, "has no effect: %s", row->to));
		return;
	}
	if (n->type == NODE_NULL)
		return;
	if (row->form == FORM_REFERENCE) {
		value = reference(f, row, n);
		if (!value)
			return;
	} else if (row->form == FORM_VERSIONS) {
		value = versions(f, n);
	} else {
		value = same(f, n, wants_strings(row->to));
	}
	put(f, row->to, value);
}

/* ---- the file's tree ---- */

/* The row of this key, or one that is in it: then *ret_inside. */
static const struct row *find(const char *key, size_t len, bool *ret_inside)
{
	const struct row *inside = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (strncmp(rows[i].key, key, len) != 0)
			continue;
		if (!rows[i].key[len]) {
			*ret_inside = false;
			return &rows[i];
		}
		if (rows[i].key[len] == '.')
			inside = &rows[i];
	}
	*ret_inside = true;
	return inside;
}

/* The most similar key beside this one, or the key of that name elsewhere. */
static const char *nearest(struct configuration_file *f, const char *path, size_t parent_len)
{
	const char *word = path + parent_len, *best = NULL;
	size_t len = strlen(word), best_len = 0;
	unsigned limit = spelling_limit(len), best_distance = limit + 1;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const char *k = rows[i].key;
		unsigned distance;
		size_t n;

		if (strncmp(k, path, parent_len) != 0)
			continue;
		n = strcspn(k + parent_len, ".");
		distance = spelling_distance(word, len, k + parent_len, n, limit);
		if (distance < best_distance) {
			best_distance = distance;
			best = k;
			best_len = parent_len + n;
		}
	}
	for (size_t i = 0; !best && len > 3 && i < ARRAY_SIZE(rows); i++) {
		const char *k = rows[i].key;

		if (strncmp(k, path, parent_len) != 0)
			continue;
		best_len = parent_len + strcspn(k + parent_len, ".");
		if (memmem(k + parent_len, best_len - parent_len, word, len))
			best = k;
	}
	for (size_t i = 0; !best && i < ARRAY_SIZE(rows); i++) {
		const char *last = strrchr(rows[i].key, '.');

		last = last ? last + 1 : rows[i].key;
		if (spelling_distance(word, len, last, strlen(last), 1) <= 1) {
			best = rows[i].key;
			best_len = strlen(best);
		}
	}
	return best ? arena_strndup(f->out, best, best_len) : NULL;
}

static void unknown(struct configuration_file *f, const char *path, size_t parent_len,
		    unsigned line)
{
	const char *near = nearest(f, path, parent_len);

	say(f, true, "UnknownKey", path, line,
	    near ? arena_printf(f->out, "unknown key, did you mean \"%s\"?", near) : "unknown key");
}

static void walk(struct configuration_file *f, const struct node *map, struct place *place)
{
	size_t len = place->len;

	for (const struct node *n = map->first; n; n = n->next) {
		const struct row *row;
		bool inside;

		if (memchr(n->key, '\0', n->key_len) || memchr(n->key, '.', n->key_len) ||
		    !enter(place, n->key, n->key_len)) {
			say(f, true, "UnknownKey", place->path, n->line, "a key in here is none");
			continue;
		}
		row = find(place->path, place->len, &inside);
		if (!row)
			unknown(f, place->path, len ? len + 1 : 0, n->line);
		else if (!inside)
			take(f, row, n);
		else if (n->type == NODE_MAP)
			walk(f, n, place);
		else if (n->type != NODE_NULL)
			say(f, true, "WrongType", place->path, n->line,
			    arena_printf(f->out, "must be a mapping, not %s", node_type_name(n)));
		leave(place, len);
	}
}

/* ---- messages, in the file's terms ---- */

/* "envoy.timeouts.requestTimeout" → "timeouts.request-timeout"; the part below the row's path
 * stays. */
static const char *file_key(struct configuration_file *f, const char *field)
{
	const struct row *best = NULL;
	size_t best_len = 0;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		size_t n = strlen(rows[i].to);

		if (rows[i].form != FORM_NOTHING && n > best_len &&
		    strncmp(rows[i].to, field, n) == 0 &&
		    (!field[n] || field[n] == '.' || field[n] == '[')) {
			best = &rows[i];
			best_len = n;
		}
	}
	if (best)
		return arena_printf(f->out, "%s%s", best->key, field + best_len);
	/* A group of settings that is one in the file, too. */
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		size_t n = strlen(field);
		const char *last = strrchr(rows[i].key, '.');

		if (last && rows[i].form != FORM_NOTHING && strncmp(rows[i].to, field, n) == 0 &&
		    rows[i].to[n] == '.')
			return arena_strndup(f->out, rows[i].key, (size_t)(last - rows[i].key));
	}
	return field;
}

/* The line of the setting, or of the nearest thing that it is in. */
static unsigned line_of(const struct configuration_file *f, const char *field)
{
	const struct node *at = f->root;
	unsigned line = 0;

	while (at && *field) {
		size_t n = strcspn(field, ".["), index;

		if (at->line)
			line = at->line;
		if (*field == '[') {
			const struct node *e =
				at->type == NODE_LIST || at->type == NODE_MAP ? at->first : NULL;
			const char *key = field + 1;

			n = strcspn(key, "]");
			if (at->type == NODE_LIST)
				for (index = strtoul(key, NULL, 10); e && index; index--)
					e = e->next;
			else
				while (e && !(e->key_len == n && memcmp(e->key, key, n) == 0))
					e = e->next;
			at = e;
			field = key + n + (key[n] == ']');
		} else {
			const struct node *e = at->type == NODE_MAP ? at->first : NULL;

			while (e && !(e->key_len == n && memcmp(e->key, field, n) == 0))
				e = e->next;
			at = e;
			field += n;
		}
		if (*field == '.')
			field++;
	}
	return at && at->line ? at->line : line;
}

/* Problems from the decoder, which knows the object's fields. An unknown field is only a warning
 * there. */
static void translate_problems(struct configuration_file *f, size_t from)
{
	for (size_t i = from; i < f->problems.n; i++) {
		struct decode_problem *p = &f->problems.list[i];

		p->field = file_key(f, p->field);
		if (strcmp(p->reason, "UnknownField") != 0)
			continue;
		p->reason = "UnknownKey";
		p->error = true;
		f->problems.failed = true;
	}
}

static void on_check(void *ctx, enum configuration_severity severity, const char *field,
		     const char *message)
{
	struct configuration_file *f = ctx;

	say(f, severity == CONFIGURATION_WRONG,
	    severity == CONFIGURATION_WRONG ? "WrongValue" : "NoEffect", file_key(f, field),
	    line_of(f, field), message);
}

/* ---- reading ---- */

static void encode(struct configuration_file *f, K8s__ContourConfigurationSpec *spec)
{
	K8s__ContourConfiguration object = K8S__CONTOUR_CONFIGURATION__INIT;
	K8s__ObjectMeta meta = K8S__OBJECT_META__INIT;

	meta.name = (char *)CONFIGURATION_NAME;
	meta.namespace_ = (char *)CONFIGURATION_NAMESPACE;
	object.metadata = &meta;
	object.spec = spec;
	f->object_len = k8s__contour_configuration__get_packed_size(&object);
	f->object = arena_alloc(f->out, f->object_len);
	(void)k8s__contour_configuration__pack(&object, f->object);
}

static void decode(struct configuration_file *f)
{
	const ProtobufCMessageDescriptor *type = &k8s__contour_configuration_spec__descriptor;
	size_t from = f->problems.n;
	ProtobufCMessage *m;

	m = message_from_node(f->out, &f->schemas, type, f->root, NULL, &f->problems);
	translate_problems(f, from);
	/* The check removes wrong values, and the file is then refused; otherwise it changes
	 * nothing. */
	configuration_check(f->out, (K8s__ContourConfigurationSpec *)m, on_check, f);
	if (f->problems.failed)
		return;
	m = message_from_node(f->out, &f->schemas, type, f->root, NULL, &f->problems);
	encode(f, (K8s__ContourConfigurationSpec *)m);
}

static bool on_document(void *ctx, unsigned document _unused_, unsigned line, struct node *root,
			const struct decode_problem *p)
{
	struct configuration_file *f = ctx;
	struct place place = { .len = 0 };

	if (root && root->type == NODE_NULL)
		return true;
	if (!root) {
		if (p)
			say(f, true, p->reason, "", p->line, p->message);
	} else if (f->read) {
		say(f, true, "WrongType", "", line, "must be one document, not several");
	} else if (root->type != NODE_MAP) {
		say(f, true, "WrongType", "", line,
		    arena_printf(f->out, "must be a mapping, not %s", node_type_name(root)));
	} else {
		walk(f, root, &place);
		decode(f);
	}
	f->read = true;
	return !f->problems.failed;
}

static int compare_lines(const void *a, const void *b)
{
	const struct decode_problem *x = a, *y = b;

	if (x->line != y->line)
		return x->line < y->line ? -1 : 1;
	return strcmp(x->field, y->field);
}

struct configuration_file *configuration_file_read(const char *text, size_t len)
{
	struct configuration_file *f = xnew(struct configuration_file, 1);
	struct decode_limits limits = DECODE_LIMITS_DEFAULT;

	limits.bytes = FILE_MAX;
	f->tree = arena_new(TREE_CHUNK);
	f->out = arena_new(TREE_CHUNK);
	schemas_init(&f->schemas);
	problems_begin(&f->problems, f->out, PROBLEMS_MAX);
	f->root = make_node(f, NODE_MAP, NULL, 0, 0);
	if (len > limits.bytes)
		say(f, true, "TooLarge", "", 0,
		    arena_printf(f->out, "is larger than %zu bytes", limits.bytes));
	else
		node_read_yaml(f->tree, &limits, text, len, on_document, f);
	if (!f->problems.failed && !f->read)
		decode(f);
	if (f->problems.n)
		qsort(f->problems.list, f->problems.n, sizeof(*f->problems.list), compare_lines);
	problems_end(&f->problems);
	return f;
}

/* For what a pipe's writer has not written yet: 0, and -ENODATA when the time is up. */
static int wait_for_more(int fd, int64_t until)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	int64_t left = until - clock_monotonic();

	if (left <= 0)
		return -ENODATA;
	return poll(&p, 1, (int)(left / USEC_PER_MSEC) + 1) < 0 && errno != EINTR ? -errno : 0;
}

int configuration_file_load(const char *path, struct configuration_file **ret)
{
	_cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	int64_t until = clock_monotonic() + PIPE_USEC;
	struct stat st;
	ssize_t n;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	/* One byte too much is enough to be refused. */
	while ((n = read(fd, strbuf_room(&text, TREE_CHUNK), TREE_CHUNK)) != 0 &&
	       text.len <= FILE_MAX) {
		r = n > 0 || errno == EINTR ? 0
		    : errno == EAGAIN       ? wait_for_more(fd, until)
					    : -errno;
		if (r < 0)
			return r;
		text.len += n > 0 ? (size_t)n : 0;
	}
	if (S_ISFIFO(st.st_mode) && !text.len)
		return -ENODATA;
	*ret = configuration_file_read(strbuf_str(&text), text.len);
	return 0;
}

void configuration_file_free(struct configuration_file *f)
{
	if (!f)
		return;
	schemas_done(&f->schemas);
	arena_free(f->tree);
	arena_free(f->out);
	free(f);
}

const struct decode_problem *configuration_file_problems(const struct configuration_file *f,
							 size_t *ret_n)
{
	*ret_n = f->problems.n;
	return f->problems.list;
}

const uint8_t *configuration_file_object(const struct configuration_file *f, size_t *ret_len)
{
	*ret_len = f->object_len;
	return f->problems.failed ? NULL : f->object;
}
