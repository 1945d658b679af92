/* Whether a configuration can be used. Used by the watcher, the translator and the portolan
 * command. */
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/go-duration.h"
#include "common/base/http-header.h"
#include "common/configuration/access-log-format.h"
#include "common/configuration/configuration-check.h"

struct check {
	struct arena *arena;
	K8s__ContourConfigurationSpec *spec;
	configuration_problem_fn fn;
	void *ctx;
};

struct rule {
	const char *path;
	/* Returns NULL, or the fault, in the arena. text: a string, or an item of a list. */
	const char *(*text)(struct check *c, const struct rule *rule, const char *text);
	const char *const *words;
	int64_t min, max; /* of a number */
	bool keep;        /* it protects something: without it users must refuse, not go on */
};

static void wrong(struct check *c, const char *path, const char *message)
{
	c->fn(c->ctx, CONFIGURATION_WRONG, path, message);
}

/* ---- strings ---- */

static const char *word(struct check *c, const struct rule *rule, const char *text)
{
	char list[256] = "";
	size_t len = 0;

	for (const char *const *w = rule->words; *w; w++)
		if (strcmp(*w, text) == 0)
			return NULL;
	for (const char *const *w = rule->words; *w && len < sizeof(list); w++)
		len += (size_t)snprintf(list + len, sizeof(list) - len, "%s%s", len ? ", " : "",
					*w);
	return arena_printf(c->arena, "\"%.64s\" is not one of %s", text, list);
}

static const char *duration(struct check *c, const struct rule *rule, const char *text)
{
	struct go_duration d;
	int r = go_duration_parse(text, &d);

	if (r == -ERANGE)
		return arena_printf(c->arena, "\"%.64s\" is longer than a hundred years", text);
	if (r < 0)
		return arena_printf(
			c->arena, "\"%.64s\" is not a duration like 30s, 1m30s or infinity", text);
	return d.infinite && rule->max ? "must be a duration, not infinity" : NULL;
}

bool configuration_is_cipher(const char *text, size_t n)
{
	static const char *const ciphers[] = {
		"ECDHE-ECDSA-AES128-GCM-SHA256",
		"ECDHE-RSA-AES128-GCM-SHA256",
		"ECDHE-ECDSA-AES256-GCM-SHA384",
		"ECDHE-RSA-AES256-GCM-SHA384",
		"ECDHE-ECDSA-CHACHA20-POLY1305",
		"ECDHE-RSA-CHACHA20-POLY1305",
		"ECDHE-ECDSA-AES128-SHA",
		"ECDHE-RSA-AES128-SHA",
		"ECDHE-ECDSA-AES256-SHA",
		"ECDHE-RSA-AES256-SHA",
		"AES128-GCM-SHA256",
		"AES256-GCM-SHA384",
		"AES128-SHA",
		"AES256-SHA",
	};

	for (size_t i = 0; i < ARRAY_SIZE(ciphers); i++)
		if (strlen(ciphers[i]) == n && memcmp(ciphers[i], text, n) == 0)
			return true;
	return false;
}

static const char *object_key(struct check *c, const struct rule *rule _unused_, const char *text)
{
	const char *slash = strchr(text, '/');

	return slash && slash > text && slash[1] && !strchr(slash + 1, '/')
		       ? NULL
		       : arena_printf(c->arena, "\"%.64s\" must be namespace/name", text);
}

/* One, or a group of equal preference: "[A|B]". */
static const char *cipher(struct check *c, const struct rule *rule _unused_, const char *text)
{
	size_t len = strlen(text);
	const char *p = text, *end = text + len;

	if (len > 2 && text[0] == '[' && end[-1] == ']') {
		p++;
		end--;
	}
	for (;;) {
		const char *bar = memchr(p, '|', (size_t)(end - p));
		const char *stop = bar && p != text ? bar : end;

		if (!configuration_is_cipher(p, (size_t)(stop - p)))
			return arena_printf(
				c->arena, "\"%.*s\" is no TLS 1.2 cipher that Envoy has by default",
				(int)MIN(stop - p, 64), p);
		if (stop == end)
			return NULL;
		p = stop + 1;
	}
}

static const char *address(struct check *c, const struct rule *rule _unused_, const char *text)
{
	unsigned char bytes[sizeof(struct in6_addr)];

	return inet_pton(AF_INET, text, bytes) == 1 || inet_pton(AF_INET6, text, bytes) == 1
		       ? NULL
		       : arena_printf(c->arena, "\"%.64s\" is no IP address", text);
}

/* RFC 1123, of one label or of several. */
static bool is_name(const char *s, bool dots)
{
	char before = '.';

	if (!*s || strlen(s) > (dots ? 253u : 63u))
		return false;
	for (; *s; before = *s++) {
		bool alnum = (*s >= 'a' && *s <= 'z') || (*s >= '0' && *s <= '9');

		if (!alnum && (before == '.' || !(*s == '-' || (dots && *s == '.'))))
			return false;
		if (*s == '.' && before == '-')
			return false;
	}
	return before != '-' && before != '.';
}

static const char *namespace(struct check *c, const struct rule *rule _unused_, const char *text)
{
	return is_name(text, false) ? NULL
				    : arena_printf(c->arena, "\"%.64s\" is not a namespace", text);
}

static const char *header_name(struct check *c, const struct rule *rule _unused_, const char *text)
{
	return http_header_is_token(text)
		       ? NULL
		       : arena_printf(c->arena, "\"%.64s\" is not a header's name", text);
}

static const char *log_format(struct check *c, const struct rule *rule _unused_, const char *text)
{
	size_t n = strlen(text);

	if (text[n - 1] != '\n')
		return "must end in a newline";
	return access_log_format_problem(c->arena, text);
}

static const char *log_field(struct check *c, const struct rule *rule _unused_, const char *text)
{
	const char *name, *problem;

	return access_log_field(c->arena, text, &name, &problem)
		       ? NULL
		       : arena_printf(c->arena, "\"%.64s\": %s", text, problem);
}

static const char *log_place(struct check *c, const struct rule *rule _unused_, const char *text)
{
	if (*text == '/' || strcmp(text, "off") == 0 || strcmp(text, "stdout") == 0)
		return NULL;
	return arena_printf(c->arena,
			    "\"%.64s\" is not one of off, stdout, and a path that begins with /",
			    text);
}

static const char *percent(struct check *c, const struct rule *rule _unused_, const char *text)
{
	char *end;
	double value = strtod(text, &end);

	return end != text && !*end && value >= 0 && value <= 100 && isdigit((unsigned char)*text)
		       ? NULL
		       : arena_printf(c->arena, "\"%.64s\" is not a percentage between 0 and 100",
				      text);
}

/* IP addresses and host names, with commas between them. */
static const char *addresses(struct check *c, const struct rule *rule, const char *text)
{
	char *rest = arena_strdup(c->arena, text), *one;

	while ((one = strsep(&rest, ",")))
		if (address(c, rule, one) && !is_name(one, true))
			return arena_printf(c->arena,
					    "\"%.64s\" is neither an IP address nor a host name",
					    one);
	return NULL;
}

#define WORDS(...)                     \
	.words = (const char *const[]) \
	{                              \
		__VA_ARGS__, NULL      \
	}
#define COUNT .min = 1, .max = UINT32_MAX
#define PORT  .min = 1, .max = 65535

static const struct rule rules[] = {
	{ "ingress.statusAddress", addresses },
	{ "httpproxy.rootNamespaces", namespace },
	{ "envoy.http.address", address },
	{ "envoy.http.port", PORT },
	{ "envoy.http.accessLog", log_place },
	{ "envoy.https.address", address },
	{ "envoy.https.port", PORT },
	{ "envoy.https.accessLog", log_place },
	{ "envoy.health.address", address },
	{ "envoy.health.port", PORT },
	{ "envoy.metrics.address", address },
	{ "envoy.metrics.port", PORT },
	{ "envoy.omEnforcedHealth.address", address },
	{ "envoy.omEnforcedHealth.port", PORT },
	{ "health.address", address },
	{ "health.port", PORT },
	{ "debug.address", address },
	{ "debug.port", PORT },
	{ "metrics.address", address },
	{ "metrics.port", PORT },
	{ "xdsServer.address", address },
	{ "xdsServer.port", PORT },
	{ "envoy.defaultHTTPVersions", word, WORDS("HTTP/1.1", "HTTP/2") },
	{ "envoy.listener.compression.algorithm", word,
	  WORDS("gzip", "brotli", "zstd", "disabled") },
	{ "envoy.listener.serverHeaderTransformation", word,
	  WORDS("overwrite", "append_if_absent", "pass_through") },
	{ "envoy.listener.connectionBalancer", word, WORDS("exact") },
	{ "envoy.listener.maxRequestsPerConnection", COUNT },
	{ "envoy.listener.per-connection-buffer-limit-bytes", COUNT },
	{ "envoy.listener.maxRequestsPerIOCycle", COUNT },
	{ "envoy.listener.httpMaxConcurrentStreams", .min = 1, .max = INT32_MAX },
	{ "envoy.listener.maxConnectionsPerListener", COUNT },
	{ "envoy.listener.maxConnectionsToAcceptPerSocketEvent", COUNT },
	{ "envoy.listener.socketOptions.tos", .min = 0, .max = 255 },
	{ "envoy.listener.socketOptions.trafficClass", .min = 0, .max = 255 },
	{ "envoy.listener.tls.minimumProtocolVersion", word, WORDS("1.2", "1.3") },
	{ "envoy.listener.tls.maximumProtocolVersion", word, WORDS("1.2", "1.3") },
	{ "envoy.listener.tls.cipherSuites", cipher },
	{ "envoy.listener.tls.ecdhCurves", word,
	  WORDS("X25519", "P-256", "P-384", "P-521", "X25519MLKEM768", "MLKEM1024") },
	{ "envoy.logging.accessLogFormat", word, WORDS("envoy", "json") },
	{ "envoy.logging.accessLogFormatString", log_format },
	{ "envoy.logging.accessLogJSONFields", log_field },
	{ "envoy.logging.accessLogLevel", word, WORDS("info", "error", "critical", "disabled") },
	{ "envoy.timeouts.requestTimeout", duration },
	{ "envoy.timeouts.connectionIdleTimeout", duration },
	{ "envoy.timeouts.streamIdleTimeout", duration },
	{ "envoy.timeouts.maxConnectionDuration", duration },
	{ "envoy.timeouts.delayedCloseTimeout", duration },
	{ "envoy.timeouts.connectionShutdownGracePeriod", duration },
	{ "envoy.timeouts.connectTimeout", duration, .max = 1 },
	{ "envoy.cluster.dnsLookupFamily", word, WORDS("auto", "v4", "v6", "all") },
	{ "envoy.cluster.maxRequestsPerConnection", COUNT },
	{ "envoy.cluster.per-connection-buffer-limit-bytes", COUNT },
	{ "envoy.cluster.upstreamTLS.minimumProtocolVersion", word, WORDS("1.2", "1.3") },
	{ "envoy.cluster.upstreamTLS.maximumProtocolVersion", word, WORDS("1.2", "1.3") },
	{ "envoy.cluster.upstreamTLS.cipherSuites", cipher },
	{ "envoy.cluster.upstreamTLS.ecdhCurves", word,
	  WORDS("X25519", "P-256", "P-384", "P-521", "X25519MLKEM768", "MLKEM1024") },
	{ "envoy.network.adminPort", .min = 0, .max = 65535 },
	{ "policy.requestHeaders.remove", header_name },
	{ "policy.responseHeaders.remove", header_name },
	{ "globalExtAuth.serviceType", word, WORDS("grpc", "http"), .keep = true },
	{ "globalExtAuth.responseTimeout", duration, .keep = true },
	{ "tracing.overallSampling", percent },
	{ "tracing.clientSampling", percent },
	{ "tracing.randomSampling", percent },
	{ "portolan.gateway.addresses", address },
	{ "portolan.tls.hosts", word, WORDS("chains", "shared") },
	{ "portolan.http3.port", PORT },
	{ "portolan.edge.requestHeadersTimeout", duration },
	{ "portolan.edge.escapedSlashes", word,
	  WORDS("keep", "reject", "unescape-and-redirect", "unescape-and-forward"), .keep = true },
	{ "portolan.edge.headersWithUnderscores", word, WORDS("allow", "reject", "drop"),
	  .keep = true },
	{ "portolan.gateway.envoyUpgrades", word, WORDS("one-at-a-time", "at-once", "hold"),
	  .keep = true },
	{ "portolan.hosts.ownership", word, WORDS("owner", "strict", "contour"), .keep = true },
	{ "portolan.ingressNginx.configMap", object_key },
	{ "portolan.ingressNginx.passwords", word, WORDS("checker", "envoy"), .keep = true },
	{ "portolan.ingressNginx.defaultSslCertificate", object_key },
	{ "portolan.ingressNginx.defaultBackendService", object_key },
	{ "portolan.ingressNginx.tcpServicesConfigMap", object_key },
	{ "portolan.ingressNginx.udpServicesConfigMap", object_key },
};

static void check_texts(struct check *c, const struct rule *rule,
			const struct configuration_setting *s)
{
	const size_t *count = (const size_t *)((const char *)s->in + s->field->quantifier_offset);
	const char *problem;

	if (s->field->label != PROTOBUF_C_LABEL_REPEATED) {
		problem = rule->text(c, rule, *(char *const *)s->at);
		if (!problem)
			return;
		wrong(c, rule->path, problem);
		if (!rule->keep)
			configuration_unset(s);
		return;
	}
	for (size_t i = 0, n = *count; i < n; i++) {
		problem = rule->text(c, rule, (*(char **const *)s->at)[i]);
		if (!problem)
			continue;
		wrong(c, arena_printf(c->arena, "%s[%zu]", rule->path, i), problem);
		configuration_unset(s);
	}
}

static void check_number(struct check *c, const struct rule *rule,
			 const struct configuration_setting *s)
{
	int64_t value = s->field->type == PROTOBUF_C_TYPE_UINT32 ? (int64_t)*(uint32_t *)s->at
								 : (int64_t)*(int32_t *)s->at;

	if (value >= rule->min && value <= rule->max)
		return;
	wrong(c, rule->path,
	      arena_printf(c->arena, "%lld is not between %lld and %lld", (long long)value,
			   (long long)rule->min, (long long)rule->max));
	configuration_unset(s);
}

static void check_rules(struct check *c)
{
	for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
		struct configuration_setting s;

		if (!configuration_find(c->spec, rules[i].path, &s) || !configuration_is_set(&s))
			continue;
		if (rules[i].text)
			check_texts(c, &rules[i], &s);
		else
			check_number(c, &rules[i], &s);
	}
}

/* ---- references to objects ---- */

static const char *const references[] = {
	"gateway.gatewayRef",       "httpproxy.fallbackCertificate",
	"envoy.clientCertificate",  "rateLimitService.extensionService",
	"tracing.extensionService",
};

static const char *reference_problem(const char *namespace, const char *name)
{
	if (!is_name(namespace, false))
		return *namespace ? "the namespace is not one of Kubernetes"
				  : "the namespace is missing";
	if (!is_name(name, true))
		return *name ? "the name is not one of Kubernetes" : "the name is missing";
	return NULL;
}

static void check_references(struct check *c)
{
	const K8s__ProxyAuthorization *auth = c->spec->global_ext_auth;
	const char *problem;

	for (size_t i = 0; i < ARRAY_SIZE(references); i++) {
		struct configuration_setting s;
		const K8s__ConfigReference *r;

		if (!configuration_find(c->spec, references[i], &s) || !configuration_is_set(&s))
			continue;
		r = *(K8s__ConfigReference **)s.at;
		problem = reference_problem(r->namespace_, r->name);
		if (!problem)
			continue;
		/* Contour's file writes unset references as empty strings. */
		if (*r->namespace_ || *r->name)
			wrong(c, references[i], problem);
		configuration_unset(&s);
	}
	if (!auth)
		return;
	problem = auth->extension_ref ? reference_problem(auth->extension_ref->namespace_,
							  auth->extension_ref->name)
				      : "must be there";
	if (problem)
		wrong(c, "globalExtAuth.extensionRef", problem);
}

/* ---- combinations of fields ---- */

static void check_versions(struct check *c, const char *path, K8s__ConfigTLS *tls)
{
	const char *min = *tls->minimum_protocol_version ? tls->minimum_protocol_version : "1.2";
	const char *max = *tls->maximum_protocol_version ? tls->maximum_protocol_version : "1.3";

	if (strcmp(min, max) <= 0)
		return;
	wrong(c, arena_printf(c->arena, "%s.minimumProtocolVersion", path),
	      arena_printf(c->arena, "the minimum, TLS %s, is above the maximum, TLS %s", min,
			   max));
	tls->maximum_protocol_version = tls->minimum_protocol_version;
}

static void check_ciphers(struct check *c, const char *path, const K8s__ConfigTLS *tls)
{
	if (tls->n_cipher_suites && strcmp(tls->minimum_protocol_version, "1.3") == 0)
		c->fn(c->ctx, CONFIGURATION_NO_EFFECT,
		      arena_printf(c->arena, "%s.cipherSuites", path),
		      "has no effect: these are ciphers of TLS 1.2, and the minimum is TLS 1.3");
}

/* Envoy rewrites it for one Service to a text only. */
static const char *host_problem(const char *value)
{
	return !value || !*value || strpbrk(value, "% \t/?#") ? "Host must be a name" : NULL;
}

static void say_set_and_removed(struct check *c, const char *path, const K8s__ConfigHeaders *h)
{
	for (size_t i = 0; i < h->n_remove; i++)
		for (size_t k = 0; k < h->n_set; k++)
			if (strcasecmp(h->remove[i], h->set[k]->key) == 0)
				c->fn(c->ctx, CONFIGURATION_NO_EFFECT,
				      arena_printf(c->arena, "%s.remove[%zu]", path, i),
				      arena_printf(c->arena,
						   "has no effect: %.64s is set, too, after what "
						   "is removed",
						   h->set[k]->key));
}

static void check_headers(struct check *c, const char *path, K8s__ConfigHeaders *h, bool response)
{
	size_t n = 0;

	for (size_t i = 0; i < h->n_set; i++) {
		const K8s__ConfigHeaders__SetEntry *e = h->set[i];
		const char *problem = header_name(c, NULL, e->key);

		if (!problem && e->value && strpbrk(e->value, "\r\n"))
			problem = arena_printf(c->arena,
					       "the value of %.64s has a line's end in it", e->key);
		if (!problem && !(http_header_name_fits(e->key) &&
				  http_header_value_fits(e->value ? e->value : "")))
			problem = arena_printf(c->arena,
					       "%.64s or its value has more than %d bytes", e->key,
					       HTTP_HEADER_BYTES_MAX);
		if (!problem && http_header_is_framing(e->key))
			problem = "it says where a message ends: only Envoy writes it";
		if (!problem && strcasecmp(e->key, "host") == 0)
			problem = response ? "an answer has no Host" : host_problem(e->value);
		for (size_t k = 0; !problem && k < n; k++)
			if (strcasecmp(h->set[k]->key, e->key) == 0)
				problem = arena_printf(c->arena, "%.64s is set twice", e->key);
		if (problem)
			wrong(c, arena_printf(c->arena, "%s.set[%.64s]", path, e->key), problem);
		else
			h->set[n++] = h->set[i];
	}
	h->n_set = n;
	for (size_t i = 0; i < h->n_remove; i++)
		if (strcasecmp(h->remove[i], "host") == 0) {
			wrong(c, arena_printf(c->arena, "%s.remove[%zu]", path, i),
			      "Host cannot be removed");
			h->n_remove = 0;
		}
	say_set_and_removed(c, path, h);
}

/* cert and key go together, and the CA needs them. */
static void check_metrics(struct check *c, const char *path, const K8s__ConfigMetrics *m)
{
	const K8s__ConfigMetricsTLS *tls = m ? m->tls : NULL;

	if (!tls)
		return;
	if (!*tls->cert_file != !*tls->key_file)
		wrong(c,
		      arena_printf(c->arena, "%s.tls.%s", path,
				   *tls->cert_file ? "keyFile" : "certFile"),
		      "must be there: certificate and key go together");
	else if (*tls->ca_file && !*tls->cert_file)
		wrong(c, arena_printf(c->arena, "%s.tls.caFile", path),
		      "needs a certificate and a key of the server");
}

/* Where one of Envoy's listeners would be. */
struct place {
	const char *path, *address;
	int32_t port;
};

static const char *pages_address(const char *address)
{
	return *address ? address : CONFIGURATION_PAGES_ADDRESS;
}

static int32_t pages_port(int32_t port)
{
	return port ? port : CONFIGURATION_PAGES_PORT;
}

static bool is_any(const char *address)
{
	return strcmp(address, "0.0.0.0") == 0 || strcmp(address, "::") == 0;
}

static bool clash(const struct place *x, const struct place *y)
{
	return x->port && x->port == y->port &&
	       (is_any(x->address) || is_any(y->address) || strcmp(x->address, y->address) == 0);
}

static size_t list_places(const K8s__ConfigEnvoy *e, struct place *ret)
{
	const K8s__ConfigMetrics *m = e->metrics;
	const K8s__ConfigAddress *h = e->health, *om = e->om_enforced_health;
	size_t n = 0;

	ret[n++] = (struct place){ "envoy.http", *e->http->address ? e->http->address : "0.0.0.0",
				   e->http->port ? e->http->port : CONFIGURATION_HTTP_PORT };
	ret[n++] = (struct place){ "envoy.https",
				   *e->https->address ? e->https->address : "0.0.0.0",
				   e->https->port ? e->https->port : CONFIGURATION_HTTPS_PORT };
	if (m)
		ret[n++] = (struct place){ "envoy.metrics", pages_address(m->address),
					   pages_port(m->port) };
	/* If both are plain HTTP they share a listener. */
	if (h && !(m && !m->tls && pages_port(h->port) == pages_port(m->port) &&
		   strcmp(pages_address(h->address), pages_address(m->address)) == 0))
		ret[n++] = (struct place){ "envoy.health", pages_address(h->address),
					   pages_port(h->port) };
	if (om)
		ret[n++] = (struct place){ "envoy.omEnforcedHealth", pages_address(om->address),
					   om->port };
	if (e->network->has_admin_port)
		ret[n++] = (struct place){ "envoy.network.adminPort", "127.0.0.1",
					   e->network->admin_port };
	return n;
}

static void check_places(struct check *c)
{
	K8s__ConfigEnvoy *e = c->spec->envoy;
	struct place all[6];
	size_t n = list_places(e, all);

	if (e->om_enforced_health && !e->om_enforced_health->port)
		wrong(c, "envoy.omEnforcedHealth.port", "must be there");
	for (size_t i = 1; i < n; i++)
		for (size_t k = 0; k < i; k++) {
			struct configuration_setting s;
			const char *path = all[i].path;

			if (!clash(&all[k], &all[i]))
				continue;
			if (strcmp(path, "envoy.network.adminPort") != 0)
				path = arena_printf(c->arena, "%s.port", path);
			wrong(c, path,
			      arena_printf(c->arena, "%d is the port of %s, too", (int)all[i].port,
					   all[k].path));
			if (i == 1) {
				e->http->has_port = e->http->port = 0;
				e->https->has_port = e->https->port = 0;
			} else if (configuration_find(c->spec, all[i].path, &s)) {
				configuration_unset(&s);
			}
			break;
		}
}

static void check_rate_limit(struct check *c)
{
	if (c->spec->rate_limit_service && !c->spec->rate_limit_service->extension_service)
		wrong(c, "rateLimitService.extensionService", "must be there");
}

static void check_tracing(struct check *c)
{
	const K8s__ConfigTracing *t = c->spec->tracing;

	if (!t)
		return;
	if (!t->extension_service)
		wrong(c, "tracing.extensionService", "must be there");
	for (size_t i = 0; i < t->n_custom_tags; i++) {
		const K8s__ConfigCustomTag *tag = t->custom_tags[i];
		const char *path = arena_printf(c->arena, "tracing.customTags[%zu]", i);

		if (!*tag->tag_name)
			wrong(c, path, "tagName must be there");
		else if (!*tag->literal == !*tag->request_header_name)
			wrong(c, path, "must have one of literal and requestHeaderName");
		else if (*tag->request_header_name &&
			 !http_header_is_token(tag->request_header_name))
			wrong(c, path, "requestHeaderName is not a header's name");
		for (size_t k = 0; k < i; k++)
			if (strcmp(t->custom_tags[k]->tag_name, tag->tag_name) == 0)
				wrong(c, path,
				      arena_printf(c->arena, "tag \"%.64s\" is there twice",
						   tag->tag_name));
	}
}

/* Either may have its default. */
static void check_service(struct check *c)
{
	K8s__ConfigReference *r = c->spec->envoy->service;

	if (!r)
		return;
	if (*r->namespace_ && !is_name(r->namespace_, false))
		wrong(c, "envoy.service.namespace", "is not a namespace");
	if (*r->name && !is_name(r->name, true))
		wrong(c, "envoy.service.name", "is not a Service's name");
}

static void check_xds_server(struct check *c)
{
	const K8s__ConfigXDSServerTLS *tls = c->spec->xds_server ? c->spec->xds_server->tls : NULL;
	bool all, any;

	if (!tls)
		return;
	all = *tls->ca_file && *tls->cert_file && *tls->key_file;
	any = *tls->ca_file || *tls->cert_file || *tls->key_file;
	if (tls->insecure ? any : !all)
		wrong(c, "xdsServer.tls",
		      "must have caFile, certFile and keyFile, or insecure: true");
}

/* ---- fields without effect ---- */

static const struct {
	const char *path, *instead;
} without_effect[] = {
	{ "xdsServer", "say it to portolan-xds-server, by its options" },
	{ "debug", "say it to portolan-admin, by its options" },
	{ "health", "say it to portolan-admin, by its options" },
	{ "metrics", "say it to portolan-admin, by its options" },
	{ "featureFlags", "there are none" },
	{ "gateway", "all Gateways of our classes are served, not only one" },
};

/* Each of the two formats of an access log has a setting of its own. */
static void say_of_other_format(struct check *c)
{
	const K8s__ConfigLogging *l = c->spec->envoy->logging;
	bool json = strcmp(l->access_log_format, "json") == 0;

	if (!json && l->n_access_log_json_fields)
		c->fn(c->ctx, CONFIGURATION_NO_EFFECT, "envoy.logging.accessLogJSONFields",
		      "has no effect: accessLogFormat is not json");
	if (json && *l->access_log_format_string)
		c->fn(c->ctx, CONFIGURATION_NO_EFFECT, "envoy.logging.accessLogFormatString",
		      "has no effect: accessLogFormat is json");
}

static void say_without_effect(struct check *c)
{
	for (size_t i = 0; i < ARRAY_SIZE(without_effect); i++) {
		struct configuration_setting s;
		const char *instead = without_effect[i].instead;

		if (configuration_find(c->spec, without_effect[i].path, &s) &&
		    configuration_is_set(&s))
			c->fn(c->ctx, CONFIGURATION_NO_EFFECT, without_effect[i].path,
			      instead ? arena_printf(c->arena, "has no effect: %s", instead)
				      : "has no effect yet");
	}
}

void configuration_check(struct arena *arena, K8s__ContourConfigurationSpec *spec,
			 configuration_problem_fn fn, void *ctx)
{
	struct check c = { arena, spec, fn, ctx };

	configuration_fill(arena, spec);
	check_rules(&c);
	check_references(&c);
	check_versions(&c, "envoy.listener.tls", spec->envoy->listener->tls);
	check_versions(&c, "envoy.cluster.upstreamTLS", spec->envoy->cluster->upstream_tls);
	check_ciphers(&c, "envoy.listener.tls", spec->envoy->listener->tls);
	check_ciphers(&c, "envoy.cluster.upstreamTLS", spec->envoy->cluster->upstream_tls);
	check_headers(&c, "policy.requestHeaders", spec->policy->request_headers, false);
	check_headers(&c, "policy.responseHeaders", spec->policy->response_headers, true);
	check_metrics(&c, "metrics", spec->metrics);
	check_metrics(&c, "envoy.metrics", spec->envoy->metrics);
	check_places(&c);
	check_rate_limit(&c);
	check_tracing(&c);
	check_service(&c);
	check_xds_server(&c);
	say_without_effect(&c);
	say_of_other_format(&c);
}
