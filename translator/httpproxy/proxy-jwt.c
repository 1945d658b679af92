/* JSON Web Tokens: the providers of an HTTPProxy's host, and the requirements of its routes and of
 * those that it includes. */
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/clock.h"
#include "common/base/go-duration.h"
#include "translator/check/destination.h"
#include "translator/check/jwks.h"
#include "translator/httpproxy/proxy-filter.h"
#include "translator/httpproxy/proxy.h"
#include "translator/model/host-name.h"
#include "translator/resolve/config.h"
#include "translator/resolve/delegation.h"
#include "translator/resolve/jwks-server.h"
#include "translator/resolve/secret.h"
#include "translator/resolve/upstream.h"

#define PROVIDERS_MAX 64
#define URI_MAX       4096
#define TIMEOUT       USEC_PER_SEC
#define TIMEOUT_MAX   (3600 * USEC_PER_SEC)
#define CACHE_MIN     1000 /* Envoy refuses less than a millisecond */

#define jwt_error(node, reason, field, ...) \
	proxy_error((node), "JWTVerificationError/" reason, (field), __VA_ARGS__)

/* ---- remote keys ---- */

static int parse_scheme(struct proxy_node *node, const char *uri, size_t len, const char *field,
			struct jwks_server *ret)
{
	ret->tls = len == 5 && strncasecmp(uri, "https", 5) == 0;
	ret->port = ret->tls ? 443 : 80;
	if (ret->tls || (len == 4 && strncasecmp(uri, "http", 4) == 0))
		return 0;
	jwt_error(node, "RemoteJWKSSchemeInvalid", field,
		  "the scheme of %s is neither http nor https", uri);
	return -EINVAL;
}

static int parse_host(struct proxy_node *node, const char *host, bool brackets, const char *field,
		      struct jwks_server *ret)
{
	size_t len = strlen(host);
	char *plain = arena_strndup(node->a, host, len && host[len - 1] == '.' ? len - 1 : len);
	const char *why = "it is neither a DNS name nor an address";
	struct in6_addr ip;

	ret->host = host;
	ret->is_address = inet_pton(brackets ? AF_INET6 : AF_INET, host, &ip) == 1;
	if (!ret->is_address &&
	    (brackets || !*plain || *plain == '*' || !host_name_normal(node->a, plain, &why))) {
		jwt_error(node, "RemoteJWKSURIInvalid", field, "host \"%s\": %s", host, why);
		return -EINVAL;
	}
	why = config_read(node->r)->portolan->destinations->allow_local ? NULL
									: destination_refused(host);
	if (!why)
		return 0;
	jwt_error(node, "RemoteJWKSURIInvalid", field, "host \"%s\" %s%s", host, why,
		  destination_hint);
	return -EINVAL;
}

static int parse_port(struct proxy_node *node, const char *text, const char *field,
		      struct jwks_server *ret)
{
	size_t len = strlen(text);
	unsigned long port =
		len && len <= 5 && strspn(text, "0123456789") == len ? strtoul(text, NULL, 10) : 0;

	ret->port = (uint32_t)port;
	if (port >= 1 && port <= 65535)
		return 0;
	jwt_error(node, "RemoteJWKSPortInvalid", field, "port \"%s\" is not between 1 and 65535",
		  text);
	return -EINVAL;
}

static bool is_printable(const char *s)
{
	for (; *s; s++)
		if (*s <= ' ' || *s >= 0x7f || *s == '#')
			return false;
	return true;
}

/* Splits it into scheme, host and port; Envoy sends the rest. */
static int parse_uri(struct proxy_node *node, const char *uri, const char *field,
		     struct jwks_server *ret)
{
	const char *host = strstr(uri, "://"), *end, *colon;
	char *authority, *closing;
	bool brackets;

	if (!host || strlen(uri) > URI_MAX || !is_printable(uri)) {
		jwt_error(node, "RemoteJWKSURIInvalid", field,
			  "it is not written as https://host/path");
		return -EINVAL;
	}
	if (parse_scheme(node, uri, (size_t)(host - uri), field, ret) < 0)
		return -EINVAL;
	host += 3;
	end = host + strcspn(host, "/"); /* Envoy takes a query without a path for the host */
	authority = arena_strndup(node->a, host, (size_t)(end - host));
	for (char *p = authority; *p; p++)
		*p = (char)tolower((unsigned char)*p);
	closing = *authority == '[' ? strchr(authority, ']') : NULL;
	brackets = closing != NULL;
	colon = strchr(brackets ? closing : authority, ':');
	if (brackets && closing[1] && closing[1] != ':') {
		jwt_error(node, "RemoteJWKSURIInvalid", field,
			  "host \"%s\": there is more behind its ]", authority);
		return -EINVAL;
	}
	if (colon && parse_port(node, colon + 1, field, ret) < 0)
		return -EINVAL;
	if (brackets)
		*closing = '\0';
	else if (colon)
		authority[colon - authority] = '\0';
	return parse_host(node, authority + brackets, brackets, field, ret);
}

static int plan_validation(struct proxy_node *node, K8s__ProxyUpstreamValidation *v,
			   const char *field, struct jwks_server *ret)
{
	ProtobufCBinaryData ca;
	const char *key, *why;

	if (delegation_resolve(node->r, v->ca_secret, node->namespace, &key, &why) < 0) {
		jwt_error(node, "RemoteJWKSCACertificateNotDelegated", field, "%s", why);
		return -EINVAL;
	}
	if (!ret->tls) {
		jwt_error(node, "RemoteJWKSUpstreamValidationInvalid", field,
			  "only what comes by https has a certificate to verify");
		return -EINVAL;
	}
	if (upstream_read_subjects(node->r, v, &ret->subjects, &ret->n_subjects, &why) < 0 ||
	    upstream_read_authority(node->r, key, &ca, &why) < 0) {
		jwt_error(node, "RemoteJWKSUpstreamValidationInvalid", field, "%s", why);
		return -EINVAL;
	}
	ret->ca = ca.data;
	ret->ca_len = ca.len;
	return 0;
}

static int plan_times(struct proxy_node *node, const K8s__ProxyRemoteJWKS *remote,
		      const char *field, struct jwt_provider *ret)
{
	struct go_duration timeout, cache;

	if (go_duration_parse(remote->timeout, &timeout) < 0 || timeout.infinite ||
	    timeout.usec > TIMEOUT_MAX) {
		jwt_error(node, "RemoteJWKSTimeoutInvalid",
			  arena_printf(node->a, "%s.timeout", field),
			  "it is a duration of at most an hour, as 500ms or 5s");
		return -EINVAL;
	}
	if (go_duration_parse(remote->cache_duration, &cache) < 0 || cache.infinite ||
	    (cache.set && cache.usec < CACHE_MIN)) {
		jwt_error(node, "RemoteJWKSCacheDurationInvalid",
			  arena_printf(node->a, "%s.cacheDuration", field),
			  "it is a duration of a millisecond or more, as 5m or 1h");
		return -EINVAL;
	}
	ret->timeout_usec = timeout.set ? timeout.usec : TIMEOUT;
	ret->cache_usec = cache.set ? cache.usec : 0;
	return 0;
}

static int plan_family(struct proxy_node *node, const char *word, const char *field,
		       struct jwks_server *ret)
{
	static const char *const words[] = { "auto", "v4", "v6", "all" };
	const K8s__ConfigCluster *config = config_read(node->r)->envoy->cluster;
	const struct settings *settings = reader_settings(node->r);

	ret->connect_usec = settings->timeouts.connect.usec;
	ret->parameters = config->upstream_tls;
	ret->family = *word ? word : config->dns_lookup_family;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (!*word || strcmp(words[i], word) == 0)
			return 0;
	jwt_error(node, "RemoteJWKSDNSLookupFamilyInvalid", field,
		  "\"%s\" is not one of auto, v4, v6 and all", word);
	return -EINVAL;
}

static int plan_remote(struct proxy_node *node, const K8s__ProxyRemoteJWKS *remote,
		       const char *field, struct jwt_provider *ret)
{
	const char *uri = arena_printf(node->a, "%s.uri", field);
	struct jwks_server server = { 0 };

	if (parse_uri(node, remote->uri, uri, &server) < 0 ||
	    (remote->validation &&
	     plan_validation(node, remote->validation,
			     arena_printf(node->a, "%s.validation", field), &server) < 0) ||
	    plan_times(node, remote, field, ret) < 0 ||
	    plan_family(node, remote->dns_lookup_family,
			arena_printf(node->a, "%s.dnsLookupFamily", field), &server) < 0)
		return -EINVAL;
	if (server.tls && !server.ca)
		proxy_warning(node, "JWTVerificationWarning/RemoteJWKSNotVerified", field,
			      "whoever can answer in the place of %s makes tokens that are "
			      "accepted: without "
			      "validation its certificate is not looked at",
			      server.host);
	ret->uri = remote->uri;
	ret->cluster = jwks_server_find(node->r, &server);
	return 0;
}

/* ---- local keys ---- */

static int plan_local(struct proxy_node *node, const K8s__ProxyLocalJWKS *local, const char *field,
		      struct jwt_provider *ret)
{
	const char *name = arena_printf(node->a, "%s/%s", node->namespace, local->secret_name),
		   *why = NULL;
	const K8s__Secret *secret = NULL;
	ProtobufCBinaryData text;
	struct jwks jwks;

	if (strchr(local->secret_name, '/'))
		why = "it must be in the HTTPProxy's own namespace";
	else
		secret = read_message(node->r, OBJECT_SECRET, name);
	text = secret ? secret_data(secret, local->key) : (ProtobufCBinaryData){ 0 };
	if (!why && !secret)
		why = object_missing_why(node->r, OBJECT_SECRET, name);
	else if (!why && *secret->type && strcmp(secret->type, "Opaque") != 0)
		why = arena_printf(node->a, "its type is %s and not Opaque", secret->type);
	else if (!why && !text.data)
		why = arena_printf(node->a, "it has no key \"%s\"", local->key);
	if (why || jwks_check(node->a, text.data, text.len, &jwks, &why) < 0) {
		jwt_error(node, "LocalJWKSInvalid", field, "Secret %s: %s", name, why);
		return -EINVAL;
	}
	if (jwks.warning)
		proxy_warning(node, "JWTVerificationWarning/LocalJWKSPartlyUsed", field,
			      "Secret %s: %s", name, jwks.warning);
	ret->jwks = jwks.text;
	ret->jwks_len = jwks.len;
	return 0;
}

/* ---- the providers of a host ---- */

static int plan_provider(struct proxy_node *node, const K8s__ProxyJWTProvider *p, const char *field,
			 struct jwt_provider *ret)
{
	*ret = (struct jwt_provider){ .name = p->name,
				      .issuer = p->issuer,
				      .audiences = p->audiences,
				      .n_audiences = p->n_audiences,
				      .forward = p->forward_jwt };
	if (p->remote_jwks && p->local_jwks) {
		jwt_error(node, "JWKSSourceConflict", field,
			  "there may be one of remoteJWKS and localJWKS only");
		return -EINVAL;
	}
	if (p->remote_jwks)
		return plan_remote(node, p->remote_jwks,
				   arena_printf(node->a, "%s.remoteJWKS", field), ret);
	if (p->local_jwks)
		return plan_local(node, p->local_jwks, arena_printf(node->a, "%s.localJWKS", field),
				  ret);
	jwt_error(node, "JWKSSourceMissing", field, "it needs one of remoteJWKS and localJWKS");
	return -EINVAL;
}

static int check_names(struct proxy_node *node, const K8s__ProxyVirtualHost *v,
		       struct proxy_jwt *ret)
{
	for (size_t i = 0; i < v->n_jwt_providers; i++) {
		const K8s__ProxyJWTProvider *p = v->jwt_providers[i];
		const char *field = arena_printf(node->a, "spec.virtualhost.jwtProviders[%zu]", i);

		if (!*p->name) {
			jwt_error(node, "JWTProviderNotDefined", field, "name must not be empty");
			return -EINVAL;
		}
		if (proxy_jwt_has(ret, p->name)) {
			jwt_error(node, "DuplicateProviderName", field,
				  "an earlier provider is named %s, too", p->name);
			return -EINVAL;
		}
		if (p->default_ && ret->by_default) {
			jwt_error(node, "MultipleDefaultProvidersSpecified", field,
				  "provider %s is the default already", ret->by_default);
			return -EINVAL;
		}
		if (p->default_)
			ret->by_default = p->name;
		ret->names[ret->n++] = p->name;
	}
	return 0;
}

int proxy_jwt_check(struct proxy_node *node, const K8s__HTTPProxySpec *spec)
{
	const K8s__ProxyVirtualHost *v = spec->virtualhost;
	const char *why = NULL;

	if (!v->n_jwt_providers)
		return 0;
	if (!v->tls || !*v->tls->secret_name)
		why = "tokens are verified by TLS hosts only: it needs tls.secretName";
	else if (spec->tcpproxy)
		why = "what a tcpproxy passes on is not looked at, so no token in it is";
	else if (v->n_jwt_providers > PROVIDERS_MAX)
		why = "there may be 64 providers at most";
	if (!why)
		return 0;
	jwt_error(node, "JWTVerificationNotPermitted", "spec.virtualhost.jwtProviders", "%s", why);
	return -EINVAL;
}

int proxy_jwt_plan(struct proxy_node *node, const K8s__ProxyVirtualHost *v, struct host_tls *ret)
{
	struct proxy_jwt *jwt;
	struct jwt_provider *providers;
	size_t n = v->n_jwt_providers;

	if (!n)
		return 0;
	jwt = arena_new_of(node->a, struct proxy_jwt, 1);
	jwt->names = arena_new_of(node->a, const char *, n);
	providers = arena_new_of(node->a, struct jwt_provider, n);
	if (check_names(node, v, jwt) < 0)
		return -EINVAL;
	for (size_t i = 0; i < n; i++)
		if (plan_provider(node, v->jwt_providers[i],
				  arena_printf(node->a, "spec.virtualhost.jwtProviders[%zu]", i),
				  &providers[i]) < 0)
			return -EINVAL;
	ret->jwt = providers;
	ret->n_jwt = n;
	node->jwt = jwt;
	return 0;
}

/* ---- a route's requirement ---- */

bool proxy_jwt_has(const struct proxy_jwt *jwt, const char *name)
{
	for (size_t i = 0; jwt && i < jwt->n; i++)
		if (strcmp(jwt->names[i], name) == 0)
			return true;
	return false;
}

int proxy_jwt_route(struct proxy_node *node, const K8s__ProxyRoute *route, struct route *ret)
{
	const K8s__ProxyJWTPolicy *desired = route->jwt_verification_policy;
	const char *field = arena_printf(node->a, "%s.jwtVerificationPolicy", ret->origin.field);
	const char *name = desired && *desired->require ? desired->require : NULL;

	if (name && desired->disabled) {
		jwt_error(node, "InvalidJWTVerificationPolicy", field,
			  "there may be one of require and disabled only");
		return -EINVAL;
	}
	if (name && !proxy_jwt_has(node->jwt, name)) {
		jwt_error(node, "JWTProviderNotDefined", field, "the root has no provider %s",
			  name);
		return -EINVAL;
	}
	if (!node->jwt || (desired && desired->disabled))
		return 0;
	node->jwt->required |= name != NULL;
	/* A redirect or a fixed answer shows nothing that a token would protect. */
	if (!name && route->n_services)
		name = node->jwt->by_default;
	if (!name)
		return 0;
	ret->filters.jwt = name;
	/* Tokens are verified only over TLS, so a route that needs one is not served without. */
	if (ret->plain == PLAIN_SERVED)
		proxy_warning(node, "SpecError/IgnoredField",
			      arena_printf(node->a, "%s.permitInsecure", ret->origin.field),
			      "ignored: the route requires a token of %s, which is asked for over "
			      "HTTPS only",
			      name);
	ret->plain = PLAIN_REDIRECTED;
	return 0;
}

void proxy_jwt_look(struct proxy_node *node)
{
	if (node->jwt && !node->jwt->by_default && !node->jwt->required)
		proxy_warning(node, "JWTVerificationWarning/NotRequired",
			      "spec.virtualhost.jwtProviders",
			      "no route requires a token, so none is looked at: set "
			      "jwtVerificationPolicy.require in routes, or default in a provider");
}
