/* Reads our own annotation of a GatewayClass. */
#include "common/decode/gateway-class.h"

#include <string.h>

#include "common/decode/object-kind.h"

bool gateway_class_merges(const K8s__GatewayClass *c, const char **ret_word)
{
	*ret_word = NULL;
	for (size_t i = 0; c && c->metadata && i < c->metadata->n_annotations; i++)
		if (strcmp(c->metadata->annotations[i]->key, MERGE_ANNOTATION) == 0)
			*ret_word = c->metadata->annotations[i]->value;
	return *ret_word && strcmp(*ret_word, "false") != 0;
}
