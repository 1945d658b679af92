/* Defaults and limits of single fields. scripts/field-rules makes the table from the markers in
 * proto/k8s/gateway*.proto. Inside libdecode only. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* For scalars. 0 and NULL: no limit. */
struct value_rule {
	const char *words;   /* one of these, separated by a space */
	const char *pattern; /* POSIX extended regular expression that matches somewhere */
	size_t min_length, max_length; /* characters */
	bool has_minimum, has_maximum;
	int64_t minimum, maximum;
};

struct field_rule {
	const char *message, *field; /* "k8s.Listener", "allowed_routes" */
	bool required;
	const char *fallback;        /* JSON: absent means this value */
	size_t min_items, max_items; /* of a list or map; 0: no limit */
	const char *keys; /* "group,kind,name": two items may not agree in all of these */
	bool set;         /* two items may not be equal */
	struct value_rule value, items; /* of a map: items are its values */
};

extern const struct field_rule field_rules[];
extern const size_t n_field_rules;
