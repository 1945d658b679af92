/* Any text as JSON. JSON that is read without errors means the same as YAML, since YAML contains
 * JSON. */
#include "tests/fuzz/fuzz-decode.h"

/* YAML folds line ends inside quotes, has escapes of its own beyond ASCII, and so on. */
static int is_plain(const uint8_t *data, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (data[i] < ' ' || data[i] > '~' || data[i] == '\\')
			return 0;
	return 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct outcome json, yaml;

	decode_and_check(DECODE_JSON, data, size, &json);
	if (!json.errors && json.objects.len && is_plain(data, size)) {
		decode_and_check(DECODE_YAML, data, size, &yaml);
		/* libyaml has its limits: it may refuse, but not read different values. */
		if (!yaml.errors) {
			assert(yaml.objects.len == json.objects.len);
			assert(memcmp(yaml.objects.s, json.objects.s, json.objects.len) == 0);
		}
		strbuf_done(&yaml.objects);
	}
	strbuf_done(&json.objects);
	return 0;
}
