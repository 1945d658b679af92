/* The only C++ here: RE2 has no interface in C. */
#include <cstdio>
#include <cstring>

#include <re2/re2.h>

#include "translator/check/regex.h"

/* Envoy's re2.max_program_size.error_level is 100 by default, but Portolan's bootstrap lifts it to
 * this, as Contour does. */
static const int program_size_max = 1024 * 1024;
static const size_t instruction_size = 16;
static const size_t charged_max = 16 * 1024 * 1024; /* for one object and its includes */
static const char too_many[] = "it and those before it in the object need more than 16 MiB";

/* Envoy 1.40 reads patterns and texts as bytes (Latin-1), older ones as UTF-8. The two differ in
 * the values that an escape may have. */
static bool is_good_as_bytes(const char *pattern, char *why, size_t why_size)
{
	RE2::Options options(RE2::Latin1);

	if (!std::strchr(pattern, '\\'))
		return true;
	options.set_log_errors(false);
	RE2 re(pattern, options);
	if (re.ok())
		return true;
	std::snprintf(why, why_size, "%s (newer Envoys match bytes: up to \\xFF)",
		      re.error().c_str());
	return false;
}

extern "C" int regex_check(const char *pattern, size_t *charged, char *why, size_t why_size)
{
	/* Making one takes time, too. */
	if (*charged > charged_max) {
		std::snprintf(why, why_size, "%s", too_many);
		return -1;
	}

	if (!*pattern) {
		std::snprintf(why, why_size, "it is empty");
		return -1;
	}

	RE2::Options options;

	options.set_log_errors(false);
	RE2 re(pattern, options);
	if (!re.ok()) {
		std::snprintf(why, why_size, "%s", re.error().c_str());
		return -1;
	}
	if (!is_good_as_bytes(pattern, why, why_size))
		return -1;
	if (re.ProgramSize() > program_size_max) {
		std::snprintf(why, why_size, "it is too large");
		return -1;
	}
	*charged += (size_t)re.ProgramSize() * instruction_size;
	if (*charged > charged_max) {
		std::snprintf(why, why_size, "%s", too_many);
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

extern "C" int regex_groups(const char *pattern)
{
	RE2::Options options;

	options.set_log_errors(false);
	RE2 re(pattern, options);
	return re.ok() ? re.NumberOfCapturingGroups() : 0;
}

extern "C" char *regex_replace(const char *pattern, const char *text, const char *by)
{
	RE2::Options options;

	options.set_log_errors(false);
	RE2 re(pattern, options);
	std::string out(text);

	if (!re.ok())
		return nullptr;
	RE2::GlobalReplace(&out, re, by);
	return strdup(out.c_str());
}
