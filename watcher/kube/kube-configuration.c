/* The configuration from an object of the API. Used by the watcher's Kubernetes source. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/arena.h"
#include "common/base/incident.h"
#include "common/base/log.h"
#include "common/base/metric.h"
#include "common/configuration/configuration-check.h"
#include "common/decode/decode-rules.h"
#include "common/decode/object-kind.h"

#include "watcher/kube/kube-configuration.h"

#define KIND         OBJECT_CONTOUR_CONFIGURATION
#define KEY          CONFIGURATION_KEY, strlen(CONFIGURATION_KEY)
#define PROBLEMS_MAX 64
#define SAVED_MAX    (8u << 20) /* as of any object */

struct kube_configuration {
	struct store *store;
	char *namespace, *api_key, *selector, *saved;
	struct item *taken; /* the last good one */
	char *refused; /* the first thing that is wrong with the object; NULL: it is in force */
	struct item *refusal; /* the status that says so */
	bool missing;
};

struct findings {
	struct arena *arena;
	const char *stays; /* the consequence of refusing one */
	const char *first;
	Portolan__Ipc__ObjectStatus status;
	Portolan__Ipc__Problem *problems[PROBLEMS_MAX];
};

/* ---- its faults ---- */

static void on_problem(void *ctx, enum configuration_severity severity, const char *field,
		       const char *message)
{
	struct findings *f = ctx;
	Portolan__Ipc__Problem *p;

	/* The translator reports settings without effect, once the object is in force. */
	if (severity != CONFIGURATION_WRONG || f->status.n_problems == PROBLEMS_MAX)
		return;
	if (!f->first)
		f->first = arena_printf(f->arena, "spec.%s: %s", field, message);
	p = arena_new_of(f->arena, Portolan__Ipc__Problem, 1);
	portolan__ipc__problem__init(p);
	p->has_severity = 1;
	p->severity = PORTOLAN__IPC__SEVERITY__SEVERITY_ERROR;
	p->reason = arena_strdup(f->arena, "WrongValue");
	p->field = arena_printf(f->arena, "spec.%s", field);
	p->message = arena_printf(f->arena, "%s; %s", message, f->stays);
	f->problems[f->status.n_problems++] = p;
}

static bool check(struct findings *f, const struct kube_trimmed *object)
{
	K8s__ContourConfiguration *o = k8s__contour_configuration__unpack(
		arena_pb(f->arena), object->value_len, object->value);

	if (!o)
		return false;
	if (o->spec)
		configuration_check(f->arena, o->spec, on_problem, f);
	f->status.observed_generation = o->metadata ? o->metadata->generation : 0;
	f->status.has_observed_generation = f->status.observed_generation != 0;
	return f->status.n_problems == 0;
}

/* ---- across restarts ---- */

static void use(struct kube_configuration *c, struct item *item)
{
	item_unref(c->taken);
	c->taken = item_ref(item);
	store_pin(c->store, item_ref(item));
}

/* A line with the object's key, then the object. */
static void save(const struct kube_configuration *c, const struct item *item)
{
	_cleanup_free_ char *aside = xasprintf("%s.new", c->saved);
	FILE *f = fopen(aside, "we");
	bool good = f && fprintf(f, "%s\n", c->api_key) > 0 &&
		    fwrite(item_value(item), 1, item->value_len, f) == item->value_len;

	if (f)
		good = fclose(f) == 0 && good;
	if (!good || rename(aside, c->saved) < 0)
		incident(incident_is_descriptors(-errno) ? INCIDENT_DESCRIPTORS : INCIDENT_STORAGE,
			 "configuration",
			 "cannot write %s: %s; a watcher that starts again waits for a good "
			 "configuration",
			 c->saved, strerror(errno));
}

static char *read_saved(const struct kube_configuration *c, size_t *ret_len)
{
	FILE *f = fopen(c->saved, "re");
	char *text = f ? xmalloc(SAVED_MAX) : NULL;

	if (!f)
		return NULL;
	*ret_len = fread(text, 1, SAVED_MAX, f);
	(void)fclose(f);
	return text;
}

static void recall(struct kube_configuration *c)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new(4096);
	struct findings f = { .arena = arena,
			      .stays = "",
			      .status = PORTOLAN__IPC__OBJECT_STATUS__INIT };
	struct kube_trimmed object = { 0 };
	_cleanup_(item_unrefp) struct item *item = NULL;
	size_t len, key = strlen(c->api_key);
	_cleanup_free_ char *text = read_saved(c, &len);

	if (!text || len <= key || memcmp(text, c->api_key, key) != 0 || text[key] != '\n')
		return;
	object.value = (uint8_t *)text + key + 1;
	object.value_len = len - key - 1;
	if (!check(&f, &object))
		return;
	item = item_new(KIND, KEY, c->api_key, key, object.value, object.value_len);
	use(c, item);
	log_info("ContourConfiguration %s is as it was before, until the API says otherwise",
		 c->api_key);
}

/* ---- starting ---- */

int kube_configuration_new(struct store *store, const char *namespace, const char *name,
			   const char *saved, struct kube_configuration **ret)
{
	const char *what = "--contour-config-name", *text = name;
	const char *problem = rule_name_problem(KIND, name);
	struct kube_configuration *c;

	if (!problem) {
		what = "--contour-config-namespace";
		text = namespace;
		problem = rule_namespace_problem(namespace);
	}
	if (problem) {
		log_error("%s: \"%s\": %s", what, text, problem);
		return -EINVAL;
	}
	c = xnew(struct kube_configuration, 1);
	c->store = store;
	c->namespace = xstrdup(namespace);
	c->api_key = xasprintf("%s/%s", namespace, name);
	c->selector = xasprintf("fieldSelector=metadata.name%%3D%s", name);
	c->saved = xstrdup(saved);
	recall(c);
	*ret = c;
	return 0;
}

void kube_configuration_free(struct kube_configuration *c)
{
	if (!c)
		return;
	free(c->namespace);
	free(c->api_key);
	free(c->selector);
	free(c->saved);
	free(c->refused);
	item_unref(c->taken);
	item_unref(c->refusal);
	free(c);
}

const char *kube_configuration_namespace(const struct kube_configuration *c)
{
	return c->namespace;
}

const char *kube_configuration_selector(const struct kube_configuration *c)
{
	return c->selector;
}

const char *kube_configuration_api_key(const struct kube_configuration *c)
{
	return c->api_key;
}

bool kube_configuration_complete(const struct kube_configuration *c)
{
	return c->taken != NULL;
}

/* ---- refusing ---- */

static struct item *status_item(const Portolan__Ipc__ObjectStatus *status)
{
	size_t n = portolan__ipc__object_status__get_packed_size(status);
	_cleanup_free_ uint8_t *value = xmalloc(n + 1);

	(void)portolan__ipc__object_status__pack(status, value);
	return item_new(KIND, KEY, NULL, 0, value, n);
}

static bool same_value(const struct item *a, const struct item *b)
{
	return a && a->value_len == b->value_len &&
	       memcmp(item_value(a), item_value(b), a->value_len) == 0;
}

static void log_refusal(const struct kube_configuration *c,
			const Portolan__Ipc__ObjectStatus *status)
{
	for (size_t i = 0; i < status->n_problems; i++)
		log_error("ContourConfiguration %s is refused: %s: %s", c->api_key,
			  status->problems[i]->field, status->problems[i]->message);
}

/* Returns the status. The same problem is not logged twice. */
static struct item *refuse(struct kube_configuration *c, struct findings *f)
{
	struct item *refusal;

	f->status.has_verdict = 1;
	f->status.verdict = PORTOLAN__IPC__VERDICT__VERDICT_PARTIAL;
	f->status.problems = f->problems;
	refusal = status_item(&f->status);
	if (!same_value(c->refusal, refusal))
		log_refusal(c, &f->status);
	kube_configuration_unreadable(c, f->first);
	item_unref(c->refusal);
	c->refusal = item_ref(refusal);
	store_note(c->store, KIND, KEY, &f->status);
	return refusal;
}

/* ---- the object ---- */

struct item *kube_configuration_take(struct kube_configuration *c,
				     const struct kube_trimmed *object, struct item **ret_refusal)
{
	struct item *item = item_new(KIND, KEY, c->api_key, strlen(c->api_key), object->value,
				     object->value_len);
	_cleanup_(arena_freep) struct arena *arena = arena_new(4096);
	struct findings f = { .arena = arena,
			      .stays = c->taken ? "the configuration stays as it was"
						: "nothing is served before that is mended",
			      .status = PORTOLAN__IPC__OBJECT_STATUS__INIT };

	c->missing = false;
	if (!check(&f, object) && f.status.n_problems) {
		*ret_refusal = refuse(c, &f);
		return item;
	}
	*ret_refusal = NULL;
	store_note(c->store, KIND, KEY, NULL);
	free(TAKE_PTR(c->refused));
	item_unref(TAKE_PTR(c->refusal));
	if (!c->taken)
		log_info("ContourConfiguration %s is the configuration", c->api_key);
	if (!same_value(c->taken, item))
		save(c, item);
	use(c, item);
	return item;
}

void kube_configuration_unreadable(struct kube_configuration *c, const char *why)
{
	char *refused = xstrdup(why);

	c->missing = false;
	free(c->refused);
	c->refused = refused;
}

void kube_configuration_missing(struct kube_configuration *c)
{
	if (!c->missing)
		log_warning("ContourConfiguration %s does not exist: %s", c->api_key,
			    c->taken ? "the configuration stays as it was"
				     : "nothing is served before it does");
	c->missing = true;
	free(TAKE_PTR(c->refused));
	item_unref(TAKE_PTR(c->refusal));
	store_note(c->store, KIND, KEY, NULL);
}

/* ---- messages for people ---- */

void kube_configuration_why(const struct kube_configuration *c, struct strbuf *out)
{
	const char *stays = c->taken ? "degraded: the configuration stays as it was"
				     : "there is no configuration";

	if (c->missing)
		strbuf_printf(out, "%s: ContourConfiguration %s does not exist\n", stays,
			      c->api_key);
	else if (c->refused)
		strbuf_printf(out, "%s: ContourConfiguration %s is refused: %s\n", stays,
			      c->api_key, c->refused);
}

void kube_configuration_metrics(const struct kube_configuration *c, struct strbuf *out)
{
	metric_single(out, METRIC_CONFIG_REFUSED, c->refused != NULL);
}
