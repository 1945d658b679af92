/* The configuration file: common/configuration*.c */
#include "common/configuration/configuration-check.h"
#include "common/configuration/configuration-file.h"
#include "tests/lib/dump.h"
#include "tests/lib/test.h"

/* The object's spec, and a line for each problem. */
static char *outcome(const char *text)
{
	_cleanup_(configuration_file_freep) struct configuration_file *f =
		configuration_file_read(text, strlen(text));
	struct strbuf out = STRBUF_INIT;
	const struct decode_problem *problems;
	const uint8_t *object;
	size_t n;

	object = configuration_file_object(f, &n);
	if (object) {
		K8s__ContourConfiguration *c = k8s__contour_configuration__unpack(NULL, n, object);

		CHECK_STR(c->metadata->name, CONFIGURATION_NAME);
		CHECK_STR(c->metadata->namespace_, CONFIGURATION_NAMESPACE);
		dump_message(&out, &c->spec->base);
		k8s__contour_configuration__free_unpacked(c, NULL);
	}
	problems = configuration_file_problems(f, &n);
	for (size_t i = 0; i < n; i++) {
		/* That changes. */
		if (strcmp(problems[i].message, "has no effect yet") == 0)
			continue;
		strbuf_puts(&out, out.len ? "\n" : "");
		strbuf_puts(&out, problems[i].error ? "" : "warning: ");
		decode_problem_print(&out, "f", 0, &problems[i]);
	}
	return strbuf_take(&out);
}

static const struct {
	const char *text, *expected;
} rows[] = {
	{ "", "{}" },
	{ "# nothing\n---\n", "{}" },
	{ "disablePermitInsecure: true\n", "{httpproxy: {disable_permit_insecure: true}}" },
	/* A false or zero that was given differs from an absent value. */
	{ "disableMergeSlashes: false\n", "{envoy: {listener: {disable_merge_slashes: false}}}" },
	{ "timeouts:\n  request-timeout: 5s\n  connect-timeout: 1s\n",
	  "{envoy: {timeouts: {request_timeout: \"5s\", connect_timeout: \"1s\"}}}" },
	{ "tls:\n  minimum-protocol-version: 1.3\n  fingerprint: {ja3: true}\n",
	  "{envoy: {listener: {tls: {minimum_protocol_version: \"1.3\", fingerprint: {ja3: "
	  "true}}}}}" },
	{ "default-http-versions: [http/2]\n", "{envoy: {default_http_versions: [\"HTTP/2\"]}}" },
	{ "rateLimitService:\n  extensionService: ns/limits\n  domain: d\n",
	  "{rate_limit_service: {extension_service: {name: \"limits\", namespace: \"ns\"}, domain: "
	  "\"d\"}}" },
	{ "runtime-settings: {a: 1, b: true}\n", "{envoy: {runtime_settings: [{key: \"a\", value: "
						 "\"1\"}, {key: \"b\", value: \"true\"}]}}" },
	{ "portolan:\n  ingress-class-names: [a]\n  http: {port: 80}\n  tls: {hosts: shared}\n",
	  "{ingress: {class_names: [\"a\"]}, envoy: {http: {port: 80}}, portolan: {tls: {hosts: "
	  "\"shared\"}}}" },
	/* Keys of Contour whose function is elsewhere here. */
	{ "incluster: true\n",
	  "{}\nwarning: f, line 1: incluster: has no effect: use portolan-watcher "
	  "--in-cluster" },
	{ "metrics: {contour: {port: 1}}\n", "{metrics: {port: 1}}\n"
					     "warning: f, line 1: metrics.contour: has no effect: "
					     "say it to portolan-admin, by its options" },
	{ "tls: {fallback-certificate: {name: \"\", namespace: \"\"}}\n",
	  "{httpproxy: {fallback_certificate: {}}}" },

	/* Unknown keys, with suggestions. */
	{ "\ntls:\n  finger-print: {}\n",
	  "f, line 3: tls.finger-print: unknown key, did you mean \"tls.fingerprint\"?" },
	{ "connect-timeout: 1s\n",
	  "f, line 1: connect-timeout: unknown key, did you mean \"timeouts.connect-timeout\"?" },
	{ "timeouts: {idle-timeout: 1s}\n", "f, line 1: timeouts.idle-timeout: unknown key, did "
					    "you mean \"timeouts.connection-idle-timeout\"?" },
	{ "zzz: 1\n", "f, line 1: zzz: unknown key" },
	{ "tls.cipher-suites: []\n", "f, line 1: a key in here is none" },
	{ "globalExtAuth:\n  extensionService: a/b\n  authPolicy: {contexts: {}}\n",
	  "f, line 3: globalExtAuth.authPolicy.contexts: unknown field, did you mean "
	  "\"context\"?" },

	/* Wrong types and values. */
	{ "network: 3\n", "f, line 1: network: must be a mapping, not a number" },
	{ "[]\n", "f, line 1: must be a mapping, not a list" },
	{ "{}\n---\n{}\n", "f, line 3: must be one document, not several" },
	{ "tls: [\n", NULL },
	{ "a: 1\na: 2\n", "f, line 2: the key \"a\" is there twice" },
	{ "disablePermitInsecure: maybe\n",
	  "f, line 1: disablePermitInsecure: must be true or false, not a string" },
	{ "timeouts:\n  request-timeout: 5\n", "f, line 2: timeouts.request-timeout: \"5\" is not "
					       "a duration like 30s, 1m30s or infinity" },
	{ "timeouts: {connect-timeout: infinity}\n",
	  "f, line 1: timeouts.connect-timeout: must be a duration, not infinity" },
	{ "tls: {minimum-protocol-version: \"1.3\", maximum-protocol-version: \"1.2\"}\n",
	  "f, line 1: tls.minimum-protocol-version: the minimum, TLS 1.3, is above the maximum, "
	  "TLS 1.2" },
	{ "tls:\n  cipher-suites:\n  - \"[AES128-SHA|AES256-SHA]\"\n  - \"[AES128-SHA|NO]\"\n  - "
	  "NONE\n",
	  "f, line 4: tls.cipher-suites[1]: \"NO\" is no TLS 1.2 cipher that Envoy has by default\n"
	  "f, line 5: tls.cipher-suites[2]: \"NONE\" is no TLS 1.2 cipher that Envoy has by "
	  "default" },
	{ "listener: {socket-options: {tos: 256}}\n",
	  "f, line 1: listener.socket-options.tos: 256 is not between 0 and 255" },
	{ "cluster: {max-requests-per-connection: 0}\n",
	  "f, line 1: cluster.max-requests-per-connection: 0 is not between 1 and 4294967295" },
	{ "cluster: {circuit-breakers: {max-retries: -1}}\n",
	  "f, line 1: cluster.circuit-breakers.max-retries: must be between 0 and 4294967295" },
	{ "rateLimitService: {extensionService: limits}\n",
	  "f, line 1: rateLimitService.extensionService: must be \"namespace/name\"" },
	{ "rateLimitService: {domain: d}\n",
	  "f, line 1: rateLimitService.extensionService: must be there" },
	{ "tls: {fallback-certificate: {name: x}}\n",
	  "f, line 1: tls.fallback-certificate: the namespace is missing" },
	{ "policy: {request-headers: {set: {\"a b\": x}}}\n",
	  "f, line 1: policy.request-headers.set[a b]: \"a b\" is not a header's name" },
	{ "policy: {request-headers: {set: {Transfer-Encoding: x}}}\n",
	  "f, line 1: policy.request-headers.set[Transfer-Encoding]: it says where a message "
	  "ends: only Envoy writes it" },
	{ "policy: {response-headers: {set: {content-length: \"3\"}}}\n",
	  "f, line 1: policy.response-headers.set[content-length]: it says where a message ends: "
	  "only Envoy writes it" },
	{ "policy: {response-headers: {set: {X-A: b}, remove: [x-b, x-a]}}\n",
	  "{policy: {response_headers: {set: [{key: \"X-A\", value: \"b\"}], remove: [\"x-b\", "
	  "\"x-a\"]}}}\n"
	  "warning: f, line 1: policy.response-headers.remove[1]: has no effect: X-A is set, too, "
	  "after what is removed" },
	{ "accesslog-format-string: \"%START_TIME%\"\n",
	  "f, line 1: accesslog-format-string: must end in a newline" },
	{ "accesslog-format-string: \"%REQ(:METHOD)% 5% x\\n\"\n", NULL },
	{ "json-fields: [method, duration, \"x=%REQ(A?B):3%\"]\n",
	  "{envoy: {logging: {access_log_json_fields: [\"method\", \"duration\", "
	  "\"x=%REQ(A?B):3%\"]}}}\n"
	  "warning: f, line 1: json-fields: has no effect: accessLogFormat is not json" },
	{ "accesslog-format: json\njson-fields: [method]\n",
	  "{envoy: {logging: {access_log_format: \"json\", access_log_json_fields: "
	  "[\"method\"]}}}" },
	{ "accesslog-format: json\naccesslog-format-string: \"%PROTOCOL%\\n\"\n",
	  "{envoy: {logging: {access_log_format: \"json\", access_log_format_string: "
	  "\"%PROTOCOL%\n\"}}}\n"
	  "warning: f, line 2: accesslog-format-string: has no effect: accessLogFormat is json" },
	{ "portolan: {https: {port: 8080}, http: {port: 8080}}\n",
	  "f, line 1: portolan.https.port: 8080 is the port of envoy.http, too" },
	{ "portolan: {https: {port: 8080}}\n",
	  "f, line 1: portolan.https.port: 8080 is the port of envoy.http, too" },
	{ "portolan: {https: {port: 8080, address: 192.0.2.1}, http: {address: 192.0.2.2}}\n",
	  "{envoy: {http: {address: \"192.0.2.2\"}, https: {address: \"192.0.2.1\", port: "
	  "8080}}}" },
	{ "network: {admin-port: 8443}\n",
	  "f, line 1: network.admin-port: 8443 is the port of envoy.https, too" },
};

TEST(files_become_objects_or_problems)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_free_ char *got = outcome(rows[i].text);

		/* Refused, in words that are libyaml's or long. */
		if (!rows[i].expected) {
			CHECK(strncmp(got, "f, line ", 8) == 0);
			continue;
		}
		if (strcmp(got, rows[i].expected) != 0)
			fprintf(stderr, "from: %s\n", rows[i].text);
		CHECK_STR(got, rows[i].expected);
	}
}

TEST(sections_are_there_and_have_their_defaults)
{
	_cleanup_(arena_freep) struct arena *a = arena_new(1024);
	K8s__ContourConfigurationSpec spec = K8S__CONTOUR_CONFIGURATION_SPEC__INIT;

	configuration_fill(a, &spec);
	configuration_default(&spec);
	CHECK_STR(spec.envoy->timeouts->connection_idle_timeout, "60s");
	CHECK_STR(spec.envoy->listener->tls->maximum_protocol_version, "1.3");
	CHECK(spec.envoy->https->port == 8443);
	CHECK_STR(spec.envoy->timeouts->request_timeout, "");
	CHECK(!spec.rate_limit_service && !spec.tracing && !spec.httpproxy->fallback_certificate);
}

static size_t said;

static void count(void *ctx _unused_, enum configuration_severity severity _unused_,
		  const char *field, const char *message)
{
	CHECK(*field && *message);
	said++;
}

/* An object that the API server let through is used, except for this. */
TEST(what_is_wrong_is_unset)
{
	_cleanup_(arena_freep) struct arena *a = arena_new(1024);
	K8s__ContourConfigurationSpec spec = K8S__CONTOUR_CONFIGURATION_SPEC__INIT;
	char *ciphers[] = { (char *)"NONE", (char *)"AES128-SHA" };

	configuration_fill(a, &spec);
	spec.envoy->timeouts->request_timeout = (char *)"soon";
	spec.envoy->timeouts->stream_idle_timeout = (char *)"1s";
	spec.envoy->listener->tls->cipher_suites = ciphers;
	spec.envoy->listener->tls->n_cipher_suites = 2;
	spec.envoy->listener->has_http_max_concurrent_streams = 1;
	configuration_check(a, &spec, count, NULL);
	CHECK(said == 3);
	CHECK_STR(spec.envoy->timeouts->request_timeout, "");
	CHECK_STR(spec.envoy->timeouts->stream_idle_timeout, "1s");
	CHECK(spec.envoy->listener->tls->n_cipher_suites == 0);
	CHECK(!spec.envoy->listener->has_http_max_concurrent_streams);
}
