/* Any text as YAML: the objects in it are translated, and taken away again. */
#include <assert.h>
#include <stdlib.h>

#include "common/base/log.h"
#include "common/decode/decode.h"
#include "tests/fuzz/fuzz.h"
#include "translator/translator.h"

static const struct settings_options options;

static void on_object(void *ctx, const struct decoded *o)
{
	struct state *objects = ctx;

	if (o->value)
		(void)state_put(objects, item_new(o->kind, o->key, o->key_len, "file:1", 6,
						  o->value, o->value_len));
}

static void remove_all(struct state *objects)
{
	struct item **all, *i;
	size_t n;

	all = state_sorted(objects, &n);
	for (size_t k = 0; k < n; k++) {
		i = all[k];
		(void)state_remove(objects, i->kind, item_key(i), i->key_len);
	}
	free(all);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct decode_limits limits = { .bytes = 65536,
					      .objects = 30,
					      .depth = 20,
					      .values = 3000,
					      .memory = 1 << 20,
					      .problems = 5 };
	struct translator *t;
	struct decoder *d;
	size_t before;

	(void)log_set_level("error");
	if (translator_new(&options, &t) < 0)
		abort();
	state_commit(t->objects, 1);
	before = state_count(t->resources);
	d = decoder_new(&limits);
	decode_text(d, DECODE_YAML, (const char *)data, size, on_object, t->objects, NULL);
	decoder_free(d);
	state_commit(t->objects, 2);
	assert(state_complete(t->resources));
	remove_all(t->objects);
	state_commit(t->objects, 3);
	/* Nothing of them stays. */
	assert(state_count(t->resources) == before && state_count(t->statuses) == 0);
	translator_free(t);
	return 0;
}
