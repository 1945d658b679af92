/* The place of an object's field in its file: line and column, as compilers print them. */
#pragma once

struct field_places;

/* Remembers the file that was read last: ask in order of files. */
struct field_places *field_places_new(void);
void field_places_free(struct field_places *p);

/* Finds the object that begins in this line of the file, and a path in it, "spec.rules[0].host" or
 * NULL; if the path's end is absent, its deepest existing part. Lines and columns count from 1;
 * they stay unchanged if nothing is found (a file that cannot be read again, such as standard
 * input). */
void field_places_find(struct field_places *p, const char *file, const char *field, unsigned *line,
		       unsigned *ret_column);
