/* Any text as a configuration file: an accepted text gives an object that unpacks and has no
 * fault; a refused one has an error with a message. */
#include <stdlib.h>

#include "common/configuration/configuration-check.h"
#include "common/configuration/configuration-file.h"
#include "tests/fuzz/fuzz.h"

static void on_problem(void *ctx _unused_, enum configuration_severity severity,
		       const char *field _unused_, const char *message _unused_)
{
	if (severity == CONFIGURATION_WRONG)
		abort();
}

static void check_object(const uint8_t *object, size_t len)
{
	_cleanup_(arena_freep) struct arena *arena = arena_new(4096);
	K8s__ContourConfiguration *c =
		k8s__contour_configuration__unpack(arena_pb(arena), len, object);

	if (!c || !c->spec)
		abort();
	configuration_check(arena, c->spec, on_problem, NULL);
	configuration_default(c->spec);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(configuration_file_freep) struct configuration_file *f =
		configuration_file_read((const char *)data, size);
	const struct decode_problem *problems;
	const uint8_t *object;
	bool error = false;
	size_t n, len;

	problems = configuration_file_problems(f, &n);
	for (size_t i = 0; i < n; i++) {
		if (!problems[i].field || !*problems[i].message)
			abort();
		error |= problems[i].error;
	}
	object = configuration_file_object(f, &len);
	if (error == (object != NULL))
		abort();
	if (object)
		check_object(object, len);
	return 0;
}
