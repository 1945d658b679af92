/* One condition on a header, as HTTPProxies and the configuration write it. */
#include <errno.h>

#include "translator/check/regex.h"
#include "translator/policy/header-match.h"

bool header_match_check_regex(struct arena *a, const char *pattern, const char *what,
			      const char *name, const char **ret_why)
{
	char why[256];

	if (regex_check(pattern, arena_charged(a), why, sizeof(why)) == 0)
		return true;
	*ret_why = arena_printf(a, "%s %s: regex is not one that RE2 takes: %s", what, name, why);
	return false;
}

int header_match_parse(struct arena *a, const K8s__ProxyHeaderMatch *h, struct value_match *ret,
		       const char **ret_why)
{
	const struct {
		bool given, invert, ignore_case;
		enum match_operator op;
		const char *value;
	} rows[] = {
		{ h->present, false, false, MATCH_PRESENT, "" },
		{ h->notpresent, true, false, MATCH_PRESENT, "" },
		{ *h->contains != 0, false, true, MATCH_CONTAINS, h->contains },
		{ *h->notcontains != 0, true, true, MATCH_CONTAINS, h->notcontains },
		{ *h->exact != 0, false, true, MATCH_EXACT, h->exact },
		{ *h->notexact != 0, true, true, MATCH_EXACT, h->notexact },
		{ *h->regex != 0, false, false, MATCH_REGEX, h->regex },
	};

	if (!match_is_readable_header(h->name)) {
		*ret_why = arena_printf(a, "\"%s\" is not a header's name", h->name);
		return -EINVAL;
	}
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (!rows[i].given)
			continue;
		if (rows[i].op == MATCH_REGEX &&
		    !header_match_check_regex(a, h->regex, "header", h->name, ret_why))
			return -EINVAL;
		*ret = (struct value_match){
			.name = match_lower(a, h->name),
			.op = rows[i].op,
			.value = rows[i].value,
			.ignore_case = rows[i].ignore_case && h->ignore_case,
			.invert = rows[i].invert,
			.missing_as_empty = rows[i].invert && rows[i].op != MATCH_PRESENT &&
					    h->treat_missing_as_empty,
		};
		return 0;
	}
	return 1;
}
