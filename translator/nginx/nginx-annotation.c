/* The annotations of ingress-nginx 1.15.1, from its documentation and its parsers. */
#include <ctype.h>
#include <string.h>

#include "common/base/cleanup.h"
#include "common/base/spelling.h"
#include "translator/nginx/nginx-address.h"
#include "translator/nginx/nginx-annotation.h"

/* name, class, outcome of a bad value, scope, fidelity, whether it protects, words, note */
const struct nginx_annotation nginx_annotations[] = {
	{ "use-regex", NGINX_BOOL, NGINX_DEFAULTED, NGINX_HOST, NGINX_SAME, false, NULL,
	  "PCRE look-around and back-references do not exist in RE2; a path that needs them is not "
	  "served" },
	{ "rewrite-target", NGINX_PATHCAP, NGINX_DEFAULTED, NGINX_HOST, NGINX_NEAR, false, NULL,
	  "percent-encoded bytes are passed on as the client sent them" },
	{ "app-root", NGINX_PATHCAP, NGINX_DEFAULTED, NGINX_HOST, NGINX_SAME, false, NULL, NULL },
	{ "permanent-redirect", NGINX_URL, NGINX_IGNORED, NGINX_PATH, NGINX_SAME, false, NULL,
	  NULL },
	{ "permanent-redirect-code", NGINX_INT, NGINX_IGNORED, NGINX_PATH, NGINX_SAME, false, NULL,
	  NULL },
	{ "temporal-redirect", NGINX_URL, NGINX_IGNORED, NGINX_PATH, NGINX_SAME, false, NULL,
	  NULL },
	{ "temporal-redirect-code", NGINX_INT, NGINX_IGNORED, NGINX_PATH, NGINX_SAME, false, NULL,
	  NULL },
	{ "relative-redirects", NGINX_BOOL, NGINX_IGNORED, NGINX_PATH, NGINX_NEAR, false, NULL,
	  "the redirect to a slash is absolute where the request has a query" },
	{ "from-to-www-redirect", NGINX_BOOL, NGINX_IGNORED, NGINX_HOST, NGINX_SAME, false, NULL,
	  NULL },
	{ "use-port-in-redirects", NGINX_BOOL, NGINX_DEFAULTED, NGINX_PATH, NGINX_NEAR, false, NULL,
	  "hosts with a wildcard keep the port of the request" },
	{ "preserve-trailing-slash", NGINX_BOOL, NGINX_DEFAULTED, NGINX_PATH, NGINX_SAME, false,
	  NULL, NULL },
	{ "server-alias", NGINX_NAMES, NGINX_IGNORED, NGINX_HOST, NGINX_NEAR, false, NULL,
	  "a regular expression, or a name with .* at its end, is not served" },
	{ "x-forwarded-prefix", NGINX_PREFIXES, NGINX_IGNORED, NGINX_PATH, NGINX_NEAR, false, NULL,
	  "a value with $1 is not served" },
	{ "ssl-redirect", NGINX_BOOL, NGINX_DEFAULTED, NGINX_PATH, NGINX_NEAR, false, NULL,
	  "hosts with a wildcard keep the port in the Location" },
	{ "force-ssl-redirect", NGINX_BOOL, NGINX_DEFAULTED, NGINX_PATH, NGINX_NEAR, false, NULL,
	  "hosts with a wildcard keep the port in the Location" },
	{ "ssl-passthrough", NGINX_BOOL, NGINX_IGNORED, NGINX_HOST, NGINX_NEAR, false, NULL,
	  "connections go to the Service's endpoints, where ingressNginx.enableSslPassthrough is "
	  "on" },
	{ "ssl-ciphers", NGINX_CIPHERS, NGINX_IGNORED, NGINX_HOST, NGINX_NEAR, false, NULL,
	  "names that Envoy has are offered; words for groups are passed over" },
	{ "ssl-prefer-server-ciphers", NGINX_BOOL, NGINX_DEFAULTED, NGINX_HOST, NGINX_NO, false,
	  NULL, "Envoy always prefers the server's order" },
	{ "auth-tls-secret", NGINX_BASIC, NGINX_IGNORED, NGINX_HOST, NGINX_SAME, true, NULL,
	  "a Secret without a usable ca.crt closes the host with 403" },
	{ "auth-tls-verify-client", NGINX_WORD, NGINX_DEFAULTED, NGINX_HOST, NGINX_SAME, true,
	  "on off optional optional_no_ca",
	  "of a certificate that is not verified backends see FAILED without a reason" },
	{ "auth-tls-verify-depth", NGINX_INT, NGINX_DEFAULTED, NGINX_HOST, NGINX_SAME, true, NULL,
	  NULL },
	{ "auth-tls-error-page", NGINX_TARGET, NGINX_IGNORED, NGINX_HOST, NGINX_NEAR, false, NULL,
	  "only a URL is served; with a path or a name clients get 400" },
	{ "auth-tls-pass-certificate-to-upstream", NGINX_BOOL, NGINX_IGNORED, NGINX_HOST,
	  NGINX_SAME, false, NULL, NULL },
	{ "auth-tls-match-cn", NGINX_ANY, NGINX_IGNORED, NGINX_HOST, NGINX_SAME, true, NULL,
	  "without auth-tls-secret the host is closed with 403; ingress-nginx left it open" },
	{ "auth-type", NGINX_HAVING, NGINX_IGNORED, NGINX_PATH, NGINX_SAME, true, "basic digest",
	  "digest authentication is not served: its paths answer 503" },
	{ "auth-secret", NGINX_BASIC, NGINX_IGNORED, NGINX_PATH, NGINX_SAME, true, NULL,
	  "bcrypt above cost 14 and SHA-crypt above a million rounds are refused" },
	{ "auth-secret-type", NGINX_HAVING, NGINX_IGNORED, NGINX_PATH, NGINX_SAME, true,
	  "auth-file auth-map", NULL },
	{ "auth-realm", NGINX_SPACE, NGINX_IGNORED, NGINX_PATH, NGINX_SAME, false, NULL,
	  "where Envoy checks passwords by itself, the realm is the request's address" },
	{ "auth-url", NGINX_URLVAR, NGINX_IGNORED, NGINX_PATH, NGINX_SAME, true, NULL,
	  "of variables only $host can be its host, and not for a wildcard: else its paths answer "
	  "503" },
	{ "auth-method", NGINX_WORD, NGINX_DENIED, NGINX_PATH, NGINX_SAME, true,
	  "GET HEAD POST PUT PATCH DELETE CONNECT OPTIONS TRACE", NULL },
	{ "auth-signin", NGINX_URLVAR, NGINX_DEFAULTED, NGINX_PATH, NGINX_SAME, false, NULL, NULL },
	{ "auth-signin-redirect-param", NGINX_URLS, NGINX_DEFAULTED, NGINX_PATH, NGINX_SAME, false,
	  NULL, NULL },
	{ "auth-response-headers", NGINX_HEADERS, NGINX_DENIED, NGINX_PATH, NGINX_SAME, true, NULL,
	  NULL },
	{ "auth-request-redirect", NGINX_URLS, NGINX_DROPPED, NGINX_PATH, NGINX_SAME, true, NULL,
	  NULL },
	{ "auth-proxy-set-headers", NGINX_BASIC, NGINX_DEFAULTED, NGINX_PATH, NGINX_SAME, true,
	  NULL, NULL },
	{ "auth-always-set-cookie", NGINX_BOOL, NGINX_DROPPED, NGINX_PATH, NGINX_SAME, true, NULL,
	  NULL },
	{ "auth-cache-key", NGINX_VAR, NGINX_DEFAULTED, NGINX_PATH, NGINX_NO, false, NULL,
	  "Envoy has no cache of answers: the service is asked each time" },
	{ "auth-cache-duration", NGINX_EXT, NGINX_DROPPED, NGINX_PATH, NGINX_NO, true, NULL,
	  "Envoy has no cache of answers: the service is asked each time" },
	{ "auth-keepalive", NGINX_INT, NGINX_DEFAULTED, NGINX_PATH, NGINX_NONE, false, NULL, NULL },
	{ "auth-keepalive-requests", NGINX_INT, NGINX_DEFAULTED, NGINX_PATH, NGINX_NONE, false,
	  NULL, NULL },
	{ "auth-keepalive-timeout", NGINX_INT, NGINX_DEFAULTED, NGINX_PATH, NGINX_NONE, false, NULL,
	  NULL },
	{ "auth-keepalive-share-vars", NGINX_BOOL, NGINX_DEFAULTED, NGINX_PATH, NGINX_SAME, false,
	  NULL, NULL },
	{ "auth-snippet", NGINX_ANY, NGINX_DEFAULTED, NGINX_PATH, NGINX_NEAR, true, NULL,
	  "proxy_set_header is translated where ingressNginx.translateSnippets is on; else paths "
	  "with auth-url answer 503" },
	{ "enable-global-auth", NGINX_BOOL, NGINX_DEFAULTED, NGINX_PATH, NGINX_SAME, true, NULL,
	  NULL },
	{ "satisfy", NGINX_WORD, NGINX_DEFAULTED, NGINX_PATH, NGINX_SAME, true, "all any",
	  "where Envoy checks passwords by itself, any with passwords is served as all" },
	{ "allowlist-source-range", NGINX_CIDRS, NGINX_DENIED, NGINX_PATH, NGINX_SAME, true, NULL,
	  NULL },
	{ "whitelist-source-range", NGINX_CIDRS, NGINX_DENIED, NGINX_PATH, NGINX_SAME, true, NULL,
	  NULL },
	{ "denylist-source-range", NGINX_CIDRS, NGINX_DENIED, NGINX_PATH, NGINX_SAME, true, NULL,
	  NULL },
	{ "limit-rps", NGINX_INT, NGINX_IGNORED, NGINX_INGRESS, NGINX_NEAR, true, NULL,
	  "hosts, and HTTP and HTTPS, are counted apart, by each Envoy" },
	{ "limit-rpm", NGINX_INT, NGINX_IGNORED, NGINX_INGRESS, NGINX_NEAR, true, NULL,
	  "hosts, and HTTP and HTTPS, are counted apart, by each Envoy" },
	{ "limit-burst-multiplier", NGINX_INT, NGINX_DEFAULTED, NGINX_INGRESS, NGINX_SAME, false,
	  NULL, NULL },
	{ "limit-connections", NGINX_INT, NGINX_IGNORED, NGINX_INGRESS, NGINX_NO, true, NULL,
	  "Envoy has no limit of requests at a time for one client; limit-rps is close" },
	{ "limit-allowlist", NGINX_CIDRS, NGINX_IGNORED, NGINX_INGRESS, NGINX_SAME, false, NULL,
	  NULL },
	{ "limit-whitelist", NGINX_CIDRS, NGINX_IGNORED, NGINX_INGRESS, NGINX_SAME, false, NULL,
	  NULL },
	{ "limit-rate", NGINX_INT, NGINX_DEFAULTED, NGINX_PATH, NGINX_NEAR, false, NULL,
	  "the limit is for all answers of the path together" },
	{ "limit-rate-after", NGINX_INT, NGINX_DEFAULTED, NGINX_PATH, NGINX_NO, false, NULL,
	  "Envoy limits a route's bandwidth, not a response's" },
	{ "canary", NGINX_BOOL, NGINX_DEFAULTED, NGINX_INGRESS, NGINX_SAME, false, NULL, NULL },
	{ "canary-by-header", NGINX_BASIC, NGINX_DEFAULTED, NGINX_INGRESS, NGINX_SAME, false, NULL,
	  NULL },
	{ "canary-by-header-value", NGINX_BASIC, NGINX_DEFAULTED, NGINX_INGRESS, NGINX_SAME, false,
	  NULL, NULL },
	{ "canary-by-header-pattern", NGINX_REGEX, NGINX_DEFAULTED, NGINX_INGRESS, NGINX_SAME,
	  false, NULL, NULL },
	{ "canary-by-cookie", NGINX_BASIC, NGINX_DEFAULTED, NGINX_INGRESS, NGINX_SAME, false, NULL,
	  NULL },
	{ "canary-weight", NGINX_INT, NGINX_DEFAULTED, NGINX_INGRESS, NGINX_SAME, false, NULL,
	  NULL },
	{ "canary-weight-total", NGINX_INT, NGINX_DEFAULTED, NGINX_INGRESS, NGINX_SAME, false, NULL,
	  NULL },
	{ "affinity", NGINX_WORD, NGINX_DEFAULTED, NGINX_UPSTREAM, NGINX_SAME, false, "cookie",
	  "the cookie's value is Envoy's: sessions are assigned anew once" },
	{ "affinity-mode", NGINX_WORD, NGINX_DEFAULTED, NGINX_UPSTREAM, NGINX_NEAR, false,
	  "balanced persistent", "balanced is served as persistent, which is stickier" },
	{ "affinity-canary-behavior", NGINX_WORD, NGINX_DEFAULTED, NGINX_INGRESS, NGINX_NEAR, false,
	  "sticky legacy",
	  "the cookie holds the side; a second one, with __endpoint behind the name, the "
	  "endpoint" },
	{ "session-cookie-name", NGINX_BASIC, NGINX_DEFAULTED, NGINX_UPSTREAM, NGINX_SAME, false,
	  NULL, NULL },
	{ "session-cookie-path", NGINX_URLS, NGINX_DEFAULTED, NGINX_UPSTREAM, NGINX_SAME, false,
	  NULL, NULL },
	{ "session-cookie-domain", NGINX_BASIC, NGINX_DEFAULTED, NGINX_UPSTREAM, NGINX_SAME, false,
	  NULL, NULL },
	{ "session-cookie-secure", NGINX_BOOL, NGINX_DEFAULTED, NGINX_UPSTREAM, NGINX_SAME, false,
	  NULL, NULL },
	{ "session-cookie-samesite", NGINX_ANY_CASE, NGINX_DEFAULTED, NGINX_UPSTREAM, NGINX_SAME,
	  false, "none lax strict", NULL },
	{ "session-cookie-conditional-samesite-none", NGINX_BOOL, NGINX_DEFAULTED, NGINX_UPSTREAM,
	  NGINX_NEAR, false, NULL, "SameSite=None is sent to every browser" },
	{ "session-cookie-expires", NGINX_INT, NGINX_DEFAULTED, NGINX_UPSTREAM, NGINX_NEAR, false,
	  NULL, "Envoy writes Max-Age, not Expires" },
	{ "session-cookie-max-age", NGINX_INT, NGINX_DEFAULTED, NGINX_UPSTREAM, NGINX_SAME, false,
	  NULL, NULL },
	{ "session-cookie-change-on-failure", NGINX_BOOL, NGINX_DEFAULTED, NGINX_UPSTREAM,
	  NGINX_NEAR, false, NULL, "the cookie moves when its endpoint is gone" },
	{ "upstream-hash-by", NGINX_VAR, NGINX_IGNORED, NGINX_UPSTREAM, NGINX_SAME, false, NULL,
	  "all keys move once, since Envoy's hash is another" },
	{ "upstream-hash-by-subset", NGINX_BOOL, NGINX_IGNORED, NGINX_UPSTREAM, NGINX_NO, false,
	  NULL, "Envoy has no hash to a subset; the hash chooses one endpoint" },
	{ "upstream-hash-by-subset-size", NGINX_INT, NGINX_IGNORED, NGINX_UPSTREAM, NGINX_NO, false,
	  NULL, "Envoy has no hash to a subset; the hash chooses one endpoint" },
	{ "load-balance", NGINX_WORD, NGINX_IGNORED, NGINX_UPSTREAM, NGINX_NEAR, false,
	  "round_robin chash chashsubset sticky_balanced sticky_persistent ewma",
	  "ewma is served as least requests" },
	{ "service-upstream", NGINX_BOOL, NGINX_IGNORED, NGINX_UPSTREAM, NGINX_SAME, false, NULL,
	  NULL },
	{ "backend-protocol", NGINX_ANY_CASE, NGINX_DEFAULTED, NGINX_PATH, NGINX_SAME, false,
	  "HTTP HTTPS AUTO_HTTP GRPC GRPCS FCGI", "FCGI is not served: its paths answer 503" },
	{ "proxy-ssl-secret", NGINX_BASIC, NGINX_IGNORED, NGINX_PATH, NGINX_SAME, true, NULL,
	  NULL },
	{ "proxy-ssl-verify", NGINX_ON_OFF, NGINX_DEFAULTED, NGINX_PATH, NGINX_NEAR, false, NULL,
	  "without proxy-ssl-name the chain alone is verified" },
	{ "proxy-ssl-verify-depth", NGINX_INT, NGINX_DEFAULTED, NGINX_PATH, NGINX_SAME, false, NULL,
	  NULL },
	{ "proxy-ssl-name", NGINX_REGEX, NGINX_DEFAULTED, NGINX_PATH, NGINX_SAME, false, NULL,
	  NULL },
	{ "proxy-ssl-server-name", NGINX_ON_OFF, NGINX_DEFAULTED, NGINX_PATH, NGINX_NEAR, false,
	  NULL, "without proxy-ssl-name no server name is sent" },
	{ "proxy-ssl-ciphers", NGINX_CIPHERS, NGINX_DEFAULTED, NGINX_PATH, NGINX_NEAR, false, NULL,
	  "names that Envoy has are offered; words for groups are passed over" },
	{ "proxy-ssl-protocols", NGINX_WORDS, NGINX_DEFAULTED, NGINX_PATH, NGINX_NEAR, false,
	  "SSLv2 SSLv3 TLSv1 TLSv1.1 TLSv1.2 TLSv1.3", "versions before TLS 1.2 are not offered" },
	{ "proxy-connect-timeout", NGINX_INT, NGINX_DEFAULTED, NGINX_PATH, NGINX_NEAR, false, NULL,
	  "a connection that times out is answered by 503, not 504" },
	{ "proxy-read-timeout", NGINX_INT, NGINX_DEFAULTED, NGINX_PATH, NGINX_SAME, false, NULL,
	  "a WebSocket is closed after the longer of this and proxy-send-timeout" },
	{ "proxy-send-timeout", NGINX_INT, NGINX_DEFAULTED, NGINX_PATH, NGINX_NEAR, false, NULL,
	  "Envoy has one time for reads and writes: the longer is used" },
	{ "proxy-next-upstream", NGINX_WORDS, NGINX_DEFAULTED, NGINX_PATH, NGINX_NEAR, false,
	  "error timeout invalid_header http_500 http_502 http_503 http_504 http_403 http_404 "
	  "http_429 non_idempotent off",
	  "a request that was sent is repeated where the value has a code of an answer, such as "
	  "http_502, or non_idempotent" },
	{ "proxy-next-upstream-tries", NGINX_INT, NGINX_DEFAULTED, NGINX_PATH, NGINX_NEAR, false,
	  NULL, "0 (no limit) is served as 10 tries" },
	{ "proxy-next-upstream-timeout", NGINX_INT, NGINX_DEFAULTED, NGINX_PATH, NGINX_NO, false,
	  NULL, "Envoy has no time after which tries end" },
	{ "proxy-body-size", NGINX_SIZE, NGINX_DEFAULTED, NGINX_PATH, NGINX_NEAR, false, NULL,
	  "a body without Content-Length has no limit" },
	{ "client-body-buffer-size", NGINX_SIZE, NGINX_IGNORED, NGINX_PATH, NGINX_NONE, false, NULL,
	  NULL },
	{ "proxy-request-buffering", NGINX_ON_OFF, NGINX_DEFAULTED, NGINX_PATH, NGINX_NEAR, false,
	  NULL, "bodies are streamed to the backend" },
	{ "proxy-buffering", NGINX_ON_OFF, NGINX_DEFAULTED, NGINX_PATH, NGINX_NEAR, false, NULL,
	  "responses are streamed to the client" },
	{ "proxy-buffer-size", NGINX_SIZE, NGINX_DEFAULTED, NGINX_PATH, NGINX_NEAR, false, NULL,
	  "Envoy takes up to 80 KiB of response headers, in 100 lines" },
	{ "proxy-buffers-number", NGINX_INT, NGINX_DEFAULTED, NGINX_PATH, NGINX_NONE, false, NULL,
	  NULL },
	{ "proxy-busy-buffers-size", NGINX_SIZE, NGINX_DEFAULTED, NGINX_PATH, NGINX_NONE, false,
	  NULL, NULL },
	{ "proxy-max-temp-file-size", NGINX_SIZE, NGINX_DEFAULTED, NGINX_PATH, NGINX_NONE, false,
	  NULL, NULL },
	{ "proxy-http-version", NGINX_WORD, NGINX_DEFAULTED, NGINX_PATH, NGINX_NEAR, false,
	  "1.0 1.1", "1.0 is served as 1.1" },
	{ "proxy-cookie-domain", NGINX_SPACE, NGINX_DEFAULTED, NGINX_PATH, NGINX_SAME, false, NULL,
	  NULL },
	{ "proxy-cookie-path", NGINX_URLS, NGINX_DEFAULTED, NGINX_PATH, NGINX_SAME, false, NULL,
	  NULL },
	{ "proxy-redirect-from", NGINX_URLS, NGINX_DEFAULTED, NGINX_PATH, NGINX_SAME, false, NULL,
	  NULL },
	{ "proxy-redirect-to", NGINX_URLS, NGINX_DEFAULTED, NGINX_PATH, NGINX_SAME, false, NULL,
	  NULL },
	{ "upstream-vhost", NGINX_REGEX, NGINX_IGNORED, NGINX_PATH, NGINX_NEAR, false, NULL,
	  "a variable that depends on the request is not served" },
	{ "connection-proxy-header", NGINX_WORD, NGINX_IGNORED, NGINX_PATH, NGINX_NEAR, false,
	  "close keep-alive", "close is served as one request for each connection" },
	{ "custom-headers", NGINX_BASIC, NGINX_DEFAULTED, NGINX_PATH, NGINX_SAME, false, NULL,
	  NULL },
	{ "default-backend", NGINX_SERVICE, NGINX_IGNORED, NGINX_PATH, NGINX_SAME, false, NULL,
	  NULL },
	{ "custom-http-errors", NGINX_CODES, NGINX_IGNORED, NGINX_PATH, NGINX_NEAR, false, NULL,
	  "the page is asked for by GET, and without X-Original-URI, except that of 413; 401 and "
	  "403 before the request's body has come are not replaced" },
	{ "disable-proxy-intercept-errors", NGINX_BOOL, NGINX_IGNORED, NGINX_PATH, NGINX_NEAR,
	  false, NULL, "true: no answer is replaced, those of Envoy itself neither" },
	{ "enable-cors", NGINX_BOOL, NGINX_DEFAULTED, NGINX_PATH, NGINX_SAME, false, NULL, NULL },
	{ "cors-allow-origin", NGINX_ORIGINS, NGINX_DEFAULTED, NGINX_PATH, NGINX_SAME, false, NULL,
	  "an origin is matched from its start, which nginx does not do; two with a space between "
	  "them are none" },
	{ "cors-allow-methods", NGINX_METHODS, NGINX_DEFAULTED, NGINX_PATH, NGINX_SAME, false, NULL,
	  NULL },
	{ "cors-allow-headers", NGINX_HEADERS, NGINX_DEFAULTED, NGINX_PATH, NGINX_SAME, false, NULL,
	  NULL },
	{ "cors-expose-headers", NGINX_ANY, NGINX_DEFAULTED, NGINX_PATH, NGINX_SAME, false, NULL,
	  NULL },
	{ "cors-allow-credentials", NGINX_BOOL, NGINX_DEFAULTED, NGINX_PATH, NGINX_SAME, false,
	  NULL, NULL },
	{ "cors-max-age", NGINX_INT, NGINX_DEFAULTED, NGINX_PATH, NGINX_SAME, false, NULL, NULL },
	{ "mirror-target", NGINX_ANY, NGINX_DEFAULTED, NGINX_INGRESS, NGINX_NEAR, false, NULL,
	  "copies have the path that the backend gets; the answer is not waited for" },
	{ "mirror-host", NGINX_REGEX, NGINX_DEFAULTED, NGINX_INGRESS, NGINX_SAME, false, NULL,
	  NULL },
	{ "mirror-request-body", NGINX_ON_OFF, NGINX_DEFAULTED, NGINX_INGRESS, NGINX_NO, false,
	  NULL, "copies have the body of the request" },
	{ "enable-access-log", NGINX_BOOL, NGINX_DEFAULTED, NGINX_PATH, NGINX_SAME, false, NULL,
	  NULL },
	{ "enable-rewrite-log", NGINX_BOOL, NGINX_DEFAULTED, NGINX_PATH, NGINX_NONE, false, NULL,
	  NULL },
	{ "enable-opentelemetry", NGINX_BOOL, NGINX_DEFAULTED, NGINX_PATH, NGINX_NEAR, false, NULL,
	  "it has an effect where the configuration has tracing" },
	{ "opentelemetry-trust-incoming-span", NGINX_BOOL, NGINX_DEFAULTED, NGINX_PATH, NGINX_NO,
	  false, NULL, "Envoy decides this for a listener, not for a path" },
	{ "opentelemetry-operation-name", NGINX_LETTERS, NGINX_IGNORED, NGINX_PATH, NGINX_SAME,
	  false, NULL, NULL },
	{ "enable-modsecurity", NGINX_BOOL, NGINX_DEFAULTED, NGINX_PATH, NGINX_NO, true, NULL,
	  "Envoy has no ModSecurity" },
	{ "enable-owasp-core-rules", NGINX_BOOL, NGINX_DEFAULTED, NGINX_PATH, NGINX_NO, true, NULL,
	  "Envoy has no ModSecurity" },
	{ "modsecurity-transaction-id", NGINX_VAR, NGINX_DEFAULTED, NGINX_PATH, NGINX_NO, false,
	  NULL, "Envoy has no ModSecurity" },
	{ "modsecurity-snippet", NGINX_ANY, NGINX_DEFAULTED, NGINX_PATH, NGINX_NO, true, NULL,
	  "Envoy has no ModSecurity" },
	{ "http2-push-preload", NGINX_BOOL, NGINX_IGNORED, NGINX_PATH, NGINX_NONE, false, NULL,
	  NULL },
	{ "fastcgi-index", NGINX_FILE, NGINX_IGNORED, NGINX_PATH, NGINX_NO, false, NULL,
	  "Envoy does not speak FastCGI" },
	{ "fastcgi-params-configmap", NGINX_BASIC, NGINX_IGNORED, NGINX_PATH, NGINX_NO, false, NULL,
	  "Envoy does not speak FastCGI" },
	{ "configuration-snippet", NGINX_ANY, NGINX_DEFAULTED, NGINX_PATH, NGINX_NEAR, false, NULL,
	  "snippets of known directives are translated where ingressNginx.translateSnippets is on; "
	  "others are refused as a whole" },
	{ "server-snippet", NGINX_ANY, NGINX_DEFAULTED, NGINX_HOST, NGINX_NEAR, false, NULL,
	  "snippets of known directives are translated where ingressNginx.translateSnippets is on; "
	  "others are refused as a whole" },
	{ "stream-snippet", NGINX_ANY, NGINX_DEFAULTED, NGINX_HOST, NGINX_NO, false, NULL,
	  "snippets are text for nginx" },
};
const size_t nginx_n_annotations = ARRAY_SIZE(nginx_annotations);

static const struct {
	const char *name, *why;
} dead[] = {
	{ "secure-backends", "it ended with version 0.21: use backend-protocol: HTTPS" },
	{ "grpc-backend", "it ended with version 0.21: use backend-protocol: GRPC" },
	{ "session-cookie-hash", "it ended with version 0.24" },
	{ "add-base-url", "it ended with version 0.22" },
	{ "base-url-scheme", "it ended with version 0.22" },
	{ "ssl-temporary-redirect", "ingress-nginx never had it" },
	{ "proxy-cache-key", "ingress-nginx never had it" },
	{ "secure-verify-ca-secret", "it ended with version 0.21: use proxy-ssl-secret" },
	{ "enable-opentracing", "OpenTracing ended with version 1.10: use enable-opentelemetry" },
	{ "opentracing-trust-incoming-span", "OpenTracing ended with version 1.10" },
	{ "enable-influxdb", "it ended with version 1.10" },
	{ "global-rate-limit", "it ended with version 1.12: use limit-rps or limit-rpm" },
	{ "global-rate-limit-window", "it ended with version 1.12: use limit-rps or limit-rpm" },
	{ "global-rate-limit-key", "it ended with version 1.12: use limit-rps or limit-rpm" },
	{ "auth-proxy-set-header", "the name is auth-proxy-set-headers" },
	{ "server-tokens", "it is a key of the ConfigMap" },
	{ "ssl-protocols", "it is a key of the ConfigMap" },
	{ "large-client-header-buffers", "it is a key of the ConfigMap" },
	{ "configuration-snippets", "the name is configuration-snippet" },
	{ "mirror-uri", "it ended with version 0.31: use mirror-target" },
	{ "lua-resty-waf", "it ended with version 0.26" },
};

static const char *const aliases[][2] = {
	{ "whitelist-source-range", "allowlist-source-range" },
	{ "limit-whitelist", "limit-allowlist" },
};

const struct nginx_annotation *nginx_annotation_find(const char *name)
{
	for (size_t i = 0; i < nginx_n_annotations; i++)
		if (strcmp(nginx_annotations[i].name, name) == 0)
			return &nginx_annotations[i];
	return NULL;
}

const char *nginx_annotation_alias(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(aliases); i++)
		if (strcmp(aliases[i][1], name) == 0)
			return aliases[i][0];
	return NULL;
}

const char *nginx_annotation_nearest(const char *name)
{
	size_t len = strlen(name);
	unsigned best = spelling_limit(len) + 1;
	const char *nearest = NULL;

	for (size_t i = 0; i < nginx_n_annotations; i++) {
		const char *known = nginx_annotations[i].name;
		unsigned d = spelling_distance(name, len, known, strlen(known), best);

		if (d < best) {
			best = d;
			nearest = known;
		}
	}
	return nearest;
}

const char *nginx_annotation_dead(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(dead); i++)
		if (strcmp(dead[i].name, name) == 0)
			return dead[i].why;
	return strncmp(name, "influxdb-", 9) == 0 ? "it ended with version 1.10" : NULL;
}

/* ---- classes of values ---- */

#define BASIC_MARKS "-._~/:"

/* The characters besides letters and digits that a class accepts anywhere; with `trim` spaces are
 * removed before the check. around: lists and words are read without the blanks and line breaks
 * around them. */
static const struct {
	const char *text, *marks;
	bool trim;
	bool around;
} classes[] = {
	[NGINX_BOOL] = { "true or false", NULL, false },
	[NGINX_INT] = { "a whole number", NULL, false },
	[NGINX_SIZE] = { "a size such as 8m", NULL, false },
	[NGINX_BASIC] = { "letters, digits and - . _ ~ / :", BASIC_MARKS, true },
	[NGINX_SPACE] = { "letters, digits, spaces and - . _ ~ / :", BASIC_MARKS " ", false },
	[NGINX_EXT] = { "letters, digits, commas, spaces and - . _ ~ / :", BASIC_MARKS ", ",
			false },
	[NGINX_URL] = { "a URL of letters, digits and - . _ ~ / : , ? & =", BASIC_MARKS ",:?&=",
			false },
	[NGINX_URLS] = { "letters, digits, spaces and - . _ ~ / : , ? & =", BASIC_MARKS ",:?&=",
			 true },
	[NGINX_URLVAR] = { "a URL that may have $ variables", BASIC_MARKS ",:?&=$ ", true },
	[NGINX_PATHCAP] = { "a path that may have $1, $2…", BASIC_MARKS "$", false },
	[NGINX_PREFIXES] = { "a path that may have $1, $2…", BASIC_MARKS "$", true },
	[NGINX_REGEX] = { "letters, digits and characters of regular expressions",
			  BASIC_MARKS "^$[](){}*+?|&=\\", false },
	[NGINX_NAMES] = { "names separated by commas", BASIC_MARKS "^$[](){}*+?|&=\\, ", false,
			  true },
	[NGINX_HEADERS] = { "names of headers separated by commas", "-_, ", true, true },
	[NGINX_VAR] = { "letters, digits and - _ $ { }", "-_${}", true },
	[NGINX_CIDRS] = { "addresses and networks separated by commas", NULL, false, true },
	[NGINX_CODES] = { "status codes from 400 to 599 separated by commas", NULL, false, true },
	[NGINX_ON_OFF] = { "on or off", NULL, false, true },
	[NGINX_WORDS] = { "words of its list", NULL, false, true },
	[NGINX_WORD] = { "one word of its list", NULL, false, true },
	[NGINX_ANY_CASE] = { "one word of its list", NULL, false, true },
	[NGINX_CIPHERS] = { "a list of ciphers as OpenSSL writes it", "-_:+!@=, ", true, true },
	[NGINX_METHODS] = { "names of methods separated by commas", ", ", true, true },
	[NGINX_ORIGINS] = { "origins (scheme://host[:port]), null or * separated by commas",
			    BASIC_MARKS ",* ", true, true },
	[NGINX_HAVING] = { "a text that has a word of its list", NULL, false, true },
	[NGINX_SERVICE] = { "the name of a Service", NULL, false },
	[NGINX_LETTERS] = { "letters, digits and - _", "-_", true },
	[NGINX_FILE] = { "letters, digits and . - _", ".-_", true },
	[NGINX_TARGET] = { "a URL, a path or @name", BASIC_MARKS ",?&=@", false },
	[NGINX_ANY] = { "any text", NULL, false, true },
};

const char *nginx_class_text(enum nginx_class class)
{
	return classes[class].text;
}

static bool is_number(const char *v)
{
	v += *v == '-' || *v == '+';
	return *v && !v[strspn(v, "0123456789")];
}

static bool is_size(const char *v)
{
	size_t n = strspn(v, "0123456789");

	return n && (!v[n] || (strchr("bkmgBKMG", v[n]) && !v[n + 1]));
}

bool nginx_bool(const char *v, bool *ret)
{
	static const char *const yes[] = { "1", "t", "T", "TRUE", "true", "True" };
	static const char *const no[] = { "0", "f", "F", "FALSE", "false", "False" };

	for (size_t i = 0; i < ARRAY_SIZE(yes); i++) {
		if (strcmp(v, yes[i]) == 0 || strcmp(v, no[i]) == 0) {
			*ret = strcmp(v, yes[i]) == 0;
			return true;
		}
	}
	return false;
}

static bool has_word(const char *words, const char *word, size_t len, bool any_case)
{
	for (const char *p = words; *p; p += strspn(p, " ")) {
		size_t n = strcspn(p, " ");

		if (n == len && (any_case ? strncasecmp(p, word, len) : strncmp(p, word, len)) == 0)
			return true;
		p += n;
	}
	return false;
}

static bool are_words(const char *words, const char *v)
{
	for (const char *p = v + strspn(v, ", "); *p;) {
		size_t n = strcspn(p, ", ");

		if (!has_word(words, p, n, false))
			return false;
		p += n;
		p += strspn(p, ", ");
	}
	return true;
}

static bool has_a_word(const char *words, const char *v)
{
	for (const char *p = words; *p; p += strspn(p, " ")) {
		size_t n = strcspn(p, " ");

		if (memmem(v, strlen(v), p, n))
			return true;
		p += n;
	}
	return false;
}

static bool is_service(const char *v)
{
	size_t n = strspn(v, "abcdefghijklmnopqrstuvwxyz0123456789-");

	return n && n < 64 && !v[n] && isalpha((unsigned char)v[0]) && v[n - 1] != '-';
}

/* Names with nothing but a comma, and spaces around it, between them. */
static bool are_names(const char *v)
{
	for (const char *p = strchr(v, ' '); p; p = strchr(p + 1, ' ')) {
		const char *next = p + strspn(p, " ");

		if (*next && *next != ',' && (p == v || !strchr(", ", p[-1])))
			return false;
	}
	return true;
}

static bool are_codes(const char *v)
{
	for (const char *p = v + strspn(v, ", "); *p;) {
		if ((p[0] != '4' && p[0] != '5') || !isdigit((unsigned char)p[1]) ||
		    !isdigit((unsigned char)p[2]) || isdigit((unsigned char)p[3]))
			return false;
		p += 3;
		if (*p && !strchr(", ", *p))
			return false;
		p += strspn(p, ", ");
	}
	return true;
}

static bool has_only(const char *v, const char *marks)
{
	for (const char *p = v; *p; p++)
		if (!isalnum((unsigned char)*p) && !strchr(marks, *p) && *p != ' ')
			return false;
	return true;
}

static bool has_space(const char *v)
{
	return strchr(v, ' ') != NULL;
}

static bool fits(const struct nginx_annotation *row, const char *v)
{
	const char *marks = classes[row->class].marks;
	bool ignored;

	switch (row->class) {
	case NGINX_BOOL:
		return nginx_bool(v, &ignored);
	case NGINX_INT:
		return is_number(v);
	case NGINX_SIZE:
		return is_size(v);
	case NGINX_ON_OFF:
		return strcmp(v, "on") == 0 || strcmp(v, "off") == 0;
	case NGINX_WORD:
	case NGINX_ANY_CASE:
		return has_word(row->words, v, strlen(v), row->class == NGINX_ANY_CASE);
	case NGINX_WORDS:
		return are_words(row->words, v);
	case NGINX_CODES:
		return are_codes(v);
	case NGINX_CIDRS:
		return nginx_addresses_valid(v);
	case NGINX_HAVING:
		return has_a_word(row->words, v);
	case NGINX_SERVICE:
		return is_service(v);
	case NGINX_NAMES:
		return has_only(v, marks) && are_names(v);
	case NGINX_ANY:
		return true;
	default:
		return has_only(v, marks) &&
		       (classes[row->class].trim || strchr(marks, ' ') || !has_space(v));
	}
}

bool nginx_annotation_is_whole(const struct nginx_annotation *row)
{
	return !classes[row->class].around;
}

bool nginx_annotation_valid(const struct nginx_annotation *row, const char *value)
{
	return !*value || (!strpbrk(value, "\r\n") && fits(row, value)) || row->class == NGINX_ANY;
}
