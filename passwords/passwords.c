/* The process: users by the link, questions by HTTP on a Unix socket, answers 200, 401 or 503. */
#include <errno.h>
#include <event2/buffer.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <event2/listener.h>
#include <grp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/document.h"
#include "common/base/log.h"
#include "common/base/metric.h"
#include "common/daemon/control-wait.h"
#include "common/daemon/runtime-dir.h"
#include "common/link/link.h"
#include "common/link/unix-socket.h"
#include "common/link/users-item.h"
#include "passwords/checks.h"
#include "passwords/credentials.h"
#include "passwords/passwords.h"
#include "passwords/verified.h"
#include "passwords/verify.h"

#define HEADERS_MAX 16384
#define THREADS_MAX 4
/* Envoy closes idle connections before. */
#define IDLE_SEC 3600
/* Envoys' questions wait so long for the users after our start. */
#define START_USEC (5 * USEC_PER_SEC)
#define USERS      "X-Portolan-Users"

struct passwords_options passwords_options = { .waiting = 256 };

enum outcome { RIGHT, REMEMBERED, WRONG, UNKNOWN, BUSY, OUTCOMES };

static const char *const outcome_names[OUTCOMES] = {
	[RIGHT] = "right", [REMEMBERED] = "remembered", [WRONG] = "wrong", [UNKNOWN] = "unknown",
	[BUSY] = "busy",
};

struct passwords {
	struct daemon *daemon;
	struct state *users; /* the translator's, mirrored */
	struct link *link;
	struct control_wait *wait;
	struct evhttp *http;
	struct evconnlistener *listener; /* http's */
	struct event *late;              /* the users have not come in time */
	struct state_observer observer;  /* of the users */
	struct checks *checks;
	struct verified *verified;
	struct asker *askers; /* the waiting requests */
	char *link_path, *path;
	uint64_t outcomes[OUTCOMES];
	int64_t began;
};

/* A request whose password is being computed. */
struct asker {
	struct checks_wait wait; /* the first: checks.h gives it back */
	struct passwords *p;
	struct evhttp_request *req;
	uint8_t digest[VERIFIED_DIGEST];
	struct asker *next;
};

/* ---- questions ---- */

static void answer(struct passwords *p, struct evhttp_request *req, enum outcome outcome)
{
	static const int statuses[OUTCOMES] = {
		[RIGHT] = 200, [REMEMBERED] = 200, [WRONG] = 401, [UNKNOWN] = 503, [BUSY] = 503
	};

	p->outcomes[outcome]++;
	evhttp_send_reply(req, statuses[outcome], NULL, NULL);
}

static void asker_free(struct asker *a)
{
	for (struct asker **at = &a->p->askers; *at; at = &(*at)->next)
		if (*at == a) {
			*at = a->next;
			break;
		}
	free(a);
}

static void on_closed(struct evhttp_connection *connection _unused_, void *ctx)
{
	struct asker *a = ctx;

	checks_forget(a->p->checks, &a->wait);
	asker_free(a);
}

static void on_checked(struct checks_wait *w, bool right)
{
	struct asker *a = (struct asker *)w;

	if (right)
		verified_add(a->p->verified, a->digest, clock_monotonic());
	evhttp_connection_set_closecb(evhttp_request_get_connection(a->req), NULL, NULL);
	answer(a->p, a->req, right ? RIGHT : WRONG);
	asker_free(a);
}

static int check_later(struct passwords *p, struct evhttp_request *req,
		       const struct checks_question *q)
{
	struct asker *a = xnew(struct asker, 1);
	int r;

	*a = (struct asker){ .wait.answer = on_checked, .p = p, .req = req, .next = p->askers };
	memcpy(a->digest, q->digest, VERIFIED_DIGEST);
	r = checks_ask(p->checks, q, &a->wait);
	if (r < 0) {
		free(a);
		return r;
	}
	p->askers = a;
	evhttp_connection_set_closecb(evhttp_request_get_connection(req), on_closed, a);
	return 0;
}

static void check(struct passwords *p, struct evhttp_request *req, const char *file,
		  const struct credentials *c, const char *hash)
{
	struct checks_question q = { .file = file, .password = c->password, .hash = hash };
	int64_t now = clock_monotonic();

	if (verify_is_cheap(hash))
		answer(p, req, verify_password(c->password, hash) ? RIGHT : WRONG);
	else if (verified_digest(p->verified, c->user, c->password, hash, q.digest) < 0)
		answer(p, req, BUSY);
	else if (verified_has(p->verified, q.digest, now))
		answer(p, req, REMEMBERED);
	else if (check_later(p, req, &q) < 0)
		answer(p, req, BUSY);
}

static const struct item *find_users(struct passwords *p, const char *key)
{
	return key && state_complete(p->users) ? state_get(p->users, ITEM_USERS, key, strlen(key))
					       : NULL;
}

static void on_request(struct evhttp_request *req, void *ctx)
{
	const struct evkeyvalq *headers = evhttp_request_get_input_headers(req);
	const char *header = evhttp_find_header(headers, "Authorization");
	const char *key = evhttp_find_header(headers, USERS);
	struct passwords *p = ctx;
	const struct item *users = find_users(p, key);
	struct credentials c = { 0 };
	char *hash = NULL;

	if (!users) {
		answer(p, req, UNKNOWN);
		return;
	}
	if (header && credentials_read(header, &c))
		hash = credentials_hash((const char *)item_value(users), users->value_len, c.user);
	if (hash)
		check(p, req, key, &c, hash);
	else
		answer(p, req, WRONG);
	credentials_done(&c);
	free(hash);
}

/* ---- pages ---- */

static int on_debug_status(void *ctx, const char *query _unused_, struct strbuf *out)
{
	struct passwords *p = ctx;
	_cleanup_strbuf_ struct strbuf why = STRBUF_INIT;
	bool ready = passwords_ready(p->daemon, &why);
	struct document d;

	document_init(&d, out, DOCUMENT_JSON);
	document_map(&d);
	document_put_string(&d, "stage", "passwords");
	document_put_string(&d, "state", !ready ? "starting" : why.len ? "degraded" : "running");
	document_put_bool(&d, "ready", ready);
	document_put_lines(&d, "reasons", strbuf_str(&why));
	document_put_int(&d, "pid", getpid());
	document_put_uint(&d, "generation", state_generation(p->users));
	document_put_uint(&d, "source", state_source(p->users));
	document_put_uint(&d, "objects", state_count(p->users));
	document_put_int(&d, "uptime_seconds", (clock_monotonic() - p->began) / USEC_PER_SEC);
	document_put_string(&d, "socket", p->path);
	document_put_uint(&d, "waiting", checks_waiting(p->checks));
	document_end(&d);
	return 200;
}

static void on_metrics(void *ctx, struct strbuf *out)
{
	struct passwords *p = ctx;

	metric_family(out, METRIC_PASSWORDS_CHECKS);
	for (unsigned i = 0; i < OUTCOMES; i++)
		metric_sample(out, METRIC_PASSWORDS_CHECKS, p->outcomes[i], outcome_names[i]);
	metric_single(out, METRIC_PASSWORDS_WAITING, checks_waiting(p->checks));
	metric_single(out, METRIC_PASSWORDS_FILES, state_count(p->users));
	link_metrics(p->link, out);
}

/* ---- life ---- */

static void on_link(void *ctx, bool connected)
{
	struct passwords *p = ctx;

	if (connected)
		log_info("connected to the translator");
	else
		log_warning("lost the translator: %s; the users that are known stay",
			    link_last_error(p->link));
}

static void passwords_free(struct passwords *p)
{
	if (!p)
		return;
	control_wait_free(p->wait);
	if (p->listener)
		state_unobserve(p->users, &p->observer);
	if (p->late)
		event_free(p->late);
	if (p->http)
		evhttp_free(p->http); /* closes connections, and so drops the waiting requests */
	checks_free(p->checks);
	while (p->askers)
		asker_free(p->askers);
	if (p->path)
		(void)unlink(p->path);
	link_free(p->link);
	verified_free(p->verified);
	state_free(p->users);
	free(p->link_path);
	free(p->path);
	free(p);
}
DEFINE_CLEANUP(struct passwords *, passwords_free)

gid_t passwords_group(void)
{
	static gid_t found = (gid_t)-1;
	const struct group *g;

	if (found == (gid_t)-1 && passwords_options.group) {
		g = getgrnam(passwords_options.group);
		found = g ? g->gr_gid : found;
	}
	return found;
}

/* In a folder with the set-group-ID bit the socket has that group already. */
static int open_to_group(const struct passwords *p)
{
	gid_t group = passwords_group();

	if (!passwords_options.group)
		return 0;
	if (group == (gid_t)-1)
		return log_error_errno(-EINVAL, "--group \"%s\": no such group",
				       passwords_options.group);
	if (chown(p->path, (uid_t)-1, group) < 0 || chmod(p->path, 0660) < 0)
		return log_error_errno(-errno, "cannot give %s to the group %s: %m", p->path,
				       passwords_options.group);
	return 0;
}

/* A question that comes while we start again waits in the socket's queue for a moment: without
 * users it could only be answered with 503. */
static void answer_from_now(struct passwords *p)
{
	(void)evtimer_del(p->late);
	(void)evconnlistener_enable(p->listener);
}

static void on_late(evutil_socket_t fd _unused_, short what _unused_, void *ctx)
{
	answer_from_now(ctx);
}

static void on_users(void *ctx)
{
	struct passwords *p = ctx;

	if (state_complete(p->users))
		answer_from_now(p);
}

static int accept_later(struct passwords *p, int fd)
{
	struct evhttp_bound_socket *bound = evhttp_accept_socket_with_handle(p->http, fd);

	if (!bound)
		return -EIO;
	p->listener = evhttp_bound_socket_get_listener(bound);
	(void)evconnlistener_disable(p->listener);
	p->late = event_loop_timer(p->daemon->loop, on_late, p);
	event_loop_arm(p->late, START_USEC);
	p->observer = (struct state_observer){ NULL, on_users, p, NULL };
	state_observe(p->users, &p->observer);
	return 0;
}

static int listen_for_envoy(struct passwords *p)
{
	int fd;

	p->http = evhttp_new(event_loop_base(p->daemon->loop));
	if (!p->http)
		return log_error_errno(-ENOMEM, "cannot listen at %s: %m", p->path);
	evhttp_set_allowed_methods(p->http, EVHTTP_REQ_GET);
	evhttp_set_max_headers_size(p->http, HEADERS_MAX);
	evhttp_set_max_body_size(p->http, 0);
	evhttp_set_timeout(p->http, IDLE_SEC);
	evhttp_set_gencb(p->http, on_request, p);
	fd = unix_socket_listen(p->path);
	if (fd < 0)
		return log_error_errno(fd, "cannot listen at %s: %m", p->path);
	if (accept_later(p, fd) < 0) {
		(void)close(fd);
		return log_error_errno(-EIO, "cannot listen at %s: %m", p->path);
	}
	return open_to_group(p);
}

static unsigned threads(void)
{
	long processors = sysconf(_SC_NPROCESSORS_ONLN) / 2;

	if (passwords_options.threads)
		return MIN(passwords_options.threads, 64u);
	return processors < 1 ? 1 : (unsigned)MIN(processors, (long)THREADS_MAX);
}

static int open_all(struct passwords *p)
{
	struct daemon *d = p->daemon;
	struct checks_config config = { .threads = threads(),
					.waiting_max = MAX(passwords_options.waiting, 1u) };
	struct link_config link = {
		.name = "users",
		.path = p->link_path,
		.role = "passwords",
		.peer_role = "translator",
		.mirror = p->users,
		.status = on_link,
		.ctx = p,
	};
	int r;

	config.per_file_max = MAX(config.waiting_max / 4, 1u);
	r = checks_new(d->loop, &config, &p->checks);
	if (r < 0)
		return log_error_errno(r, "cannot start threads: %m");
	r = listen_for_envoy(p);
	if (r < 0)
		return r;
	r = link_connect(d->loop, &link, &p->link);
	return r < 0 ? log_error_errno(r, "cannot connect to %s: %m", p->link_path) : 0;
}

int passwords_start(struct daemon *d)
{
	_cleanup_(passwords_freep) struct passwords *p = xnew(struct passwords, 1);
	int r;

	p->daemon = d;
	p->began = clock_monotonic();
	p->users = state_new();
	p->verified = verified_new();
	p->link_path = daemon_path(d, "users.sock");
	p->path = passwords_options.listen ? xstrdup(passwords_options.listen)
					   : daemon_path(d, RUNTIME_CHECK);
	r = open_all(p);
	if (r < 0)
		return r;
	control_add(d->control, "/debug/status", "application/json", on_debug_status, p);
	control_add_metrics(d->control, on_metrics, p);
	p->wait = control_wait_new(d->loop, d->control, p->users);
	daemon_status(d, "checking passwords");
	d->stage = TAKE_PTR(p);
	return 0;
}

void passwords_stop(struct daemon *d)
{
	passwords_free(d->stage);
}

bool passwords_ready(struct daemon *d, struct strbuf *why)
{
	struct passwords *p = d->stage;

	if (!state_complete(p->users)) {
		strbuf_printf(why, "no complete set of users from the translator yet: %s\n",
			      link_last_error(p->link));
		return false;
	}
	if (!link_connected(p->link))
		strbuf_printf(why, "degraded: no translator: %s\n", link_last_error(p->link));
	return true;
}
