/* A key set as it stands in a Secret: what is taken must be taken again, whole and without a change, for
 * Envoy reads what was made of it. */
#include <assert.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "translator/jwks.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new(4096);
	struct jwks once, twice;
	const char *why = NULL;

	if (jwks_check(a, data, size, &once, &why) == 0) {
		assert(jwks_check(a, once.text, once.len, &twice, &why) == 0);
		assert(!twice.warning && once.len == twice.len && memcmp(once.text, twice.text, once.len) == 0);
	} else {
		assert(why && *why);
	}
	arena_free(a);
	return 0;
}
