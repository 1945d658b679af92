/* -o FORMAT of commands that show tables. */
#pragma once

#include <stdbool.h>

#include "common/base/document.h"

enum output_format {
	OUTPUT_TEXT,
	OUTPUT_WIDE,
	OUTPUT_JSON,
	OUTPUT_YAML,
};

#define OUTPUT_FORMAT_HELP "text, wide, json or yaml (default: text)"

/* NULL means text. False for an unknown word. */
bool output_format_read(const char *word, enum output_format *ret);
/* For OUTPUT_JSON and OUTPUT_YAML. */
enum document_format output_format_document(enum output_format f);
