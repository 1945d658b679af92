/* The configuration as units read it. Runs in the translator. */
#include "common/configuration.h"
#include "common/object-kind.h"
#include "translator/units.h"

static const void *make(struct arena *a, const struct item *object, const void *settings _unused_)
{
	K8s__ContourConfiguration *c =
		object ? k8s__contour_configuration__unpack(arena_pb(a), object->value_len, item_value(object)) :
			 NULL;
	K8s__ContourConfigurationSpec *spec = c ? c->spec : NULL;

	if (!spec) {
		spec = arena_new_of(a, K8s__ContourConfigurationSpec, 1);
		k8s__contour_configuration_spec__init(spec);
	}
	configuration_fill(a, spec);
	return spec;
}

const K8s__ContourConfigurationSpec *units_config(struct reader *r)
{
	return read_shared(r, OBJECT_CONTOUR_CONFIGURATION, CONFIGURATION_KEY, make);
}
