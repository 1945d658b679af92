/* Which Ingresses are ours: annotation, spec.ingressClassName, IngressClass objects, default class
 * (networking.k8s.io/v1, IngressClass). Runs in the translator. */
#include <string.h>

#include "translator/units.h"

#define DEFAULT_NAME "portolan"
#define DEFAULT_CLASS "ingressclass.kubernetes.io/is-default-class"

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
	const char *value = units_annotation(c->metadata, DEFAULT_CLASS);

	return value && strcmp(value, "true") == 0;
}

int ingress_class_index(const struct item *object, struct arena *scratch, const char **ret_key)
{
	const K8s__IngressClass *c = k8s__ingress_class__unpack(arena_pb(scratch), object->value_len,
								item_value(object));

	*ret_key = "";
	return c && is_default(c) ? 0 : -1;
}

static bool class_is_ours(struct reader *r, const char *name, const char **ret_why)
{
	const struct settings *s = reader_settings(r);
	const K8s__IngressClass *c;

	if (is_our_name(s, name))
		return true;
	c = read_message(r, OBJECT_INGRESS_CLASS, arena_printf(reader_arena(r), "/%s", name));
	if (c && is_our_controller(c))
		return true;
	*ret_why = arena_printf(reader_arena(r), "its class is \"%s\", which is served by another controller", name);
	return false;
}

/* No class is named: the default IngressClass decides. Where there is none, we take it, unless the
 * user said which classes are ours. */
static bool default_is_ours(struct reader *r, const char **ret_why)
{
	const struct settings *s = reader_settings(r);
	const struct item *const *classes;
	size_t n;

	classes = read_index(r, INDEX_DEFAULT_CLASSES, "", &n);
	for (size_t i = 0; i < n; i++) {
		const K8s__IngressClass *c =
			k8s__ingress_class__unpack(arena_pb(reader_arena(r)), classes[i]->value_len,
						   item_value(classes[i]));

		if (c && (is_our_controller(c) || is_our_name(s, c->metadata->name)))
			return true;
	}
	if (n == 0 && !s->config->ingress->n_class_names)
		return true;
	*ret_why = n ? "it names no class, and the default IngressClass belongs to another controller" :
		       "it names no class, and the configuration says which classes to serve";
	return false;
}

bool units_class_is_ours(struct reader *r, const K8s__ObjectMeta *meta, const char *class_name,
			 const char **ret_why)
{
	static const char *const annotations[] = { "projectcontour.io/ingress.class",
						   "kubernetes.io/ingress.class" };
	const char *name = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(annotations) && !name; i++)
		name = units_annotation(meta, annotations[i]);
	if (!name || !*name)
		name = class_name;
	return name && *name ? class_is_ours(r, name, ret_why) : default_is_ours(r, ret_why);
}
