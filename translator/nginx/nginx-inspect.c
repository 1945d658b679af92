/* Names and paths that would reach into nginx's configuration. */
#include <stdbool.h>
#include <string.h>

#include "translator/nginx/nginx-inspect.h"

static const struct {
	const char *text;
	bool directive; /* only if a semicolon follows */
} refused[] = {
	{ "alias", true },
	{ "root", true },
	{ "_by_lua", false },
	{ "/etc/passwd", false },
	{ "/etc/shadow", false },
	{ "/etc/group", false },
	{ "/etc/nginx", false },
	{ "/etc/ingress-controller", false },
	{ "/var/run/secrets", false },
};

static const char *look(const char *text)
{
	for (size_t i = 0; text && i < ARRAY_SIZE(refused); i++) {
		const char *at = strstr(text, refused[i].text);

		if (at && (!refused[i].directive || strchr(at, ';')))
			return refused[i].text;
	}
	return NULL;
}

static const char *look_at_rule(struct arena *a, const K8s__IngressRule *rule, size_t index,
				const char **ret_field)
{
	const K8s__HTTPIngressRuleValue *http =
		rule->ingress_rule_value ? rule->ingress_rule_value->http : NULL;
	const char *found = look(rule->host);

	*ret_field = arena_printf(a, "spec.rules[%zu].host", index);
	for (size_t i = 0; !found && http && i < http->n_paths; i++) {
		found = look(http->paths[i]->path);
		*ret_field = arena_printf(a, "spec.rules[%zu].http.paths[%zu].path", index, i);
	}
	return found;
}

static const char *look_at_tls(struct arena *a, const K8s__IngressTLS *tls, size_t index,
			       const char **ret_field)
{
	const char *found = look(tls->secret_name);

	*ret_field = arena_printf(a, "spec.tls[%zu]", index);
	for (size_t i = 0; !found && i < tls->n_hosts; i++)
		found = look(tls->hosts[i]);
	return found;
}

const char *nginx_inspect(struct arena *a, const K8s__IngressSpec *spec, const char **ret_field)
{
	const char *found = NULL;

	for (size_t i = 0; !found && spec && i < spec->n_rules; i++)
		found = look_at_rule(a, spec->rules[i], i, ret_field);
	for (size_t i = 0; !found && spec && i < spec->n_tls; i++)
		found = look_at_tls(a, spec->tls[i], i, ret_field);
	return found;
}
