/* Properties of the decoder's output for any text. */
#pragma once

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "common/base/strbuf.h"
#include "common/decode/decode.h"
#include "common/decode/object-kind.h"
#include "tests/fuzz/fuzz.h"

static inline void keep_value(void *ctx, const struct decoded *o)
{
	struct strbuf *b = ctx;

	assert(o->value);
	strbuf_add(b, o->value, o->value_len);
}

/* All objects one after another. */
struct outcome {
	struct strbuf objects;
	size_t errors;
};

static inline void check_object(void *ctx, const struct decoded *o)
{
	struct outcome *all = ctx;
	struct decoder *again;
	struct strbuf value = STRBUF_INIT;
	size_t errors = 0;

	for (size_t i = 0; i < o->n_problems; i++) {
		const struct decode_problem *p = &o->problems[i];

		errors += p->error;
		assert(*p->reason && *p->message);
		struct strbuf line = STRBUF_INIT;

		decode_problem_print(&line, "f", o->document, p);
		strbuf_done(&line);
	}
	/* It is read, or there is a reason why not. */
	assert(!o->value == (errors > 0));
	all->errors += errors;
	if (!o->value)
		return;
	assert(object_kind(o->kind) && o->key && strlen(o->key) == o->key_len && o->metadata);
	/* There is one canonical form: reading it again changes nothing. */
	again = decoder_new(NULL);
	decode_protobuf(again, o->kind, o->value, o->value_len, keep_value, &value);
	assert(value.len == o->value_len && memcmp(value.s, o->value, value.len) == 0);
	strbuf_printf(&all->objects, "%u %s %zu ", o->kind, o->key, o->value_len);
	strbuf_add(&all->objects, o->value, o->value_len);
	strbuf_done(&value);
	decoder_free(again);
}

static inline void decode_and_check(enum decode_format format, const uint8_t *data, size_t size,
				    struct outcome *ret)
{
	/* Small, so that the fuzzer reaches them. */
	const struct decode_limits limits = { .bytes = 65536,
					      .objects = 20,
					      .depth = 16,
					      .values = 2000,
					      .memory = 1 << 20,
					      .problems = 5 };
	struct decoder *d = decoder_new(&limits);
	struct decode_counts counts;

	*ret = (struct outcome){ 0 };
	decode_text(d, format, (const char *)data, size, check_object, ret, &counts);
	assert(counts.objects + counts.unreadable <= limits.objects + 1);
	decoder_free(d);
}
