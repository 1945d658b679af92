/* The only C++ here: RE2 has no interface in C. Runs in the translator. */
#include <cstdio>

#include <re2/re2.h>

#include "translator/regex.h"

/* Envoy's re2.max_program_size.error_level is 100 by default, but Portolan's bootstrap lifts it to
 * this, as Contour does. */
static const int program_size_max = 1024 * 1024;

extern "C" int regex_check(const char *pattern, char *why, size_t why_size)
{
	RE2::Options options;

	options.set_log_errors(false);
	RE2 re(pattern, options);
	if (!re.ok()) {
		std::snprintf(why, why_size, "%s", re.error().c_str());
		return -1;
	}
	if (re.ProgramSize() > program_size_max) {
		std::snprintf(why, why_size, "it is too large");
		return -1;
	}
	return 0;
}

extern "C" int regex_matches(const char *pattern, const char *text)
{
	RE2::Options options;

	options.set_log_errors(false);
	RE2 re(pattern, options);
	return re.ok() && RE2::FullMatch(text, re);
}
