/* Finds a front end by the kind of its objects. */
#include "translator/model/front-end.h"

const struct front_end *front_end(enum object_kind kind)
{
	for (size_t i = 0; i < front_ends_n; i++)
		if (front_ends[i].kind == kind)
			return &front_ends[i];
	return NULL;
}
