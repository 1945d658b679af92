/* Lists of changes (surface.h) for people, programs and GitHub. */
#pragma once

#include <json-c/json.h>
#include <stdbool.h>
#include <stdio.h>

enum change_format {
	CHANGES_TEXT,
	CHANGES_JSON,
	CHANGES_GITHUB,
};

/* NULL is text. False if the word is not a format. */
bool change_format_read(const char *word, enum change_format *ret);
void change_report_write(struct json_object *changes, enum change_format format, FILE *to);

/* Exit codes other than 0 (no changes). */
enum {
	CHANGES_SOME = 1,
	CHANGES_WORSE = 2,
	CHANGES_NO_ANSWER = 3,
};
int change_report_exit(struct json_object *changes);
