/* Finds out which controller serves the objects, from classes, annotations and the objects that
 * configured it. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/answer/json-print.h"
#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/configuration/configuration-file.h"
#include "common/configuration/configuration.h"
#include "common/decode/object-kind.h"
#include "k8s/core.pb-c.h"
#include "k8s/gateway.pb-c.h"
#include "k8s/networking.pb-c.h"
#include "k8s/projectcontour.pb-c.h"
#include "portolan/migration.h"
#include "portolan/stage-options.h"

#define CONTOUR_CLASS      "contour"
#define CONTOUR_CONTROLLER "projectcontour.io/"
#define CONTOUR_FILE       "contour.yaml"
#define NGINX_CLASS        "nginx"
#define NGINX_CONTROLLER   "k8s.io/ingress-nginx"
#define NGINX_ANNOTATIONS  "nginx.ingress.kubernetes.io/"

/* The names that ingress-nginx's chart and its plain manifests give its ConfigMap. */
static const char *const nginx_maps[] = { "ingress-nginx-controller", "nginx-configuration",
					  "nginx-ingress-controller" };

struct finding {
	struct migration *m;
	struct arena *a;
	const char *nginx_map; /* "namespace/name" */
	size_t nginx_map_rank;
	const char *contour_file; /* its text */
	const char *contour_map;
	unsigned met;     /* the controllers with objects here */
	bool has_default; /* an IngressClass is the default */
};

static void add_name(struct json_object *list, const char *name)
{
	for (size_t i = 0; i < json_length(list); i++)
		if (strcmp(json_object_get_string(json_object_array_get_idx(list, i)), name) == 0)
			return;
	(void)json_object_array_add(list, json_object_new_string(name));
}

static bool has_name(struct json_object *list, const char *name)
{
	for (size_t i = 0; i < json_length(list); i++)
		if (strcmp(json_object_get_string(json_object_array_get_idx(list, i)), name) == 0)
			return true;
	return false;
}

/* ---- evidence in objects ---- */

static const char *annotation(const K8s__ObjectMeta *m, const char *key)
{
	for (size_t i = 0; i < m->n_annotations; i++)
		if (strcmp(m->annotations[i]->key, key) == 0)
			return m->annotations[i]->value;
	return "";
}

/* "": no class is named. */
static const char *class_of(const K8s__ObjectMeta *m, const char *field)
{
	static const char *const keys[] = { "projectcontour.io/ingress.class",
					    "kubernetes.io/ingress.class" };

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (*annotation(m, keys[i]))
			return annotation(m, keys[i]);
	return field ? field : "";
}

static void look_at_class(struct finding *f, const struct item *i)
{
	const K8s__IngressClass *c =
		k8s__ingress_class__unpack(arena_pb(f->a), i->value_len, item_value(i));

	if (!c || !c->spec || !c->metadata)
		return;
	if (strncmp(c->spec->controller, CONTOUR_CONTROLLER, strlen(CONTOUR_CONTROLLER)) == 0)
		add_name(f->m->contour_classes, c->metadata->name);
	if (strcmp(c->spec->controller, NGINX_CONTROLLER) == 0)
		add_name(f->m->nginx_classes, c->metadata->name);
	f->has_default |=
		strcmp(annotation(c->metadata, "ingressclass.kubernetes.io/is-default-class"),
		       "true") == 0;
}

static void look_at_ingress(struct finding *f, const struct item *i)
{
	const K8s__Ingress *in = k8s__ingress__unpack(arena_pb(f->a), i->value_len, item_value(i));
	const char *class;

	if (!in || !in->metadata)
		return;
	class = class_of(in->metadata, in->spec ? in->spec->ingress_class_name : NULL);
	if (has_name(f->m->contour_classes, class))
		f->met |= MIGRATION_CONTOUR;
	if (has_name(f->m->nginx_classes, class))
		f->met |= MIGRATION_NGINX;
	for (size_t k = 0; k < in->metadata->n_annotations && !*class; k++)
		if (strncmp(in->metadata->annotations[k]->key, NGINX_ANNOTATIONS,
			    strlen(NGINX_ANNOTATIONS)) == 0)
			f->met |= MIGRATION_NGINX;
}

static bool is_contours(const K8s__GatewayClass *c)
{
	return c && c->spec &&
	       strncmp(c->spec->controller_name, CONTOUR_CONTROLLER, strlen(CONTOUR_CONTROLLER)) ==
		       0;
}

static void look_at_gateway_class(struct finding *f, const struct item *i)
{
	if (is_contours(k8s__gateway_class__unpack(arena_pb(f->a), i->value_len, item_value(i))))
		f->met |= MIGRATION_CONTOUR;
}

static void look_at_map(struct finding *f, const struct item *i)
{
	const char *name = strchr(item_key(i), '/') + 1;
	const K8s__ConfigMap *c;

	for (size_t k = 0; k < ARRAY_SIZE(nginx_maps); k++)
		if (strcmp(name, nginx_maps[k]) == 0 && (!f->nginx_map || k < f->nginx_map_rank)) {
			f->nginx_map = arena_strdup(f->a, item_key(i));
			f->nginx_map_rank = k;
		}
	if (strcmp(name, CONTOUR_CLASS) != 0)
		return;
	c = k8s__config_map__unpack(arena_pb(f->a), i->value_len, item_value(i));
	for (size_t k = 0; c && k < c->n_data; k++)
		if (strcmp(c->data[k]->key, CONTOUR_FILE) == 0) {
			f->contour_file = c->data[k]->value;
			f->contour_map = arena_strdup(f->a, item_key(i));
		}
}

static void each(struct finding *f, unsigned kind,
		 void (*look)(struct finding *f, const struct item *i))
{
	struct item **all;
	size_t n;

	all = state_sorted(f->m->world.objects, &n);
	for (size_t i = 0; i < n; i++)
		if (all[i]->kind == kind && strchr(item_key(all[i]), '/'))
			look(f, all[i]);
	free(all);
}

static void find(struct finding *f)
{
	struct migration *m = f->m;

	add_name(m->contour_classes, CONTOUR_CLASS);
	add_name(m->nginx_classes, NGINX_CLASS);
	each(f, OBJECT_INGRESS_CLASS, look_at_class);
	each(f, OBJECT_INGRESS, look_at_ingress);
	each(f, OBJECT_GATEWAY_CLASS, look_at_gateway_class);
	each(f, OBJECT_CONFIG_MAP, look_at_map);
	if (state_count_kind(m->world.objects, OBJECT_HTTP_PROXY))
		f->met |= MIGRATION_CONTOUR;
	if (!m->from)
		m->from = f->met;
}

/* ---- objects that Contour serves without a class ---- */

static void replace(struct migration *m, const struct item *i, const ProtobufCMessage *message)
{
	size_t n = protobuf_c_message_get_packed_size(message);
	_cleanup_free_ uint8_t *bytes = xmalloc(n + 1);

	(void)protobuf_c_message_pack(message, bytes);
	(void)state_put(m->world.objects, item_new(i->kind, item_key(i), i->key_len, item_meta(i),
						   i->meta_len, bytes, n));
}

static void own_proxy(struct finding *f, const struct item *i)
{
	K8s__HTTPProxy *p = k8s__httpproxy__unpack(arena_pb(f->a), i->value_len, item_value(i));

	if (!p || !p->spec || !p->metadata || *class_of(p->metadata, p->spec->ingress_class_name))
		return;
	p->spec->ingress_class_name = (char *)CONTOUR_CLASS;
	replace(f->m, i, &p->base);
}

static void own_ingress(struct finding *f, const struct item *i)
{
	K8s__Ingress *in = k8s__ingress__unpack(arena_pb(f->a), i->value_len, item_value(i));

	if (!in || !in->spec || !in->metadata ||
	    *class_of(in->metadata, in->spec->ingress_class_name))
		return;
	in->spec->ingress_class_name = (char *)CONTOUR_CLASS;
	replace(f->m, i, &in->base);
}

static void own_gateway_class(struct finding *f, const struct item *i)
{
	K8s__GatewayClass *c =
		k8s__gateway_class__unpack(arena_pb(f->a), i->value_len, item_value(i));

	if (!c || !c->spec ||
	    strncmp(c->spec->controller_name, CONTOUR_CONTROLLER, strlen(CONTOUR_CONTROLLER)) != 0)
		return;
	(void)json_object_object_add(f->m->gateway_classes, item_key(i) + 1,
				     json_object_new_boolean(true));
	c->spec->controller_name = (char *)GATEWAY_CONTROLLER;
	replace(f->m, i, &c->base);
}

/* Contour takes objects without a class, unless it was given one; an Ingress without a class gets
 * the default class, if there is one. */
static void own_what_is_contours(struct finding *f, bool reported)
{
	if (!(f->m->from & MIGRATION_CONTOUR))
		return;
	each(f, OBJECT_GATEWAY_CLASS, own_gateway_class);
	if (reported)
		return;
	each(f, OBJECT_HTTP_PROXY, own_proxy);
	if (!f->has_default)
		each(f, OBJECT_INGRESS, own_ingress);
}

/* ---- the configuration ---- */

static void put_nginx(struct finding *f, struct strbuf *b)
{
	struct json_object *classes = f->m->nginx_classes;

	strbuf_puts(b, "ingressNginx:\n  enabled: true\n  classes: [");
	for (size_t i = 0; i < json_length(classes); i++) {
		const char *name = json_object_get_string(json_object_array_get_idx(classes, i));

		strbuf_puts(b, i ? ", " : "");
		strbuf_json(b, name, strlen(name));
	}
	strbuf_puts(b, "]\n");
	if (f->nginx_map) {
		strbuf_puts(b, "  configMap: ");
		strbuf_json(b, f->nginx_map, strlen(f->nginx_map));
		strbuf_putc(b, '\n');
	}
}

static bool can_be_used(const char *text, size_t len)
{
	_cleanup_(configuration_file_freep) struct configuration_file *file =
		configuration_file_read(text, len);
	size_t n;

	return configuration_file_object(file, &n) != NULL;
}

static void make_configuration(struct finding *f)
{
	struct strbuf *b = &f->m->configuration;

	if ((f->m->from & MIGRATION_CONTOUR) && f->contour_file) {
		if (can_be_used(f->contour_file, strlen(f->contour_file))) {
			strbuf_puts(b, f->contour_file);
			if (b->len && b->s[b->len - 1] != '\n')
				strbuf_putc(b, '\n');
			f->m->configured_by = xstrdup(f->contour_map);
		} else {
			(void)fprintf(stderr,
				      "portolan migrate: %s in ConfigMap %s cannot be used; its "
				      "settings are not looked at (portolan config check says "
				      "why)\n",
				      CONTOUR_FILE, f->contour_map);
		}
	}
	if (f->m->from & MIGRATION_NGINX)
		put_nginx(f, b);
}

static int read_configuration(struct migration *m, const char *path)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = -1;

	while (fd >= 0 && (n = read(fd, strbuf_room(&m->configuration, 65536), 65536)) > 0) {
		m->configuration.len += (size_t)n;
		m->configuration.s[m->configuration.len] = '\0';
	}
	if (n == 0)
		return 0;
	(void)fprintf(stderr, "portolan migrate: cannot read %s: %m\n", path);
	return -EIO;
}

/* The configuration is an object among the others. */
static int put_configuration(struct migration *m, const char *config)
{
	_cleanup_(configuration_file_freep) struct configuration_file *file =
		configuration_file_read(strbuf_str(&m->configuration), m->configuration.len);
	const uint8_t *value;
	size_t n;

	value = configuration_file_object(file, &n);
	if (!value) {
		(void)fprintf(stderr,
			      "portolan migrate: %s cannot be used (portolan config check says "
			      "why)\n",
			      config ? config : "the configuration");
		return -EINVAL;
	}
	(void)state_put(m->world.objects, item_new(OBJECT_CONTOUR_CONFIGURATION, CONFIGURATION_KEY,
						   strlen(CONFIGURATION_KEY), "", 0, value, n));
	state_commit(m->world.objects, state_source(m->world.objects) + 1);
	return 0;
}

/* Contour's classes become the translator's; those of ingress-nginx are in the configuration. */
static void set_classes(struct migration *m, const char *const *classes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		add_name(m->from & MIGRATION_CONTOUR ? m->contour_classes : m->nginx_classes,
			 classes[i]);
	if (!(m->from & MIGRATION_CONTOUR) || stage_option_given("ingress-class"))
		return;
	for (size_t i = 0; i < json_length(m->contour_classes); i++)
		stage_option_add("ingress-class", json_object_get_string(json_object_array_get_idx(
							  m->contour_classes, i)));
}

int migration_source(struct migration *m, const char *config, const char *const *classes, size_t n)
{
	_cleanup_(arena_freep) struct arena *a = arena_new(65536);
	struct finding f = { .m = m, .a = a };
	int r = 0;

	m->contour_classes = json_object_new_array();
	m->nginx_classes = json_object_new_array();
	m->gateway_classes = json_object_new_object();
	find(&f);
	if (!m->from) {
		(void)fprintf(stderr,
			      "portolan migrate: no object of Contour or ingress-nginx is there: "
			      "no HTTPProxy, and no Ingress or Gateway of their classes (--from "
			      "says whose "
			      "they are, --class its classes)\n");
		return -ENOENT;
	}
	set_classes(m, classes, n);
	own_what_is_contours(&f, n > 0);
	if (config)
		r = read_configuration(m, config);
	else
		make_configuration(&f);
	return r < 0 ? r : put_configuration(m, config);
}
