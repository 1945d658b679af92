/* Which Ingresses are ours: annotation, spec.ingressClassName, IngressClass objects, default class
 * (networking.k8s.io/v1, IngressClass). */
#include <string.h>

#include "common/base/spelling.h"
#include "k8s/networking.pb-c.h"
#include "translator/kinds.h"
#include "translator/model/settings.h"
#include "translator/resolve/class.h"
#include "translator/resolve/config.h"

#define DEFAULT_NAME  "portolan"
#define DEFAULT_CLASS "ingressclass.kubernetes.io/is-default-class"

#define NGINX_CLASS      "nginx"
#define NGINX_CONTROLLER "k8s.io/ingress-nginx"

static bool is_our_name(const struct settings *s, const char *name)
{
	const K8s__ConfigIngress *ours = s->config->ingress;

	for (size_t i = 0; i < ours->n_class_names; i++)
		if (strcmp(ours->class_names[i], name) == 0)
			return true;
	return !ours->n_class_names && strcmp(name, DEFAULT_NAME) == 0;
}

static bool is_our_controller(const K8s__IngressClass *c)
{
	return c->spec && strcmp(c->spec->controller, SETTINGS_CONTROLLER) == 0;
}

static bool is_default(const K8s__IngressClass *c)
{
	const char *value = object_annotation(c->metadata, DEFAULT_CLASS);

	return value && strcmp(value, "true") == 0;
}

int class_index(const struct item *object, struct arena *scratch, const char **ret_key)
{
	const K8s__IngressClass *c = k8s__ingress_class__unpack(
		arena_pb(scratch), object->value_len, item_value(object));

	*ret_key = "";
	return c && is_default(c) ? 0 : -1;
}

static bool named_class_is_ours(struct reader *r, const char *name, const char **ret_why)
{
	const struct settings *s = reader_settings(r);
	const K8s__IngressClass *c;

	if (is_our_name(s, name))
		return true;
	c = read_message(r, OBJECT_INGRESS_CLASS, arena_printf(reader_arena(r), "/%s", name));
	if (c && is_our_controller(c))
		return true;
	*ret_why = arena_printf(reader_arena(r), "its class is \"%s\", which %s", name,
				c ? "is served by another controller"
				  : "is none of those that are served here");
	return false;
}

/* Without a class, the default IngressClass decides. Without a default class we take the object,
 * unless the user has named our classes. */
static bool default_is_ours(struct reader *r, const char **ret_why)
{
	const struct settings *s = reader_settings(r);
	const struct item *const *classes;
	size_t n;

	classes = read_index(r, INDEX_DEFAULT_CLASSES, "", &n);
	for (size_t i = 0; i < n; i++) {
		const K8s__IngressClass *c = k8s__ingress_class__unpack(
			arena_pb(reader_arena(r)), classes[i]->value_len, item_value(classes[i]));

		if (c && (is_our_controller(c) || is_our_name(s, c->metadata->name)))
			return true;
	}
	if (n == 0 && !s->config->ingress->n_class_names)
		return true;
	*ret_why =
		n ? "it names no class, and the default IngressClass belongs to another controller"
		  : "it names no class, and the configuration says which classes to serve";
	return false;
}

static const char *name_of(const K8s__ObjectMeta *meta, const char *class_name,
			   const char **ret_field)
{
	static const struct {
		const char *annotation, *field;
	} rows[] = {
		{ "projectcontour.io/ingress.class",
		  "metadata.annotations[projectcontour.io/ingress.class]" },
		{ "kubernetes.io/ingress.class",
		  "metadata.annotations[kubernetes.io/ingress.class]" },
	};
	const char *name = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(rows) && !name; i++) {
		name = object_annotation(meta, rows[i].annotation);
		*ret_field = rows[i].field;
	}
	if (name && *name)
		return name;
	*ret_field = "spec.ingressClassName";
	return class_name;
}

bool class_is_ours(struct reader *r, const K8s__ObjectMeta *meta, const char *class_name,
		   const char **ret_why)
{
	const char *field, *name = name_of(meta, class_name, &field);

	return name && *name ? named_class_is_ours(r, name, ret_why) : default_is_ours(r, ret_why);
}

/* One of our names, for a class that nobody has defined. */
static const char *meant(struct reader *r, const char *name)
{
	const struct settings *settings = reader_settings(r);
	const K8s__ConfigIngress *ours = settings->config->ingress;
	struct spelling s;

	if (read_object(r, OBJECT_INGRESS_CLASS, arena_printf(reader_arena(r), "/%s", name)))
		return NULL;
	spelling_init(&s, name, strlen(name));
	for (size_t i = 0; i < ours->n_class_names; i++)
		spelling_try(&s, ours->class_names[i]);
	if (!ours->n_class_names)
		spelling_try(&s, DEFAULT_NAME);
	return s.best;
}

void class_leave(struct reader *r, enum object_kind kind, const char *key,
		 const K8s__ObjectMeta *meta, const char *class_name, const char *why)
{
	const char *field, *name = name_of(meta, class_name, &field);
	const char *best = name && *name ? meant(r, name) : NULL;

	if (best)
		object_warning(r, kind, key, "OtherClass", field, "%s: did you mean %s?", why,
			       best);
	else
		emit_problem(r, kind, key, PORTOLAN__IPC__SEVERITY__SEVERITY_INFO, "OtherClass",
			     field, "%s", why);
	emit_verdict(r, kind, key, PORTOLAN__IPC__VERDICT__VERDICT_IGNORED);
}

/* ---- ingress-nginx ---- */

static bool is_nginx_class(const K8s__ConfigIngressNginx *s, const char *name)
{
	for (size_t i = 0; i < s->n_classes; i++)
		if (strcmp(s->classes[i], name) == 0)
			return true;
	return !s->n_classes && strcmp(name, NGINX_CLASS) == 0;
}

static bool is_nginx_controller(const K8s__ConfigIngressNginx *s, const char *name)
{
	return strcmp(*s->controller_name ? s->controller_name : NGINX_CONTROLLER, name) == 0;
}

/* Files often hold the Ingresses without the IngressClass: the name decides then. */
static bool names_nginx_class(struct reader *r, const K8s__ConfigIngressNginx *s, const char *name)
{
	const K8s__IngressClass *c =
		read_message(r, OBJECT_INGRESS_CLASS, arena_printf(reader_arena(r), "/%s", name));

	return c && c->spec ? is_nginx_controller(s, c->spec->controller) : is_nginx_class(s, name);
}

bool class_is_nginx(struct reader *r, const K8s__ObjectMeta *meta, const char *class_name)
{
	const K8s__ConfigIngressNginx *s = config_read(r)->portolan->ingress_nginx;
	const char *annotation;

	if (!s->enabled)
		return false;
	if (class_name && *class_name)
		return names_nginx_class(r, s, class_name);
	annotation = object_annotation(meta, "kubernetes.io/ingress.class");
	if (annotation && *annotation)
		return is_nginx_class(s, annotation);
	return s->watch_ingress_without_class;
}
