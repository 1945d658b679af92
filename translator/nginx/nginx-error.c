/* default-backend and custom-http-errors: the Service that answers instead of a path's own. */
#include <stdlib.h>
#include <string.h>

#include "translator/nginx/nginx-config.h"
#include "translator/nginx/nginx-error.h"
#include "translator/nginx/nginx-upstream.h"
#include "translator/nginx/nginx-variable.h"

#define PAGES     "/.portolan/errors" /* paths of the host that ask for pages */
#define PAGE_MSEC 60000

/* ---- which Service ---- */

/* The annotation's, or NULL: a missing Service is skipped, as in nginx. */
static const char *own_backend(struct nginx_plan *p, const struct nginx_source *s)
{
	const char *name = nginx_own_text(s->ingress, "default-backend");
	const char *key = name ? arena_printf(p->a, "%s/%s", s->ingress->namespace, name) : NULL;

	if (!key || read_message(p->r, OBJECT_SERVICE, key))
		return key;
	nginx_warning(p, s->ingress, "ServiceMissing",
		      "metadata.annotations[" NGINX_PREFIX "default-backend]",
		      "there is no Service %s; the annotation has no effect", key);
	return NULL;
}

/* Describes the failed request to the Service that answers instead. */
static void describe(struct nginx_plan *p, const struct nginx_source *s, struct header_edits *e)
{
	static const char *const texts[][2] = {
		{ "X-Namespace", "$namespace" },
		{ "X-Ingress-Name", "$ingress_name" },
		{ "X-Service-Name", "$service_name" },
		{ "X-Service-Port", "$service_port" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		const char *value = nginx_variable_plain(p, s, texts[i][1]);

		if (value && *value)
			nginx_edits_set(p->a, e, texts[i][0], value);
	}
}

void nginx_error_instead(struct nginx_plan *p, const struct nginx_source *s, struct target *target,
			 struct header_edits *request)
{
	const char *key = own_backend(p, s);
	struct target other = { .weight = 1 };

	if (key)
		nginx_upstream_default(p, s, key, &other);
	if (!other.cluster || other.empty)
		return;
	*target = other;
	nginx_edits_set(p->a, request, "X-Code", "503");
	nginx_edits_set_format(p->a, request, "X-Format", "%REQ(accept)%");
	describe(p, s, request);
}

/* ---- pages ---- */

static int compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static void read_codes(struct arena *a, const char *list, struct error_pages *ret)
{
	ret->codes = arena_new_of(a, uint32_t, strlen(list) / 3 + 1);
	for (const char *q = list + strspn(list, ", "); *q; q += strspn(q, ", ")) {
		uint32_t code = (uint32_t)strtoul(q, NULL, 10);
		bool there = false;

		for (size_t i = 0; i < ret->n_codes && !there; i++)
			there = ret->codes[i] == code;
		if (!there && code >= 400 && code <= 599)
			ret->codes[ret->n_codes++] = code;
		q += strcspn(q, ", ");
	}
	qsort(ret->codes, ret->n_codes, sizeof(*ret->codes), compare);
}

/* Each Service that has pages has one route on the host. */
static const char *page_of(struct nginx_plan *p, const char *service)
{
	struct nginx_pages *all = &p->pages;

	for (size_t i = 0; i < all->n; i++)
		if (strcmp(all->services[i], service) == 0)
			return arena_printf(p->a, PAGES "/%s", service);
	if (all->n == NGINX_PAGES_MAX)
		return NULL;
	all->services[all->n++] = service;
	return arena_printf(p->a, PAGES "/%s", service);
}

/* The Service that has the pages of a path, with their codes; NULL: nothing is replaced there. */
static const char *find_pages(struct nginx_plan *p, const struct nginx_source *s,
			      struct error_pages *ret)
{
	const char *list = nginx_text(p->r, s->ingress, "custom-http-errors");
	const char *service = list ? own_backend(p, s) : NULL;

	if (!list || nginx_flag(p->r, s->ingress, "disable-proxy-intercept-errors", false))
		return NULL;
	if (!service)
		service = nginx_config_default_backend(p->r);
	if (!service)
		nginx_warning(
			p, s->ingress, "AnnotationDiffers",
			"metadata.annotations[" NGINX_PREFIX "custom-http-errors]",
			"there is no Service with error pages: name one by default-backend, or "
			"by ingressNginx.defaultBackendService");
	else
		read_codes(p->a, list, ret);
	return service;
}

void nginx_error_read(struct nginx_plan *p, const struct nginx_source *s, struct route_filters *ret)
{
	struct error_pages *pages = arena_new_of(p->a, struct error_pages, 1);
	const char *service;

	(void)own_backend(p, s); /* a missing one is named before it is asked */
	*pages = (struct error_pages){ 0 };
	service = find_pages(p, s, pages);
	pages->path = service ? page_of(p, service) : NULL;
	if (!pages->n_codes || !pages->path)
		return;
	nginx_edits_set_format(p->a, &pages->request, "X-Format", "%REQ(accept)%");
	describe(p, s, &pages->request);
	ret->error_pages = pages;
}

static struct forward to_page(struct target *target)
{
	return (struct forward){
		.targets = target,
		.n_targets = 1,
		.missing_status = 503,
		.rewrite = { .kind = REWRITE_PATH, .text = "/" },
	};
}

static bool has_code(const struct error_pages *pages, uint32_t code)
{
	for (size_t i = 0; i < pages->n_codes; i++)
		if (pages->codes[i] == code)
			return true;
	return false;
}

/* Asked with a request of its own, so that it does not get the body. */
static const struct access *ask_for_page(struct nginx_plan *p, const struct nginx_source *s,
					 const char *cluster, uint32_t code)
{
	struct access *access = arena_new_of(p->a, struct access, 1);
	struct access_service *page = arena_new_of(p->a, struct access_service, 1);
	struct header_edits about = { 0 };

	describe(p, s, &about);
	page->headers = arena_new_of(p->a, struct access_header, about.n + 3);
	for (size_t i = 0; i < about.n; i++)
		page->headers[page->n_headers++] = (struct access_header){
			match_lower(p->a, about.all[i].name),
			about.all[i].value,
		};
	page->headers[page->n_headers++] = (struct access_header){ "x-format", "${http_accept}" };
	page->headers[page->n_headers++] =
		(struct access_header){ "x-original-uri", "${request_uri}" };
	page->headers[page->n_headers++] =
		(struct access_header){ "x-code", arena_printf(p->a, "%u", code) };
	page->cluster = cluster;
	page->authority = "${http_host}";
	page->method = "GET";
	page->path = "/";
	page->timeout_msec = PAGE_MSEC;
	*access = (struct access){ .scheme = nginx_scheme(p), .page = page };
	return access;
}

bool nginx_error_answer(struct nginx_plan *p, const struct nginx_source *s, uint32_t code,
			struct route *route)
{
	struct target *target = arena_new_of(p->a, struct target, 1);
	struct error_pages pages = { 0 };
	const char *service = find_pages(p, s, &pages);

	if (!service || !has_code(&pages, code))
		return false;
	*target = (struct target){ .weight = 1 };
	nginx_upstream_default(p, s, service, target);
	if (!target->cluster || target->empty)
		return false;
	/* It never gets there, but Envoy sets a route's response headers only if it forwards. */
	route->kind = ROUTE_FORWARD;
	route->forward = to_page(target);
	route->filters.access = ask_for_page(p, s, target->cluster, code);
	return true;
}

void nginx_error_append(struct nginx_plan *p)
{
	for (size_t i = 0; i < p->pages.n; i++) {
		const char *service = p->pages.services[i];
		struct nginx_source s = { .ingress = p->mains[0],
					  .text = "/",
					  .field = "metadata.annotations[" NGINX_PREFIX
						   "custom-http-errors]" };
		struct target *target = arena_new_of(p->a, struct target, 1);
		struct route route = { .kind = ROUTE_FORWARD, .tier = TIER_FIRST };

		*target = (struct target){ .weight = 1 };
		nginx_upstream_default(p, &s, service, target);
		route.match =
			(struct route_match){ .kind = PATH_EXACT,
					      .path = arena_printf(p->a, PAGES "/%s", service) };
		route.forward = to_page(target);
		nginx_route_append(p, &s, &route);
	}
}
