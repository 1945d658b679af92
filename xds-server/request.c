/* Requests of discovery.proto (envoy/service/discovery/v3): no field that is read is recursive, and
 * fields that proto/xds.proto does not declare are skipped. */
#include <errno.h>
#include <string.h>

#include "common/link/resource-kind.h"
#include "xds-server/request.h"

#define AGENT_MAX 64
#define NODE_MAX  4096

/* The message read so far, and how many fields may still come, nested ones included. */
struct reader {
	struct arena *a;
	struct request *q;
	size_t left;
};

enum part {
	PART_OTHER,
	PART_NAMES = 1 + REQUEST_NAMES,
	PART_UNSUBSCRIBE = 1 + REQUEST_UNSUBSCRIBE,
	PART_INITIAL = 1 + REQUEST_INITIAL,
	PART_NODE,
	PART_TYPE_URL,
	PART_NONCE,
	PART_VERSION,
	PART_ERROR,
};

#define NUMBERS_MAX 8

/* Indexed by the field's number in DiscoveryRequest and DeltaDiscoveryRequest. */
static const uint8_t parts[2][NUMBERS_MAX] = {
	{ PART_OTHER, PART_VERSION, PART_NODE, PART_NAMES, PART_TYPE_URL, PART_NONCE, PART_ERROR },
	{ PART_OTHER, PART_NODE, PART_TYPE_URL, PART_NAMES, PART_UNSUBSCRIBE, PART_INITIAL,
	  PART_NONCE, PART_ERROR },
};

static enum part part_of(bool delta, uint32_t number)
{
	return number < NUMBERS_MAX ? (enum part)parts[delta][number] : PART_OTHER;
}

static const char *text_of(struct arena *a, const struct wire_field *f, size_t max)
{
	const char *text = (const char *)f->data;

	return arena_strndup(a, text, strnlen(text, MIN(f->len, max)));
}

static int next(struct reader *r, struct wire *w, struct wire_field *ret)
{
	if (!r->left && w->p != w->end)
		return -E2BIG;
	r->left--;
	return wire_next(w, ret);
}

/* SemanticVersion: major_number = 1, minor_number = 2, patch = 3. */
static int read_version(struct reader *r, const struct wire_field *in, unsigned numbers[3])
{
	struct wire w = { in->data, in->data + in->len };
	struct wire_field f;
	int n;

	while ((n = next(r, &w, &f)) > 0)
		if (f.type == WIRE_VARINT && f.number >= 1 && f.number <= 3)
			numbers[f.number - 1] = (unsigned)f.value;
	return n;
}

/* BuildVersion: version = 1. */
static int read_build(struct reader *r, const struct wire_field *in, unsigned numbers[3])
{
	struct wire w = { in->data, in->data + in->len };
	struct wire_field f;
	int n;

	while ((n = next(r, &w, &f)) > 0)
		if (f.type == WIRE_BYTES && f.number == 1) {
			n = read_version(r, &f, numbers);
			if (n < 0)
				break;
		}
	return n;
}

/* Node: id = 1, cluster = 2, user_agent_name = 6, user_agent_build_version = 8. Its metadata can be
 * anything, and is passed over. */
static int read_node(struct reader *r, const struct wire_field *in)
{
	struct request_node *node = arena_new_of(r->a, struct request_node, 1);
	struct wire w = { in->data, in->data + in->len };
	const char *name = "", *version = "";
	unsigned numbers[3] = { 0 };
	bool built = false;
	struct wire_field f;
	int n;

	*node = (struct request_node){ .id = "", .cluster = "" };
	while ((n = next(r, &w, &f)) > 0) {
		if (f.type != WIRE_BYTES)
			continue;
		if (f.number == 1)
			node->id = text_of(r->a, &f, NODE_MAX);
		else if (f.number == 2)
			node->cluster = text_of(r->a, &f, NODE_MAX);
		else if (f.number == 6)
			name = text_of(r->a, &f, AGENT_MAX);
		else if (f.number == 8 && (built = true) && (n = read_build(r, &f, numbers)) < 0)
			break;
	}
	if (n < 0)
		return n;
	if (built) {
		version = arena_printf(r->a, "/%u.%u.%u", numbers[0], numbers[1], numbers[2]);
		node->newer = strcmp(name, "envoy") == 0 &&
			      resource_kind_is_for(RESOURCE_NEWER_LISTENER, numbers[0], numbers[1]);
	}
	node->agent = arena_printf(r->a, "%s%s", name, version);
	r->q->node = node;
	return 0;
}

/* Status: message = 2. */
static int read_error(struct reader *r, const struct wire_field *in)
{
	struct wire w = { in->data, in->data + in->len };
	struct wire_field f;
	int n;

	r->q->rejects = true;
	while ((n = next(r, &w, &f)) > 0)
		if (f.type == WIRE_BYTES && f.number == 2)
			r->q->error = text_of(r->a, &f, REQUEST_ERROR_MAX);
	return n;
}

static bool is_star(const struct wire_field *f)
{
	return f->len == 1 && f->data[0] == '*';
}

static int read_part(struct reader *r, enum part part, const struct wire_field *f)
{
	struct request *q = r->q;

	if (part != PART_OTHER && f->type != WIRE_BYTES)
		return -EBADMSG;
	switch (part) {
	case PART_OTHER:
		break;
	case PART_NAMES:
		q->star |= is_star(f);
		q->n[REQUEST_NAMES]++;
		break;
	case PART_UNSUBSCRIBE:
		q->unsubscribes_star |= is_star(f);
		q->n[REQUEST_UNSUBSCRIBE]++;
		break;
	case PART_INITIAL:
		q->n[REQUEST_INITIAL]++;
		break;
	case PART_NODE:
		return q->node ? -EBADMSG : read_node(r, f);
	case PART_TYPE_URL:
		q->type_url = text_of(r->a, f, REQUEST_TEXT_MAX);
		break;
	case PART_NONCE:
		q->nonce = text_of(r->a, f, REQUEST_TEXT_MAX);
		break;
	case PART_VERSION:
		q->version = text_of(r->a, f, REQUEST_TEXT_MAX);
		break;
	case PART_ERROR:
		return q->rejects ? -EBADMSG : read_error(r, f);
	}
	return 0;
}

int request_read(struct arena *a, bool delta, const uint8_t *data, size_t len, struct request *ret)
{
	struct request q = { .type_url = "", .nonce = "", .version = "", .error = "" };
	struct reader reader = { a, &q, REQUEST_FIELDS_MAX };
	struct wire w = { data, data + len };
	struct wire_field f;
	int r;

	q.data = data;
	q.len = len;
	q.delta = delta;
	while ((r = next(&reader, &w, &f)) > 0) {
		r = read_part(&reader, part_of(delta, f.number), &f);
		if (r < 0)
			return r;
	}
	if (r == 0)
		*ret = q;
	return r;
}

/* ---- names ---- */

struct request_cursor request_begin(const struct request *q, enum request_list list)
{
	struct request_cursor c = { .w = { q->data, q->data + q->len } };

	for (uint32_t i = 0; i < NUMBERS_MAX; i++)
		if (parts[q->delta][i] == 1u + list)
			c.number = i;
	c.pairs = list == REQUEST_INITIAL;
	/* The list is absent. */
	if (!c.number || !q->n[list])
		c.w.p = c.w.end;
	return c;
}

static void put_text(const struct wire_field *f, const char **ret, size_t *ret_len)
{
	*ret = (const char *)f->data;
	*ret_len = strnlen(*ret, f->len);
}

/* map<string, string>: key = 1, value = 2. */
static int read_pair(const struct wire_field *pair, size_t *left, struct request_name *ret)
{
	struct wire w = { pair->data, pair->data + pair->len };
	struct wire_field f;
	int r;

	while ((r = wire_next(&w, &f)) > 0) {
		*left -= *left > 0;
		if (f.number != 1 && f.number != 2)
			continue;
		if (f.type != WIRE_BYTES)
			return -EBADMSG;
		if (f.number == 1)
			put_text(&f, &ret->name, &ret->len);
		else
			put_text(&f, &ret->version, &ret->version_len);
	}
	return r;
}

int request_next(struct request_cursor *c, size_t *left, struct request_name *ret)
{
	struct wire_field f;
	int r;

	while (*left) {
		r = wire_next(&c->w, &f);
		if (r <= 0)
			return r;
		--*left;
		if (f.number != c->number)
			continue;
		*ret = (struct request_name){ .name = "", .version = "" };
		if (c->pairs)
			return (r = read_pair(&f, left, ret)) < 0 ? r : 1;
		put_text(&f, &ret->name, &ret->len);
		return 1;
	}
	return c->w.p == c->w.end ? 0 : -EAGAIN;
}
