/* The admin process's own start, stop and pages. It holds no credential and can change nothing: it
 * only asks the stages' control sockets. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "admin/admin.h"
#include "admin/event-stream.h"
#include "admin/http-server.h"
#include "admin/job.h"
#include "admin/pages.h"
#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "common/base/document.h"
#include "common/base/log.h"
#include "common/base/metric.h"

struct admin_options admin_options = { .address = "127.0.0.1:8000" };

static void on_request(void *ctx, struct evhttp_request *req)
{
	pages_request(ctx, req);
}

static int on_status(void *ctx, const char *query _unused_, struct strbuf *out)
{
	struct admin *a = ctx;
	struct document d;

	document_init(&d, out, DOCUMENT_JSON);
	document_map(&d);
	document_put_string(&d, "stage", "admin");
	document_put_string(&d, "state", "ready");
	document_put_bool(&d, "ready", true);
	document_put_lines(&d, "reasons", "");
	document_put_int(&d, "pid", getpid());
	document_put_int(&d, "uptime_seconds",
			 (clock_monotonic() - a->started_usec) / USEC_PER_SEC);
	document_put_uint(&d, "requests", a->requests);
	document_put_string(&d, "admin_address", http_server_address(a->server));
	document_end(&d);
	return 200;
}

static void on_metrics(void *ctx, struct strbuf *out)
{
	struct admin *a = ctx;

	metric_single(out, METRIC_ADMIN_REQUESTS, a->requests);
	metric_single(out, METRIC_ADMIN_REFUSED, http_server_refused(a->server));
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

	event_stream_free_all(a);
	job_free_all(a);
	http_server_free(a->server);
	free(a);
	d->stage = NULL;
}

bool admin_ready(struct daemon *d _unused_, struct strbuf *why _unused_)
{
	return true;
}
