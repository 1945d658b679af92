/* The sample configuration. A test removes the comment signs, has the file checked, and compares
 * its keys with those of configuration-file.c. */
#include <stdbool.h>
#include <string.h>

#include "common/configuration/configuration-example.h"

/* Keys of one section are adjacent: the section's name is written where it changes. */
static const struct {
	const char *key, *value, *what;
} rows[] = {
	{ "timeouts.request-timeout", "30s",
	  "For the whole of a request to arrive. Default: none." },
	{ "timeouts.connection-idle-timeout", "60s",
	  "For a client's connection without requests. Default: 60s." },
	{ "timeouts.stream-idle-timeout", "5m",
	  "For a request on which nothing moves. Default: 5m." },
	{ "timeouts.max-connection-duration", "1h",
	  "For a client's connection, whatever it does. Default: none." },
	{ "timeouts.delayed-close-timeout", "1s",
	  "For a client to read the last answer. Default: 1s." },
	{ "timeouts.connection-shutdown-grace-period", "5s",
	  "For requests to end on a connection that is to be closed. Default: 5s." },
	{ "timeouts.connect-timeout", "2s", "For a connection to an endpoint. Default: 2s." },
	{ "default-http-versions", "[HTTP/1.1, HTTP/2]",
	  "Versions that clients may speak. Default: both." },
	{ "compression.algorithm", "gzip",
	  "Compression of answers: gzip, brotli, zstd or disabled. Default: gzip." },
	{ "serverHeaderTransformation", "overwrite",
	  "The header server in answers: overwrite, append_if_absent or pass_through." },
	{ "disableMergeSlashes", "false", "Leave // in paths as it is. Default: false." },
	{ "disableAllowChunkedLength", "false",
	  "Refuse requests with both Content-Length and chunks. Default: false." },
	{ "network.num-trusted-hops", "0",
	  "Proxies before Envoy whose X-Forwarded-For is believed. Default: 0." },
	{ "network.strip-trailing-host-dot", "false",
	  "Take example.com. for example.com. Default: false." },
	{ "network.admin-port", "9001",
	  "Envoy's own pages, read-only, on 127.0.0.1. Default: none." },
	{ "listener.max-requests-per-connection", "1000",
	  "For a client's connection. Default: no limit." },
	{ "listener.http2-max-concurrent-streams", "100",
	  "For a client's connection. Default: Envoy's." },
	{ "listener.per-connection-buffer-limit-bytes", "32768",
	  "For a client's connection. Default: Envoy's." },
	{ "listener.max-connections-per-listener", "50000",
	  "Connections at a time. Default: no limit." },
	{ "listener.max-connections-to-accept-per-socket-event", "10",
	  "So that other work is not kept waiting. Default: no limit." },
	{ "listener.max-requests-per-io-cycle", "1",
	  "The same, for requests on one connection. Default: no limit." },
	{ "listener.connection-balancer", "exact",
	  "exact: Envoy's threads get the same number of connections. Default: none." },
	{ "listener.socket-options.tos", "0", "IP_TOS of listeners. Default: 0." },
	{ "listener.socket-options.traffic-class", "0",
	  "IPV6_TCLASS of listeners with an address of IPv6. Default: 0." },
	{ "tls.minimum-protocol-version", "\"1.2\"",
	  "1.2 or 1.3. A host's own setting is kept within these two. Default: 1.2." },
	{ "tls.maximum-protocol-version", "\"1.3\"", "Default: 1.3." },
	{ "tls.cipher-suites", "[ECDHE-ECDSA-AES128-GCM-SHA256, ECDHE-RSA-AES128-GCM-SHA256]",
	  "For TLS 1.2. Default: Envoy's." },
	{ "tls.ecdh-curves", "[X25519, P-256]", "Default: Envoy's." },
	{ "tls.fingerprint", "{ja3: true, ja4: true}",
	  "Fingerprints of clients, for logs and headers. Default: none." },
	{ "tls.fallback-certificate", "{name: fallback, namespace: edge}",
	  "Secret for clients that name no host. Default: none." },
	{ "tls.envoy-client-certificate", "{name: envoy-client, namespace: edge}",
	  "Secret with the certificate that Envoy shows to upstreams. Default: none." },
	{ "disablePermitInsecure", "false",
	  "Take permitInsecure of routes as not there. Default: false." },
	{ "enableExternalNameService", "false",
	  "Let Services of type ExternalName be backends: whoever may write one can then make "
	  "Envoy connect to any name. Default: false." },
	{ "cluster.dns-lookup-family", "auto",
	  "auto (IPv6 first), v4, v6 or all. Default: IPv4 first." },
	{ "cluster.max-requests-per-connection", "1000",
	  "For a connection to an endpoint, which is then closed. Default: no limit." },
	{ "cluster.per-connection-buffer-limit-bytes", "32768", "Default: Envoy's." },
	{ "cluster.circuit-breakers.max-connections", "1024", "Default: Envoy's, 1024." },
	{ "cluster.circuit-breakers.max-pending-requests", "1024", "Default: Envoy's, 1024." },
	{ "cluster.circuit-breakers.max-requests", "1024", "Default: Envoy's, 1024." },
	{ "cluster.circuit-breakers.max-retries", "3", "Default: Envoy's, 3." },
	{ "cluster.circuit-breakers.per-host-max-connections", "100", "Default: no limit." },
	{ "cluster.upstream-tls.minimum-protocol-version", "\"1.2\"",
	  "Where an upstream speaks TLS. Default: 1.2." },
	{ "cluster.upstream-tls.maximum-protocol-version", "\"1.3\"", "Default: 1.3." },
	{ "cluster.upstream-tls.cipher-suites", "[ECDHE-RSA-AES128-GCM-SHA256]",
	  "Default: Envoy's." },
	{ "cluster.upstream-tls.ecdh-curves", "[X25519, P-256]", "Default: Envoy's." },
	{ "policy.request-headers", "{set: {X-Edge: portolan}, remove: [X-Internal]}",
	  "Headers of requests to all Services. Default: none." },
	{ "policy.response-headers", "{remove: [X-Powered-By]}",
	  "Headers of all answers. Default: none." },
	{ "policy.applyToIngress", "false", "For Ingresses, too. Default: false." },
	{ "globalExtAuth.extensionService", "edge/authorization",
	  "The ExtensionService that is asked about each request. Default: none." },
	{ "globalExtAuth.serviceType", "grpc", "grpc or http. Default: grpc." },
	{ "globalExtAuth.httpSettings", "{pathPrefix: /check}", "For a service that speaks HTTP." },
	{ "globalExtAuth.authPolicy", "{context: {edge: portolan}}",
	  "As authPolicy of an HTTPProxy. Default: none." },
	{ "globalExtAuth.responseTimeout", "200ms", "Default: 200ms." },
	{ "globalExtAuth.failOpen", "false",
	  "Let requests through while the service cannot be reached. Default: false." },
	{ "globalExtAuth.withRequestBody", "{maxRequestBytes: 1024}", "Default: none." },
	{ "rateLimitService.extensionService", "edge/rate-limits",
	  "The ExtensionService that counts requests. Default: none." },
	{ "rateLimitService.domain", "contour", "Default: contour." },
	{ "rateLimitService.failOpen", "false", "Default: false." },
	{ "rateLimitService.enableXRateLimitHeaders", "false", "Default: false." },
	{ "rateLimitService.enableResourceExhaustedCode", "false", "Default: false." },
	{ "rateLimitService.defaultGlobalRateLimitPolicy",
	  "{descriptors: [{entries: [{remoteAddress: {}}]}]}",
	  "For hosts without a setting of their own. Default: none." },
	{ "accesslog-format", "envoy", "envoy or json. Default: envoy." },
	{ "accesslog-format-string", "\"%PROTOCOL% %RESPONSE_CODE%\\n\"",
	  "With the format envoy. Default: Envoy's." },
	{ "json-fields", "[\"@timestamp\", method, path]", "With the format json." },
	{ "accesslog-level", "info", "info, error, critical or disabled. Default: info." },
	{ "tracing.extensionService", "edge/otel-collector",
	  "The ExtensionService for OpenTelemetry. Default: none." },
	{ "tracing.serviceName", "contour", "Default: contour." },
	{ "tracing.includePodDetail", "true", "Default: true." },
	{ "tracing.overallSampling", "\"100\"", "Percent. Default: 100." },
	{ "tracing.clientSampling", "\"100\"", "Percent. Default: 100." },
	{ "tracing.randomSampling", "\"100\"", "Percent. Default: 100." },
	{ "tracing.maxPathTagLength", "256", "Default: 256." },
	{ "tracing.customTags", "[{tagName: region, literal: eu}]", "Default: none." },
	{ "metrics.envoy.address", "127.0.0.1", "Envoy's statistics. Default: 0.0.0.0." },
	{ "metrics.envoy.port", "8002", "Default: none: they are not shown." },
	{ "metrics.envoy.server-certificate-path", "/etc/envoy/tls.crt",
	  "On Envoy's host, and the two that follow. Default: without TLS." },
	{ "metrics.envoy.server-key-path", "/etc/envoy/tls.key",
	  "The key of this certificate. Default: none." },
	{ "metrics.envoy.ca-certificate-path", "/etc/envoy/ca.crt",
	  "Clients need a certificate of this authority." },
	{ "omEnforcedHealthListener", "{address: 0.0.0.0, port: 8003}",
	  "A /ready that the overload manager may refuse. Default: none." },
	{ "runtime-settings", "{re2.max_program_size.error_level: \"100\"}",
	  "Envoy's runtime. Default: none." },
	{ "ingress-status-address", "203.0.113.7",
	  "Addresses that statuses show, separated by commas. Default: the Service's." },
	{ "envoy-service-name", "envoy", "The Service whose addresses statuses show." },
	{ "envoy-service-namespace", "projectcontour",
	  "The namespace of this Service. Default: the pod's own." },
	{ "portolan.ingress-class-names", "[portolan]",
	  "Classes that are served. Default: portolan, and objects without a class." },
	{ "portolan.root-namespaces", "[edge]",
	  "Namespaces that may hold root HTTPProxies. Default: all." },
	{ "portolan.use-proxy-protocol", "false",
	  "Clients are behind a load balancer that speaks the PROXY protocol. Default: false." },
	{ "portolan.http.address", "0.0.0.0", "Where Envoy listens for HTTP." },
	{ "portolan.http.port", "8080", "Default: 8080." },
	{ "portolan.http.access-log", "stdout",
	  "off, stdout, or a path on Envoy's host. Default: off." },
	{ "portolan.https.address", "0.0.0.0", "Where Envoy listens for HTTPS." },
	{ "portolan.https.port", "8443", "Default: 8443." },
	{ "portolan.https.access-log", "stdout", "Default: off." },
	{ "portolan.health.address", "0.0.0.0", "Envoy's /ready. Default: with its statistics." },
	{ "portolan.health.port", "8004", "Default: 8002, where the address is set." },
	{ "portolan.tls.hosts", "chains",
	  "chains, or shared: one filter chain for all hosts that are alike. Default: chains." },
	{ "portolan.http3.enabled", "true",
	  "Serve the hosts that have a certificate over HTTP/3, too. Default: false." },
	{ "portolan.http3.port", "443", "The UDP port that answers tell clients. Default: 443." },
	{ "portolan.status.propagated", "true",
	  "Say in the status of HTTPProxies and routes, and in an annotation of Ingresses, whether "
	  "all connected Envoys have accepted them. Default: false." },
	{ "portolan.hosts.ownership", "owner",
	  "Who owns a host, where objects of several namespaces want it: owner, strict or "
	  "contour. Default: owner." },
	{ "portolan.edge.request-headers-timeout", "10s",
	  "For a client to send the headers of a request. Default: 10s." },
	{ "portolan.edge.escaped-slashes", "unescape-and-redirect",
	  "%2F and %5C in paths: keep, reject, unescape-and-redirect or unescape-and-"
	  "forward." },
	{ "portolan.edge.headers-with-underscores", "drop",
	  "allow, reject or drop. Default: drop." },
	{ "portolan.destinations.allow-local", "false",
	  "Let an ExternalName or the server of a key set be Envoy's own host, its link "
	  "or a cloud's metadata service. Default: false." },
	{ "portolan.gateway.addresses", "[203.0.113.7]",
	  "Addresses that the statuses of Gateways show. Default: none." },
	{ "portolan.gateway.controller-name", "portolan.io/gateway-controller",
	  "The controllerName of the GatewayClasses that are served." },
	{ "portolan.gateway.provisioning", "false",
	  "Give each Gateway Envoys of its own, in its namespace. Default: false." },
	{ "portolan.gateway.xds-address", "portolan-xds.portolan.svc:8001",
	  "Where these reach xds-server. Default: none, and nothing is made." },
	{ "portolan.gateway.xds-authority", "portolan-xds-ca",
	  "The Secret that signs their certificates, of portolan-certgen. Default: "
	  "portolan-xds-ca in our own namespace." },
	{ "portolan.gateway.envoy-image", "registry.example/envoy:distroless-v1.40.0",
	  "Their image." },
	{ "portolan.gateway.image", "registry.example/portolan:0.1.0",
	  "The image that writes their bootstrap and ends them gently." },
	{ "portolan.gateway.envoy-upgrades", "one-at-a-time",
	  "How they get new images: one-at-a-time, one Gateway's after the other's; at-once; or "
	  "hold, not at all. Default: one-at-a-time." },
	{ "ingressNginx.enabled", "false",
	  "Serve the Ingresses of ingress-nginx. Default: false." },
	{ "ingressNginx.classes", "[nginx]", "Names of its classes. Default: nginx." },
	{ "ingressNginx.controllerName", "k8s.io/ingress-nginx",
	  "Which IngressClasses are taken. Default: k8s.io/ingress-nginx." },
	{ "ingressNginx.watchIngressWithoutClass", "false",
	  "Serve Ingresses without a class, too. Default: false." },
	{ "ingressNginx.configMap", "ingress-nginx/ingress-nginx-controller",
	  "The controller's ConfigMap. Default: none." },
	{ "ingressNginx.defaultSslCertificate", "default/wildcard",
	  "The Secret for hosts that have no other certificate. Default: none." },
	{ "ingressNginx.defaultBackendService", "default/errors",
	  "The Service that answers where no path matches. Default: none." },
	{ "ingressNginx.translateSnippets", "false",
	  "Translate the snippets whose directives are known. Default: false." },
	{ "ingressNginx.passwords", "checker",
	  "Who checks passwords: checker (portolan-passwords), or envoy ({SHA} only)." },
	{ "ingressNginx.enableSslPassthrough", "false",
	  "Pass on the TLS connections of hosts with ssl-passthrough. Default: false." },
	{ "ingressNginx.tcpServicesConfigMap", "ingress-nginx/tcp-services",
	  "The ConfigMap with TCP ports of Services. Default: none." },
	{ "ingressNginx.udpServicesConfigMap", "ingress-nginx/udp-services",
	  "The ConfigMap with UDP ports of Services. Default: none." },
};

/* Whether both keys begin with the first n bytes of a, a section. */
static bool same_section(const char *a, const char *b, size_t n)
{
	return b && strncmp(a, b, n) == 0 && b[n] == '.';
}

static void put_row(struct strbuf *out, const char *key, const char *before, size_t row)
{
	const char *part = key;
	int depth = 0;

	for (const char *dot; (dot = strchr(part, '.')); part = dot + 1, depth++) {
		if (same_section(key, before, (size_t)(dot - key)))
			continue;
		if (!depth)
			strbuf_putc(out, '\n');
		strbuf_printf(out, "#%*s%.*s:\n", 2 * depth, "", (int)(dot - part), part);
	}
	if (!depth)
		strbuf_putc(out, '\n');
	strbuf_printf(out, "# %s\n", rows[row].what);
	strbuf_printf(out, "#%*s%s: %s\n", 2 * depth, "", part, rows[row].value);
}

void configuration_example(struct strbuf *out)
{
	const char *before = NULL;

	strbuf_puts(out,
		    "# Portolan's configuration: every key, commented out. \"# \" and a word is a\n"
		    "# comment; to set a key, remove the \"#\" before it and before its section.\n"
		    "# portolan config check FILE says what is wrong. "
		    "docs/look-up/configuration.md, and\n"
		    "# portolan.yaml(5).\n");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		put_row(out, rows[i].key, before, i);
		before = rows[i].key;
	}
}
