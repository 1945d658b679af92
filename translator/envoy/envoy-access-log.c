/* Envoy's log of requests: its place, the requests logged, and the format. */
#include <string.h>

#include "common/configuration/access-log-format.h"
#include "envoy/extensions/access_loggers/file/v3/file.pb-c.h"
#include "envoy/extensions/access_loggers/filters/cel/v3/cel.pb-c.h"
#include "envoy/extensions/access_loggers/stream/v3/stream.pb-c.h"
#include "envoy/extensions/formatter/metadata/v3/metadata.pb-c.h"
#include "envoy/extensions/formatter/req_without_query/v3/req_without_query.pb-c.h"
#include "translator/envoy/envoy-access-log.h"
#include "translator/envoy/envoy-struct.h"

#define RUNTIME_STATUS "contour.accesslog.filter.status_code" /* as Contour's users know it */

/* ---- which requests ---- */

static EnvoyAccessLogFilter *status_from(struct arena *a, uint32_t status)
{
	EnvoyAccessLogFilter *f = message_new(a, EnvoyAccessLogFilter);
	EnvoyComparisonFilter *c = message_new(a, EnvoyComparisonFilter);

	c->op = EnvoyComparisonFilter__OP__GE;
	c->value = message_new(a, EnvoyRuntimeUInt32);
	c->value->default_value = status;
	c->value->runtime_key = (char *)RUNTIME_STATUS;
	f->filter_specifier_case = EnvoyAccessLogFilter__FILTER_SPECIFIER_STATUS_CODE_FILTER;
	f->status_code_filter = message_new(a, EnvoyStatusCodeFilter);
	f->status_code_filter->comparison = c;
	return f;
}

/* All flags of failures: without names the filter takes all. */
static EnvoyAccessLogFilter *any_flag(struct arena *a)
{
	EnvoyAccessLogFilter *f = message_new(a, EnvoyAccessLogFilter);

	f->filter_specifier_case = EnvoyAccessLogFilter__FILTER_SPECIFIER_RESPONSE_FLAG_FILTER;
	f->response_flag_filter = message_new(a, EnvoyResponseFlagFilter);
	return f;
}

#define QUIET_NAMESPACE "portolan"
#define QUIET_NAME      "quiet"

EnvoyMetadata *envoy_quiet(struct arena *a)
{
	EnvoyMetadata *m = message_new(a, EnvoyMetadata);
	EnvoyMetadataFilterMetadataEntry *e = message_new(a, EnvoyMetadataFilterMetadataEntry);

	e->key = (char *)QUIET_NAMESPACE;
	e->value = envoy_struct(a, 1);
	envoy_struct_number(a, e->value, QUIET_NAME, 1);
	m->n_filter_metadata = 1;
	m->filter_metadata = arena_memdup(a, &e, sizeof(e));
	return m;
}

/* Excludes requests of routes with envoy_quiet(). */
static EnvoyAccessLogFilter *not_quiet(struct arena *a)
{
	EnvoyAccessLogFilter *f = message_new(a, EnvoyAccessLogFilter);
	EnvoyExpressionFilter expression = EnvoyExpressionFilter__INIT;

	expression.expression =
		(char *)"!('" QUIET_NAMESPACE "' in xds.route_metadata.filter_metadata && "
			"'" QUIET_NAME "' in xds.route_metadata.filter_metadata['" QUIET_NAMESPACE
			"'])";
	f->filter_specifier_case = EnvoyAccessLogFilter__FILTER_SPECIFIER_EXTENSION_FILTER;
	f->extension_filter = message_new(a, EnvoyExtensionFilter);
	f->extension_filter->name = (char *)"envoy.access_loggers.extension_filters.cel";
	f->extension_filter->config_type_case = EnvoyExtensionFilter__CONFIG_TYPE_TYPED_CONFIG;
	f->extension_filter->typed_config =
		envoy_any(a, "envoy.extensions.access_loggers.filters.cel.v3.ExpressionFilter",
			  &expression.base);
	return f;
}

static EnvoyAccessLogFilter *both(struct arena *a, EnvoyAccessLogFilter *x, EnvoyAccessLogFilter *y)
{
	EnvoyAccessLogFilter *f;

	if (!x || !y)
		return x ? x : y;
	f = message_new(a, EnvoyAccessLogFilter);
	f->filter_specifier_case = EnvoyAccessLogFilter__FILTER_SPECIFIER_AND_FILTER;
	f->and_filter = message_new(a, EnvoyAndFilter);
	f->and_filter->n_filters = 2;
	f->and_filter->filters = arena_new_of(a, EnvoyAccessLogFilter *, 2);
	f->and_filter->filters[0] = x;
	f->and_filter->filters[1] = y;
	return f;
}

/* 0: all. */
static EnvoyAccessLogFilter *filter(struct arena *a, uint32_t status)
{
	EnvoyAccessLogFilter *f;

	if (!status)
		return NULL;
	f = message_new(a, EnvoyAccessLogFilter);
	f->filter_specifier_case = EnvoyAccessLogFilter__FILTER_SPECIFIER_OR_FILTER;
	f->or_filter = message_new(a, EnvoyOrFilter);
	f->or_filter->n_filters = 2;
	f->or_filter->filters = arena_new_of(a, EnvoyAccessLogFilter *, 2);
	f->or_filter->filters[0] = status_from(a, status);
	f->or_filter->filters[1] = any_flag(a);
	return f;
}

static const struct {
	const char *word;
	bool off;
	uint32_t status;
} levels[] = { { "info", false, 0 },
	       { "error", false, 300 },
	       { "critical", false, 500 },
	       { "disabled", true, 0 } };

/* ---- the format ---- */

/* An operator that is an extension of Envoy's, which has to be asked for. */
static void add_formatter(struct arena *a, const char *text, const char *operator, const char *name,
			  const char *type, EnvoySubstitutionFormatString *ret)
{
	EnvoyTypedExtensionConfig *e;

	for (size_t i = 0; i < ret->n_formatters; i++)
		if (strcmp(ret->formatters[i]->name, name) == 0)
			return;
	if (!strstr(text, operator))
		return;
	e = message_new(a, EnvoyTypedExtensionConfig);
	e->name = (char *)name;
	/* Neither has a field. */
	e->typed_config = envoy_any(a, type, &message_new(a, EnvoyFormatterMetadataMetadata)->base);
	ret->formatters[ret->n_formatters++] = e;
}

static void add_formatters(struct arena *a, const char *text, EnvoySubstitutionFormatString *ret)
{
	if (!ret->formatters)
		ret->formatters = arena_new_of(a, EnvoyTypedExtensionConfig *, 2);
	add_formatter(a, text, "%REQ_WITHOUT_QUERY(", "envoy.formatter.req_without_query",
		      "envoy.extensions.formatter.req_without_query.v3.ReqWithoutQuery", ret);
	add_formatter(a, text, "%METADATA(", "envoy.formatter.metadata",
		      "envoy.extensions.formatter.metadata.v3.Metadata", ret);
}

static EnvoySubstitutionFormatString *text_format(struct arena *a, const char *text)
{
	EnvoySubstitutionFormatString *f = message_new(a, EnvoySubstitutionFormatString);

	f->format_case = EnvoySubstitutionFormatString__FORMAT_TEXT_FORMAT_SOURCE;
	f->text_format_source = message_new(a, EnvoyDataSource);
	f->text_format_source->specifier_case = EnvoyDataSource__SPECIFIER_INLINE_STRING;
	f->text_format_source->inline_string = (char *)text;
	add_formatters(a, text, f);
	return f;
}

static const char *const default_fields[] = {
	"@timestamp",
	"authority",
	"bytes_received",
	"bytes_sent",
	"downstream_local_address",
	"downstream_remote_address",
	"duration",
	"method",
	"path",
	"protocol",
	"request_id",
	"requested_server_name",
	"response_code",
	"response_flags",
	"uber_trace_id",
	"upstream_cluster",
	"upstream_host",
	"upstream_local_address",
	"upstream_service_time",
	"user_agent",
	"x_forwarded_for",
	"grpc_status",
	"grpc_status_number",
};

static EnvoySubstitutionFormatString *json_format(struct arena *a, const K8s__ConfigLogging *l)
{
	const char *const *desired = l->n_access_log_json_fields
					     ? (const char *const *)l->access_log_json_fields
					     : default_fields;
	size_t n = l->n_access_log_json_fields ? l->n_access_log_json_fields
					       : ARRAY_SIZE(default_fields);
	EnvoySubstitutionFormatString *f = message_new(a, EnvoySubstitutionFormatString);
	GoogleStruct *fields = envoy_struct(a, n);

	for (size_t i = 0; i < n; i++) {
		const char *name, *why, *text = access_log_field(a, desired[i], &name, &why);

		if (!text)
			continue; /* a wrong one is not in a configuration that was checked */
		envoy_struct_text(a, fields, name, text);
		add_formatters(a, text, f);
	}
	f->format_case = EnvoySubstitutionFormatString__FORMAT_JSON_FORMAT;
	f->json_format = fields;
	f->omit_empty_values = true;
	return f;
}

/* NULL: Envoy's own. */
static EnvoySubstitutionFormatString *format(struct arena *a, const K8s__ConfigLogging *l)
{
	if (strcmp(l->access_log_format, "json") == 0)
		return json_format(a, l);
	return *l->access_log_format_string ? text_format(a, l->access_log_format_string) : NULL;
}

/* ---- where ---- */

static void to_stdout(struct arena *a, EnvoySubstitutionFormatString *format, EnvoyAccessLog *ret)
{
	EnvoyStdoutAccessLog out = EnvoyStdoutAccessLog__INIT;

	if (format) {
		out.access_log_format_case = EnvoyStdoutAccessLog__ACCESS_LOG_FORMAT_LOG_FORMAT;
		out.log_format = format;
	}
	ret->name = (char *)"envoy.access_loggers.stdout";
	ret->typed_config = envoy_any(
		a, "envoy.extensions.access_loggers.stream.v3.StdoutAccessLog", &out.base);
}

static void to_file(struct arena *a, const char *path, EnvoySubstitutionFormatString *format,
		    EnvoyAccessLog *ret)
{
	EnvoyFileAccessLog file = EnvoyFileAccessLog__INIT;

	file.path = (char *)path;
	if (format) {
		file.access_log_format_case = EnvoyFileAccessLog__ACCESS_LOG_FORMAT_LOG_FORMAT;
		file.log_format = format;
	}
	ret->name = (char *)"envoy.access_loggers.file";
	ret->typed_config =
		envoy_any(a, "envoy.extensions.access_loggers.file.v3.FileAccessLog", &file.base);
}

void envoy_access_log(struct arena *a, const K8s__ConfigLogging *logging, const char *place,
		      bool quiet, EnvoyAccessLog ***ret, size_t *ret_n)
{
	EnvoyAccessLog *log;
	uint32_t status = 0;

	if (strcmp(place, "off") == 0)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(levels); i++)
		if (strcmp(levels[i].word, logging->access_log_level) == 0) {
			if (levels[i].off)
				return;
			status = levels[i].status;
		}
	log = message_new(a, EnvoyAccessLog);
	log->filter = both(a, filter(a, status), quiet ? not_quiet(a) : NULL);
	log->config_type_case = EnvoyAccessLog__CONFIG_TYPE_TYPED_CONFIG;
	if (strcmp(place, "stdout") == 0)
		to_stdout(a, format(a, logging), log);
	else
		to_file(a, place, format(a, logging), log);
	*ret_n = 1;
	*ret = arena_memdup(a, &log, sizeof(log));
}
