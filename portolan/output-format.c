/* -o FORMAT of commands that show tables. */
#include <string.h>

#include "common/base/cleanup.h"
#include "portolan/output-format.h"

bool output_format_read(const char *word, enum output_format *ret)
{
	static const char *const words[] = { "text", "wide", "json", "yaml" };

	*ret = OUTPUT_TEXT;
	for (size_t i = 0; word && i < ARRAY_SIZE(words); i++)
		if (strcmp(words[i], word) == 0) {
			*ret = (enum output_format)i;
			return true;
		}
	return !word;
}

enum document_format output_format_document(enum output_format f)
{
	return f == OUTPUT_YAML ? DOCUMENT_YAML : DOCUMENT_JSON;
}
