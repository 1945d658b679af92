/* Envoy's log of requests: where, which requests, and what it says of each. Runs in the translator. */
#include <string.h>

#include "common/access-log-format.h"
#include "envoy/extensions/access_loggers/file/v3/file.pb-c.h"
#include "envoy/extensions/access_loggers/stream/v3/stream.pb-c.h"
#include "envoy/extensions/formatter/metadata/v3/metadata.pb-c.h"
#include "envoy/extensions/formatter/req_without_query/v3/req_without_query.pb-c.h"
#include "translator/envoy-access-log.h"
#include "translator/envoy-struct.h"

#define RUNTIME_STATUS "contour.accesslog.filter.status_code" /* as Contour's users know it */

typedef Envoy__Config__Accesslog__V3__AccessLog AccessLog;
typedef Envoy__Config__Accesslog__V3__AccessLogFilter Filter;
typedef Envoy__Config__Core__V3__SubstitutionFormatString Format;
typedef Envoy__Config__Core__V3__TypedExtensionConfig Extension;

/* ---- which requests ---- */

static Filter *status_from(struct arena *a, uint32_t status)
{
	Filter *f = ENVOY_NEW(a, Filter, ENVOY__CONFIG__ACCESSLOG__V3__ACCESS_LOG_FILTER__INIT);
	Envoy__Config__Accesslog__V3__ComparisonFilter *c =
		ENVOY_NEW(a, Envoy__Config__Accesslog__V3__ComparisonFilter,
			  ENVOY__CONFIG__ACCESSLOG__V3__COMPARISON_FILTER__INIT);

	c->op = ENVOY__CONFIG__ACCESSLOG__V3__COMPARISON_FILTER__OP__GE;
	c->value = ENVOY_NEW(a, Envoy__Config__Core__V3__RuntimeUInt32,
			     ENVOY__CONFIG__CORE__V3__RUNTIME_UINT32__INIT);
	c->value->default_value = status;
	c->value->runtime_key = (char *)RUNTIME_STATUS;
	f->filter_specifier_case =
		ENVOY__CONFIG__ACCESSLOG__V3__ACCESS_LOG_FILTER__FILTER_SPECIFIER_STATUS_CODE_FILTER;
	f->status_code_filter = ENVOY_NEW(a, Envoy__Config__Accesslog__V3__StatusCodeFilter,
					  ENVOY__CONFIG__ACCESSLOG__V3__STATUS_CODE_FILTER__INIT);
	f->status_code_filter->comparison = c;
	return f;
}

/* Whatever went wrong: without names the filter takes all flags. */
static Filter *any_flag(struct arena *a)
{
	Filter *f = ENVOY_NEW(a, Filter, ENVOY__CONFIG__ACCESSLOG__V3__ACCESS_LOG_FILTER__INIT);

	f->filter_specifier_case =
		ENVOY__CONFIG__ACCESSLOG__V3__ACCESS_LOG_FILTER__FILTER_SPECIFIER_RESPONSE_FLAG_FILTER;
	f->response_flag_filter = ENVOY_NEW(a, Envoy__Config__Accesslog__V3__ResponseFlagFilter,
					    ENVOY__CONFIG__ACCESSLOG__V3__RESPONSE_FLAG_FILTER__INIT);
	return f;
}

/* 0: all. */
static Filter *filter(struct arena *a, uint32_t status)
{
	Filter *f;

	if (!status)
		return NULL;
	f = ENVOY_NEW(a, Filter, ENVOY__CONFIG__ACCESSLOG__V3__ACCESS_LOG_FILTER__INIT);
	f->filter_specifier_case = ENVOY__CONFIG__ACCESSLOG__V3__ACCESS_LOG_FILTER__FILTER_SPECIFIER_OR_FILTER;
	f->or_filter = ENVOY_NEW(a, Envoy__Config__Accesslog__V3__OrFilter,
				 ENVOY__CONFIG__ACCESSLOG__V3__OR_FILTER__INIT);
	f->or_filter->n_filters = 2;
	f->or_filter->filters = arena_new_of(a, Filter *, 2);
	f->or_filter->filters[0] = status_from(a, status);
	f->or_filter->filters[1] = any_flag(a);
	return f;
}

static const struct {
	const char *word;
	bool off;
	uint32_t status;
} levels[] = { { "info", false, 0 }, { "error", false, 300 }, { "critical", false, 500 }, { "disabled", true, 0 } };

/* ---- what it says ---- */

/* An operator that is an extension of Envoy's, which has to be asked for. */
static void add_formatter(struct arena *a, const char *text, const char *operator, const char *name,
			  const char *type, Format *ret)
{
	Extension *e;

	for (size_t i = 0; i < ret->n_formatters; i++)
		if (strcmp(ret->formatters[i]->name, name) == 0)
			return;
	if (!strstr(text, operator))
		return;
	e = ENVOY_NEW(a, Extension, ENVOY__CONFIG__CORE__V3__TYPED_EXTENSION_CONFIG__INIT);
	e->name = (char *)name;
	/* Neither has a field. */
	e->typed_config = envoy_any(a, type,
				    &ENVOY_NEW(a, Envoy__Extensions__Formatter__Metadata__V3__Metadata,
					       ENVOY__EXTENSIONS__FORMATTER__METADATA__V3__METADATA__INIT)
					     ->base);
	ret->formatters[ret->n_formatters++] = e;
}

static void add_formatters(struct arena *a, const char *text, Format *ret)
{
	if (!ret->formatters)
		ret->formatters = arena_new_of(a, Extension *, 2);
	add_formatter(a, text, "%REQ_WITHOUT_QUERY(", "envoy.formatter.req_without_query",
		      "envoy.extensions.formatter.req_without_query.v3.ReqWithoutQuery", ret);
	add_formatter(a, text, "%METADATA(", "envoy.formatter.metadata",
		      "envoy.extensions.formatter.metadata.v3.Metadata", ret);
}

static Format *text_format(struct arena *a, const char *text)
{
	Format *f = ENVOY_NEW(a, Format, ENVOY__CONFIG__CORE__V3__SUBSTITUTION_FORMAT_STRING__INIT);

	f->format_case = ENVOY__CONFIG__CORE__V3__SUBSTITUTION_FORMAT_STRING__FORMAT_TEXT_FORMAT_SOURCE;
	f->text_format_source = ENVOY_NEW(a, Envoy__Config__Core__V3__DataSource,
					  ENVOY__CONFIG__CORE__V3__DATA_SOURCE__INIT);
	f->text_format_source->specifier_case = ENVOY__CONFIG__CORE__V3__DATA_SOURCE__SPECIFIER_INLINE_STRING;
	f->text_format_source->inline_string = (char *)text;
	add_formatters(a, text, f);
	return f;
}

static const char *const default_fields[] = {
	"@timestamp", "authority", "bytes_received", "bytes_sent", "downstream_local_address",
	"downstream_remote_address", "duration", "method", "path", "protocol", "request_id",
	"requested_server_name", "response_code", "response_flags", "uber_trace_id", "upstream_cluster",
	"upstream_host", "upstream_local_address", "upstream_service_time", "user_agent", "x_forwarded_for",
	"grpc_status", "grpc_status_number",
};

static Format *json_format(struct arena *a, const K8s__ConfigLogging *l)
{
	const char *const *wish = l->n_access_log_json_fields ? (const char *const *)l->access_log_json_fields :
								 default_fields;
	size_t n = l->n_access_log_json_fields ? l->n_access_log_json_fields : ARRAY_SIZE(default_fields);
	Format *f = ENVOY_NEW(a, Format, ENVOY__CONFIG__CORE__V3__SUBSTITUTION_FORMAT_STRING__INIT);
	EnvoyStruct *fields = envoy_struct(a, n);

	for (size_t i = 0; i < n; i++) {
		const char *name, *why, *text = access_log_field(a, wish[i], &name, &why);

		if (!text)
			continue; /* a wrong one is not in a configuration that was checked */
		envoy_struct_text(a, fields, name, text);
		add_formatters(a, text, f);
	}
	f->format_case = ENVOY__CONFIG__CORE__V3__SUBSTITUTION_FORMAT_STRING__FORMAT_JSON_FORMAT;
	f->json_format = fields;
	f->omit_empty_values = true;
	return f;
}

/* NULL: Envoy's own. */
static Format *format(struct arena *a, const K8s__ConfigLogging *l)
{
	if (strcmp(l->access_log_format, "json") == 0)
		return json_format(a, l);
	return *l->access_log_format_string ? text_format(a, l->access_log_format_string) : NULL;
}

/* ---- where ---- */

static void to_stdout(struct arena *a, Format *format, AccessLog *ret)
{
	Envoy__Extensions__AccessLoggers__Stream__V3__StdoutAccessLog out =
		ENVOY__EXTENSIONS__ACCESS_LOGGERS__STREAM__V3__STDOUT_ACCESS_LOG__INIT;

	if (format) {
		out.access_log_format_case =
			ENVOY__EXTENSIONS__ACCESS_LOGGERS__STREAM__V3__STDOUT_ACCESS_LOG__ACCESS_LOG_FORMAT_LOG_FORMAT;
		out.log_format = format;
	}
	ret->name = (char *)"envoy.access_loggers.stdout";
	ret->typed_config = envoy_any(a, "envoy.extensions.access_loggers.stream.v3.StdoutAccessLog", &out.base);
}

static void to_file(struct arena *a, const char *path, Format *format, AccessLog *ret)
{
	Envoy__Extensions__AccessLoggers__File__V3__FileAccessLog file =
		ENVOY__EXTENSIONS__ACCESS_LOGGERS__FILE__V3__FILE_ACCESS_LOG__INIT;

	file.path = (char *)path;
	if (format) {
		file.access_log_format_case =
			ENVOY__EXTENSIONS__ACCESS_LOGGERS__FILE__V3__FILE_ACCESS_LOG__ACCESS_LOG_FORMAT_LOG_FORMAT;
		file.log_format = format;
	}
	ret->name = (char *)"envoy.access_loggers.file";
	ret->typed_config = envoy_any(a, "envoy.extensions.access_loggers.file.v3.FileAccessLog", &file.base);
}

void envoy_access_log(struct arena *a, const K8s__ConfigLogging *logging, const char *place, AccessLog ***ret,
		      size_t *ret_n)
{
	AccessLog *log;
	uint32_t status = 0;

	if (strcmp(place, "off") == 0)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(levels); i++)
		if (strcmp(levels[i].word, logging->access_log_level) == 0) {
			if (levels[i].off)
				return;
			status = levels[i].status;
		}
	log = ENVOY_NEW(a, AccessLog, ENVOY__CONFIG__ACCESSLOG__V3__ACCESS_LOG__INIT);
	log->filter = filter(a, status);
	log->config_type_case = ENVOY__CONFIG__ACCESSLOG__V3__ACCESS_LOG__CONFIG_TYPE_TYPED_CONFIG;
	if (strcmp(place, "stdout") == 0)
		to_stdout(a, format(a, logging), log);
	else
		to_file(a, place, format(a, logging), log);
	*ret_n = 1;
	*ret = arena_memdup(a, &log, sizeof(log));
}
