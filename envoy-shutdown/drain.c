/* The order in which an Envoy is taken out of service.
 *
 * 1. /drain_listeners?graceful&skip_exit: answers tell clients to go (Connection: close, GOAWAY).
 *    Listeners stay open, and Envoy stays ready: a load balancer that has not noticed yet loses no
 *    request.
 * 2. After unready_after seconds /healthcheck/fail: readiness and health checks fail.
 * 3. It waits until no connection is left, or max_seconds are over. */
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/base/cleanup.h"
#include "common/base/clock.h"
#include "common/base/strbuf.h"
#include "envoy-shutdown/admin.h"
#include "envoy-shutdown/connections.h"
#include "envoy-shutdown/drain.h"

#define TIMEOUT_USEC (5 * USEC_PER_SEC)
#define PERIOD_USEC  (500 * USEC_PER_MSEC)
#define SAY_USEC     (10 * USEC_PER_SEC)
#define ACTIVE       "/stats?filter=^listener%5C..*%5C.downstream_cx_active$"
/* An Envoy that misses so many questions in a row is gone. */
#define MISSES_MAX 3

#define say(...) (void)fprintf(stderr, "portolan-envoy-shutdown: " __VA_ARGS__)

struct progress {
	const struct drain *drain;
	int64_t began_usec, said_usec;
	bool unready;
	unsigned misses;
	uint64_t connections;
};

static double seconds_since(int64_t usec)
{
	return (double)(clock_monotonic() - usec) / USEC_PER_SEC;
}

static bool has_passed(const struct progress *p, unsigned seconds)
{
	return clock_monotonic() - p->began_usec >= seconds * USEC_PER_SEC;
}

static int post(const struct drain *d, const char *target)
{
	int status = admin_ask(d->admin, "POST", target, TIMEOUT_USEC, NULL);

	if (status < 0)
		say("Envoy at %s: %s: %s\n", d->admin, target, strerror(-status));
	else if (status != 200)
		say("Envoy at %s: %s: answer %d\n", d->admin, target, status);
	return status == 200 ? 0 : -EIO;
}

/* The number of connections, in p->connections. */
static int count(struct progress *p)
{
	_cleanup_strbuf_ struct strbuf listeners = STRBUF_INIT, stats = STRBUF_INIT;
	const char *admin = p->drain->admin;

	if (admin_ask(admin, "GET", "/listeners", TIMEOUT_USEC, &listeners) != 200 ||
	    admin_ask(admin, "GET", ACTIVE, TIMEOUT_USEC, &stats) != 200)
		return -EIO;
	p->connections = connections_count(strbuf_str(&listeners), strbuf_str(&stats));
	return 0;
}

static void become_unready(struct progress *p)
{
	if (p->unready || !has_passed(p, p->drain->unready_after))
		return;
	p->unready = true;
	if (post(p->drain, "/healthcheck/fail") == 0)
		say("Envoy says that it is not ready\n");
}

static void say_connections(struct progress *p)
{
	if (clock_monotonic() - p->said_usec < SAY_USEC)
		return;
	p->said_usec = clock_monotonic();
	say("%" PRIu64 " connections after %.0f s\n", p->connections, seconds_since(p->began_usec));
}

/* True with *ret when it is over. */
static bool is_over(struct progress *p, enum drain_result *ret)
{
	const struct drain *d = p->drain;

	become_unready(p);
	if (count(p) < 0) {
		*ret = DRAIN_NO_ENVOY;
		return ++p->misses >= MISSES_MAX;
	}
	p->misses = 0;
	say_connections(p);
	if (p->unready && has_passed(p, d->min_seconds) && p->connections <= d->min_connections) {
		*ret = DRAIN_DONE;
		return true;
	}
	*ret = DRAIN_TIMEOUT;
	return has_passed(p, d->max_seconds);
}

enum drain_result drain_run(const struct drain *d)
{
	const struct timespec period = { .tv_nsec = PERIOD_USEC * 1000 };
	struct progress p = { .drain = d, .began_usec = clock_monotonic() };
	enum drain_result result;

	if (post(d, "/drain_listeners?graceful&skip_exit") < 0)
		return DRAIN_NO_ENVOY;
	say("Envoy tells its clients to go; not ready after %u s, at most %u s in all\n",
	    d->unready_after, d->max_seconds);
	while (!is_over(&p, &result))
		(void)clock_nanosleep(CLOCK_MONOTONIC, 0, &period, NULL);
	if (result == DRAIN_NO_ENVOY)
		say("Envoy at %s does not answer any more\n", d->admin);
	else
		say("%s with %" PRIu64 " connections after %.1f s\n",
		    result == DRAIN_DONE ? "drained" : "time is over", p.connections,
		    seconds_since(p.began_usec));
	return result;
}
