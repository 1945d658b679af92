/* Faults on purpose. */
#include <stdlib.h>
#include <string.h>

#include "k8s/meta.pb-c.h"
#include "translator/host/fault.h"
#include "translator/resolve/object.h"

#ifdef FAULT_INJECTION

static const K8s__ObjectMeta *metadata_of(const ProtobufCMessage *object)
{
	const ProtobufCFieldDescriptor *f =
		protobuf_c_message_descriptor_get_field_by_name(object->descriptor, "metadata");

	return *(K8s__ObjectMeta *const *)(const void *)((const char *)object + f->offset);
}

void fault_inject(struct reader *r, struct host_spec *spec)
{
	const ProtobufCMessage *object = read_message(r, spec->kind, spec->object);
	const char *fault = object ? object_annotation(metadata_of(object), "portolan.io/fault")
				   : NULL;

	if (!fault)
		return;
	if (strcmp(fault, "crash") == 0)
		abort();
	for (size_t i = 0; strcmp(fault, "reject") == 0 && i < spec->routes.n; i++) {
		spec->routes.all[i].match.kind = PATH_REGEX;
		spec->routes.all[i].match.path = "(";
	}
}

#else

void fault_inject(struct reader *r _unused_, struct host_spec *spec _unused_)
{
}

#endif
