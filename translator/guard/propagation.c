/* Which objects all Envoys have accepted. */
#include "translator/guard/propagation.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/hashmap.h"
#include "common/configuration/configuration.h"
#include "translator/graph/cell.h"
#include "translator/model/front-end.h"

#define LATE_USEC (10 * USEC_PER_SEC)

static const struct said {
	Portolan__Ipc__ConditionStatus status;
	const char *reason, *message;
} said[] = {
	[PROPAGATION_PENDING] = { PORTOLAN__IPC__CONDITION_STATUS__CONDITION_UNKNOWN, "Pending",
				  "not all Envoys have accepted it, or none is connected; "
				  "`portolan wait` names the obstacle" },
	[PROPAGATION_ACCEPTED] = { PORTOLAN__IPC__CONDITION_STATUS__CONDITION_TRUE, "Accepted",
				   "all connected Envoys have accepted it" },
	[PROPAGATION_REFUSED] = { PORTOLAN__IPC__CONDITION_STATUS__CONDITION_FALSE,
				  "RejectedByEnvoy", "an Envoy refuses what it makes" },
	[PROPAGATION_REJECTED] = { PORTOLAN__IPC__CONDITION_STATUS__CONDITION_FALSE, "Rejected",
				   "it is rejected, so Envoys do not get it" },
};

/* An object's status as far as it counts here. */
struct look {
	int64_t generation;
	bool ignored, rejected, refused;
};

struct mark {
	TAILQ_ENTRY(mark) open; /* while queued */
	bool queued, gone;
	bool late; /* the wait has taken long, and it was said if it was to be */
	struct look look;
	uint64_t source; /* of the world with it; 0: of the next settlement */
	int64_t since;
	enum propagation_verdict said; /* about this generation */
	struct item *note;
	unsigned kind;
	size_t key_len;
	char key[]; /* the kind as a byte, then the object's key */
};

TAILQ_HEAD(marks, mark);

/* The Envoys of a fleet. */
struct standing {
	char *fleet;
	size_t envoys;
	uint64_t acked, answered;
};

struct propagation {
	struct propagation_config config;
	struct state_observer on_statuses;
	struct item *configuration; /* the one that `on` was read from */
	bool on;
	struct hashmap marks;
	struct marks open;
	/* During a settlement. */
	struct vec standings;
	bool searches, undecided;
};

enum propagation_verdict propagation_decide(const struct propagation_view *v)
{
	/* What Envoys refuse is rejected as well. */
	if (v->refused)
		return PROPAGATION_REFUSED;
	if (v->rejected)
		return PROPAGATION_REJECTED;
	/* An Envoy that refuses something has not accepted the world: then the quarantine knows
	 * whether the refusal is about this object, once it has decided all changes. */
	if (v->envoys && !v->searches &&
	    (v->acked >= v->source || (v->answered >= v->source && !v->undecided)))
		return PROPAGATION_ACCEPTED;
	return v->late ? PROPAGATION_PENDING : PROPAGATION_OPEN;
}

/* ---- marks ---- */

static const void *mark_key(const void *entry, size_t *ret_len)
{
	*ret_len = ((const struct mark *)entry)->key_len;
	return ((const struct mark *)entry)->key;
}

static struct mark *find(const struct propagation *p, const struct item *i)
{
	_cleanup_free_ char *key = xmalloc(i->key_len + 2);

	key[0] = (char)i->kind;
	memcpy(key + 1, i->data, i->key_len);
	return hashmap_get(&p->marks, key, i->key_len + 1);
}

static struct mark *make(struct propagation *p, const struct item *i)
{
	struct mark *m = xcalloc(1, sizeof(*m) + i->key_len + 2);

	m->kind = i->kind;
	m->key_len = i->key_len + 1;
	m->key[0] = (char)i->kind;
	memcpy(m->key + 1, i->data, i->key_len);
	(void)hashmap_put(&p->marks, m);
	return m;
}

static void enqueue(struct propagation *p, struct mark *m)
{
	m->source = 0;
	m->late = false;
	if (!m->queued)
		TAILQ_INSERT_TAIL(&p->open, m, open);
	m->queued = true;
}

static void dequeue(struct propagation *p, struct mark *m)
{
	if (m->queued)
		TAILQ_REMOVE(&p->open, m, open);
	m->queued = false;
}

static void mark_free(struct mark *m)
{
	item_unref(m->note);
	free(m);
}

/* Takes back what was said of the object. True if that was anything. */
static bool unsay(struct propagation *p, struct mark *m)
{
	struct item *note = TAKE_PTR(m->note);

	m->said = PROPAGATION_OPEN;
	if (!note)
		return false;
	graph_note_remove(p->config.graph, (enum object_kind)m->kind, m->key + 1, note);
	item_unref(note);
	return true;
}

static bool say(struct propagation *p, struct mark *m, enum propagation_verdict verdict)
{
	Portolan__Ipc__ObjectStatus part = PORTOLAN__IPC__OBJECT_STATUS__INIT;
	Portolan__Ipc__Condition c = PORTOLAN__IPC__CONDITION__INIT;

	/* Once it has arrived, Envoys that come later do not count. */
	if (m->said == verdict ||
	    (m->said == PROPAGATION_ACCEPTED && verdict == PROPAGATION_PENDING))
		return false;
	(void)unsay(p, m);
	m->said = verdict;
	c.type = (char *)"Propagated";
	c.has_status = 1;
	c.status = said[verdict].status;
	c.reason = (char *)(uintptr_t)said[verdict].reason;
	c.message = (char *)(uintptr_t)said[verdict].message;
	part.propagated = &c;
	part.has_propagated_generation = m->look.generation != 0;
	part.propagated_generation = m->look.generation;
	m->note = item_ref(graph_note_add_status(p->config.graph, (enum object_kind)m->kind,
						 m->key + 1, &part));
	return true;
}

/* ---- changes ---- */

/* Those that say which requests go where. Kinds without conditions in the API are among them, for
 * `portolan status`. */
static bool is_kind(unsigned kind)
{
	const struct front_end *f = front_end((enum object_kind)kind);

	return f && !f->listens;
}

static struct look look_at(const struct item *status)
{
	Portolan__Ipc__ObjectStatus *s =
		portolan__ipc__object_status__unpack(NULL, status->value_len, item_value(status));
	struct look look = { 0 };

	if (!s)
		return look;
	look.generation = s->observed_generation;
	look.ignored = s->verdict == PORTOLAN__IPC__VERDICT__VERDICT_IGNORED;
	look.rejected = s->verdict == PORTOLAN__IPC__VERDICT__VERDICT_REJECTED;
	for (size_t i = 0; i < s->n_problems; i++) {
		const char *reason = s->problems[i]->reason ? s->problems[i]->reason : "";

		look.refused |= strcmp(reason, "RejectedByEnvoy") == 0 ||
				strcmp(reason, "RejectedBySomeEnvoys") == 0;
	}
	portolan__ipc__object_status__free_unpacked(s, NULL);
	return look;
}

static bool same_look(const struct look *a, const struct look *b)
{
	return a->generation == b->generation && a->ignored == b->ignored &&
	       a->rejected == b->rejected && a->refused == b->refused;
}

static void take(struct propagation *p, const struct item *status)
{
	struct look look = look_at(status);
	struct mark *m = find(p, status);

	if (m && !m->gone && same_look(&m->look, &look))
		return;
	if (!m)
		m = make(p, status);
	if (m->gone || m->look.generation != look.generation)
		m->said = PROPAGATION_OPEN;
	m->gone = false;
	m->look = look;
	enqueue(p, m);
}

/* The graph is running: its notes are changed by the settlement. */
static void on_status(void *ctx, struct item *before, struct item *after)
{
	struct propagation *p = ctx;
	struct mark *m;

	if (!p->on || !is_kind(after ? after->kind : before->kind))
		return;
	if (after) {
		take(p, after);
	} else if ((m = find(p, before))) {
		m->gone = true;
		enqueue(p, m);
	}
}

/* The status of an object without a generation does not show a change of it. */
void propagation_object(struct propagation *p, const struct item *object)
{
	struct mark *m = p->on && is_kind(object->kind) ? find(p, object) : NULL;

	if (m && !m->look.generation) {
		m->said = PROPAGATION_OPEN;
		enqueue(p, m);
	}
}

/* ---- on and off ---- */

static void begin(struct propagation *p)
{
	struct item *i;
	size_t pos = 0;

	while ((i = state_next(p->config.statuses, &pos)))
		if (is_kind(i->kind))
			take(p, i);
}

static bool end(struct propagation *p)
{
	struct mark *m;
	bool changed = false;

	HASHMAP_FOREACH (&p->marks, m) {
		changed |= unsay(p, m);
		mark_free(m);
	}
	hashmap_done(&p->marks);
	p->marks = HASHMAP_INIT(mark_key);
	TAILQ_INIT(&p->open);
	return changed;
}

/* i: the configuration, or NULL. */
static bool is_on(const struct item *i)
{
	K8s__ContourConfiguration *c;
	const K8s__ConfigPortolan *portolan;
	bool on;

	if (!i)
		return false;
	c = k8s__contour_configuration__unpack(NULL, i->value_len, item_value(i));
	portolan = c && c->spec ? c->spec->portolan : NULL;
	on = portolan && portolan->status && portolan->status->propagated;
	k8s__contour_configuration__free_unpacked(c, NULL);
	return on;
}

static bool configure(struct propagation *p)
{
	struct item *i = state_get(p->config.objects, OBJECT_CONTOUR_CONFIGURATION,
				   CONFIGURATION_KEY, strlen(CONFIGURATION_KEY));
	bool was = p->on;

	if (i == p->configuration)
		return false;
	item_unref(p->configuration);
	p->configuration = i ? item_ref(i) : NULL;
	p->on = is_on(i);
	if (p->on && !was)
		begin(p);
	return was && !p->on && end(p);
}

/* ---- Envoys ---- */

static struct standing *standing_of(struct propagation *p, const char *fleet)
{
	struct standing *s;

	for (uint32_t i = 0; i < p->standings.n; i++) {
		s = vec_at(&p->standings, i);
		if (strcmp(s->fleet, fleet) == 0)
			return s;
	}
	s = xnew(struct standing, 1);
	*s = (struct standing){ xstrdup(fleet), 0, UINT64_MAX, UINT64_MAX };
	vec_add(&p->standings, s);
	return s;
}

static void read_standings(struct propagation *p)
{
	struct item *i;
	size_t pos = 0;

	while ((i = state_next(p->config.reports, &pos))) {
		Portolan__Ipc__EnvoyReport *r;
		struct standing *s;

		if (i->kind != REPORT_ENVOY)
			continue;
		r = portolan__ipc__envoy_report__unpack(NULL, i->value_len, item_value(i));
		/* One that has not named itself gets nothing yet. */
		if (r && r->node_id && *r->node_id) {
			s = standing_of(p, r->fleet ? r->fleet : "");
			s->envoys++;
			s->acked = MIN(s->acked, r->acked_source);
			s->answered = MIN(s->answered, r->answered_source);
		}
		portolan__ipc__envoy_report__free_unpacked(r, NULL);
	}
}

static void forget_standings(struct propagation *p)
{
	for (uint32_t i = 0; i < p->standings.n; i++) {
		struct standing *s = vec_at(&p->standings, i);

		free(s->fleet);
		free(s);
	}
	vec_done(&p->standings);
}

struct count {
	struct propagation *propagation;
	struct propagation_view *view;
};

static void add_fleet(void *ctx, const char *fleet)
{
	struct count *c = ctx;

	for (uint32_t i = 0; i < c->propagation->standings.n; i++) {
		const struct standing *s = vec_at(&c->propagation->standings, i);

		if (strcmp(fleet, s->fleet) != 0 && strcmp(fleet, "*") != 0)
			continue;
		c->view->envoys += s->envoys;
		c->view->acked = MIN(c->view->acked, s->acked);
		c->view->answered = MIN(c->view->answered, s->answered);
	}
}

/* ---- settling ---- */

static bool settle(struct propagation *p, struct mark *m, int64_t now)
{
	struct propagation_view v = {
		.rejected = m->look.rejected,
		.refused = m->look.refused,
		.late = now - m->since >= LATE_USEC,
		.searches = p->searches,
		.undecided = p->undecided,
		.source = m->source,
		.acked = UINT64_MAX,
		.answered = UINT64_MAX,
	};
	struct count count = { p, &v };
	enum propagation_verdict verdict;

	graph_object_fleets(p->config.graph, (enum object_kind)m->kind, m->key + 1, m->key_len - 1,
			    add_fleet, &count);
	verdict = propagation_decide(&v);
	if (verdict == PROPAGATION_OPEN)
		return false;
	m->late = verdict == PROPAGATION_PENDING;
	if (!m->late)
		dequeue(p, m);
	return say(p, m, verdict);
}

static bool settle_mark(struct propagation *p, struct mark *m, uint64_t source, int64_t now)
{
	bool changed = false;

	if (m->gone || m->look.ignored) {
		changed = unsay(p, m);
		dequeue(p, m);
		if (m->gone) {
			(void)hashmap_remove(&p->marks, m->key, m->key_len);
			mark_free(m);
		}
		return changed;
	}
	if (!m->source) {
		m->source = source;
		m->since = now;
		/* Without a number nobody could tell what it was about. */
		if (!m->look.generation && m->said == PROPAGATION_OPEN)
			changed = unsay(p, m);
	}
	return settle(p, m, now) || changed;
}

bool propagation_settle(struct propagation *p, uint64_t source, int64_t now)
{
	bool changed = configure(p);
	struct mark *m, *next;

	if (TAILQ_EMPTY(&p->open))
		return changed;
	read_standings(p);
	p->searches = quarantine_searches(p->config.quarantine);
	p->undecided = quarantine_counters(p->config.quarantine)->pending > 0;
	for (m = TAILQ_FIRST(&p->open); m; m = next) {
		next = TAILQ_NEXT(m, open);
		changed |= settle_mark(p, m, source, now);
	}
	forget_standings(p);
	return changed;
}

int64_t propagation_next(const struct propagation *p)
{
	int64_t next = -1;
	struct mark *m;

	TAILQ_FOREACH (m, &p->open, open)
		if (!m->late && (next < 0 || m->since + LATE_USEC < next))
			next = m->since + LATE_USEC;
	return next;
}

/* ---- the whole ---- */

struct propagation *propagation_new(const struct propagation_config *config)
{
	struct propagation *p = xcalloc(1, sizeof(*p));

	p->config = *config;
	p->marks = HASHMAP_INIT(mark_key);
	TAILQ_INIT(&p->open);
	p->on_statuses = (struct state_observer){ on_status, NULL, p, NULL };
	state_observe(config->statuses, &p->on_statuses);
	return p;
}

void propagation_free(struct propagation *p)
{
	struct mark *m;

	if (!p)
		return;
	state_unobserve(p->config.statuses, &p->on_statuses);
	HASHMAP_FOREACH (&p->marks, m)
		mark_free(m);
	hashmap_done(&p->marks);
	item_unref(p->configuration);
	free(p);
}
