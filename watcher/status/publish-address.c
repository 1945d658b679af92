/* The addresses that the statuses of Ingresses and HTTPProxies show. Used by the watcher. */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/log.h"
#include "common/base/strbuf.h"

#include "watcher/kube/reflector.h"
#include "watcher/status/publish-address.h"

#define ADDRESSES_MAX 64

struct publish_address {
	struct address list[ADDRESSES_MAX];
	size_t n;
	bool known;
	bool seen; /* in the list that is under way */
	struct event_loop *loop;
	struct http *http;
	char *text, *service; /* its source; at most one is set */
	struct reflector *reflector;
	void (*changed)(void *ctx);
	void *ctx;
};

static void clear(struct address *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(list[i].text);
}

static bool is_ip(const char *text)
{
	unsigned char buffer[16];

	return inet_pton(AF_INET, text, buffer) == 1 || inet_pton(AF_INET6, text, buffer) == 1;
}

static bool is_host(const char *text)
{
	size_t n = strlen(text);

	return n > 0 && n < 254 &&
	       strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.") ==
		       n;
}

static void add(struct publish_address *p, const char *text)
{
	if (p->n < ADDRESSES_MAX && is_host(text) + is_ip(text) > 0)
		p->list[p->n++] = (struct address){ is_ip(text), xstrdup(text) };
}

static bool same(const struct publish_address *p, const struct address *list, size_t n)
{
	for (size_t i = 0; i < n && n == p->n; i++)
		if (strcmp(p->list[i].text, list[i].text) != 0)
			return false;
	return n == p->n;
}

/* ---- from a Service ---- */

static struct json_object *member(struct json_object *o, const char *name, enum json_type type)
{
	struct json_object *v;

	if (!o || !json_object_object_get_ex(o, name, &v) || !json_object_is_type(v, type))
		return NULL;
	return v;
}

static void take(struct publish_address *p, struct json_object *service)
{
	struct json_object *list = member(member(member(service, "status", json_type_object),
						 "loadBalancer", json_type_object),
					  "ingress", json_type_array);
	struct address old[ADDRESSES_MAX];
	size_t n_old = p->n;
	bool was_known = p->known;

	memcpy(old, p->list, sizeof(old));
	p->n = 0;
	p->known = true;
	for (size_t i = 0; list && i < json_object_array_length(list); i++) {
		struct json_object *e = json_object_array_get_idx(list, i);
		struct json_object *ip, *host;

		if (!json_object_is_type(e, json_type_object))
			continue;
		ip = member(e, "ip", json_type_string);
		host = member(e, "hostname", json_type_string);
		if (ip || host)
			add(p, json_object_get_string(ip ? ip : host));
	}
	if (!was_known || !same(p, old, n_old))
		p->changed(p->ctx);
	clear(old, n_old);
}

static void on_list_begins(void *ctx)
{
	((struct publish_address *)ctx)->seen = false;
}

static int on_object(void *ctx, const struct kube_payload *object)
{
	struct publish_address *p = ctx;

	p->seen = true;
	take(p, object->json);
	return 0;
}

static int on_deleted(void *ctx, const struct kube_payload *object _unused_)
{
	take(ctx, NULL);
	return 0;
}

static void on_listed(void *ctx)
{
	struct publish_address *p = ctx;

	if (!p->seen)
		take(p, NULL);
}

static void on_absent(void *ctx _unused_)
{
}

static const struct reflector_ops ops = {
	.list_begins = on_list_begins,
	.object = on_object,
	.deleted = on_deleted,
	.listed = on_listed,
	.absent = on_absent,
};

static bool is_service(const char *text)
{
	const char *slash = strchr(text, '/');

	return slash && slash > text && slash[1] && !strchr(slash + 1, '/');
}

static void follow(struct publish_address *p, const char *service)
{
	struct reflector_config config = REFLECTOR_CONFIG_DEFAULT;
	const char *slash = strchr(service, '/');
	_cleanup_strbuf_ struct strbuf path = STRBUF_INIT, selector = STRBUF_INIT;
	_cleanup_free_ char *namespace = NULL, *name = NULL;

	namespace = xstrndup(service, (size_t)(slash - service));
	strbuf_puts(&path, "/api/v1/namespaces/");
	http_escape(&path, namespace);
	strbuf_puts(&path, "/services");
	strbuf_puts(&selector, "fieldSelector=metadata.name%3D");
	http_escape(&selector, slash + 1);
	name = xasprintf("Service %s, whose addresses are published", service);
	config.loop = p->loop;
	config.transport = reflector_transport_of(p->http);
	config.name = name;
	config.path = strbuf_str(&path);
	config.selector = strbuf_str(&selector);
	config.limits.items = 1;
	config.ops = &ops;
	config.ctx = p;
	p->reflector = reflector_new(&config);
}

/* ---- given outright ---- */

static int check(const char *text, const char *service)
{
	_cleanup_free_ char *copy = xstrdup(text ? text : "");
	char *rest = copy, *word;
	size_t n = 0;

	if (service && !is_service(service)) {
		log_error("\"%s\", whose addresses are to be published, is not NAMESPACE/NAME",
			  service);
		return -EINVAL;
	}
	while ((word = strsep(&rest, ","))) {
		if (!*word)
			continue;
		if ((!is_ip(word) && !is_host(word)) || n++ == ADDRESSES_MAX) {
			log_error("\"%s\", which is to be published, is neither an IP address nor "
				  "a host name",
				  word);
			return -EINVAL;
		}
	}
	return 0;
}

static void parse(struct publish_address *p, const char *text)
{
	_cleanup_free_ char *copy = xstrdup(text);
	char *rest = copy, *word;

	while ((word = strsep(&rest, ",")))
		if (*word)
			add(p, word);
	p->known = true;
}

/* ---- comparing addresses ---- */

static bool same_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

struct publish_address *publish_address_new(struct event_loop *loop, struct http *http,
					    void (*changed)(void *ctx), void *ctx)
{
	struct publish_address *p = xnew(struct publish_address, 1);

	p->loop = loop;
	p->http = http;
	p->changed = changed;
	p->ctx = ctx;
	return p;
}

static void forget(struct publish_address *p)
{
	reflector_free(TAKE_PTR(p->reflector));
	clear(p->list, p->n);
	p->n = 0;
	p->known = false;
	free(TAKE_PTR(p->text));
	free(TAKE_PTR(p->service));
}

int publish_address_set(struct publish_address *p, const char *text, const char *service)
{
	int r;

	if (same_text(p->text, text) && same_text(p->service, service))
		return 0;
	r = check(text, service);
	if (r < 0)
		return r;
	forget(p);
	p->text = text ? xstrdup(text) : NULL;
	p->service = service && !text ? xstrdup(service) : NULL;
	if (p->text)
		parse(p, p->text);
	else if (p->service)
		follow(p, p->service);
	if (p->text)
		p->changed(p->ctx);
	return 0;
}

void publish_address_free(struct publish_address *p)
{
	if (!p)
		return;
	forget(p);
	free(p);
}

bool publish_address_get(const struct publish_address *p, const struct address **ret, size_t *ret_n)
{
	*ret = p->list;
	*ret_n = p->n;
	return p->known;
}
