/* URLs in annotations, and the upstreams that they mean. */
#include <string.h>
#include <strings.h>

#include "proto/model.pb-c.h"
#include "translator/nginx/nginx-url.h"
#include "translator/resolve/upstream.h"

bool nginx_url_parse(struct arena *a, const char *text, struct nginx_url *ret)
{
	const char *host, *colon;
	size_t n;

	if (strncasecmp(text, "http://", 7) == 0)
		host = text + 7;
	else if (strncasecmp(text, "https://", 8) == 0)
		host = text + 8;
	else
		return false;
	n = strcspn(host, "/?$");
	colon = memchr(host, ':', n);
	*ret = (struct nginx_url){
		.tls = host == text + 8,
		.host = match_lower(a, arena_strndup(a, host, colon ? (size_t)(colon - host) : n)),
		.rest = host + n,
	};
	ret->port = colon ? arena_strndup(a, colon + 1, (size_t)(host + n - colon - 1))
			  : (ret->tls ? "443" : "80");
	return *ret->host && *ret->port && strspn(ret->port, "0123456789") == strlen(ret->port) &&
	       strlen(ret->port) <= 5;
}

/* "service.namespace.svc", with or without the cluster's domain. */
static bool is_service(struct arena *a, const char *host, const char **ret_namespace,
		       const char **ret_name)
{
	const char *dot = strchr(host, '.'), *second = dot ? strchr(dot + 1, '.') : NULL;

	if (!second || (strcmp(second, ".svc") != 0 && strncmp(second, ".svc.", 5) != 0))
		return false;
	*ret_name = arena_strndup(a, host, (size_t)(dot - host));
	*ret_namespace = arena_strndup(a, dot + 1, (size_t)(second - dot - 1));
	return **ret_name && **ret_namespace;
}

const char *nginx_url_upstream(struct nginx_plan *p, const struct nginx_source *s,
			       const struct nginx_url *url, const char *annotation)
{
	Portolan__Model__ClusterSpec spec = PORTOLAN__MODEL__CLUSTER_SPEC__INIT;
	const char *namespace = s->ingress->namespace, *name = url->host;
	const ModelClusterResult *result;

	if (!is_service(p->a, url->host, &namespace, &name))
		spec.external_host = (char *)url->host;
	spec.namespace_ = (char *)namespace;
	spec.service = (char *)name;
	spec.port = (char *)url->port;
	spec.protocol = (char *)(url->tls ? "tls" : "http");
	result = upstream_find(p->r, &spec);
	if (!result->name)
		nginx_error(p, s->ingress, result->reason,
			    arena_printf(p->a, "metadata.annotations[" NGINX_PREFIX "%s]",
					 annotation),
			    "%s", result->message);
	return result->name;
}
