/* Formats of Envoy's access log. Used by the translator and the check of the configuration. */
#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "common/configuration/access-log-format.h"

static const char *const plain[] = {
	"BYTES_RECEIVED",
	"BYTES_SENT",
	"CONNECTION_ID",
	"CONNECTION_TERMINATION_DETAILS",
	"DOWNSTREAM_DIRECT_REMOTE_ADDRESS",
	"DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT",
	"DOWNSTREAM_DIRECT_REMOTE_PORT",
	"DOWNSTREAM_HEADER_BYTES_RECEIVED",
	"DOWNSTREAM_HEADER_BYTES_SENT",
	"DOWNSTREAM_LOCAL_ADDRESS",
	"DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT",
	"DOWNSTREAM_LOCAL_PORT",
	"DOWNSTREAM_LOCAL_SUBJECT",
	"DOWNSTREAM_LOCAL_URI_SAN",
	"DOWNSTREAM_PEER_CERT",
	"DOWNSTREAM_PEER_FINGERPRINT_1",
	"DOWNSTREAM_PEER_FINGERPRINT_256",
	"DOWNSTREAM_PEER_ISSUER",
	"DOWNSTREAM_PEER_SERIAL",
	"DOWNSTREAM_PEER_SUBJECT",
	"DOWNSTREAM_PEER_URI_SAN",
	"DOWNSTREAM_REMOTE_ADDRESS",
	"DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT",
	"DOWNSTREAM_REMOTE_PORT",
	"DOWNSTREAM_TLS_CIPHER",
	"DOWNSTREAM_TLS_SESSION_ID",
	"DOWNSTREAM_TLS_VERSION",
	"DOWNSTREAM_WIRE_BYTES_RECEIVED",
	"DOWNSTREAM_WIRE_BYTES_SENT",
	"DURATION",
	"FILTER_CHAIN_NAME",
	"GRPC_STATUS_NUMBER",
	"HOSTNAME",
	"LOCAL_REPLY_BODY",
	"PROTOCOL",
	"REQUESTED_SERVER_NAME",
	"REQUEST_DURATION",
	"REQUEST_HEADERS_BYTES",
	"REQUEST_TX_DURATION",
	"RESPONSE_CODE",
	"RESPONSE_CODE_DETAILS",
	"RESPONSE_DURATION",
	"RESPONSE_FLAGS",
	"RESPONSE_HEADERS_BYTES",
	"RESPONSE_TRAILERS_BYTES",
	"RESPONSE_TX_DURATION",
	"ROUTE_NAME",
	"TLS_JA3_FINGERPRINT",
	"TLS_JA4_FINGERPRINT",
	"UPSTREAM_CLUSTER",
	"UPSTREAM_HEADER_BYTES_RECEIVED",
	"UPSTREAM_HEADER_BYTES_SENT",
	"UPSTREAM_HOST",
	"UPSTREAM_LOCAL_ADDRESS",
	"UPSTREAM_LOCAL_ADDRESS_WITHOUT_PORT",
	"UPSTREAM_LOCAL_PORT",
	"UPSTREAM_PEER_CERT",
	"UPSTREAM_PEER_ISSUER",
	"UPSTREAM_PEER_SUBJECT",
	"UPSTREAM_PROTOCOL",
	"UPSTREAM_REMOTE_ADDRESS",
	"UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT",
	"UPSTREAM_REMOTE_PORT",
	"UPSTREAM_REQUEST_ATTEMPT_COUNT",
	"UPSTREAM_TLS_CIPHER",
	"UPSTREAM_TLS_SESSION_ID",
	"UPSTREAM_TLS_VERSION",
	"UPSTREAM_TRANSPORT_FAILURE_REASON",
	"UPSTREAM_WIRE_BYTES_RECEIVED",
	"UPSTREAM_WIRE_BYTES_SENT",
	"VIRTUAL_CLUSTER_NAME",
};

static const struct {
	const char *name;
	bool may_be_bare, may_be_cut;
} with_arguments[] = {
	{ "ENVIRONMENT", false, true },
	{ "METADATA", false, true },
	{ "REQ", false, true },
	{ "REQ_WITHOUT_QUERY", false, true },
	{ "RESP", false, true },
	{ "START_TIME", true, false },
	{ "TRAILER", false, true },
	{ "UPSTREAM_FILTER_STATE", false, true },
	{ "GRPC_STATUS", true, false },
	{ "DOWNSTREAM_PEER_CERT_V_START", true, false },
	{ "DOWNSTREAM_PEER_CERT_V_END", true, false },
	{ "UPSTREAM_PEER_CERT_V_START", true, false },
	{ "UPSTREAM_PEER_CERT_V_END", true, false },
};

/* Old names of fields of the JSON log, still accepted. */
static const struct {
	const char *name, *format;
} fields[] = {
	{ "@timestamp", "%START_TIME%" },
	{ "ts", "%START_TIME%" },
	{ "authority", "%REQ(:AUTHORITY)%" },
	{ "method", "%REQ(:METHOD)%" },
	{ "path", "%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%" },
	{ "request_id", "%REQ(X-REQUEST-ID)%" },
	{ "uber_trace_id", "%REQ(UBER-TRACE-ID)%" },
	{ "upstream_service_time", "%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)%" },
	{ "user_agent", "%REQ(USER-AGENT)%" },
	{ "x_forwarded_for", "%REQ(X-FORWARDED-FOR)%" },
	{ "x_trace_id", "%REQ(X-TRACE-ID)%" },
	{ "tls_ja3_fingerprint", "%TLS_JA3_FINGERPRINT%" },
	{ "tls_ja4_fingerprint", "%TLS_JA4_FINGERPRINT%" },
	{ "contour_config_kind",
	  "%METADATA(ROUTE:envoy.access_loggers.file:io.projectcontour.kind)%" },
	{ "contour_config_namespace",
	  "%METADATA(ROUTE:envoy.access_loggers.file:io.projectcontour.namespace)%" },
	{ "contour_config_name",
	  "%METADATA(ROUTE:envoy.access_loggers.file:io.projectcontour.name)%" },
};

static bool is_plain(const char *name, size_t n)
{
	for (size_t i = 0; i < ARRAY_SIZE(plain); i++)
		if (strlen(plain[i]) == n && memcmp(plain[i], name, n) == 0)
			return true;
	return false;
}

/* The argument of an operator, "(…)" and a length: where it ends, or NULL. */
static const char *skip_argument(const char *p, bool *ret_cut)
{
	size_t n;

	*ret_cut = false;
	if (*p != '(')
		return p;
	n = strcspn(++p, ")\n");
	if (n == 0 || p[n] != ')')
		return NULL;
	p += n + 1;
	if (*p != ':')
		return p;
	n = strspn(++p, "0123456789");
	*ret_cut = true;
	return n > 0 && n < 6 ? p + n : NULL;
}

static const char *operator_problem(struct arena *arena, const char *name, size_t n, bool argument,
				    bool cut)
{
	if (is_plain(name, n))
		return argument ? arena_printf(arena, "%.*s takes no argument", (int)n, name)
				: NULL;
	for (size_t i = 0; i < ARRAY_SIZE(with_arguments); i++) {
		if (strlen(with_arguments[i].name) != n ||
		    memcmp(with_arguments[i].name, name, n) != 0)
			continue;
		if (!argument && !with_arguments[i].may_be_bare)
			return arena_printf(arena, "%.*s needs an argument: %%%.*s(…)%%", (int)n,
					    name, (int)n, name);
		if (cut && !with_arguments[i].may_be_cut)
			return arena_printf(arena, "%.*s takes no length", (int)n, name);
		return NULL;
	}
	return arena_printf(arena, "%.*s is not an operator of Envoy's access log",
			    (int)MIN(n, 64u), name);
}

const char *access_log_format_problem(struct arena *arena, const char *format)
{
	const char *p = format;

	while ((p = strchr(p, '%'))) {
		const char *name = p + 1, *after, *problem;
		size_t n = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
		bool cut;

		after = skip_argument(name + n, &cut);
		if (n == 0 || !after || *after != '%')
			return arena_printf(arena,
					    "\"%.20s\": a %% begins an operator: %%NAME%% or "
					    "%%NAME(ARGUMENT):LENGTH%%",
					    p);
		problem = operator_problem(arena, name, n, name[n] == '(', cut);
		if (problem)
			return problem;
		p = after + 1;
	}
	return NULL;
}

static char *upper(struct arena *arena, const char *s)
{
	char *out = arena_strdup(arena, s);

	for (char *p = out; *p; p++)
		*p = (char)toupper((unsigned char)*p);
	return out;
}

const char *access_log_field(struct arena *arena, const char *field, const char **ret_name,
			     const char **ret_problem)
{
	const char *equals = strchr(field, '='), *name;

	if (equals) {
		*ret_problem = equals == field || !equals[1]
				       ? "must be a name, or name=format"
				       : access_log_format_problem(arena, equals + 1);
		*ret_name = arena_strndup(arena, field, (size_t)(equals - field));
		return *ret_problem ? NULL : equals + 1;
	}
	*ret_name = field;
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		if (strcmp(fields[i].name, field) == 0)
			return fields[i].format;
	name = upper(arena, field);
	if (!operator_problem(arena, name, strlen(name), false, false))
		return arena_printf(arena, "%%%s%%", name);
	*ret_problem = "is not a known field: write name=format";
	return NULL;
}
