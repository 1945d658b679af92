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
#include "common/base/word.h"
#include "common/configuration/configuration-file.h"
#include "common/configuration/configuration.h"
#include "common/decode/object-kind.h"
#include "k8s/core.pb-c.h"
#include "k8s/gateway.pb-c.h"
#include "k8s/networking.pb-c.h"
#include "k8s/projectcontour.pb-c.h"
#include "portolan/migration.h"
#include "portolan/stage-options.h"
#include "portolan/verdicts.h"

#define CONTOUR_CLASS      "contour"
#define CONTOUR_CONTROLLER "projectcontour.io/"
#define CONTOUR_FILE       "contour.yaml"
#define NGINX_CLASS        "nginx"
#define NGINX_CONTROLLER   "k8s.io/ingress-nginx"
#define NGINX_ANNOTATIONS  "nginx.ingress.kubernetes.io/"
#define NGINX_WORD         "ingress-nginx"

/* ConfigMaps of ingress-nginx, by the names that its charts and plain manifests give them: those of
 * a release have its name in front. */
enum nginx_map { MAP_SETTINGS, MAP_TCP, MAP_UDP, MAP_ROLES_ };

static const struct nginx_map_row {
	enum nginx_map role;
	const char *name; /* the whole name, or its end */
} nginx_maps[] = {
	{ MAP_SETTINGS, "ingress-nginx-controller" },
	{ MAP_SETTINGS, "nginx-configuration" },
	{ MAP_SETTINGS, "nginx-ingress-controller" },
	{ MAP_TCP, "tcp-services" },
	{ MAP_TCP, "ingress-nginx-tcp" },
	{ MAP_TCP, "nginx-ingress-tcp" },
	{ MAP_UDP, "udp-services" },
	{ MAP_UDP, "ingress-nginx-udp" },
	{ MAP_UDP, "nginx-ingress-udp" },
};

static const char *const map_settings[] = { [MAP_SETTINGS] = "configMap",
					    [MAP_TCP] = "tcpServicesConfigMap",
					    [MAP_UDP] = "udpServicesConfigMap" };

/* The higher, the likelier. */
enum { MAP_LABELLED = 1, MAP_NAME_ENDS, MAP_NAMED, MAP_OF_CLASS = 8 };

struct finding {
	struct migration *m;
	struct arena *a;
	const char *const *classes; /* that people named */
	size_t n_classes;
	struct json_object *controllers; /* {class: controller}, but for Contour's */
	struct json_object *ingresses;   /* {class: how many name it} */
	const struct item *maps[MAP_ROLES_];
	unsigned map_ranks[MAP_ROLES_];
	const char *contour_file; /* its text */
	const char *contour_map;
	unsigned met; /* the controllers with objects here */
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

/* A cluster may have several, each with a controller name of its own. */
static bool is_ingress_nginx(const char *controller)
{
	return strstr(controller, NGINX_WORD) != NULL;
}

static void look_at_class(struct finding *f, const struct item *i)
{
	const K8s__IngressClass *c =
		k8s__ingress_class__unpack(arena_pb(f->a), i->value_len, item_value(i));

	if (!c || !c->spec || !c->metadata)
		return;
	if (strncmp(c->spec->controller, CONTOUR_CONTROLLER, strlen(CONTOUR_CONTROLLER)) == 0)
		add_name(f->m->contour_classes, c->metadata->name);
	else
		(void)json_object_object_add(f->controllers, c->metadata->name,
					     json_object_new_string(c->spec->controller));
	if (strcmp(annotation(c->metadata, "ingressclass.kubernetes.io/is-default-class"),
		   "true") != 0)
		return;
	free(f->m->default_class);
	f->m->default_class = xstrdup(c->metadata->name);
}

static const char *ingress_class(const K8s__Ingress *in)
{
	return class_of(in->metadata, in->spec ? in->spec->ingress_class_name : NULL);
}

static void count_ingress(struct finding *f, const struct item *i)
{
	const K8s__Ingress *in = k8s__ingress__unpack(arena_pb(f->a), i->value_len, item_value(i));
	const char *class = in && in->metadata ? ingress_class(in) : "";

	if (*class)
		(void)json_object_object_add(
			f->ingresses, class,
			json_object_new_int64(json_number(f->ingresses, class) + 1));
}

/* A class that exists nowhere is a name that people did not mention, or a controller's that reads
 * no IngressClasses. */
static void hint_at_class(struct finding *f, const struct item *i, const char *class)
{
	for (size_t k = 0; k < f->n_classes; k++)
		if (strcmp(f->classes[k], class) == 0)
			return;
	if (*class && strcmp(class, "portolan") != 0 && !json_member(f->controllers, class) &&
	    !has_name(f->m->contour_classes, class) && !has_name(f->m->nginx_classes, class))
		migration_remark(f->m, i, MIGRATION_CLASSES_,
				 xasprintf("no IngressClass %s is in the source: if it was served "
					   "there, say --class %s",
					   class, class));
}

static void look_at_ingress(struct finding *f, const struct item *i)
{
	const K8s__Ingress *in = k8s__ingress__unpack(arena_pb(f->a), i->value_len, item_value(i));
	const char *class, *controller;

	if (!in || !in->metadata)
		return;
	class = ingress_class(in);
	controller = json_text(f->controllers, class);
	if (has_name(f->m->contour_classes, class))
		f->met |= MIGRATION_CONTOUR;
	if (has_name(f->m->nginx_classes, class))
		f->met |= MIGRATION_NGINX;
	else if (is_ingress_nginx(controller))
		migration_remark(f->m, i, MIGRATION_NOT_SERVED,
				 xasprintf("that is another ingress-nginx (%s), and a Portolan "
					   "serves one: --class %s judges its objects",
					   controller, class));
	else
		hint_at_class(f, i, class);
	for (size_t k = 0; k < in->metadata->n_annotations && !*class; k++)
		if (strncmp(in->metadata->annotations[k]->key, NGINX_ANNOTATIONS,
			    strlen(NGINX_ANNOTATIONS)) == 0)
			f->met |= MIGRATION_NGINX;
}

/* Contour writes the status of those HTTPProxies that it serves or refuses, whatever their class.
 */
static void look_at_proxy_status(struct finding *f, const struct item *i)
{
	const K8s__HTTPProxy *p =
		k8s__httpproxy__unpack(arena_pb(f->a), i->value_len, item_value(i));
	const char *status = p && p->status ? p->status->current_status : "", *class;

	if (!*status || strcmp(status, "NotReconciled") == 0 || !p->metadata)
		return;
	class = class_of(p->metadata, p->spec ? p->spec->ingress_class_name : NULL);
	if (*class)
		add_name(f->m->contour_classes, class);
}

static void look_at_proxy(struct finding *f, const struct item *i)
{
	const K8s__HTTPProxy *p =
		k8s__httpproxy__unpack(arena_pb(f->a), i->value_len, item_value(i));

	f->met |= MIGRATION_CONTOUR;
	if (p && p->metadata)
		hint_at_class(f, i,
			      class_of(p->metadata, p->spec ? p->spec->ingress_class_name : NULL));
}

/* ---- which ingress-nginx ---- */

/* The controller of the class that people named; else the usual one, if it has Ingresses; else the
 * one with most. */
static const char *choose_controller(struct finding *f)
{
	const char *best = NGINX_CONTROLLER;
	int64_t most = 0;

	for (size_t i = 0; i < f->n_classes && f->m->from != MIGRATION_CONTOUR; i++)
		if (*json_text(f->controllers, f->classes[i]))
			return json_text(f->controllers, f->classes[i]);
	json_object_object_foreach (f->controllers, class, value) {
		const char *controller = json_object_get_string(value);
		int64_t count = json_number(f->ingresses, class);

		if (!is_ingress_nginx(controller) || !count)
			continue;
		if (strcmp(controller, NGINX_CONTROLLER) == 0)
			return NGINX_CONTROLLER;
		if (count > most) {
			most = count;
			best = controller;
		}
	}
	return best;
}

/* Ingresses name the class nginx by its annotation where no IngressClass is. */
static void choose_nginx(struct finding *f)
{
	struct migration *m = f->m;

	m->nginx_controller = xstrdup(choose_controller(f));
	if (strcmp(m->nginx_controller, NGINX_CONTROLLER) == 0 &&
	    !json_member(f->controllers, NGINX_CLASS))
		add_name(m->nginx_classes, NGINX_CLASS);
	json_object_object_foreach (f->controllers, class, value)
		if (strcmp(json_object_get_string(value), m->nginx_controller) == 0)
			add_name(m->nginx_classes, class);
}

static void remark_on_class(struct finding *f, const struct item *i)
{
	const char *name = item_key(i) + 1, *controller = json_text(f->controllers, name);

	if (!*controller || has_name(f->m->nginx_classes, name) ||
	    strcmp(controller, PORTOLAN_CONTROLLER) == 0)
		return;
	migration_remark(f->m, i,
			 is_ingress_nginx(controller) ? MIGRATION_NOT_SERVED : MIGRATION_NEVER,
			 is_ingress_nginx(controller)
				 ? xasprintf("it is another ingress-nginx's (%s), and a Portolan "
					     "serves one: --class %s judges its objects",
					     controller, name)
				 : xasprintf("its controller is another one (%s)", controller));
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

/* ---- ConfigMaps ---- */

static const char *label(const K8s__ObjectMeta *m, const char *key)
{
	for (size_t i = 0; m && i < m->n_labels; i++)
		if (strcmp(m->labels[i]->key, key) == 0)
			return m->labels[i]->value;
	return "";
}

/* The chart labels headers' ConfigMaps the same. */
static unsigned rank_by_labels(const K8s__ConfigMap *c, const char *name, enum nginx_map *ret)
{
	if (strcmp(label(c->metadata, "app.kubernetes.io/name"), NGINX_WORD) != 0 ||
	    strcmp(label(c->metadata, "app.kubernetes.io/component"), "controller") != 0 ||
	    word_ends_with(name, "-headers"))
		return 0;
	*ret = word_ends_with(name, "-tcp")   ? MAP_TCP
	       : word_ends_with(name, "-udp") ? MAP_UDP
					      : MAP_SETTINGS;
	return MAP_LABELLED;
}

static unsigned rank_map(const struct finding *f, const K8s__ConfigMap *c, const char *name,
			 enum nginx_map *ret)
{
	struct json_object *classes = f->m->nginx_classes;
	unsigned rank = rank_by_labels(c, name, ret);

	for (size_t k = 0; k < ARRAY_SIZE(nginx_maps) && rank < MAP_NAME_ENDS; k++) {
		if (!word_ends_with(name, nginx_maps[k].name))
			continue;
		*ret = nginx_maps[k].role;
		rank = strcmp(name, nginx_maps[k].name) == 0 ? MAP_NAMED : MAP_NAME_ENDS;
	}
	for (size_t k = 0; k < json_length(classes); k++) {
		const char *class = json_object_get_string(json_object_array_get_idx(classes, k));

		if (rank && strcmp(class, NGINX_CLASS) != 0 && strstr(name, class))
			return rank + MAP_OF_CLASS;
	}
	return rank;
}

static void take_map(struct finding *f, const struct item *i, bool settings)
{
	const K8s__ConfigMap *c =
		k8s__config_map__unpack(arena_pb(f->a), i->value_len, item_value(i));
	enum nginx_map role;
	unsigned rank = c ? rank_map(f, c, strchr(item_key(i), '/') + 1, &role) : 0;

	if (!rank || rank <= f->map_ranks[role] || (role == MAP_SETTINGS) != settings)
		return;
	f->maps[role] = i;
	f->map_ranks[role] = rank;
}

static void look_at_settings(struct finding *f, const struct item *i)
{
	take_map(f, i, true);
}

/* Ports belong to the release whose settings were taken. */
static void look_at_ports(struct finding *f, const struct item *i)
{
	const char *settings = f->maps[MAP_SETTINGS] ? item_key(f->maps[MAP_SETTINGS]) : NULL;
	size_t n = settings ? (size_t)(strchr(settings, '/') - settings) + 1 : 0;

	if (strncmp(item_key(i), settings ? settings : "", n) == 0)
		take_map(f, i, false);
}

static void look_at_contours_map(struct finding *f, const struct item *i)
{
	const K8s__ConfigMap *c =
		k8s__config_map__unpack(arena_pb(f->a), i->value_len, item_value(i));
	const char *name = strchr(item_key(i), '/') + 1;

	for (size_t k = 0; c && k < c->n_data; k++)
		if (strcmp(c->data[k]->key, CONTOUR_FILE) == 0 &&
		    (!f->contour_map || strcmp(name, CONTOUR_CLASS) == 0)) {
			f->contour_file = c->data[k]->value;
			f->contour_map = arena_strdup(f->a, item_key(i));
		}
}

/* Settings of another ingress-nginx, or what another release left behind. */
static void remark_on_map(struct finding *f, const struct item *i)
{
	const K8s__ConfigMap *c =
		k8s__config_map__unpack(arena_pb(f->a), i->value_len, item_value(i));
	enum nginx_map role;

	if (!(f->m->from & MIGRATION_NGINX) || !c ||
	    !rank_map(f, c, strchr(item_key(i), '/') + 1, &role) || f->maps[role] == i)
		return;
	migration_remark(f->m, i, MIGRATION_NOT_SERVED,
			 xasprintf("it looks like one of ingress-nginx, and is not looked at "
				   "(%s%s): ingressNginx.%s of --config can name it",
				   f->maps[role] ? item_key(f->maps[role])
						 : "the settings are in another namespace",
				   f->maps[role] ? " is taken" : "", map_settings[role]));
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
	each(f, OBJECT_INGRESS_CLASS, look_at_class);
	each(f, OBJECT_INGRESS, count_ingress);
	choose_nginx(f);
	each(f, OBJECT_HTTP_PROXY, look_at_proxy_status);
	each(f, OBJECT_INGRESS, look_at_ingress);
	each(f, OBJECT_HTTP_PROXY, look_at_proxy);
	each(f, OBJECT_GATEWAY_CLASS, look_at_gateway_class);
	each(f, OBJECT_CONFIG_MAP, look_at_settings);
	each(f, OBJECT_CONFIG_MAP, look_at_ports);
	each(f, OBJECT_CONFIG_MAP, look_at_contours_map);
	if (!m->from)
		m->from = f->met;
	each(f, OBJECT_INGRESS_CLASS, remark_on_class);
	each(f, OBJECT_CONFIG_MAP, remark_on_map);
}

/* ---- owners ---- */

static unsigned owner_of_ingress(const struct migration *m, const struct item *i)
{
	K8s__Ingress *in = k8s__ingress__unpack(NULL, i->value_len, item_value(i));
	const char *class = in && in->metadata ? ingress_class(in) : "";
	unsigned owner = has_name(m->nginx_classes, class)     ? MIGRATION_NGINX
			 : has_name(m->contour_classes, class) ? MIGRATION_CONTOUR
							       : m->from;

	if (in)
		k8s__ingress__free_unpacked(in, NULL);
	return owner;
}

unsigned migration_owner(const struct migration *m, const struct item *i)
{
	unsigned owner = m->from;

	switch (i->kind) {
	case OBJECT_INGRESS:
		owner = owner_of_ingress(m, i);
		break;
	case OBJECT_HTTP_PROXY:
	case OBJECT_TLS_CERTIFICATE_DELEGATION:
	case OBJECT_EXTENSION_SERVICE:
		owner = MIGRATION_CONTOUR;
		break;
	case OBJECT_CONFIG_MAP:
		owner = MIGRATION_NGINX;
		break;
	default:
		break;
	}
	owner &= m->from;
	return owner ? owner : m->from;
}

/* ---- objects without a class ---- */

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

/* The API server gives an Ingress the default class when it is made: those of files, which were not
 * made yet, get it. Contour takes all that have no class. */
static void own_ingress(struct finding *f, const struct item *i)
{
	K8s__Ingress *in = k8s__ingress__unpack(arena_pb(f->a), i->value_len, item_value(i));
	const char *given = f->m->default_class;

	if (!in || !in->spec || !in->metadata || *ingress_class(in))
		return;
	if (in->metadata->creation_timestamp || !given)
		given = (f->m->from & MIGRATION_CONTOUR) && !f->n_classes ? CONTOUR_CLASS : NULL;
	if (given) {
		in->spec->ingress_class_name = (char *)given;
		replace(f->m, i, &in->base);
	} else if (f->m->default_class) {
		migration_remark(f->m, i, MIGRATION_CLASSES_,
				 xasprintf("it was made before %s was the default class",
					   f->m->default_class));
	}
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

static void own_what_is_theirs(struct finding *f)
{
	if (f->m->from & MIGRATION_CONTOUR) {
		each(f, OBJECT_GATEWAY_CLASS, own_gateway_class);
		if (!f->n_classes)
			each(f, OBJECT_HTTP_PROXY, own_proxy);
	}
	each(f, OBJECT_INGRESS, own_ingress);
}

/* ---- the configuration ---- */

static void put_setting(struct strbuf *b, const char *key, const char *value)
{
	strbuf_printf(b, "  %s: ", key);
	strbuf_json(b, value, strlen(value));
	strbuf_putc(b, '\n');
}

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
	if (strcmp(f->m->nginx_controller, NGINX_CONTROLLER) != 0)
		put_setting(b, "controllerName", f->m->nginx_controller);
	for (size_t i = 0; i < MAP_ROLES_; i++)
		if (f->maps[i])
			put_setting(b, map_settings[i], item_key(f->maps[i]));
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
static void set_classes(struct finding *f)
{
	struct migration *m = f->m;

	for (size_t i = 0; i < f->n_classes; i++)
		if (!has_name(m->nginx_classes, f->classes[i]))
			add_name(m->from & MIGRATION_CONTOUR ? m->contour_classes
							     : m->nginx_classes,
				 f->classes[i]);
	if (!(m->from & MIGRATION_CONTOUR) || stage_option_given("ingress-class"))
		return;
	for (size_t i = 0; i < json_length(m->contour_classes); i++)
		stage_option_add("ingress-class", json_object_get_string(json_object_array_get_idx(
							  m->contour_classes, i)));
}

static void say_unreadable(const struct migration *m)
{
	struct json_object *verdicts = verdicts_read(NULL, m->world.notes, m->world.objects);

	json_object_object_foreach (verdicts, name, v) {
		struct json_object *list = json_member(v, "problems");

		for (size_t i = 0; verdict_is_bad(v) && i < json_length(list); i++) {
			_cleanup_free_ char *line =
				xasprintf("%s: %s", name,
					  json_text(json_object_array_get_idx(list, i), "message"));

			(void)fprintf(stderr, "portolan migrate: %s\n", line);
		}
	}
	json_object_put(verdicts);
}

/* What --class could name. */
static void say_classes(struct json_object *ingresses)
{
	_cleanup_strbuf_ struct strbuf b = STRBUF_INIT;

	json_object_object_foreach (ingresses, class, count)
		strbuf_printf(&b, "%s%s (%lld)", b.len ? ", " : "", class,
			      (long long)json_object_get_int64(count));
	if (b.len)
		(void)fprintf(stderr, "portolan migrate: Ingresses are there of class %s\n",
			      strbuf_str(&b));
}

static void say_nobody(const struct migration *m, struct json_object *ingresses)
{
	(void)fprintf(stderr,
		      "portolan migrate: no object of Contour or ingress-nginx is there: no "
		      "HTTPProxy, and no Ingress or Gateway of their classes (--from says whose "
		      "they are, --class its classes)\n");
	say_classes(ingresses);
	say_unreadable(m);
}

int migration_source(struct migration *m, const char *config, const char *const *classes, size_t n)
{
	_cleanup_(arena_freep) struct arena *a = arena_new(65536);
	struct finding f = { .m = m,
			     .a = a,
			     .classes = classes,
			     .n_classes = n,
			     .controllers = json_object_new_object(),
			     .ingresses = json_object_new_object() };
	int r = -ENOENT;

	m->contour_classes = json_object_new_array();
	m->nginx_classes = json_object_new_array();
	m->gateway_classes = json_object_new_object();
	m->remarks = json_object_new_object();
	find(&f);
	if (m->from) {
		set_classes(&f);
		own_what_is_theirs(&f);
		r = 0;
		if (config)
			r = read_configuration(m, config);
		else
			make_configuration(&f);
	} else {
		say_nobody(m, f.ingresses);
	}
	json_object_put(f.controllers);
	json_object_put(f.ingresses);
	return r < 0 ? r : put_configuration(m, config);
}
