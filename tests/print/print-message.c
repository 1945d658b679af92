/* Prints one message for tests: print-message json|yaml|json-redacted TYPE < bytes. TYPE is a full
 * name, as in a type URL. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "translator/print/print.h"

int main(int argc, char **argv)
{
	_cleanup_strbuf_ struct strbuf in = STRBUF_INIT, out = STRBUF_INIT, url = STRBUF_INIT;
	const ProtobufCMessageDescriptor *m;
	enum document_format format;
	ssize_t n;
	int r;

	if (argc != 3)
		return 2;
	format = strcmp(argv[1], "yaml") == 0 ? DOCUMENT_YAML : DOCUMENT_JSON;
	strbuf_printf(&url, "type.googleapis.com/%s", argv[2]);
	m = print_type(url.s, url.len);
	if (!m) {
		fprintf(stderr, "%s: unknown type\n", argv[2]);
		return 2;
	}
	while ((n = read(STDIN_FILENO, strbuf_room(&in, 65536), 65536)) > 0)
		in.len += (size_t)n;
	r = print_message(&out, format, m, (const uint8_t *)in.s, in.len,
			  strcmp(argv[1], "json-redacted") == 0 ? PRINT_REDACT : 0);
	if (r < 0) {
		fprintf(stderr, "%s\n", strerror(-r));
		return 1;
	}
	return fwrite(out.s, 1, out.len, stdout) == out.len ? 0 : 1;
}
