/* The admin process's own start, stop and pages. It holds no credential and can change nothing: all
 * that it does is ask the stages' control sockets. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "admin/admin.h"
#include "admin/http-server.h"
#include "admin/job.h"
#include "admin/pages.h"
#include "common/alloc.h"
#include "common/clock.h"
#include "common/log.h"

struct admin_options admin_options = { .address = "127.0.0.1:8000" };

static void on_request(void *ctx, struct evhttp_request *req)
{
	pages_request(ctx, req);
}

static int on_status(void *ctx, const char *query _unused_, struct strbuf *out)
{
	struct admin *a = ctx;

	strbuf_printf(out,
		      "{\"stage\":\"admin\",\"state\":\"ready\",\"ready\":true,\"reasons\":[],"
		      "\"pid\":%d,\"uptime_seconds\":%lld,\"requests\":%llu,\"admin_address\":",
		      (int)getpid(), (long long)((clock_monotonic() - a->started_usec) / USEC_PER_SEC),
		      (unsigned long long)a->requests);
	strbuf_json(out, http_server_address(a->server), strlen(http_server_address(a->server)));
	strbuf_puts(out, "}\n");
	return 200;
}

static void on_metrics(void *ctx, struct strbuf *out)
{
	struct admin *a = ctx;

	strbuf_printf(out,
		      "# HELP portolan_admin_requests_total Requests on the admin port.\n"
		      "# TYPE portolan_admin_requests_total counter\n"
		      "portolan_admin_requests_total %llu\n"
		      "# HELP portolan_admin_refused_total Requests refused for the Host they named.\n"
		      "# TYPE portolan_admin_refused_total counter\n"
		      "portolan_admin_refused_total %llu\n",
		      (unsigned long long)a->requests,
		      (unsigned long long)http_server_refused(a->server));
}

int admin_start(struct daemon *d)
{
	_cleanup_free_ struct admin *a = xnew(struct admin, 1);
	int r;

	a->daemon = d;
	a->started_usec = clock_monotonic();
	r = http_server_new(d->loop, admin_options.address, on_request, a, &a->server);
	if (r == -EINVAL) {
		log_error("--admin-address: \"%s\" is not ADDRESS:PORT", admin_options.address);
		return r;
	}
	if (r < 0)
		return log_error_errno(r, "cannot listen at %s: %m", admin_options.address);
	control_add(d->control, "/debug/status", "application/json", on_status, a);
	control_add_metrics(d->control, on_metrics, a);
	log_info("listening at http://%s/", http_server_address(a->server));
	daemon_status(d, "listening at http://%s/", http_server_address(a->server));
	d->stage = TAKE_PTR(a);
	return 0;
}

void admin_stop(struct daemon *d)
{
	struct admin *a = d->stage;

	job_free_all(a);
	http_server_free(a->server);
	free(a);
	d->stage = NULL;
}

bool admin_ready(struct daemon *d _unused_, struct strbuf *why _unused_)
{
	return true;
}
