/* A key set from a Secret: the accepted output must be accepted again, whole and unchanged, as
 * Envoy reads the output. */
#include <assert.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "translator/check/jwks.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new(4096);
	struct jwks once, twice;
	const char *why = NULL;

	if (jwks_check(a, data, size, &once, &why) == 0) {
		assert(jwks_check(a, once.text, once.len, &twice, &why) == 0);
		assert(!twice.warning && once.len == twice.len &&
		       memcmp(once.text, twice.text, once.len) == 0);
	} else {
		assert(why && *why);
	}
	arena_free(a);
	return 0;
}
