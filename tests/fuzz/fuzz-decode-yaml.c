/* Any text as YAML. */
#include "tests/fuzz/fuzz-decode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct outcome yaml;

	decode_and_check(DECODE_YAML, data, size, &yaml);
	strbuf_done(&yaml.objects);
	return 0;
}
