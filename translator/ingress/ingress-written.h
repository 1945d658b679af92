/* The names in an Ingress, for questions about objects of any kind (model/front-end.h). */
#pragma once

#include "translator/model/front-end.h"

size_t ingress_written_names(struct arena *a, const ProtobufCMessage *object,
			     struct written_name **ret);
