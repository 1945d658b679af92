/* The owner of a host: claims are facts, and the first claim is the owner's. */
#include <stdlib.h>
#include <string.h>

#include "translator/kinds.h"
#include "translator/model/front-end.h"
#include "translator/resolve/config.h"
#include "translator/resolve/host-owner.h"
#include "translator/resolve/object.h"

static bool ownership_is(struct reader *r, const char *mode)
{
	return strcmp(config_read(r)->portolan->hosts->ownership, mode) == 0;
}

/* By the front end's rank, older ones first; those without an age by name. */
void host_claim(struct reader *r, enum object_kind kind, const char *key,
		const K8s__ObjectMeta *meta, const char *host)
{
	const K8s__Time *t = meta->creation_timestamp;
	const char *sort = arena_printf(reader_arena(r), "%u%020lld/%s", front_end(kind)->rank,
					t ? (long long)t->seconds : 0LL, key);
	const char *claimer = arena_printf(reader_arena(r), "%u %s", kind, key);

	emit_fact(r, FACT_CLAIM, host, strlen(host), sort, strlen(sort), claimer,
		  strlen(claimer) + 1);
}

size_t host_claims(struct reader *r, const char *host)
{
	size_t n;

	(void)read_facts(r, FACT_CLAIM, host, strlen(host), &n);
	return n;
}

bool host_owner_find(struct reader *r, const char *host, struct host_owner *ret)
{
	const struct item *first;
	char *key;

	if (ownership_is(r, "contour"))
		return false;
	first = read_first_fact(r, FACT_CLAIM, host, strlen(host));
	if (!first)
		return false;
	ret->kind = (enum object_kind)strtoul((const char *)item_value(first), &key, 10);
	ret->key = key + 1;
	return true;
}

bool host_is_open(struct reader *r, const char *host, const char *namespace,
		  struct host_owner *ret_owner)
{
	const char *owner, *name;

	if (!host_owner_find(r, host, ret_owner))
		return true;
	object_split_key(r, ret_owner->key, &owner, &name);
	return strcmp(owner, namespace) == 0;
}
