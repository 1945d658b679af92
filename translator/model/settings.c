/* Options, configuration and defaults in one. */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "common/base/log.h"
#include "common/configuration/configuration-check.h"
#include "translator/model/settings.h"

/* ---- options ---- */

static bool is_address(const char *s)
{
	unsigned char bytes[sizeof(struct in6_addr)];

	return inet_pton(AF_INET, s, bytes) == 1 || inet_pton(AF_INET6, s, bytes) == 1;
}

int settings_check_options(const struct settings_options *o)
{
	if (o->listen_address && !is_address(o->listen_address)) {
		log_error("--listen-address: \"%s\" is not an IP address", o->listen_address);
		return -EINVAL;
	}
	if (o->http_port > 65535 || o->https_port > 65535) {
		log_error("--http-port and --https-port must be between 1 and 65535");
		return -EINVAL;
	}
	if (o->tls_hosts && strcmp(o->tls_hosts, "chains") != 0 &&
	    strcmp(o->tls_hosts, SETTINGS_SHARED) != 0) {
		log_error("--tls-hosts: \"%s\" is neither chains nor " SETTINGS_SHARED,
			  o->tls_hosts);
		return -EINVAL;
	}
	return 0;
}

static void listen_at(const struct settings_options *o, K8s__ConfigEnvoyListener *l, unsigned port)
{
	if (o->listen_address)
		l->address = (char *)o->listen_address;
	if (o->access_log)
		l->access_log = (char *)o->access_log;
	if (port)
		l->port = (int32_t)port;
	l->has_port |= port != 0;
}

static void split(struct arena *a, const struct option_list *list, char ***ret, size_t *ret_n)
{
	size_t n = 0, cap = 0;

	if (!list->n)
		return;
	for (unsigned i = 0; i < list->n; i++)
		cap += strlen(list->words[i]);
	*ret = arena_new_of(a, char *, cap + list->n);
	for (unsigned i = 0; i < list->n; i++) {
		char *rest = arena_strdup(a, list->words[i]), *word;

		while ((word = strsep(&rest, ",")))
			if (*word)
				(*ret)[n++] = word;
	}
	*ret_n = n;
}

/* The command line goes over the configuration. */
static void overlay(struct arena *a, const struct settings_options *o,
		    K8s__ContourConfigurationSpec *spec)
{
	listen_at(o, spec->envoy->http, o->http_port);
	listen_at(o, spec->envoy->https, o->https_port);
	split(a, &o->classes, &spec->ingress->class_names, &spec->ingress->n_class_names);
	split(a, &o->root_namespaces, &spec->httpproxy->root_namespaces,
	      &spec->httpproxy->n_root_namespaces);
	if (o->tls_hosts)
		spec->portolan->tls->hosts = (char *)o->tls_hosts;
	if (o->ingress_nginx)
		spec->portolan->ingress_nginx->enabled =
			spec->portolan->ingress_nginx->has_enabled = 1;
	if (o->external_names)
		spec->enable_external_name_service = spec->has_enable_external_name_service = 1;
}

/* ---- the configuration ---- */

K8s__ContourConfigurationSpec *settings_unpack(struct arena *a, const struct item *configuration)
{
	K8s__ContourConfiguration *c = NULL;
	K8s__ContourConfigurationSpec *spec;

	if (configuration)
		c = k8s__contour_configuration__unpack(arena_pb(a), configuration->value_len,
						       item_value(configuration));
	if (c && c->spec)
		return c->spec;
	spec = arena_new_of(a, K8s__ContourConfigurationSpec, 1);
	k8s__contour_configuration_spec__init(spec);
	return spec;
}

static void ignore_problem(void *ctx _unused_, enum configuration_severity severity _unused_,
			   const char *field _unused_, const char *message _unused_)
{
}

static struct go_duration duration(const char *text)
{
	struct go_duration d = { 0 };

	/* The check has removed unreadable values. */
	(void)go_duration_parse(text, &d);
	return d;
}

static struct settings_timeouts timeouts(const K8s__ConfigTimeouts *t,
					 const K8s__ConfigPortolanEdge *edge)
{
	return (struct settings_timeouts){
		.request = duration(t->request_timeout),
		.connection_idle = duration(t->connection_idle_timeout),
		.request_headers = duration(edge->request_headers_timeout),
		.stream_idle = duration(t->stream_idle_timeout),
		.connection_max = duration(t->max_connection_duration),
		.delayed_close = duration(t->delayed_close_timeout),
		.drain = duration(t->connection_shutdown_grace_period),
		.connect = duration(t->connect_timeout),
	};
}

/* Without its wrong parts, which the watcher admits only from an API or a folder. */
const void *settings_make(struct arena *a, const struct settings_options *options,
			  const struct item *configuration)
{
	K8s__ContourConfigurationSpec *spec = settings_unpack(a, configuration);
	struct settings *s = arena_new_of(a, struct settings, 1);

	configuration_check(a, spec, ignore_problem, NULL);
	overlay(a, options, spec);
	configuration_default(spec);
	s->config = spec;
	s->timeouts = timeouts(spec->envoy->timeouts, spec->portolan->edge);
	if (!s->timeouts.connect.set)
		s->timeouts.connect = duration("2s");
	return s;
}
