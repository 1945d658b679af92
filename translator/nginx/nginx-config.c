/* Settings of ingress-nginx. */
#include <string.h>

#include "k8s/core.pb-c.h"
#include "translator/nginx/nginx-annotation.h"
#include "translator/nginx/nginx-config.h"
#include "translator/resolve/config.h"
#include "translator/resolve/object.h"

static const K8s__ConfigIngressNginx *settings(struct reader *r)
{
	return config_read(r)->portolan->ingress_nginx;
}

bool nginx_config_enabled(struct reader *r)
{
	return settings(r)->enabled;
}

const char *nginx_config_text(struct reader *r, const char *key)
{
	const K8s__ConfigIngressNginx *s = settings(r);
	const K8s__ConfigMap *map;

	if (!*s->config_map)
		return NULL;
	map = read_message(r, OBJECT_CONFIG_MAP, s->config_map);
	for (size_t i = 0; map && i < map->n_data; i++)
		if (strcmp(map->data[i]->key, key) == 0 && *map->data[i]->value)
			return map->data[i]->value;
	return NULL;
}

bool nginx_config_flag(struct reader *r, const char *key, bool otherwise)
{
	const char *text = nginx_config_text(r, key);
	bool flag;

	return text && nginx_bool(text, &flag) ? flag : otherwise;
}

static const char *text_or_null(const char *s)
{
	return *s ? s : NULL;
}

const char *nginx_config_default_certificate(struct reader *r)
{
	return text_or_null(settings(r)->default_ssl_certificate);
}

const char *nginx_config_default_backend(struct reader *r)
{
	return text_or_null(settings(r)->default_backend_service);
}

const char *nginx_config_map(struct reader *r)
{
	return text_or_null(settings(r)->config_map);
}

const char *nginx_config_tcp_services(struct reader *r)
{
	return text_or_null(settings(r)->tcp_services_config_map);
}

const char *nginx_config_udp_services(struct reader *r)
{
	return text_or_null(settings(r)->udp_services_config_map);
}

bool nginx_config_crosses_namespaces(struct reader *r)
{
	return nginx_config_flag(r, "allow-cross-namespace-resources", false);
}

bool nginx_config_has_checker(struct reader *r)
{
	return strcmp(settings(r)->passwords, "envoy") != 0;
}

bool nginx_config_passes_tls(struct reader *r)
{
	return settings(r)->enable_ssl_passthrough;
}

bool nginx_config_translates_snippets(struct reader *r)
{
	return settings(r)->translate_snippets;
}

bool nginx_config_believes(struct reader *r)
{
	return nginx_config_flag(r, "use-forwarded-headers", false);
}

bool nginx_config_continues(struct reader *r)
{
	return nginx_config_believes(r) &&
	       nginx_config_flag(r, "compute-full-forwarded-for", false);
}

bool nginx_config_is_uncompressed(struct reader *r)
{
	const char *word = config_read(r)->envoy->listener->compression->algorithm;

	return strcmp(word, "disabled") != 0 && !nginx_config_flag(r, "use-gzip", false) &&
	       !nginx_config_flag(r, "enable-brotli", false);
}

bool nginx_config_lists(const char *text, const char *list)
{
	for (const char *q = list; *q; q += strspn(q, ", ")) {
		size_t n = strcspn(q, ", ");

		if (n && strncmp(text, q, n) == 0)
			return true;
		q += n;
	}
	return false;
}
