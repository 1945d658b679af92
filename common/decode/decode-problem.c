/* Problems of a document, with their places. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/alloc.h"
#include "common/decode/decode-problem.h"

void problems_begin(struct problems *p, struct arena *arena, unsigned max)
{
	*p = (struct problems){ .arena = arena, .max = max };
}

static const char *path_string(struct arena *arena, const struct path *path)
{
	const struct path *way[64];
	char buffer[1024];
	size_t n = 0, len = 0;

	for (; path && n < ARRAY_SIZE(way); path = path->parent)
		way[n++] = path;
	buffer[0] = '\0';
	while (n-- > 0 && len < sizeof(buffer) - 1) {
		const struct path *p = way[n];
		char *at = buffer + len;
		size_t room = sizeof(buffer) - len;
		int k = (int)MIN(p->key_len, 256u);
		int wrote;

		if (!p->key)
			wrote = snprintf(at, room, "[%zu]", p->index);
		else if (p->in_map)
			wrote = snprintf(at, room, "[%.*s]", k, p->key);
		else
			wrote = snprintf(at, room, "%s%.*s", len ? "." : "", k, p->key);
		len = MIN(len + (size_t)wrote, sizeof(buffer) - 1);
	}
	return arena_strdup(arena, buffer);
}

void problems_add(struct problems *p, bool error, const char *reason, const struct path *path,
		  unsigned line, const char *fmt, ...)
{
	_cleanup_free_ char *text = NULL;
	va_list ap;

	p->failed |= error;
	if (p->n >= p->max) {
		p->dropped++;
		return;
	}
	if (p->n == p->cap) {
		struct decode_problem *more;

		p->cap = p->cap ? p->cap * 2 : 4;
		more = arena_new_of(p->arena, struct decode_problem, p->cap);
		if (p->n)
			memcpy(more, p->list, p->n * sizeof(*more));
		p->list = more;
	}
	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		abort();
	va_end(ap);
	p->list[p->n++] = (struct decode_problem){
		.error = error,
		.reason = reason,
		.field = path_string(p->arena, path),
		.message = arena_strdup(p->arena, text),
		.line = line,
	};
}

void problems_end(struct problems *p)
{
	size_t dropped = p->dropped;

	if (!dropped)
		return;
	p->max++;
	problems_add(p, p->failed, "TooMany", NULL, 0, "and %zu more like these", dropped);
}
