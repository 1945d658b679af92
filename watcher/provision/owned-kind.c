/* The allow-list of kinds and forms. Used by the watcher. */
#include "watcher/provision/owned-kind.h"

#include <stdarg.h>
#include <string.h>

#include "common/base/alloc.h"
#include "watcher/kube/http.h"

static const struct owned_kind kinds[OWNED_KINDS] = {
	{ "ServiceAccount", "v1", "serviceaccounts" },
	{ "Secret", "v1", "secrets" },
	{ "Service", "v1", "services" },
	{ "Deployment", "apps/v1", "deployments" },
	{ "DaemonSet", "apps/v1", "daemonsets" },
};

const struct owned_kind *owned_kind(size_t i)
{
	return &kinds[i];
}

const struct owned_kind *owned_kind_named(const char *kind)
{
	for (size_t i = 0; i < OWNED_KINDS; i++)
		if (strcmp(kinds[i].kind, kind) == 0)
			return &kinds[i];
	return NULL;
}

static void put_group(const struct owned_kind *k, struct strbuf *b)
{
	strbuf_printf(b, strchr(k->api_version, '/') ? "/apis/%s/" : "/api/%s/", k->api_version);
}

char *owned_kind_path(const struct owned_kind *k, const char *namespace, const char *name)
{
	struct strbuf b = STRBUF_INIT;

	put_group(k, &b);
	strbuf_puts(&b, "namespaces/");
	http_escape(&b, namespace);
	strbuf_printf(&b, "/%s/", k->plural);
	http_escape(&b, name);
	return strbuf_take(&b);
}

char *owned_kind_collection(const struct owned_kind *k)
{
	struct strbuf b = STRBUF_INIT;

	put_group(k, &b);
	strbuf_puts(&b, k->plural);
	return strbuf_take(&b);
}

struct json_object *owned_get(struct json_object *o, ...)
{
	const char *key;
	va_list ap;

	va_start(ap, o);
	while ((key = va_arg(ap, const char *)))
		if (!json_object_is_type(o, json_type_object) ||
		    !json_object_object_get_ex(o, key, &o)) {
			o = NULL;
			break;
		}
	va_end(ap);
	return o;
}

const char *owned_text(struct json_object *o)
{
	return json_object_is_type(o, json_type_string) ? json_object_get_string(o) : "";
}

/* ---- forms ---- */

static bool is_among(const char *word, const char *const *all)
{
	for (; *all; all++)
		if (strcmp(word, *all) == 0)
			return true;
	return false;
}

/* Whether the map has no other members than these. */
static bool has_only(struct json_object *o, const char *const *allowed)
{
	if (!json_object_is_type(o, json_type_object))
		return false;
	json_object_object_foreach (o, key, value) {
		(void)value;
		if (!is_among(key, allowed))
			return false;
	}
	return true;
}

static const char *check_volumes(struct json_object *spec)
{
	static const char *const harmless[] = {
		"name", "emptyDir", "secret", "configMap", "persistentVolumeClaim", NULL,
	};
	struct json_object *all = owned_get(spec, "volumes", NULL);

	for (size_t i = 0; all && i < json_object_array_length(all); i++)
		if (!has_only(json_object_array_get_idx(all, i), harmless))
			return "a volume is neither an emptyDir nor from a Secret, a ConfigMap or "
			       "a claim";
	return NULL;
}

static const char *check_container(struct json_object *c)
{
	static const char *const allowed[] = { "allowPrivilegeEscalation", "readOnlyRootFilesystem",
					       "capabilities", NULL };
	struct json_object *s = owned_get(c, "securityContext", NULL);
	struct json_object *escalation = owned_get(s, "allowPrivilegeEscalation", NULL);

	if (!has_only(s, allowed) || !json_object_is_type(escalation, json_type_boolean) ||
	    json_object_get_boolean(escalation) || owned_get(s, "capabilities", "add", NULL))
		return "a container asks for privileges";
	if (owned_get(c, "ports", NULL))
		return "a container asks for ports of the node";
	return NULL;
}

static const char *check_containers(struct json_object *spec, const char *member)
{
	struct json_object *all = owned_get(spec, member, NULL);
	const char *why = NULL;

	if (!json_object_is_type(all, json_type_array))
		return "it has no containers";
	for (size_t i = 0; !why && i < json_object_array_length(all); i++)
		why = check_container(json_object_array_get_idx(all, i));
	return why;
}

/* Nothing of the node's, no other account than its own, and no token. */
static const char *check_pod(struct json_object *spec, const char *name)
{
	static const char *const allowed[] = {
		"serviceAccountName",
		"automountServiceAccountToken",
		"enableServiceLinks",
		"terminationGracePeriodSeconds",
		"securityContext",
		"topologySpreadConstraints",
		"nodeSelector",
		"tolerations",
		"initContainers",
		"containers",
		"volumes",
		NULL,
	};
	struct json_object *token = owned_get(spec, "automountServiceAccountToken", NULL);
	const char *why;

	if (!has_only(spec, allowed))
		return "its pods ask for more than they may";
	if (strcmp(owned_text(owned_get(spec, "serviceAccountName", NULL)), name) != 0)
		return "its pods ask for another service account";
	if (!json_object_is_type(token, json_type_boolean) || json_object_get_boolean(token))
		return "its pods ask for a token";
	if (!json_object_get_boolean(owned_get(spec, "securityContext", "runAsNonRoot", NULL)))
		return "its pods would be root";
	why = check_containers(spec, "initContainers");
	why = why ? why : check_containers(spec, "containers");
	return why ? why : check_volumes(spec);
}

static const char *check_form(const struct owned_kind *k, struct json_object *o, const char *name)
{
	static const char *const secret[] = { "apiVersion", "kind", "metadata", "type", NULL };
	static const char *const account[] = { "apiVersion", "kind", "metadata",
					       "automountServiceAccountToken", NULL };

	if (strcmp(k->kind, "Secret") == 0)
		return has_only(o, secret) ? NULL : "a Secret's content is not the translator's";
	if (strcmp(k->kind, "ServiceAccount") == 0)
		return has_only(o, account) ? NULL : "an account must not have secrets";
	if (strcmp(k->kind, "Service") == 0) {
		bool elsewhere = owned_get(o, "spec", "externalName", NULL) != NULL;

		return elsewhere ? "a Service with a name for others" : NULL;
	}
	return check_pod(owned_get(o, "spec", "template", "spec", NULL), name);
}

const char *owned_kind_refuses(const struct owned_kind *k, struct json_object *o,
			       const char *namespace, const char *name)
{
	static const char *const meta[] = { "name", "namespace", "labels", "annotations", NULL };
	struct json_object *m = owned_get(o, "metadata", NULL);

	if (strcmp(owned_text(owned_get(o, "kind", NULL)), k->kind) != 0 ||
	    strcmp(owned_text(owned_get(o, "apiVersion", NULL)), k->api_version) != 0)
		return "it is another kind of object than it says";
	if (!has_only(m, meta) ||
	    strcmp(owned_text(owned_get(m, "namespace", NULL)), namespace) != 0)
		return "its metadata are not as they must be";
	if (!*owned_text(owned_get(m, "labels", OWNED_FLEET_LABEL, NULL)))
		return "it has no label " OWNED_FLEET_LABEL;
	return check_form(k, o, name);
}
