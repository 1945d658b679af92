/* Leader election by a Lease. Clocks of replicas need not agree: how old a lease is, each measures
 * from when it saw it change. Used by the watcher. */
#include <errno.h>
#include <event2/util.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/strbuf.h"

#include "watcher/kube/kube-message.h"
#include "watcher/status/lease.h"

#define DURATION_SECONDS    15
#define RENEW_DEADLINE_USEC (10 * USEC_PER_SEC)
#define RETRY_USEC          (2 * USEC_PER_SEC)
#define REQUEST_USEC        (5 * USEC_PER_SEC)
#define RELEASE_USEC        (1 * USEC_PER_SEC)
#define DURATION_MAX        3600

struct lease {
	struct lease_config config;
	char *name, *namespace, *identity, *path;
	struct event *timer, *deadline;
	struct http_call *call;
	struct arena *arena;
	bool leader, releasing;
	char *problem;

	/* The lease as we last saw it. */
	char *holder, *renewed, *version;
	int64_t duration_usec;
	int64_t transitions;
	int64_t seen; /* monotonic, when it last changed */
};

static void set_text(char **at, const char *text)
{
	char *copy = text ? xstrdup(text) : NULL;

	free(*at);
	*at = copy;
}

static void set_leader(struct lease *l, bool leader)
{
	if (leader)
		event_loop_arm(l->deadline, RENEW_DEADLINE_USEC);
	else
		(void)event_del(l->deadline);
	if (l->leader == leader)
		return;
	l->leader = leader;
	log_info(leader ? "leader of %s/%s: writing statuses" : "no longer leader of %s/%s",
		 l->namespace, l->name);
	l->config.changed(l->config.ctx, leader);
}

static void again(struct lease *l)
{
	uint32_t random;

	/* As in client-go: jitter, so that replicas are not in step. */
	evutil_secure_rng_get_bytes(&random, sizeof(random));
	event_loop_arm(l->timer, RETRY_USEC + (int64_t)random % (RETRY_USEC / 5));
}

static void set_problem(struct lease *l, const char *text)
{
	if (text && (!l->problem || strcmp(l->problem, text) != 0))
		log_warning("leader election by %s/%s: %s", l->namespace, l->name, text);
	set_text(&l->problem, text);
}

/* ---- requests ---- */

static void send_call(struct lease *l, const char *method, const char *path,
		      const char *content_type, const struct strbuf *body,
		      void (*done)(void *ctx, const struct http_result *r))
{
	struct http_request request = {
		.method = method,
		.path = path,
		.content_type = content_type,
		.body = body ? strbuf_str(body) : NULL,
		.body_len = body ? body->len : 0,
		.total_usec = REQUEST_USEC,
		.done = done,
		.ctx = l,
	};

	l->call = http_send(l->config.http, &request);
}

static void add_time(struct strbuf *b, int64_t usec)
{
	time_t seconds = (time_t)(usec / USEC_PER_SEC);
	char text[32];
	struct tm tm;

	(void)gmtime_r(&seconds, &tm);
	(void)strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	strbuf_printf(b, "\"%s.%06dZ\"", text, (int)(usec % USEC_PER_SEC));
}

static void add_spec(const struct lease *l, struct strbuf *b, const char *holder, int duration,
		     bool acquired)
{
	int64_t now = clock_realtime();

	strbuf_puts(b, "\"spec\":{\"holderIdentity\":");
	strbuf_json(b, holder, strlen(holder));
	strbuf_printf(b, ",\"leaseDurationSeconds\":%d,\"leaseTransitions\":%lld,\"renewTime\":",
		      duration, (long long)l->transitions);
	add_time(b, now);
	if (acquired) {
		strbuf_puts(b, ",\"acquireTime\":");
		add_time(b, now);
	}
	strbuf_puts(b, "}");
}

static void failed(struct lease *l, const struct http_result *r)
{
	struct kube_status s;
	_cleanup_free_ char *text = NULL;

	if (r->error < 0) {
		set_problem(l, r->message);
		return;
	}
	arena_reset(l->arena);
	kube_result_status(l->arena, r, &s);
	text = xasprintf("%u: %s", s.code, s.message);
	set_problem(l, text);
}

static const char *member_text(struct json_object *o, const char *name)
{
	struct json_object *v;

	return o && json_object_object_get_ex(o, name, &v) &&
			       json_object_is_type(v, json_type_string)
		       ? json_object_get_string(v)
		       : "";
}

static int64_t member_number(struct json_object *o, const char *name)
{
	struct json_object *v;

	return o && json_object_object_get_ex(o, name, &v) && json_object_is_type(v, json_type_int)
		       ? json_object_get_int64(v)
		       : 0;
}

static struct json_object *member_object(struct json_object *o, const char *name)
{
	struct json_object *v;

	return json_object_object_get_ex(o, name, &v) && json_object_is_type(v, json_type_object)
		       ? v
		       : NULL;
}

/* Takes a Lease as the server has it now. */
static int observe(struct lease *l, const struct http_result *r)
{
	struct json_object *o, *spec;
	const char *holder, *renewed;
	int64_t seconds;

	if (kube_json_parse((const uint8_t *)r->body, r->body_len, &o) < 0)
		return -EBADMSG;
	spec = member_object(o, "spec");
	holder = member_text(spec, "holderIdentity");
	renewed = member_text(spec, "renewTime");
	seconds = member_number(spec, "leaseDurationSeconds");
	seconds = MAX(seconds, 0);
	if (!l->holder || strcmp(l->holder, holder) != 0 || strcmp(l->renewed, renewed) != 0) {
		l->seen = clock_monotonic();
		set_text(&l->holder, holder);
		set_text(&l->renewed, renewed);
	}
	l->duration_usec = MIN(seconds, DURATION_MAX) * USEC_PER_SEC;
	l->transitions = member_number(spec, "leaseTransitions");
	set_text(&l->version, member_text(member_object(o, "metadata"), "resourceVersion"));
	json_object_put(o);
	return 0;
}

static void on_written(void *ctx, const struct http_result *r)
{
	struct lease *l = ctx;

	l->call = NULL;
	if (r->error == 0 && r->status < 300 && observe(l, r) == 0) {
		set_problem(l, NULL);
		set_leader(l, !l->releasing && strcmp(l->holder, l->identity) == 0);
	} else {
		/* Somebody else was faster, or it is gone: look before the next try. */
		set_text(&l->version, NULL);
		if (r->error < 0 || (r->status != 409 && r->status != 404))
			failed(l, r);
	}
	again(l);
}

static void create(struct lease *l)
{
	_cleanup_strbuf_ struct strbuf body = STRBUF_INIT;
	_cleanup_free_ char *path = xstrndup(l->path, (size_t)(strrchr(l->path, '/') - l->path));

	l->transitions = 0;
	strbuf_puts(&body, "{\"apiVersion\":\"coordination.k8s.io/v1\",\"kind\":\"Lease\","
			   "\"metadata\":{\"name\":");
	strbuf_json(&body, l->name, strlen(l->name));
	strbuf_puts(&body, "},");
	add_spec(l, &body, l->identity, DURATION_SECONDS, true);
	strbuf_puts(&body, "}");
	send_call(l, "POST", path, "application/json", &body, on_written);
}

/* With the version it fails if another client has written meanwhile. */
static void write_lease(struct lease *l, const char *holder, int duration, bool acquired)
{
	_cleanup_strbuf_ struct strbuf body = STRBUF_INIT;

	strbuf_puts(&body, "{\"metadata\":{\"resourceVersion\":");
	strbuf_json(&body, l->version, strlen(l->version));
	strbuf_puts(&body, "},");
	add_spec(l, &body, holder, duration, acquired);
	strbuf_puts(&body, "}");
	send_call(l, "PATCH", l->path, "application/merge-patch+json", &body, on_written);
}

static void on_read(void *ctx, const struct http_result *r)
{
	struct lease *l = ctx;
	bool ours, expired;

	l->call = NULL;
	if (r->error == 0 && r->status == 404) {
		create(l);
		return;
	}
	if (r->error < 0 || r->status >= 300 || observe(l, r) < 0) {
		failed(l, r);
		again(l);
		return;
	}
	set_problem(l, NULL);
	ours = strcmp(l->holder, l->identity) == 0;
	expired = !l->holder[0] || clock_monotonic() - l->seen >= l->duration_usec;
	if (!ours && !expired) {
		set_leader(l, false);
		again(l);
		return;
	}
	l->transitions += !ours;
	write_lease(l, l->identity, DURATION_SECONDS, !ours);
}

static void on_timer(evutil_socket_t fd _unused_, short what _unused_, void *ctx)
{
	struct lease *l = ctx;

	if (l->call || l->releasing)
		return;
	if (l->leader && l->version)
		write_lease(l, l->identity, DURATION_SECONDS, false);
	else
		send_call(l, "GET", l->path, NULL, NULL, on_read);
}

static void on_deadline(evutil_socket_t fd _unused_, short what _unused_, void *ctx)
{
	struct lease *l = ctx;

	if (l->releasing)
		return;
	log_warning("leader election: the lease could not be renewed for 10 s");
	set_leader(l, false);
}

struct lease *lease_new(const struct lease_config *config)
{
	struct lease *l = xnew(struct lease, 1);

	l->config = *config;
	l->name = xstrdup(config->name);
	l->namespace = xstrdup(config->namespace);
	l->identity = xstrdup(config->identity);
	l->path = xasprintf("/apis/coordination.k8s.io/v1/namespaces/%s/leases/%s",
			    config->namespace, config->name);
	l->renewed = xstrdup("");
	l->arena = arena_new(4096);
	l->timer = event_loop_timer(config->loop, on_timer, l);
	l->deadline = event_loop_timer(config->loop, on_deadline, l);
	event_loop_arm(l->timer, 0);
	return l;
}

static void release(struct lease *l)
{
	int64_t until = clock_monotonic() + RELEASE_USEC;

	if (l->call)
		http_cancel(TAKE_PTR(l->call));
	l->releasing = true;
	if (!l->leader || !l->version)
		return;
	write_lease(l, "", 1, false);
	/* An event that is sure to come keeps the loop from waiting for longer. */
	event_loop_arm(l->deadline, RELEASE_USEC);
	while (l->call && clock_monotonic() < until)
		if (event_base_loop(event_loop_base(l->config.loop), EVLOOP_ONCE) != 0)
			break;
}

void lease_free(struct lease *l)
{
	if (!l)
		return;
	release(l);
	if (l->call)
		http_cancel(l->call);
	event_free(l->timer);
	event_free(l->deadline);
	arena_free(l->arena);
	free(l->name);
	free(l->namespace);
	free(l->identity);
	free(l->path);
	free(l->problem);
	free(l->holder);
	free(l->renewed);
	free(l->version);
	free(l);
}
