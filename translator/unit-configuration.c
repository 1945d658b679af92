/* The configuration: how units read it, and what its status says. Runs in the translator. */
#include <string.h>

#include "common/configuration-check.h"
#include "common/object-kind.h"
#include "translator/units.h"

static K8s__ContourConfigurationSpec *spec_of(struct arena *a, const struct item *object)
{
	K8s__ContourConfiguration *c =
		object ? k8s__contour_configuration__unpack(arena_pb(a), object->value_len, item_value(object)) :
			 NULL;
	K8s__ContourConfigurationSpec *spec = c ? c->spec : NULL;

	if (!spec) {
		spec = arena_new_of(a, K8s__ContourConfigurationSpec, 1);
		k8s__contour_configuration_spec__init(spec);
	}
	return spec;
}

static void say_nothing(void *ctx _unused_, enum configuration_severity severity _unused_,
			const char *field _unused_, const char *message _unused_)
{
}

/* Without what is wrong in it, which the watcher lets through only from an API or a folder. */
static const void *make(struct arena *a, const struct item *object, const void *settings _unused_)
{
	K8s__ContourConfigurationSpec *spec = spec_of(a, object);

	configuration_check(a, spec, say_nothing, NULL);
	configuration_default(spec);
	return spec;
}

const K8s__ContourConfigurationSpec *units_config(struct reader *r)
{
	return read_shared(r, OBJECT_CONTOUR_CONFIGURATION, CONFIGURATION_KEY, make);
}

bool units_hosts_are_shared(struct reader *r)
{
	const struct settings *s = reader_settings(r);
	const char *hosts = s->tls_hosts ? s->tls_hosts : units_config(r)->portolan->tls->hosts;

	return strcmp(hosts, SETTINGS_SHARED) == 0;
}

static void on_problem(void *ctx, enum configuration_severity severity, const char *field, const char *message)
{
	struct reader *r = ctx;
	const char *path;

	/* authorization.c says it, and refuses requests. */
	if (strncmp(field, "globalExtAuth", 13) == 0)
		return;
	path = arena_printf(reader_arena(r), "spec.%s", field);

	if (severity == CONFIGURATION_WRONG)
		units_error(r, OBJECT_CONTOUR_CONFIGURATION, CONFIGURATION_KEY, "WrongValue", path,
			    "%s; it is as if it were not set", message);
	else
		units_warning(r, OBJECT_CONTOUR_CONFIGURATION, CONFIGURATION_KEY, "NoEffect", path, "%s",
			      message);
}

void unit_configuration(struct reader *r, const char *key, size_t key_len _unused_)
{
	const struct item *object;

	if (strcmp(key, CONFIGURATION_KEY) != 0) {
		emit_verdict(r, OBJECT_CONTOUR_CONFIGURATION, key, PORTOLAN__IPC__VERDICT__VERDICT_IGNORED);
		units_warning(r, OBJECT_CONTOUR_CONFIGURATION, key, "NotInForce", "metadata.name",
			      "only the ContourConfiguration " CONFIGURATION_KEY " is in force");
		return;
	}
	emit_verdict(r, OBJECT_CONTOUR_CONFIGURATION, key, PORTOLAN__IPC__VERDICT__VERDICT_ACCEPTED);
	object = read_object(r, OBJECT_CONTOUR_CONFIGURATION, key);
	configuration_check(reader_arena(r), spec_of(reader_arena(r), object), on_problem, r);
}
