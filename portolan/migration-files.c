/* The files to apply for a migration. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/answer/json-print.h"
#include "common/base/alloc.h"
#include "common/base/text.h"
#include "common/decode/object-kind.h"
#include "portolan/migration.h"
#include "portolan/output-file.h"

#define OTHERS_MAY_READ 0044

int migration_write_file(const char *dir, const char *name, const struct strbuf *content)
{
	_cleanup_free_ char *path = xasprintf("%s/%s", dir, name);
	int r = output_file_write(path, content, OTHERS_MAY_READ);

	if (r < 0)
		(void)fprintf(stderr, "portolan migrate: cannot write %s: %s\n", path,
			      strerror(-r));
	return r;
}

/* Listing is all that portolan dump does. */
static void put_rights(struct strbuf *b)
{
	const char *group = NULL;

	strbuf_puts(b, "# Who runs portolan dump or portolan migrate on this cluster needs these "
		       "rights:\n# kubectl create clusterrolebinding portolan-dump "
		       "--clusterrole=portolan-dump --user=YOU\n"
		       "---\napiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\n"
		       "metadata:\n  name: portolan-dump\nrules:\n");
	for (unsigned k = 1; k < OBJECT_KIND_MAX_; k++) {
		const struct object_kind_row *row = object_kind(k);
		bool before = false;

		for (unsigned i = 1; row && i < k; i++)
			before |= object_kind(i) && strcmp(object_kind(i)->group, row->group) == 0;
		if (!row || before)
			continue;
		group = row->group;
		strbuf_printf(b, "- apiGroups: [\"%s\"]\n  resources:\n", group);
		for (unsigned i = k; i < OBJECT_KIND_MAX_; i++)
			if (object_kind(i) && strcmp(object_kind(i)->group, group) == 0)
				strbuf_printf(b, "  - %s\n", object_kind(i)->plural);
		strbuf_puts(b, "  verbs: [list]\n");
	}
}

static void put_class(struct strbuf *b, const char *name, const char *controller, bool is_default)
{
	strbuf_puts(b, "---\napiVersion: networking.k8s.io/v1\nkind: IngressClass\nmetadata:\n"
		       "  name: ");
	strbuf_json(b, name, strlen(name));
	if (is_default)
		strbuf_puts(b, "\n  annotations:\n"
			       "    ingressclass.kubernetes.io/is-default-class: \"true\"");
	strbuf_puts(b, "\nspec:\n  controller: ");
	strbuf_json(b, controller, strlen(controller));
	strbuf_putc(b, '\n');
}

static void put_classes(const struct migration *m, struct strbuf *b)
{
	strbuf_puts(b, "# The class of objects that you move one by one.\n");
	put_class(b, "portolan", PORTOLAN_CONTROLLER, false);
	if (!(m->from & MIGRATION_NGINX))
		return;
	strbuf_puts(b, "# The classes of ingress-nginx: its chart takes them away when it is "
		       "uninstalled.\n");
	for (size_t i = 0; i < json_length(m->nginx_classes); i++) {
		const char *name =
			json_object_get_string(json_object_array_get_idx(m->nginx_classes, i));

		put_class(b, name, m->nginx_controller,
			  m->default_class && strcmp(m->default_class, name) == 0);
	}
}

static void put_gateway_classes(const struct migration *m, struct strbuf *b)
{
	if (!json_object_object_length(m->gateway_classes))
		return;
	strbuf_puts(b, "# Delete the GatewayClasses of these names first: their controller cannot "
		       "be changed.\n");
	json_object_object_foreach (m->gateway_classes, name, value) {
		(void)value;
		strbuf_puts(b, "---\napiVersion: gateway.networking.k8s.io/v1\nkind: GatewayClass\n"
			       "metadata:\n  name: ");
		strbuf_json(b, name, strlen(name));
		strbuf_puts(b, "\nspec:\n  controllerName: " GATEWAY_CONTROLLER "\n");
	}
}

static void put_options(const struct migration *m, struct strbuf *b)
{
	if (!(m->from & MIGRATION_CONTOUR))
		return;
	strbuf_puts(b, "# To serve Contour's objects as they are, run Portolan with:");
	for (size_t i = 0; i < json_length(m->contour_classes); i++) {
		/* An annotation can have any text: it stays in this line. */
		_cleanup_free_ char *class = text_of(
			json_object_get_string(json_object_array_get_idx(m->contour_classes, i)));

		strbuf_printf(b, " --ingress-class=%s", class);
	}
	strbuf_putc(b, '\n');
}

static int make_directory(const char *dir)
{
	int r = mkdir(dir, 0755) < 0 && errno != EEXIST ? -errno : 0;

	if (r < 0)
		(void)fprintf(stderr, "portolan migrate: cannot make %s: %s\n", dir, strerror(-r));
	return r;
}

int migration_write_rights(const char *dir)
{
	_cleanup_strbuf_ struct strbuf apply = STRBUF_INIT;
	int r = make_directory(dir);

	put_rights(&apply);
	if (r == 0)
		r = migration_write_file(dir, "apply.yaml", &apply);
	if (r == 0)
		(void)fprintf(stderr,
			      "portolan migrate: %s/apply.yaml has the rights that are needed to "
			      "read a cluster\n",
			      dir);
	return r;
}

int migration_write(const struct migration *m, const char *dir)
{
	_cleanup_strbuf_ struct strbuf apply = STRBUF_INIT;
	int r = make_directory(dir);

	if (r < 0)
		return r;
	put_options(m, &apply);
	put_rights(&apply);
	put_classes(m, &apply);
	put_gateway_classes(m, &apply);
	r = migration_write_file(dir, "apply.yaml", &apply);
	if (r == 0 && m->configuration.len)
		r = migration_write_file(dir, "portolan.yaml", &m->configuration);
	return r;
}
