/* gRPC's server for the discovery services.
 *
 * Methods are matched by name in one table; any other method, Fetch… included, is UNIMPLEMENTED. */
#include <assert.h>
#include <errno.h>
#include <grpc/grpc.h>
#include <grpc/grpc_posix.h>
#include <grpc/support/alloc.h>
#include <grpc/support/log.h>
#include <netdb.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/metric.h"
#include "common/base/strbuf.h"
#include "xds-server/grpc-listener.h"
#include "xds-server/grpc-stream.h"
#include "xds-server/grpc-thread.h"
#include "xds-server/grpc-tls.h"

/* Calls that may arrive while we are busy. */
#define ACCEPTS 16

static const struct method {
	const char *service, *name; /* of "/envoy.service.SERVICE/{Stream,Delta}NAME" */
	enum resource_kind only;
	const char *sotw, *delta; /* their names for people */
} methods[] = {
	{ "discovery.v3.AggregatedDiscoveryService", "AggregatedResources", 0, "sotw ads",
	  "delta ads" },
	{ "cluster.v3.ClusterDiscoveryService", "Clusters", RESOURCE_CLUSTER, "sotw cds",
	  "delta cds" },
	{ "endpoint.v3.EndpointDiscoveryService", "Endpoints", RESOURCE_ENDPOINT, "sotw eds",
	  "delta eds" },
	{ "listener.v3.ListenerDiscoveryService", "Listeners", RESOURCE_LISTENER, "sotw lds",
	  "delta lds" },
	{ "route.v3.RouteDiscoveryService", "Routes", RESOURCE_ROUTE, "sotw rds", "delta rds" },
	{ "route.v3.ScopedRoutesDiscoveryService", "ScopedRoutes", RESOURCE_SCOPED_ROUTE,
	  "sotw srds", "delta srds" },
	{ "secret.v3.SecretDiscoveryService", "Secrets", RESOURCE_SECRET, "sotw sds", "delta sds" },
	{ "runtime.v3.RuntimeDiscoveryService", "Runtime", RESOURCE_RUNTIME, "sotw rtds",
	  "delta rtds" },
	{ "extension.v3.ExtensionConfigDiscoveryService", "ExtensionConfigs",
	  RESOURCE_EXTENSION_CONFIG, "sotw ecds", "delta ecds" },
};

static const struct {
	const char *name;
	int value;
} arguments[] = {
	/* Two servers on one port would share Envoys between an old world and a new one. */
	{ GRPC_ARG_ALLOW_REUSEPORT, 0 },
	{ GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH, GRPC_LISTENER_REQUEST_MAX },
	{ GRPC_ARG_MAX_CONCURRENT_STREAMS, CONNECTION_STREAMS_MAX },
	{ GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, 20000 },
	/* Each connection allocates read buffers before any byte arrives. They grow with the bytes
	 * received, and do not shrink. */
	{ GRPC_ARG_TCP_READ_CHUNK_SIZE, 4096 },
	{ GRPC_ARG_TCP_MIN_READ_CHUNK_SIZE, 1024 },
	{ GRPC_ARG_TCP_MAX_READ_CHUNK_SIZE, 8192 },
	/* Notices clients that are gone, and does not disconnect clients that ping often (the
	 * default allows one ping in five minutes). */
	{ GRPC_ARG_KEEPALIVE_TIME_MS, 30000 },
	{ GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10000 },
	{ GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1 },
	{ GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 500 },
	{ GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0 },
	/* Closes a connection without calls after this long. */
	{ GRPC_ARG_MAX_CONNECTION_IDLE_MS, 600000 },
};

struct accept {
	struct grpc_tag tag;
	struct grpc_listener *listener;
	grpc_call *call;
	grpc_call_details details;
	grpc_metadata_array metadata;
};

struct grpc_listener {
	struct grpc_stream_owner streams;
	struct grpc_thread *thread;
	grpc_server *server;
	struct grpc_tls *tls;
	struct accept accepts[ACCEPTS];
	unsigned accepting;
	struct grpc_tag on_shutdown;
	bool is_shutdown;
	uint64_t refused;
	char *address;
	void (*deaf)(void *ctx);
	struct event *on_deaf;
};

/* ---- calls ---- */

static void arm(struct accept *a)
{
	grpc_completion_queue *queue = grpc_thread_queue(a->listener->thread);
	grpc_call_error e = grpc_server_request_call(a->listener->server, &a->call, &a->details,
						     &a->metadata, queue, queue, &a->tag);

	assert(e == GRPC_CALL_OK);
	(void)e;
	a->listener->accepting++;
}

/* The row with the path's service and name, and which of the two protocols it is. */
static const struct method *find_method(const char *path, bool *ret_delta)
{
	static const char prefix[] = "/envoy.service.";

	if (strncmp(path, prefix, sizeof(prefix) - 1) != 0)
		return NULL;
	path += sizeof(prefix) - 1;
	for (size_t i = 0; i < ARRAY_SIZE(methods); i++) {
		size_t n = strlen(methods[i].service);
		const char *name = path + n + 1;

		if (strncmp(path, methods[i].service, n) != 0 || path[n] != '/')
			continue;
		*ret_delta = strncmp(name, "Delta", 5) == 0;
		if (!*ret_delta && strncmp(name, "Stream", 6) != 0)
			return NULL;
		return strcmp(name + (*ret_delta ? 5 : 6), methods[i].name) == 0 ? &methods[i]
										 : NULL;
	}
	return NULL;
}

static void open_call(struct grpc_listener *l, grpc_call *call, const char *path)
{
	const struct method *m;
	bool delta;

	m = find_method(path, &delta);
	if (m) {
		l->refused += !grpc_stream_open(&l->streams, call, delta ? m->delta : m->sotw,
						delta, m->only);
		return;
	}
	l->refused++;
	grpc_stream_refuse(&l->streams, call, GRPC_STATUS_UNIMPLEMENTED,
			   "this server has the discovery services' Stream and Delta methods");
}

static void on_accept(struct grpc_tag *tag, bool ok)
{
	struct accept *a = container_of(tag, struct accept, tag);
	struct grpc_listener *l = a->listener;
	grpc_call *call = TAKE_PTR(a->call);
	char *path;

	l->accepting--;
	if (!ok)
		return;
	path = grpc_slice_to_c_string(a->details.method);
	grpc_call_details_destroy(&a->details);
	grpc_call_details_init(&a->details);
	grpc_metadata_array_destroy(&a->metadata);
	grpc_metadata_array_init(&a->metadata);
	arm(a);
	open_call(l, call, path);
	gpr_free(path);
}

static void on_shutdown(struct grpc_tag *tag, bool ok _unused_)
{
	container_of(tag, struct grpc_listener, on_shutdown)->is_shutdown = true;
}

/* ---- addresses ---- */

/* "HOST:PORT" or "[HOST]:PORT". */
static bool split_address(const char *address, char *host, size_t size, const char **ret_port)
{
	const char *colon = strrchr(address, ':');
	size_t n = colon ? (size_t)(colon - address) : 0;

	if (!n || !colon[1] || n >= size)
		return false;
	if (address[0] == '[') {
		if (address[n - 1] != ']')
			return false;
		address++;
		n -= 2;
	} else if (memchr(address, ':', n)) {
		return false;
	}
	(void)snprintf(host, size, "%.*s", (int)n, address);
	*ret_port = colon + 1;
	return true;
}

bool grpc_listener_is_address(const char *address)
{
	const char *port;
	char host[256];

	return split_address(address, host, sizeof(host), &port);
}

/* gRPC does not say why it could not listen: try ourselves. */
static int why_not(const char *address)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE }, *found;
	const int yes = 1;
	const char *port;
	char host[256];
	int r = 0;

	if (!split_address(address, host, sizeof(host), &port))
		return -EINVAL;
	if (getaddrinfo(host, port, &hints, &found) != 0)
		return -EADDRNOTAVAIL;
	for (const struct addrinfo *a = found; a && !r; a = a->ai_next) {
		_cleanup_close_ int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

		if (fd < 0)
			r = -errno;
		else if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) < 0 ||
			 bind(fd, a->ai_addr, a->ai_addrlen) < 0 || listen(fd, 1) < 0)
			r = -errno;
	}
	freeaddrinfo(found);
	return r ? r : -EIO;
}

static int listen_at(struct grpc_listener *l, const char *address,
		     grpc_server_credentials *credentials)
{
	int port = grpc_server_add_http2_port(l->server, address, credentials);
	const char *colon = strrchr(address, ':');

	if (port <= 0) {
		int r = why_not(address);

		if (r == -EIO && l->tls)
			return log_error_errno(
				r,
				"cannot listen for Envoys at %s: the certificate, its key "
				"or the authority's certificate is not usable",
				address);
		return log_error_errno(r, "cannot listen for Envoys at %s: %m", address);
	}
	l->address = xasprintf("%.*s:%d", (int)(colon - address), address, port);
	return 0;
}

/* The call's peer is "fd:" and the number then. */
static void on_unix(void *ctx, int fd)
{
	struct grpc_listener *l = ctx;
	grpc_server_credentials *none = grpc_insecure_server_credentials_create();

	grpc_server_add_channel_from_fd(l->server, fd, none);
	grpc_server_credentials_release(none);
}

static int listen_at_path(struct grpc_listener *l, const struct grpc_listener_config *c)
{
	struct unix_listener_config config = {
		.loop = c->loop,
		.path = c->path,
		.group = c->group,
		.accepted = on_unix,
		.ctx = l,
	};

	l->address = xasprintf("unix:%s", c->path);
	return unix_listener_new(&config, &l->streams.unix_socket);
}

/* ---- life ---- */

/* We report failures before that ourselves. */
static atomic_bool listening;

/* Written to by whichever thread of gRPC stops accepting (src/core/lib/iomgr/tcp_server_posix.cc
 * of 1.51: it says so in its log and nowhere else). */
static int deaf_fd = -1;

static void on_deaf(evutil_socket_t fd, short what _unused_, void *ctx)
{
	struct grpc_listener *l = ctx;
	uint64_t n;

	if (read(fd, &n, sizeof(n)) == sizeof(n) && l->deaf)
		l->deaf(l->streams.ctx);
}

static void watch_deafness(struct grpc_listener *l, const struct grpc_listener_config *c)
{
	l->deaf = c->deaf;
	deaf_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	l->on_deaf = event_new(event_loop_base(c->loop), deaf_fd, EV_READ | EV_PERSIST, on_deaf, l);
	(void)event_add(l->on_deaf, NULL);
}

/* gRPC's own words, on any thread: failed handshakes above all. */
static void on_grpc_log(gpr_log_func_args *args)
{
	static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
	static struct log_limit limit = { .interval_usec = 60000000, .burst = 5 };
	unsigned dropped;
	bool pass;

	if (args->severity < GPR_LOG_SEVERITY_ERROR || !listening) {
		log_debug("grpc: %s", args->message);
		return;
	}
	if (strstr(args->message, "Failed accept"))
		(void)!write(deaf_fd, &(uint64_t){ 1 }, sizeof(uint64_t));
	(void)pthread_mutex_lock(&mutex);
	pass = log_limit_pass(&limit, &dropped);
	(void)pthread_mutex_unlock(&mutex);
	if (pass)
		log_warning("grpc: %s", args->message);
}

static grpc_server *create_server(int64_t age_usec)
{
	grpc_arg args[ARRAY_SIZE(arguments) + 1];
	grpc_channel_args all = { ARRAY_SIZE(arguments), args };

	for (size_t i = 0; i < ARRAY_SIZE(arguments); i++) {
		/* gRPC does not write there. */
		args[i] = (grpc_arg){ .type = GRPC_ARG_INTEGER,
				      .key = (char *)(uintptr_t)arguments[i].name };
		args[i].value.integer = arguments[i].value;
	}
	/* The client is told to open its next stream on another connection (gRPC does it a tenth
	 * earlier or later); the streams on this one end by themselves. */
	if (age_usec) {
		args[all.num_args] = (grpc_arg){ .type = GRPC_ARG_INTEGER,
						 .key = (char *)GRPC_ARG_MAX_CONNECTION_AGE_MS };
		args[all.num_args++].value.integer =
			(int)MIN(age_usec * 9 / 10 / USEC_PER_MSEC, (int64_t)INT32_MAX);
	}
	return grpc_server_create(&all, NULL);
}

static void start_accepting(struct grpc_listener *l)
{
	for (size_t i = 0; i < ACCEPTS; i++) {
		struct accept *a = &l->accepts[i];

		a->listener = l;
		a->tag.done = on_accept;
		grpc_call_details_init(&a->details);
		grpc_metadata_array_init(&a->metadata);
		arm(a);
	}
}

static int start(struct grpc_listener *l, const struct grpc_listener_config *c)
{
	grpc_server_credentials *credentials;
	int r = 0;

	if (c->cert) {
		r = grpc_tls_new(c->cert, c->key, c->ca, &l->tls);
		if (r < 0)
			return r;
	}
	l->server = create_server(c->path ? 0 : c->age_usec);
	grpc_server_register_completion_queue(l->server, grpc_thread_queue(l->thread), NULL);
	if (!c->path) {
		credentials = l->tls ? grpc_tls_credentials(l->tls)
				     : grpc_insecure_server_credentials_create();
		r = listen_at(l, c->address, credentials);
		grpc_server_credentials_release(credentials);
	}
	grpc_server_start(l->server);
	if (c->path)
		r = listen_at_path(l, c);
	if (r < 0)
		return r;
	listening = true;
	start_accepting(l);
	return 0;
}

int grpc_listener_new(const struct grpc_listener_config *config, struct grpc_listener **ret)
{
	_cleanup_(grpc_listener_freep) struct grpc_listener *l = NULL;
	sigset_t all, before;
	int r;

	l = xnew(struct grpc_listener, 1);
	l->streams = (struct grpc_stream_owner){
		.loop = config->loop,
		.store = config->store,
		.stats = config->stats,
		.ops = config->ops,
		.ctx = config->ctx,
		.first_request_usec = config->first_request_usec,
		.age_usec = config->age_usec,
	};
	connections_init(&l->streams.connections, config->streams_max);
	grpc_stream_owner_init(&l->streams);
	l->on_shutdown.done = on_shutdown;
	/* Signals are the loop's; threads that gRPC makes inherit the mask. */
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	gpr_set_log_function(on_grpc_log);
	/* Threads of gRPC's pool may still be ending when main() returns (grpc_shutdown() waits
	 * until they are idle, not until they are gone). OpenSSL must not be taken down under them.
	 */
	(void)OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, NULL);
	grpc_init();
	l->thread = grpc_thread_new(config->loop);
	watch_deafness(l, config);
	r = start(l, config);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(l);
	return 0;
}

void grpc_listener_free(struct grpc_listener *l)
{
	if (!l)
		return;
	unix_listener_free(TAKE_PTR(l->streams.unix_socket));
	if (l->server) {
		grpc_server_shutdown_and_notify(l->server, grpc_thread_queue(l->thread),
						&l->on_shutdown);
		grpc_server_cancel_all_calls(l->server);
		while (!l->is_shutdown || l->streams.n || l->accepting) {
			grpc_thread_wait(l->thread);
			grpc_stream_turn(&l->streams, true);
		}
		grpc_server_destroy(l->server);
		for (size_t i = 0; i < ACCEPTS && l->accepts[i].listener; i++) {
			grpc_call_details_destroy(&l->accepts[i].details);
			grpc_metadata_array_destroy(&l->accepts[i].metadata);
		}
	}
	grpc_thread_free(l->thread);
	grpc_tls_free(l->tls);
	grpc_shutdown();
	grpc_stream_owner_done(&l->streams);
	event_freep(&l->on_deaf);
	if (deaf_fd >= 0)
		(void)close(TAKE_FD(deaf_fd));
	free(l->address);
	free(l);
}

const char *grpc_listener_address(const struct grpc_listener *l)
{
	return l->address;
}

void grpc_listener_pump(struct grpc_listener *l, struct client *clients)
{
	for (struct client *c = clients; c; c = c->next)
		grpc_stream_pump(c);
	if (l)
		grpc_stream_turn(&l->streams, false);
}

size_t grpc_listener_streams(const struct grpc_listener *l)
{
	return l->streams.n;
}

void grpc_listener_metrics(const struct grpc_listener *l, struct strbuf *b)
{
	metric_single(b, METRIC_XDS_STREAMS, l->streams.n);
	metric_single(b, METRIC_XDS_STREAMS_OPENED, l->streams.opened);
	metric_single(b, METRIC_XDS_CALLS_REFUSED, l->refused);
	metric_single(b, METRIC_XDS_CONNECTIONS, l->streams.connections.by_peer.n);
	metric_family(b, METRIC_XDS_STREAMS_ENDED);
	metric_sample(b, METRIC_XDS_STREAMS_ENDED, l->streams.ended_silent, "silent");
	metric_sample(b, METRIC_XDS_STREAMS_ENDED, l->streams.ended_old, "old");
	metric_sample(b, METRIC_XDS_STREAMS_ENDED, l->streams.ended_for_others, "too many");
	metric_single(b, METRIC_XDS_CERTIFICATE_LOADS, l->tls ? grpc_tls_loads(l->tls) : 0);
	metric_single(b, METRIC_XDS_CERTIFICATE_FAILURES, l->tls ? grpc_tls_failures(l->tls) : 0);
}
