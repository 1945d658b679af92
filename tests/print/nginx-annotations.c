/* The tables of ingress-nginx's annotations, and with "keys" of its ConfigMap's keys, as rows of a
 * page: docs/do/from-ingress-nginx.md has them. */
#include <stdio.h>
#include <string.h>

#include "translator/nginx/nginx-key.h"

int main(int argc, char **argv)
{
	static const char *const words[] = { [NGINX_SAME] = "same",
					     [NGINX_NEAR] = "with a difference",
					     [NGINX_NO] = "no",
					     [NGINX_NONE] = "nothing to do" };

	if (argc > 1 && strcmp(argv[1], "keys") == 0) {
		for (size_t i = 0; i < nginx_n_keys; i++)
			(void)printf("| `%s` | %s | %s |\n", nginx_keys[i].name,
				     words[nginx_keys[i].fidelity],
				     nginx_keys[i].note ? nginx_keys[i].note : "");
		return 0;
	}
	for (size_t i = 0; i < nginx_n_annotations; i++) {
		const struct nginx_annotation *row = &nginx_annotations[i];

		(void)printf("| `%s` | %s | %s |\n", row->name, words[row->fidelity],
			     row->note ? row->note : "");
	}
	return 0;
}
