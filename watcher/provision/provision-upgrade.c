/* A change of images, Envoy's or ours, is written to one workload at a time (P-OBJ-7): the next one
 * follows when all pods of the former are available. Everything is found from the objects at the
 * API, so a restart goes on where the watcher was. */
#include <inttypes.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/metric.h"
#include "watcher/provision/provision-parts.h"
#include "watcher/provision/workload.h"

/* Kubernetes' own limit for a Deployment; for a DaemonSet it has none. */
#define STUCK_USEC (600 * USEC_PER_SEC)

static bool is_daemon_set(const struct owned *o)
{
	return strcmp(o->kind->kind, "DaemonSet") == 0;
}

static bool differs(const struct owned *o)
{
	return o->wanted_images && o->live_images && strcmp(o->wanted_images, o->live_images) != 0;
}

/* A workload that has never been another one is not being upgraded: it holds nobody back. */
static bool is_rolling(const struct owned *o)
{
	if (o->sent_images)
		return true;
	return o->wanted_images && o->live_images && !differs(o) && !workload_is_new(o->live) &&
	       !workload_is_complete(o->live, is_daemon_set(o));
}

/* ---- changes ---- */

static void look_later(struct owned *o)
{
	o->provision->upgrade_due = true;
	event_active(o->provision->timer, 0, 0);
}

void upgrade_live(struct owned *o)
{
	if (!owned_is_workload(o))
		return;
	free(o->live_images);
	o->live_images = o->live ? workload_images(o->live) : NULL;
	if (!o->live_images || (o->sent_images && strcmp(o->sent_images, o->live_images) == 0))
		free(TAKE_PTR(o->sent_images));
	look_later(o);
}

void upgrade_wanted(struct owned *o, struct json_object *json)
{
	if (!owned_is_workload(o))
		return;
	free(o->wanted_images);
	o->wanted_images = json ? workload_images(json) : NULL;
	if (!o->wanted_images)
		free(TAKE_PTR(o->sent_images));
	look_later(o);
}

bool upgrade_allows(const struct owned *o)
{
	const struct provision *p = o->provision;

	return !differs(o) || p->upgrades == UPGRADES_AT_ONCE || p->turn == o;
}

void upgrade_sent(struct owned *o)
{
	struct provision *p = o->provision;

	if (!differs(o))
		return;
	log_info("%s of %s: upgrading it from %s to %s", o->key, o->owner->title, o->live_images,
		 o->wanted_images);
	free(o->sent_images);
	o->sent_images = xstrdup(o->wanted_images);
	if (p->turn == o)
		p->turn = NULL;
	look_later(o);
}

void upgrade_failed(struct owned *o)
{
	if (!o->sent_images)
		return;
	free(TAKE_PTR(o->sent_images));
	look_later(o);
}

void upgrade_forget(struct owned *o)
{
	struct provision *p = o->provision;

	if (p->turn == o)
		p->turn = NULL;
	if (p->rolls == o)
		p->rolls = NULL;
	p->upgrade_due |= owned_is_workload(o);
	free(o->wanted_images);
	free(o->live_images);
	free(o->sent_images);
}

/* ---- whose turn it is ---- */

static bool takes_too_long(const struct owned *o)
{
	return workload_failure(o->live) || clock_monotonic() - o->rolls_since > STUCK_USEC;
}

static enum owned_upgrade find_upgrade(struct owned *o)
{
	const struct provision *p = o->provision;

	if (!o->live) {
		o->rolls_since = 0;
		return UPGRADE_NONE;
	}
	if (is_rolling(o)) {
		o->rolls_since = o->rolls_since ? o->rolls_since : clock_monotonic();
		return takes_too_long(o) ? UPGRADE_STUCK : UPGRADE_ROLLS;
	}
	o->rolls_since = 0;
	if (!differs(o) || p->upgrades == UPGRADES_AT_ONCE)
		return UPGRADE_NONE;
	return p->upgrades == UPGRADES_HELD ? UPGRADE_HELD : UPGRADE_WAITS;
}

static void note(struct owned *o)
{
	enum owned_upgrade is = find_upgrade(o), was = o->upgrade;
	const char *failure = o->live ? workload_failure(o->live) : NULL;

	if (is == was)
		return;
	o->upgrade = is;
	owner_dirty(o->owner);
	if (is == UPGRADE_STUCK)
		log_warning("%s of %s: its new pods do not become available, and upgrades "
			    "of other Gateways' Envoys wait for them: %s",
			    o->key, o->owner->title, failure ? failure : "it takes too long");
	else if (o->wanted_images && o->live_images && !differs(o) &&
		 (was == UPGRADE_ROLLS || was == UPGRADE_STUCK))
		log_info("%s of %s: all pods have their new images", o->key, o->owner->title);
}

/* One that cannot be written, or whose pods are not available, may never be complete: it comes
 * last. */
static int doubts(const struct owned *o)
{
	return (o->problem ? 2 : 0) + !workload_is_complete(o->live, is_daemon_set(o));
}

static bool goes_before(const struct owned *a, const struct owned *b)
{
	int x = doubts(a), y = doubts(b);

	return x != y ? x < y : strcmp(a->key, b->key) < 0;
}

void upgrade_look(struct provision *p)
{
	struct owned *o, *first = NULL;

	if (!p->upgrade_due)
		return;
	p->upgrade_due = false;
	p->rolls = NULL;
	p->waiting = 0;
	HASHMAP_FOREACH (&p->objects, o) {
		if (!owned_is_workload(o))
			continue;
		note(o);
		if (o->upgrade == UPGRADE_ROLLS || o->upgrade == UPGRADE_STUCK)
			p->rolls = p->rolls && strcmp(p->rolls->key, o->key) < 0 ? p->rolls : o;
		p->waiting += o->upgrade == UPGRADE_WAITS || o->upgrade == UPGRADE_HELD;
		if (o->upgrade == UPGRADE_WAITS && (!first || goes_before(o, first)))
			first = o;
	}
	p->turn = p->rolls ? NULL : first;
	/* One that is queued may have to wait, because a try has failed. */
	if (p->turn && !p->turn->queued)
		owned_enqueue(p->turn, 0);
}

/* ---- reports ---- */

static int64_t age(const struct provision *p)
{
	return p->rolls ? clock_monotonic() - p->rolls->rolls_since : 0;
}

void provision_why(const struct provision *p, struct strbuf *out)
{
	const char *failure = p->rolls ? workload_failure(p->rolls->live) : NULL;

	if (!p->rolls || (!failure && age(p) <= STUCK_USEC))
		return;
	strbuf_printf(out,
		      "degraded: %s of %s does not become ready with its new images, and "
		      "%zu others wait to be upgraded: %s\n",
		      p->rolls->key, p->rolls->owner->title, p->waiting,
		      failure ? failure : "it takes too long");
}

void provision_metrics(const struct provision *p, struct strbuf *out)
{
	metric_single(out, METRIC_KUBE_FLEETS_WAITING, p->waiting);
	metric_single(out, METRIC_KUBE_FLEET_UPGRADE_AGE, age(p) / USEC_PER_SEC);
}

void provision_debug(const struct provision *p, struct document *d)
{
	document_put_uint(d, "objects_of_gateways", p->counters.objects);
	document_put_uint(d, "objects_applied", p->counters.applied);
	document_put_uint(d, "objects_deleted", p->counters.deleted);
	document_put_uint(d, "objects_refused", p->counters.refused);
	document_put_uint(d, "object_failures", p->counters.failures);
	document_put_uint(d, "fleets_waiting", p->waiting);
	document_put_string(d, "fleet_upgrading", p->rolls ? p->rolls->owner->key : "");
}
