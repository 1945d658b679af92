/* Gateway API's rules about several fields together (its CRDs' x-kubernetes-validations, v1.7.0).
 * Used by the decoder of files. */
#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/base/cleanup.h"
#include "common/base/strbuf.h"
#include "common/base/word.h"
#include "common/decode/decode-rules.h"
#include "common/decode/decode-scalar.h"
#include "common/decode/gateway-rules.h"

#define TOTAL_MATCHES_MAX 128
#define COMPARED_MAX      1024
#define SECOND            1000000000LL

struct check {
	const struct node *map;
	const struct path *path;
	struct problems *problems;
};

/* ---- reading the tree ---- */

static const struct node *member(const struct node *map, const char *key)
{
	const struct node *n = map ? node_member(map, key) : NULL;

	return n && n->type != NODE_NULL ? n : NULL;
}

static const char *text(const struct node *map, const char *key)
{
	const struct node *n = member(map, key);

	return n && n->type == NODE_STRING ? n->text : "";
}

static bool is(const struct node *map, const char *key, const char *value)
{
	return strcmp(text(map, key), value) == 0;
}

static const struct node *items(const struct node *map, const char *key)
{
	const struct node *n = member(map, key);

	return n && n->type == NODE_LIST ? n->first : NULL;
}

static size_t count(const struct node *map, const char *key)
{
	const struct node *n = member(map, key);

	return n && (n->type == NODE_LIST || n->type == NODE_MAP) ? n->n : 0;
}

static void refuse(const struct check *c, const char *key, const struct node *at, const char *fmt,
		   ...) _printf_(4, 5);

/* at: the value that is wrong; NULL: the map. */
static void refuse(const struct check *c, const char *key, const struct node *at, const char *fmt,
		   ...)
{
	const struct path path = { .parent = c->path, .key = key, .key_len = strlen(key) };
	char message[512];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(message, sizeof(message), fmt, ap);
	va_end(ap);
	problems_add(c->problems, true, "Invalid", &path, at ? at->line : c->map->line, "%s",
		     message);
}

/* ---- members that go with a type ---- */

static const struct union_member {
	const char *message, *tag, *value, *member;
	bool required; /* with that value */
} unions[] = {
	{ "k8s.HTTPRouteFilter", "type", "RequestHeaderModifier", "requestHeaderModifier", true },
	{ "k8s.HTTPRouteFilter", "type", "ResponseHeaderModifier", "responseHeaderModifier", true },
	{ "k8s.HTTPRouteFilter", "type", "RequestMirror", "requestMirror", true },
	{ "k8s.HTTPRouteFilter", "type", "RequestRedirect", "requestRedirect", true },
	{ "k8s.HTTPRouteFilter", "type", "URLRewrite", "urlRewrite", true },
	{ "k8s.HTTPRouteFilter", "type", "CORS", "cors", true },
	{ "k8s.HTTPRouteFilter", "type", "ExternalAuth", "externalAuth", true },
	{ "k8s.HTTPRouteFilter", "type", "ExtensionRef", "extensionRef", true },
	{ "k8s.GRPCRouteFilter", "type", "RequestHeaderModifier", "requestHeaderModifier", true },
	{ "k8s.GRPCRouteFilter", "type", "ResponseHeaderModifier", "responseHeaderModifier", true },
	{ "k8s.GRPCRouteFilter", "type", "RequestMirror", "requestMirror", true },
	{ "k8s.GRPCRouteFilter", "type", "ExtensionRef", "extensionRef", true },
	{ "k8s.ListenerFilter", "type", "ExternalAuth", "externalAuth", true },
	{ "k8s.ListenerFilter", "type", "ExtensionRef", "extensionRef", true },
	{ "k8s.HTTPExternalAuthFilter", "protocol", "GRPC", "grpc", true },
	{ "k8s.HTTPExternalAuthFilter", "protocol", "HTTP", "http", true },
	{ "k8s.HTTPPathModifier", "type", "ReplaceFullPath", "replaceFullPath", true },
	{ "k8s.HTTPPathModifier", "type", "ReplacePrefixMatch", "replacePrefixMatch", true },
	{ "k8s.SubjectAltName", "type", "Hostname", "hostname", true },
	{ "k8s.SubjectAltName", "type", "URI", "uri", true },
	{ "k8s.SessionPersistence", "type", "Cookie", "cookie", true },
	{ "k8s.SessionPersistence", "type", "Header", "header", true },
	{ "k8s.XBackendSpec", "type", "ExternalHostname", "externalHostname", true },
	{ "k8s.XBackendSpec", "type", "EndpointSelector", "endpointSelector", true },
	{ "k8s.XBackendSpec", "type", "EndpointSelector", "sessionPersistence", false },
	{ "k8s.XBackendTLS", "mode", "ClientAndServer", "clientCertificateRef", true },
	{ "k8s.XTelemetryTracing", "mode", "Enabled", "provider", true },
	{ "k8s.XTelemetryTracing", "mode", "Enabled", "samplingRate", false },
	{ "k8s.XTelemetryTracing", "mode", "Enabled", "parentBasedSampling", false },
	{ "k8s.XTelemetryTracing", "mode", "Enabled", "serviceName", false },
	{ "k8s.XTelemetryTracing", "mode", "Enabled", "spanName", false },
	{ "k8s.XTelemetryTracing", "mode", "Enabled", "attributes", false },
	{ "k8s.XTelemetryParentSampling", "mode", "Enabled", "samplingRate", false },
	{ "k8s.XTelemetryAttribute", "sourceType", "Header", "headerName", true },
	{ "k8s.XTelemetryAttribute", "sourceType", "Literal", "literalValue", true },
	{ "k8s.XTelemetryAttribute", "sourceType", "Attribute", "attributeKey", true },
};

static void check_union(const struct check *c, const struct union_member *u)
{
	const struct node *n = member(c->map, u->member);
	bool named = is(c->map, u->tag, u->value);

	if (n && !named)
		refuse(c, u->member, n, "may only be there with %s: %s", u->tag, u->value);
	else if (!n && named && u->required)
		refuse(c, u->member, NULL, "must be there with %s: %s", u->tag, u->value);
}

/* ---- references ---- */

static bool same_text(const struct node *a, const struct node *b, const char *key)
{
	return strcmp(text(a, key), text(b, key)) == 0;
}

static int64_t number(const struct node *map, const char *key)
{
	const struct node *n = member(map, key);

	return n && n->type == NODE_INT ? n->integer : 0;
}

/* Each of several references to one object must name its own section (or port). */
static void check_sections(const struct check *c, const char *list, bool with_ports)
{
	size_t compared = 0;

	for (const struct node *b = items(c->map, list); b && compared < COMPARED_MAX;
	     b = b->next, compared++)
		for (const struct node *a = items(c->map, list); a != b; a = a->next) {
			bool section = *text(a, "sectionName") != '\0',
			     port = number(a, "port") != 0;

			if (!same_text(a, b, "group") || !same_text(a, b, "kind") ||
			    !same_text(a, b, "name") || !same_text(a, b, "namespace"))
				continue;
			if (section != (*text(b, "sectionName") != '\0') ||
			    (with_ports && port != (number(b, "port") != 0)))
				refuse(c, list, b,
				       "%s \"%s\" is there twice: then either all have a "
				       "sectionName%s, or none",
				       text(b, "kind"), text(b, "name"),
				       with_ports ? " (port)" : "");
			else if (same_text(a, b, "sectionName") &&
				 (!with_ports || number(a, "port") == number(b, "port")))
				refuse(c, list, b, "%s \"%s\" is there twice", text(b, "kind"),
				       text(b, "name"));
			else
				continue;
			return;
		}
}

static void check_parents(const struct check *c)
{
	check_sections(c, "parentRefs", true);
}

static void check_policy_targets(const struct check *c)
{
	check_sections(c, "targetRefs", false);
}

static void check_backend(const struct check *c)
{
	const struct node *port = member(c->map, "port");

	if (!port && !*text(c->map, "group") && is(c->map, "kind", "Service"))
		refuse(c, "port", NULL, "must be there: a Service has several");
	if (port && is(c->map, "group", "gateway.networking.x-k8s.io") &&
	    is(c->map, "kind", "XBackend"))
		refuse(c, "port", port, "must not be there: an XBackend has its own");
}

static void check_trust_bundles(const struct check *c)
{
	for (const struct node *n = items(c->map, "caCertificateRefs"); n; n = n->next)
		if (is(n, "group", "certificates.k8s.io") && is(n, "kind", "ClusterTrustBundle") &&
		    member(n, "namespace"))
			refuse(c, "caCertificateRefs", n,
			       "a ClusterTrustBundle is in no namespace: remove the namespace");
}

static void check_ca_source(const struct check *c)
{
	if (!member(c->map, "caCertificateRefs") == !member(c->map, "wellKnownCACertificates"))
		refuse(c, "caCertificateRefs", NULL,
		       "exactly one of caCertificateRefs and wellKnownCACertificates must be "
		       "there");
}

/* ---- Gateway, ListenerSet ---- */

static bool is_among(const char *word, const char *const *words)
{
	for (; *words; words++)
		if (strcmp(word, *words) == 0)
			return true;
	return false;
}

static void check_listener(const struct check *c)
{
	static const char *const plain[] = { "HTTP", "TCP", "UDP", NULL };
	static const char *const nameless[] = { "TCP", "UDP", NULL };
	const char *protocol = text(c->map, "protocol");
	const struct node *tls = member(c->map, "tls"), *hostname = member(c->map, "hostname");

	if (tls && is_among(protocol, plain))
		refuse(c, "tls", tls, "must not be there with protocol: %s", protocol);
	if (tls && strcmp(protocol, "HTTPS") == 0 && !is(tls, "mode", "Terminate"))
		refuse(c, "tls", tls, "mode must be Terminate with protocol: HTTPS");
	if (!tls && strcmp(protocol, "TLS") == 0)
		refuse(c, "tls", NULL, "must be there, with a mode, with protocol: TLS");
	if (hostname && is_among(protocol, nameless))
		refuse(c, "hostname", hostname, "must not be there with protocol: %s", protocol);
}

static void check_listener_tls(const struct check *c)
{
	if (is(c->map, "mode", "Terminate") && !count(c->map, "certificateRefs") &&
	    !count(c->map, "options"))
		refuse(c, "certificateRefs", NULL,
		       "must name a certificate (or options must be there) with mode: Terminate");
}

static bool same_listener(const struct node *a, const struct node *b)
{
	return number(a, "port") == number(b, "port") && same_text(a, b, "protocol") &&
	       !member(a, "hostname") == !member(b, "hostname") && same_text(a, b, "hostname");
}

static void check_listeners(const struct check *c)
{
	size_t compared = 0;

	for (const struct node *b = items(c->map, "listeners"); b && compared < COMPARED_MAX;
	     b = b->next, compared++)
		for (const struct node *a = items(c->map, "listeners"); a != b; a = a->next)
			if (same_listener(a, b)) {
				refuse(c, "listeners", b,
				       "\"%s\" has the port, protocol and hostname of \"%s\"",
				       text(b, "name"), text(a, "name"));
				break;
			}
}

static void check_gateway(const struct check *c)
{
	static const char *const types[] = { "IPAddress", "Hostname", NULL };

	check_listeners(c);
	for (const struct node *n = items(c->map, "listeners"); n; n = n->next)
		if (member(n, "filters") && !is(n, "protocol", "HTTP") &&
		    !is(n, "protocol", "HTTPS"))
			refuse(c, "listeners", n,
			       "filters may only be there with protocol: HTTP or HTTPS");
	for (const struct node *b = items(c->map, "addresses"); b; b = b->next)
		for (const struct node *a = items(c->map, "addresses"); a != b; a = a->next)
			if (member(b, "value") && member(a, "value") && same_text(a, b, "type") &&
			    same_text(a, b, "value") && is_among(text(b, "type"), types)) {
				refuse(c, "addresses", b, "\"%s\" is there twice",
				       text(b, "value"));
				break;
			}
}

static bool is_ip(const char *s)
{
	unsigned char address[16];

	return inet_pton(AF_INET, s, address) == 1 || inet_pton(AF_INET6, s, address) == 1;
}

static bool is_routability(const char *s)
{
	static const char reserved[] = "k8s.io";
	const char *slash = strchr(s, '/');
	char domain[256];
	size_t n;

	if (!*s || strcmp(s, "Cluster") == 0)
		return true;
	if (!slash || !slash[1] || slash - s >= (long)sizeof(domain))
		return false;
	(void)snprintf(domain, sizeof(domain), "%.*s", (int)(slash - s), s);
	n = strlen(domain);
	if (!rule_is_subdomain(domain))
		return false;
	return !(n >= 6 && strcmp(domain + n - 6, reserved) == 0 &&
		 (n == 6 || domain[n - 7] == '.'));
}

static void check_address(const struct check *c)
{
	const struct node *value = member(c->map, "value");
	const char *name = text(c->map, "value");

	if (value && is(c->map, "type", "IPAddress") && !is_ip(name))
		refuse(c, "value", value, "must be an IP address, not \"%.64s\"", name);
	if (value && is(c->map, "type", "Hostname") &&
	    !rule_is_subdomain(strncmp(name, "*.", 2) == 0 ? name + 2 : name))
		refuse(c, "value", value, "must be a host name, not \"%.64s\"", name);
	if (!is_routability(text(c->map, "routability")))
		refuse(c, "routability", member(c->map, "routability"),
		       "must be empty, Cluster, or a word with a domain before it "
		       "(example.com/x); k8s.io is reserved");
}

/* A prefix that is a domain and a slash, if at all, then a name. */
static bool is_qualified(const char *key, size_t len)
{
	const char *slash = memchr(key, '/', len);
	size_t prefix = slash ? (size_t)(slash - key) : 0, n = slash ? len - prefix - 1 : len;
	const char *name = key + len - n;
	char domain[256];

	if (slash) {
		if (prefix >= 253)
			return false;
		(void)snprintf(domain, sizeof(domain), "%.*s", (int)prefix, key);
		if (!rule_is_subdomain(domain))
			return false;
	}
	if (n < 1 || n > 63)
		return false;
	for (size_t i = 0; i < n; i++) {
		bool alphanumeric = (name[i] >= '0' && name[i] <= '9') ||
				    ((name[i] | 32) >= 'a' && (name[i] | 32) <= 'z');

		if (!alphanumeric && (i == 0 || i == n - 1 || !name[i] || !strchr("-_.", name[i])))
			return false;
	}
	return true;
}

static void check_keys(const struct check *c, const char *map)
{
	const struct node *n = member(c->map, map);

	if (!n || n->type != NODE_MAP)
		return;
	for (const struct node *e = n->first; e; e = e->next)
		if (!is_qualified(e->key, e->key_len))
			refuse(c, map, e,
			       "\"%.64s\" must be a name of up to 63 letters, digits, \"-\", \"_\" "
			       "and \".\", with a domain and \"/\" before it or not",
			       e->key);
}

static void check_infrastructure(const struct check *c)
{
	check_keys(c, "labels");
	check_keys(c, "annotations");
}

/* ---- routes ---- */

static const char *const once[] = { "RequestHeaderModifier",
				    "ResponseHeaderModifier",
				    "RequestRedirect",
				    "URLRewrite",
				    "CORS",
				    NULL };

static const struct node *filter_of(const struct node *map, const char *type,
				    const struct node *before)
{
	for (const struct node *n = items(map, "filters"); n && n != before; n = n->next)
		if (is(n, "type", type))
			return n;
	return NULL;
}

static void check_filters(const struct check *c)
{
	for (const struct node *n = items(c->map, "filters"); n; n = n->next)
		if (is_among(text(n, "type"), once) && filter_of(c->map, text(n, "type"), n))
			refuse(c, "filters", n, "%s may be there once", text(n, "type"));
	if (filter_of(c->map, "RequestRedirect", NULL) && filter_of(c->map, "URLRewrite", NULL))
		refuse(c, "filters", NULL, "RequestRedirect and URLRewrite exclude each other");
}

static void check_backend_with_filters(const struct check *c)
{
	check_backend(c);
	check_filters(c);
}

static size_t prefix_replacements(const struct node *map, const char *filter)
{
	size_t n = 0;

	for (const struct node *f = items(map, "filters"); f; f = f->next) {
		const struct node *path = member(member(f, filter), "path");

		n += is(path, "type", "ReplacePrefixMatch") && member(path, "replacePrefixMatch");
	}
	return n;
}

/* The schema looks at a rule's filters, and at its backendRefs' if one of these has such a filter.
 */
static void check_prefix(const struct check *c, const char *filter)
{
	const struct node *match = items(c->map, "matches");
	size_t in_rule = prefix_replacements(c->map, filter), in_backends = 0;

	for (const struct node *b = items(c->map, "backendRefs"); b; b = b->next)
		in_backends += prefix_replacements(b, filter) == 1;
	if (in_rule != 1 && in_backends != 1)
		return;
	if (count(c->map, "matches") == 1 && is(member(match, "path"), "type", "PathPrefix"))
		return;
	refuse(c, "matches", member(c->map, "matches"),
	       "%s with replacePrefixMatch needs exactly one match, of type PathPrefix", filter);
}

static void check_http_rule(const struct check *c)
{
	check_filters(c);
	if (count(c->map, "backendRefs"))
		for (const struct node *n = items(c->map, "filters"); n; n = n->next)
			if (member(n, "requestRedirect"))
				refuse(c, "backendRefs", member(c->map, "backendRefs"),
				       "must not be there beside a RequestRedirect");
	check_prefix(c, "requestRedirect");
	check_prefix(c, "urlRewrite");
}

static void check_rules(const struct check *c)
{
	size_t matches = 0;

	check_parents(c);
	for (const struct node *b = items(c->map, "rules"); b; b = b->next) {
		matches += count(b, "matches");
		for (const struct node *a = items(c->map, "rules"); a != b; a = a->next)
			if (member(b, "name") && member(a, "name") && same_text(a, b, "name")) {
				refuse(c, "rules", b, "two are named \"%s\"", text(b, "name"));
				break;
			}
	}
	if (matches > TOTAL_MATCHES_MAX)
		refuse(c, "rules", member(c->map, "rules"),
		       "all matches together must be at most %d, not %zu", TOTAL_MATCHES_MAX,
		       matches);
}

static bool is_path(const char *s)
{
	for (; *s; s++) {
		if (*s == '%') {
			if (!strchr("0123456789abcdefABCDEF", s[1]) || !s[1] ||
			    !strchr("0123456789abcdefABCDEF", s[2]) || !s[2])
				return false;
			s += 2;
		} else if (!(*s >= '0' && *s <= '9') && !((*s | 32) >= 'a' && (*s | 32) <= 'z') &&
			   !strchr("-/._~!$&'()*+,;=:@", *s)) {
			return false;
		}
	}
	return true;
}

static void check_path(const struct check *c)
{
	static const char *const never[] = { "//", "/./", "/../", "%2f", "%2F", "#" };
	const struct node *value = member(c->map, "value");
	const char *s = text(c->map, "value");

	if (is(c->map, "type", "RegularExpression"))
		return;
	if (*s != '/')
		refuse(c, "value", value, "must begin with \"/\"");
	for (size_t i = 0; i < ARRAY_SIZE(never); i++)
		if (strstr(s, never[i]))
			refuse(c, "value", value, "must not have \"%s\" in it", never[i]);
	if (word_ends_with(s, "/..") || word_ends_with(s, "/."))
		refuse(c, "value", value, "must not end with \"/.\" or \"/..\"");
	if (!is_path(s))
		refuse(c, "value", value, "has characters that a path cannot have");
}

static void check_cors(const struct check *c)
{
	static const char *const lists[] = { "allowOrigins", "allowMethods", "allowHeaders" };

	for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
		for (const struct node *n = items(c->map, lists[i]); n; n = n->next)
			if (n->type == NODE_STRING && strcmp(n->text, "*") == 0 &&
			    count(c->map, lists[i]) > 1)
				refuse(c, lists[i], n, "\"*\" must be alone");
}

static void check_mirror(const struct check *c)
{
	if (member(c->map, "percent") && member(c->map, "fraction"))
		refuse(c, "fraction", member(c->map, "fraction"),
		       "must not be there beside percent");
}

static void check_fraction(const struct check *c)
{
	if (number(c->map, "numerator") > number(c->map, "denominator"))
		refuse(c, "numerator", member(c->map, "numerator"),
		       "must not be above the denominator");
}

static void check_timeouts(const struct check *c)
{
	int64_t request, try;

	if (!scalar_duration(text(c->map, "request"), &request) ||
	    !scalar_duration(text(c->map, "backendRequest"), &try))
		return;
	if (request && try > request)
		refuse(c, "backendRequest", member(c->map, "backendRequest"),
		       "must not be longer than request");
}

static void check_session(const struct check *c)
{
	if (is(member(c->map, "cookie"), "lifetimeType", "Permanent") &&
	    !member(c->map, "absoluteTimeout"))
		refuse(c, "absoluteTimeout", NULL,
		       "must be there with a cookie of lifetimeType: Permanent");
}

/* "a.b.c" of letters, digits and underscores; a dot before it or not. */
static bool is_grpc_name(const char *s, bool dots)
{
	bool first = true;

	if (dots && *s == '.')
		s++;
	for (; *s; s++) {
		bool letter = *s == '_' || ((*s | 32) >= 'a' && (*s | 32) <= 'z');

		if (dots && *s == '.' && !first) {
			first = true;
			continue;
		}
		if (!letter && (first || !(*s >= '0' && *s <= '9')))
			return false;
		first = false;
	}
	return !first;
}

static void check_grpc_method(const struct check *c)
{
	const struct node *service = member(c->map, "service"), *method = member(c->map, "method");

	if (!service && !method)
		refuse(c, "method", NULL, "service or method must be there");
	if (!is(c->map, "type", "Exact"))
		return;
	if (service && !is_grpc_name(text(c->map, "service"), true))
		refuse(c, "service", service, "must be names separated by dots");
	if (method && !is_grpc_name(text(c->map, "method"), false))
		refuse(c, "method", method, "must be a name");
}

static void check_tls_route(const struct check *c)
{
	check_parents(c);
	for (const struct node *n = items(c->map, "hostnames"); n; n = n->next)
		if (n->type == NODE_STRING && is_ip(n->text))
			refuse(c, "hostnames", n, "must be names, not \"%.64s\"", n->text);
}

/* ---- the experimental kinds ---- */

static void check_x_backend(const struct check *c)
{
	static const char *const with_tls[] = { "HTTP2", "WSS", NULL };
	const char *protocol = text(c->map, "protocol");
	bool tls = !is(member(c->map, "tls"), "mode", "None");

	if (tls && strcmp(protocol, "H2C") == 0)
		refuse(c, "tls", member(c->map, "tls"),
		       "must be off with protocol: H2C; HTTP2 is the one with TLS");
	if (!tls && is_among(protocol, with_tls))
		refuse(c, "tls", member(c->map, "tls"), "must be on with protocol: %s", protocol);
}

static void check_x_tls(const struct check *c)
{
	const struct node *validation = member(c->map, "validation");

	if (!validation == !is(c->map, "mode", "None"))
		refuse(c, "validation", validation, "must %sbe there with mode: %s",
		       validation ? "not " : "", text(c->map, "mode"));
}

static void check_x_hostname(const struct check *c)
{
	if (word_ends_with(text(c->map, "hostname"), ".cluster.local"))
		refuse(c, "hostname", member(c->map, "hostname"),
		       "must not be a name of the cluster: refer to the Service");
}

static void check_x_selector(const struct check *c)
{
	check_keys(c, "matchLabels");
}

static void check_interval(const struct check *c, int64_t min)
{
	int64_t interval;

	if (!member(c->map, "interval") || !scalar_duration(text(c->map, "interval"), &interval))
		return;
	if (interval < min || interval > 3600 * SECOND)
		refuse(c, "interval", member(c->map, "interval"), "must be between %s and 1h",
		       min == SECOND ? "1s" : "1ms");
}

static void check_retry_budget(const struct check *c)
{
	check_interval(c, SECOND);
}

static void check_request_rate(const struct check *c)
{
	check_interval(c, 1);
}

static void check_telemetry(const struct check *c)
{
	if (!member(c->map, "tracing"))
		refuse(c, "tracing", NULL, "must be there");
}

/* ---- the table of them ---- */

static const struct {
	const char *message;
	void (*check)(const struct check *c);
} checks[] = {
	{ "k8s.GatewaySpec", check_gateway },
	{ "k8s.ListenerSetSpec", check_listeners },
	{ "k8s.GatewaySpecAddress", check_address },
	{ "k8s.GatewayInfrastructure", check_infrastructure },
	{ "k8s.Listener", check_listener },
	{ "k8s.ListenerTLSConfig", check_listener_tls },
	{ "k8s.FrontendTLSValidation", check_trust_bundles },
	{ "k8s.BackendObjectReference", check_backend },
	{ "k8s.BackendRef", check_backend },
	{ "k8s.HTTPBackendRef", check_backend_with_filters },
	{ "k8s.GRPCBackendRef", check_backend_with_filters },
	{ "k8s.BackendTLSPolicySpec", check_policy_targets },
	{ "k8s.BackendTLSPolicyValidation", check_ca_source },
	{ "k8s.HTTPRouteSpec", check_rules },
	{ "k8s.GRPCRouteSpec", check_rules },
	{ "k8s.TLSRouteSpec", check_tls_route },
	{ "k8s.StreamRouteSpec", check_parents },
	{ "k8s.HTTPRouteRule", check_http_rule },
	{ "k8s.GRPCRouteRule", check_filters },
	{ "k8s.HTTPPathMatch", check_path },
	{ "k8s.HTTPCORSFilter", check_cors },
	{ "k8s.HTTPRequestMirrorFilter", check_mirror },
	{ "k8s.Fraction", check_fraction },
	{ "k8s.HTTPRouteTimeouts", check_timeouts },
	{ "k8s.SessionPersistence", check_session },
	{ "k8s.GRPCMethodMatch", check_grpc_method },
	{ "k8s.XBackendSpec", check_x_backend },
	{ "k8s.XBackendTLS", check_x_tls },
	{ "k8s.XBackendExternalHostname", check_x_hostname },
	{ "k8s.XBackendEndpointSelector", check_x_selector },
	{ "k8s.RetryBudget", check_retry_budget },
	{ "k8s.RequestRate", check_request_rate },
	{ "k8s.XTelemetryPolicySpec", check_telemetry },
};

bool gateway_rules_has(const char *message)
{
	for (size_t i = 0; i < ARRAY_SIZE(checks); i++)
		if (strcmp(checks[i].message, message) == 0)
			return true;
	for (size_t i = 0; i < ARRAY_SIZE(unions); i++)
		if (strcmp(unions[i].message, message) == 0)
			return true;
	return false;
}

void gateway_rules_check(const char *message, const struct node *map, const struct path *path,
			 struct problems *problems)
{
	const struct check c = { map, path, problems };

	for (size_t i = 0; i < ARRAY_SIZE(unions); i++)
		if (strcmp(unions[i].message, message) == 0)
			check_union(&c, &unions[i]);
	for (size_t i = 0; i < ARRAY_SIZE(checks); i++)
		if (strcmp(checks[i].message, message) == 0)
			checks[i].check(&c);
}
