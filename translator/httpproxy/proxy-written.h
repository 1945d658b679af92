/* The names in an HTTPProxy, for questions about objects of any kind (model/front-end.h). */
#pragma once

#include "translator/model/front-end.h"

size_t proxy_written_names(struct arena *a, const ProtobufCMessage *object,
			   struct written_name **ret);
