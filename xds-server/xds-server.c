/* The xds-server process: the mirror of the translator's resources, the streams of Envoys, the
 * reports sent back, and the state kept for a restart. */
#include <errno.h>
#include <grp.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/incident.h"
#include "common/base/log.h"
#include "common/daemon/origin.h"
#include "common/daemon/runtime-dir.h"
#include "xds-server/pages.h"
#include "xds-server/scrub.h"
#include "xds-server/unix-listener.h"
#include "xds-server/xds-server.h"

/* The time that an unused encoding is kept. */
#define TRIM_USEC 1000000LL
/* After fewer bytes to clients little is left behind. */
#define GIVE_BACK_BYTES (16u << 20)
#define DEAF_USEC       (200 * USEC_PER_MSEC)
#define DESCRIPTORS_MAX 524288

struct xds_server_options xds_server_options = {
	.max_streams = 16384,
	.first_request_seconds = 10,
	.max_age_seconds = 3600,
};

#define UNIX_PREFIX "unix:"

bool xds_server_is_tcp(void)
{
	const char *address = xds_server_options.address;

	return address && strncmp(address, UNIX_PREFIX, strlen(UNIX_PREFIX)) != 0;
}

gid_t xds_server_group(void)
{
	static gid_t found = UNIX_LISTENER_NO_GROUP;
	const char *name = xds_server_options.group;
	const struct group *g;
	char *end;

	if (!name || found != UNIX_LISTENER_NO_GROUP)
		return found;
	g = getgrnam(name);
	if (g)
		return found = g->gr_gid;
	found = (gid_t)strtoul(name, &end, 10);
	return found = *name >= '0' && *name <= '9' && !*end ? found : UNIX_LISTENER_NO_GROUP;
}

/* ---- readiness ---- */

bool xds_server_ready(struct daemon *d, struct strbuf *why)
{
	struct xds_server *x = d->stage;

	if (x->saved_error[0])
		strbuf_printf(why, "the saved state was refused: %s\n", x->saved_error);
	if (x->saved && saved_state_error(x->saved)[0])
		strbuf_printf(why, "the state cannot be saved: %s\n", saved_state_error(x->saved));
	if (x->deaf && evtimer_pending(x->deaf, NULL))
		strbuf_puts(why, "out of file descriptors: no other Envoy can connect\n");
	if (!x->link || !link_connected(x->link))
		strbuf_printf(why, "the translator is away: %s\n",
			      state_complete(x->state) ? "its last resources are served"
						       : "there is nothing to serve yet");
	if (!state_complete(x->state))
		strbuf_puts(why, "no complete set of resources yet: Envoys are kept waiting\n");
	return x->listener && state_complete(x->state);
}

static void tell_supervisor(struct xds_server *x)
{
	if (x->listener && state_complete(x->state))
		daemon_status(x->daemon, "%zu resources, %zu streams%s", state_count(x->state),
			      grpc_listener_streams(x->listener),
			      x->link && link_connected(x->link) ? ""
								 : ", no translator connected");
}

/* ---- the world ---- */

static void on_world(void *ctx)
{
	struct xds_server *x = ctx;
	bool first = x->store->turn == 1;

	change_log_arrived(&x->changes, state_source(x->state), clock_realtime());
	for (struct client *c = x->clients; c; c = c->next)
		stream_world(c->stream, first);
	grpc_listener_pump(x->listener, x->clients);
	report_world(x->report);
	x->warm &= first;
	if (!first)
		return;
	log_info("first complete world: %zu items after %.1f ms", state_count(x->state),
		 (double)(clock_monotonic() - x->began) / USEC_PER_MSEC);
	tell_supervisor(x);
}

static uint64_t sent_bytes(const struct xds_server *x)
{
	uint64_t n = 0;

	for (unsigned k = 0; k < RESOURCE_KIND_MAX_; k++)
		n += x->stats.kinds[k].bytes;
	return n;
}

/* The memory of many starting clients is scattered between what they keep: the C library returns it
 * only on request. */
static void give_back(struct xds_server *x)
{
	uint64_t sent = sent_bytes(x);

	if (sent - x->given_back < GIVE_BACK_BYTES)
		return;
	x->given_back = sent;
	(void)malloc_trim(0);
}

static void on_trim(evutil_socket_t fd _unused_, short what _unused_, void *ctx)
{
	struct xds_server *x = ctx;

	if (resource_store_trim(x->store))
		event_loop_arm(x->trim_timer, TRIM_USEC);
	else
		give_back(x);
}

static void on_keeps(void *ctx)
{
	struct xds_server *x = ctx;

	event_loop_arm(x->trim_timer, TRIM_USEC);
}

static const struct resource_store_ops store_ops = {
	.commit = on_world,
	.keeps = on_keeps,
};

/* ---- sources ---- */

/* The kept state is of another folder, cluster or class, which is not wanted. Says which are in use
 * now. */
static bool is_of_other_sources(const struct xds_server *x, const struct state *s, char *error)
{
	_cleanup_free_ char *sources = NULL, *classes = NULL;
	uint64_t watcher = origin_noted(x->daemon, "watcher", &sources);
	uint64_t translator = origin_noted(x->daemon, "translator", &classes);
	uint64_t now = origin_join(watcher, translator);

	if (!now || !state_origin(s) || state_origin(s) == now)
		return false;
	for (char *p = sources; *p; p++)
		if (*p == '\n')
			*p = p[1] ? ',' : '\0';
	(void)snprintf(error, SAVED_STATE_ERROR_MAX, "it is of other sources than now (%s; %.*s)",
		       sources, (int)strcspn(classes, "\n"), classes);
	return true;
}

/* The stages start in parallel, so the sources may be noted after the kept state was read. */
static void check_sources(struct xds_server *x)
{
	char error[SAVED_STATE_ERROR_MAX];

	if (!x->warm || !is_of_other_sources(x, x->state, error))
		return;
	x->warm = false;
	log_warning("the kept state is not served any more: %s; starting again", error);
	event_loop_stop(x->daemon->loop, -ESTALE);
}

/* ---- clients ---- */

static void on_opened(void *ctx, struct client *c)
{
	struct xds_server *x = ctx;

	check_sources(x);
	c->next = x->clients;
	c->link = &x->clients;
	if (c->next)
		c->next->link = &c->next;
	x->clients = c;
}

static void on_closed(void *ctx, struct client *c)
{
	struct xds_server *x = ctx;
	unsigned dropped;

	*c->link = c->next;
	if (c->next)
		c->next->link = c->link;
	report_gone(x->report, c);
	if (c->stream->info.named && log_limit_pass(&x->connect_limit, &dropped))
		log_with(LOG_INFO,
			 FIELDS({ "node", c->stream->info.node_id }, { "peer", c->peer },
				{ "protocol", c->protocol }),
			 "an Envoy's stream has ended");
}

static void on_updated(void *ctx, struct client *c)
{
	struct xds_server *x = ctx;
	unsigned dropped;

	if (c->stream->info.named && !c->greeted) {
		c->greeted = true;
		if (log_limit_pass(&x->connect_limit, &dropped))
			log_with(LOG_INFO,
				 FIELDS({ "node", c->stream->info.node_id }, { "peer", c->peer },
					{ "protocol", c->protocol },
					{ "agent", c->stream->info.agent }),
				 "an Envoy has opened a stream");
	}
	if (c->stream->info.acked_source > c->counted_world) {
		change_log_acked(&x->changes, c->counted_world, c->stream->info.acked_source,
				 c->connected_usec, clock_realtime());
		c->counted_world = c->stream->info.acked_source;
	}
	report_client(x->report, c);
	control_wait_check(x->answered);
}

static void on_rejected(void *ctx, struct client *c, const struct item *item, const char *message)
{
	struct xds_server *x = ctx;
	char scrubbed[512];
	unsigned dropped;

	report_reject(x->report, c, item, message);
	if (!log_limit_pass(&x->reject_limit, &dropped))
		return;
	scrub(message, scrubbed, sizeof(scrubbed));
	log_with(LOG_WARNING,
		 FIELDS({ "node", c->stream->info.node_id }, { "peer", c->peer },
			{ "kind", resource_kind(item->kind)->name }, { "resource", item_key(item) },
			{ "version", item_meta(item) }),
		 "an Envoy refused a resource: %s", scrubbed);
}

static const struct client_ops client_ops = {
	.opened = on_opened,
	.closed = on_closed,
	.rejected = on_rejected,
	.updated = on_updated,
};

/* ---- the translator ---- */

static void on_link(void *ctx, bool connected)
{
	struct xds_server *x = ctx;

	neighbour_changed(x->translator, connected, link_last_error(x->link));
	if (connected)
		check_sources(x);
	tell_supervisor(x);
}

static void on_faulty(void *ctx _unused_, const char *what)
{
	log_error("the translator sends what cannot be used, again and again: %s", what);
}

/* ---- life ---- */

static struct state *load_saved(struct xds_server *x)
{
	struct state *state = NULL;
	int r = saved_state_load(x->saved_path, x->saved_error, &state);

	if (r == 0 && is_of_other_sources(x, state, x->saved_error)) {
		state_free(TAKE_PTR(state));
		r = -ESTALE;
	}
	x->warm = r == 0;
	if (r == -ENOENT)
		x->saved_error[0] = '\0';
	else if (r < 0)
		log_error("%s is not used: %s; waiting for the translator", x->saved_path,
			  x->saved_error);
	else
		log_info("serving %zu items from before the restart, world %llu",
			 state_count(state), (unsigned long long)state_source(state));
	return state ? state : state_new();
}

static int open_link(struct xds_server *x)
{
	struct link_config config = {
		.name = "resources",
		.path = x->socket_path,
		.role = "xds-server",
		.peer_role = "translator",
		.send = report_state(x->report),
		.mirror = x->state,
		.status = on_link,
		.faulty = on_faulty,
		.ctx = x,
	};
	int r;

	x->translator =
		neighbour_new(x->daemon->loop, "the translator", "its last resources are served");
	r = link_connect(x->daemon->loop, &config, &x->link);
	return r < 0 ? log_error_errno(r, "cannot use %s: %m", x->socket_path) : 0;
}

/* Allows as many Envoys as the machine does, whatever the shell's limit. */
static void raise_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = MIN(limit.rlim_max, (rlim_t)DESCRIPTORS_MAX);
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

/* gRPC can make no new listener in this process without ending its streams, and a new process is as
 * quick: so when there are descriptors again, another one takes over. */
static void on_deaf_timer(evutil_socket_t fd_ _unused_, short what _unused_, void *ctx)
{
	struct xds_server *x = ctx;
	int fd = eventfd(0, EFD_CLOEXEC);

	if (fd < 0) {
		event_loop_arm(x->deaf, DEAF_USEC);
		return;
	}
	(void)close(fd);
	log_warning("there are file descriptors again: starting again, to listen for Envoys again");
	event_loop_stop(x->daemon->loop, -EMFILE);
}

static void on_deaf(void *ctx)
{
	struct xds_server *x = ctx;

	incident(INCIDENT_DESCRIPTORS, "envoys",
		 "no file descriptor was left for an Envoy that connected: others cannot connect "
		 "until there is");
	event_loop_arm(x->deaf, DEAF_USEC);
}

static int open_listener(struct xds_server *x)
{
	const struct xds_server_options *o = &xds_server_options;
	struct grpc_listener_config config = {
		.loop = x->daemon->loop,
		.address = o->address,
		.path = x->envoys_path,
		.group = xds_server_group(),
		.cert = o->cert,
		.key = o->key,
		.ca = o->ca,
		.store = x->store,
		.stats = &x->stats,
		.ops = &client_ops,
		.streams_max = o->max_streams,
		.first_request_usec = o->first_request_seconds * USEC_PER_SEC,
		.age_usec = o->max_age_seconds * USEC_PER_SEC,
		.deaf = on_deaf,
		.ctx = x,
	};
	int r;

	raise_limit();
	x->deaf = event_loop_timer(x->daemon->loop, on_deaf_timer, x);
	r = grpc_listener_new(&config, &x->listener);
	if (r < 0)
		return r;
	log_info("listening for Envoys at %s%s", grpc_listener_address(x->listener),
		 o->cert ? " (mutual TLS)" : "");
	if (!x->envoys_path && !o->cert)
		log_warning("%s is plain TCP: whoever reaches it can read the private keys of all "
			    "TLS hosts",
			    grpc_listener_address(x->listener));
	tell_supervisor(x);
	return 0;
}

static int check_options(void)
{
	const struct xds_server_options *o = &xds_server_options;

	if (!!o->cert != !!o->key || !!o->cert != !!o->ca)
		return log_error_errno(-EINVAL, "--tls-cert, --tls-key and --tls-ca go together");
	if (!xds_server_is_tcp()) {
		if (o->address && o->address[strlen(UNIX_PREFIX)] != '/')
			return log_error_errno(-EINVAL,
					       "--xds-address \"%s\": an absolute path is wanted",
					       o->address);
		if (o->cert || o->plaintext)
			return log_error_errno(-EINVAL,
					       "--tls-cert, --tls-key, --tls-ca and "
					       "--insecure-plaintext are for --xds-address "
					       "HOST:PORT; by a Unix socket the kernel says who "
					       "connects");
		if (o->group && xds_server_group() == UNIX_LISTENER_NO_GROUP)
			return log_error_errno(-EINVAL, "--xds-group \"%s\": no such group",
					       o->group);
		return 0;
	}
	if (!grpc_listener_is_address(o->address))
		return log_error_errno(-EINVAL,
				       "--xds-address \"%s\" is neither HOST:PORT nor unix:PATH",
				       o->address);
	if (o->group)
		return log_error_errno(-EINVAL, "--xds-group is for Unix sockets");
	if (!o->cert && !o->plaintext)
		return log_error_errno(
			-EINVAL,
			"--xds-address %s is TCP, and private keys go over it: it needs "
			"--tls-cert, --tls-key and --tls-ca, so that only Envoys with a "
			"certificate "
			"can read them (portolan certgen makes some). Without --xds-address Envoys "
			"on this machine connect by a Unix socket. --insecure-plaintext is for "
			"tests, and for where something else protects the port",
			o->address);
	return 0;
}

static void xds_server_free(struct xds_server *x)
{
	if (!x)
		return;
	/* Envoys see the end of their streams while the streams' resources still exist. */
	grpc_listener_free(x->listener);
	event_freep(&x->deaf);
	control_wait_free(x->wait);
	control_wait_free(x->answered);
	link_free(x->link);
	neighbour_free(x->translator);
	saved_state_free(x->saved);
	report_free(x->report);
	resource_store_free(x->store);
	state_free(x->state);
	if (x->trim_timer)
		event_free(x->trim_timer);
	free(x->saved_path);
	free(x->socket_path);
	free(x->envoys_path);
	free(x);
}
DEFINE_CLEANUP(struct xds_server *, xds_server_free)

static struct xds_server *xds_server_new(struct daemon *d)
{
	struct xds_server *x = xnew(struct xds_server, 1);

	x->daemon = d;
	x->began = clock_monotonic();
	x->connect_limit = (struct log_limit){ .interval_usec = 10 * USEC_PER_SEC, .burst = 20 };
	x->reject_limit = (struct log_limit){ .interval_usec = 10 * USEC_PER_SEC, .burst = 20 };
	x->saved_path = daemon_own_path(d, "state");
	x->socket_path = daemon_path(d, "resources.sock");
	if (!xds_server_is_tcp())
		x->envoys_path = xds_server_options.address
					 ? xstrdup(xds_server_options.address + strlen(UNIX_PREFIX))
					 : daemon_path(d, RUNTIME_XDS);
	x->trim_timer = event_loop_timer(d->loop, on_trim, x);
	x->state = load_saved(x);
	x->store = resource_store_new(x->state, &store_ops, x);
	x->report = report_new(d->loop, x->store, &x->clients);
	resource_store_begin(x->store);
	return x;
}

int xds_server_start(struct daemon *d)
{
	_cleanup_(xds_server_freep) struct xds_server *x = NULL;
	int r = check_options();

	if (r < 0)
		return r;
	x = xds_server_new(d);
	x->saved = saved_state_new(d->loop, x->saved_path, x->state);
	r = open_listener(x);
	if (r < 0)
		return r;
	r = open_link(x);
	if (r < 0)
		return r;
	x->wait = control_wait_new(d->loop, d->control, x->state);
	pages_add(x);
	d->stage = TAKE_PTR(x);
	return 0;
}

void xds_server_stop(struct daemon *d)
{
	xds_server_free(TAKE_PTR(d->stage));
}
