/* The state of a Gateway's objects, as the translator gets it: problems, ready pods, and the
 * addresses of its Service. */
#include <arpa/inet.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/decode/object-kind.h"
#include "ipc.pb-c.h"
#include "watcher/provision/provision-parts.h"
#include "watcher/provision/workload.h"

#define ADDRESSES_MAX 16 /* of a Gateway's status */

typedef Portolan__Ipc__AddressStatus AddressStatus;
typedef Portolan__Ipc__Infrastructure Infrastructure;
typedef Portolan__Ipc__Problem Problem;
typedef Portolan__Ipc__Severity Severity;

static void add_address(struct arena *a, Infrastructure *m, const char *value)
{
	unsigned char bytes[16];
	AddressStatus *x;

	if (!*value || strcmp(value, "None") == 0 || m->n_addresses == ADDRESSES_MAX)
		return;
	x = arena_new_of(a, AddressStatus, 1);
	portolan__ipc__address_status__init(x);
	x->type = (char *)(inet_pton(AF_INET, value, bytes) == 1 ||
					   inet_pton(AF_INET6, value, bytes) == 1
				   ? "IPAddress"
				   : "Hostname");
	x->value = arena_strdup(a, value);
	m->addresses[m->n_addresses++] = x;
}

static int compare(const void *a, const void *b)
{
	return strcmp((*(AddressStatus *const *)a)->value, (*(AddressStatus *const *)b)->value);
}

/* Adds the addresses of a load balancer; for other Services the cluster's addresses (P-ADR-4). */
static void add_addresses(struct arena *a, Infrastructure *m, struct json_object *service)
{
	bool balanced =
		strcmp(owned_text(owned_get(service, "spec", "type", NULL)), "LoadBalancer") == 0;
	struct json_object *all =
		balanced ? owned_get(service, "status", "loadBalancer", "ingress", NULL)
			 : owned_get(service, "spec", "clusterIPs", NULL);
	size_t n = json_object_is_type(all, json_type_array) ? json_object_array_length(all) : 0;

	for (size_t i = 0; i < n; i++) {
		struct json_object *one = json_object_array_get_idx(all, i);

		if (!balanced) {
			add_address(a, m, owned_text(one));
			continue;
		}
		add_address(a, m, owned_text(owned_get(one, "ip", NULL)));
		add_address(a, m, owned_text(owned_get(one, "hostname", NULL)));
	}
	if (m->n_addresses)
		qsort(m->addresses, m->n_addresses, sizeof(*m->addresses), compare);
}

static uint32_t count_of(struct json_object *o)
{
	return o ? (uint32_t)MAX(json_object_get_int(o), 0) : 0;
}

static Problem *make_problem(struct arena *a, const struct owned *o, Severity severity,
			     const char *reason, const char *message)
{
	Problem *p = arena_new_of(a, Problem, 1);

	portolan__ipc__problem__init(p);
	p->has_severity = 1;
	p->severity = severity;
	p->reason = (char *)reason;
	p->message = (char *)message;
	p->field = (char *)o->key;
	return p;
}

/* Whose turn it is is not said: each Gateway's status would change with each turn. */
static Problem *find_upgrade(struct arena *a, const struct owned *o)
{
	const char *failure = o->live ? workload_failure(o->live) : NULL;

	switch (o->upgrade) {
	case UPGRADE_WAITS:
		return make_problem(a, o, PORTOLAN__IPC__SEVERITY__SEVERITY_INFO, "UpgradeWaits",
				    "it is not changed before its turn to get new images");
	case UPGRADE_HELD:
		return make_problem(a, o, PORTOLAN__IPC__SEVERITY__SEVERITY_INFO, "UpgradeHeld",
				    "it is not changed as long as portolan.gateway.envoy-upgrades "
				    "holds its new images back");
	case UPGRADE_STUCK:
		return make_problem(
			a, o, PORTOLAN__IPC__SEVERITY__SEVERITY_WARNING, "UpgradeStuck",
			arena_printf(a, "pods with the new images do not become available: %s",
				     failure ? failure : "it takes too long"));
	case UPGRADE_NONE:
	case UPGRADE_ROLLS:
		break;
	}
	return NULL;
}

static int compare_problems(const void *a, const void *b)
{
	return strcmp((*(Problem *const *)a)->field, (*(Problem *const *)b)->field);
}

static bool collect(struct arena *a, struct owner *owner, Infrastructure *m)
{
	struct owned *o;
	size_t n = 0;
	bool any = false;

	TAILQ_FOREACH (o, &owner->objects, of_owner)
		n++;
	m->problems = arena_new_of(a, Problem *, n + 1);
	m->addresses = arena_new_of(a, AddressStatus *, ADDRESSES_MAX);
	m->has_available = 1;
	TAILQ_FOREACH (o, &owner->objects, of_owner) {
		any |= o->desired || o->live;
		if (o->problem)
			m->problems[m->n_problems++] =
				make_problem(a, o, PORTOLAN__IPC__SEVERITY__SEVERITY_ERROR,
					     o->reason, o->problem);
		m->upgrade = m->upgrade ? m->upgrade : find_upgrade(a, o);
		if (!o->live)
			continue;
		if (strcmp(o->kind->kind, "Service") == 0)
			add_addresses(a, m, o->live);
		m->available += count_of(owned_get(o->live, "status", "availableReplicas", NULL)) +
				count_of(owned_get(o->live, "status", "numberAvailable", NULL));
	}
	if (m->n_problems)
		qsort(m->problems, m->n_problems, sizeof(*m->problems), compare_problems);
	return any;
}

static void tell_one(struct provision *p, struct owner *owner)
{
	_cleanup_(arena_freep) struct arena *a = arena_new(4096);
	Infrastructure m = PORTOLAN__IPC__INFRASTRUCTURE__INIT;
	struct item *now = NULL;
	uint8_t *packed;
	size_t len;

	owner->dirty = false;
	if (collect(a, owner, &m)) {
		len = portolan__ipc__infrastructure__get_packed_size(&m);
		packed = arena_alloc(a, len + 1);
		(void)portolan__ipc__infrastructure__pack(&m, packed);
		now = item_new(OBJECT_INFRASTRUCTURE, owner->key, owner->len, NULL, 0, packed, len);
	}
	if (now == owner->said || (now && owner->said && item_equal(now, owner->said))) {
		item_unref(now);
		return;
	}
	item_unref(owner->said);
	owner->said = now ? item_ref(now) : NULL;
	p->config.tell(p->config.ctx, owner->key, owner->len, now);
}

static void owner_release(struct provision *p, struct owner *owner)
{
	if (!TAILQ_EMPTY(&owner->objects))
		return;
	(void)hashmap_remove(&p->owners, owner->key, owner->len);
	owner_free(owner);
}

/* At a start this is called before the translator has sent the objects that it wants. */
void provision_tell(struct provision *p)
{
	struct owner **dirty = xnew(struct owner *, p->owners.n + 1), *owner;
	size_t n = 0;

	HASHMAP_FOREACH (&p->owners, owner)
		if (owner->dirty)
			dirty[n++] = owner;
	while (n) {
		tell_one(p, dirty[--n]);
		owner_release(p, dirty[n]);
	}
	free(dirty);
}
