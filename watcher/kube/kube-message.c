/* Watch events, list metadata and errors of the Kubernetes API, in both of its encodings. Used by
 * the watcher. Input is hostile: lengths are bounded by body-reader, depth here. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/base/clock.h"
#include "k8s/meta.pb-c.h"

#include "watcher/kube/kube-message.h"

#define JSON_DEPTH         72
#define WIRE_LEN           2
#define INITIAL_EVENTS_END "k8s.io/initial-events-end"

static const struct {
	const char *word;
	enum kube_event_type type;
} event_types[] = {
	{ "ADDED", KUBE_ADDED },       { "MODIFIED", KUBE_MODIFIED }, { "DELETED", KUBE_DELETED },
	{ "BOOKMARK", KUBE_BOOKMARK }, { "ERROR", KUBE_ERROR },
};

static int find_type(const char *word, enum kube_event_type *ret)
{
	for (size_t i = 0; i < ARRAY_SIZE(event_types); i++)
		if (strcmp(event_types[i].word, word) == 0) {
			*ret = event_types[i].type;
			return 0;
		}
	return -EBADMSG;
}

/* ---- protobuf ---- */

static void *unpack(struct arena *arena, const ProtobufCMessageDescriptor *type, const void *data,
		    size_t len)
{
	return protobuf_c_message_unpack(type, arena_pb(arena), len, data);
}

static int read_varint(const uint8_t **p, const uint8_t *end, uint64_t *ret)
{
	uint64_t v = 0;

	for (unsigned shift = 0; shift < 64 && *p < end; shift += 7) {
		uint8_t c = *(*p)++;

		v |= (uint64_t)(c & 0x7f) << shift;
		if (!(c & 0x80)) {
			*ret = v;
			return 0;
		}
	}
	return -EBADMSG;
}

/* The bytes of metadata, field 1 of every object and list; others are not looked into. */
static int find_metadata(const uint8_t *p, size_t len, const uint8_t **ret, size_t *ret_len)
{
	const uint8_t *end = p + len;
	uint64_t tag, n;

	while (p < end) {
		if (read_varint(&p, end, &tag) < 0)
			return -EBADMSG;
		if ((tag & 7) == 0) {
			if (read_varint(&p, end, &n) < 0)
				return -EBADMSG;
			continue;
		}
		if ((tag & 7) == WIRE_LEN && read_varint(&p, end, &n) < 0)
			return -EBADMSG;
		if ((tag & 7) != WIRE_LEN)
			n = (tag & 7) == 1 ? 8 : (tag & 7) == 5 ? 4 : UINT64_MAX;
		if (n > (uint64_t)(end - p))
			return -EBADMSG;
		if (tag == (1 << 3 | WIRE_LEN)) {
			*ret = p;
			*ret_len = (size_t)n;
			return 0;
		}
		p += n;
	}
	*ret = end;
	*ret_len = 0;
	return 0;
}

static int unwrap(struct arena *arena, const uint8_t *data, size_t len, const uint8_t **ret,
		  size_t *ret_len)
{
	K8s__Unknown *u;

	if (len < 4 || memcmp(data, "k8s", 4) != 0)
		return -EBADMSG;
	u = unpack(arena, &k8s__unknown__descriptor, data + 4, len - 4);
	if (!u || !u->has_raw || !u->raw.len)
		return -EBADMSG;
	*ret = u->raw.data;
	*ret_len = u->raw.len;
	return 0;
}

static int set_version(char out[RESOURCE_VERSION_MAX], const char *version)
{
	size_t n = strlen(version);

	if (n >= RESOURCE_VERSION_MAX)
		return -EBADMSG;
	memcpy(out, version, n + 1);
	return 0;
}

static int protobuf_meta(struct arena *arena, struct kube_event *e)
{
	const uint8_t *meta;
	size_t len;
	K8s__ObjectMeta *m;

	if (find_metadata(e->object.protobuf, e->object.len, &meta, &len) < 0)
		return -EBADMSG;
	m = unpack(arena, &k8s__object_meta__descriptor, meta, len);
	if (!m)
		return -EBADMSG;
	for (size_t i = 0; i < m->n_annotations; i++)
		if (m->annotations[i]->key &&
		    strcmp(m->annotations[i]->key, INITIAL_EVENTS_END) == 0)
			e->initial_events_end = true;
	return set_version(e->resource_version, m->resource_version);
}

static int event_protobuf(struct arena *arena, const uint8_t *data, size_t len,
			  struct kube_event *e)
{
	K8s__WatchEvent *w = unpack(arena, &k8s__watch_event__descriptor, data, len);

	if (!w || !w->object || !w->object->has_raw || find_type(w->type, &e->type) < 0)
		return -EBADMSG;
	if (unwrap(arena, w->object->raw.data, w->object->raw.len, &e->object.protobuf,
		   &e->object.len) < 0)
		return -EBADMSG;
	/* A Status has no ObjectMeta. */
	return e->type == KUBE_ERROR ? 0 : protobuf_meta(arena, e);
}

/* ---- JSON ---- */

int kube_json_parse(const uint8_t *data, size_t len, struct json_object **ret)
{
	struct json_tokener *t = json_tokener_new_ex(JSON_DEPTH);
	struct json_object *o;
	int r = -EBADMSG;

	if (!t)
		abort();
	json_tokener_set_flags(t, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	o = len > INT32_MAX ? NULL : json_tokener_parse_ex(t, (const char *)data, (int)len);
	if (o && json_object_is_type(o, json_type_object)) {
		*ret = o;
		o = NULL;
		r = 0;
	}
	json_object_put(o);
	json_tokener_free(t);
	return r;
}

static struct json_object *member(struct json_object *o, const char *name, enum json_type type)
{
	struct json_object *v;

	if (!o || !json_object_object_get_ex(o, name, &v) || !json_object_is_type(v, type))
		return NULL;
	return v;
}

static const char *text(struct json_object *o, const char *name)
{
	struct json_object *v = member(o, name, json_type_string);

	return v ? json_object_get_string(v) : "";
}

static int64_t number(struct json_object *o, const char *name)
{
	struct json_object *v = member(o, name, json_type_int);

	return v ? json_object_get_int64(v) : 0;
}

static int event_json(const uint8_t *data, size_t len, struct kube_event *e)
{
	struct json_object *metadata;
	int r;

	r = kube_json_parse(data, len, &e->json);
	if (r < 0)
		return r;
	e->object.json = member(e->json, "object", json_type_object);
	if (!e->object.json || find_type(text(e->json, "type"), &e->type) < 0)
		return -EBADMSG;
	metadata = member(e->object.json, "metadata", json_type_object);
	e->initial_events_end = *text(member(metadata, "annotations", json_type_object),
				      INITIAL_EVENTS_END) != '\0';
	return set_version(e->resource_version, text(metadata, "resourceVersion"));
}

/* ---- both ---- */

int kube_event_parse(struct arena *arena, bool protobuf, const uint8_t *data, size_t len,
		     struct kube_event *ret)
{
	int r;

	memset(ret, 0, sizeof(*ret));
	r = protobuf ? event_protobuf(arena, data, len, ret) : event_json(data, len, ret);
	if (r < 0)
		kube_event_done(ret);
	return r;
}

void kube_event_done(struct kube_event *e)
{
	json_object_put(e->json);
	e->json = NULL;
}

int kube_list_meta_parse(struct arena *arena, bool protobuf, const uint8_t *data, size_t len,
			 struct kube_list_meta *ret)
{
	struct json_object *o;
	K8s__ListMeta *m;
	int r;

	if (protobuf) {
		m = unpack(arena, &k8s__list_meta__descriptor, data, len);
		if (!m)
			return -EBADMSG;
		ret->more = m->continue_;
		return set_version(ret->resource_version, m->resource_version);
	}
	r = kube_json_parse(data, len, &o);
	if (r < 0)
		return r;
	ret->more = arena_strdup(arena, text(o, "continue"));
	r = set_version(ret->resource_version, text(o, "resourceVersion"));
	json_object_put(o);
	return r;
}

static void copy_text(char *out, size_t size, const char *s)
{
	size_t i;

	for (i = 0; s[i] && i < size - 1; i++)
		out[i] = (unsigned char)s[i] < ' ' || s[i] == 0x7f ? ' ' : s[i];
	out[i] = '\0';
}

static void status_protobuf(struct arena *arena, const uint8_t *data, size_t len,
			    struct kube_status *ret)
{
	K8s__Status *s = unpack(arena, &k8s__status__descriptor, data, len);

	if (!s)
		return;
	if (s->code > 0)
		ret->code = (unsigned)s->code;
	copy_text(ret->reason, sizeof(ret->reason), s->reason);
	copy_text(ret->message, sizeof(ret->message), s->message);
	if (s->details && s->details->retry_after_seconds > 0)
		ret->retry_after_usec = s->details->retry_after_seconds * USEC_PER_SEC;
}

static void status_json(struct json_object *o, struct kube_status *ret)
{
	int64_t code = number(o, "code");
	int64_t wait = number(member(o, "details", json_type_object), "retryAfterSeconds");

	if (code > 0 && code < 1000)
		ret->code = (unsigned)code;
	copy_text(ret->reason, sizeof(ret->reason), text(o, "reason"));
	copy_text(ret->message, sizeof(ret->message), text(o, "message"));
	if (wait > 0)
		ret->retry_after_usec = MIN(wait, 3600) * USEC_PER_SEC;
}

void kube_event_status(struct arena *arena, const struct kube_event *e, struct kube_status *ret)
{
	*ret = (struct kube_status){ .code = 500 };
	if (e->object.json)
		status_json(e->object.json, ret);
	else
		status_protobuf(arena, e->object.protobuf, e->object.len, ret);
	if (!ret->message[0])
		copy_text(ret->message, sizeof(ret->message), "the watch ended with an error");
}

void kube_result_status(struct arena *arena, const struct http_result *r, struct kube_status *ret)
{
	const uint8_t *body = (const uint8_t *)r->body, *raw;
	struct json_object *o;
	size_t len;

	*ret = (struct kube_status){ .code = r->status };
	if (unwrap(arena, body, r->body_len, &raw, &len) >= 0) {
		status_protobuf(arena, raw, len, ret);
	} else if (kube_json_parse(body, r->body_len, &o) >= 0) {
		status_json(o, ret);
		json_object_put(o);
	} else {
		char first[200];

		copy_text(first, sizeof(first), r->body);
		copy_text(ret->message, sizeof(ret->message), first);
	}
	/* HTTP's status line counts: a body can claim anything. */
	ret->code = r->status;
	ret->retry_after_usec = MAX(ret->retry_after_usec, r->retry_after_usec);
	if (!ret->message[0]) {
		char words[64];

		(void)snprintf(words, sizeof(words), "HTTP status %u", r->status);
		copy_text(ret->message, sizeof(ret->message), words);
	}
}
