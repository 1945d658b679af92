/* Writes names with the same low 9 bits of XXH3 without a secret: "chosen-names N". A hash table
 * that uses the bare hash keeps all of them in a few long runs. */
#include <stdio.h>
#include <stdlib.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

int main(int argc, char **argv)
{
	unsigned long left = argc > 1 ? strtoul(argv[1], NULL, 10) : 0;
	char name[256]; /* XXH3 looks at up to 240 bytes of a short one */

	for (unsigned long n = 0; left; n++) {
		int len = snprintf(name, sizeof(name), "%lx", n);

		if (XXH3_64bits(name, (size_t)len) & 0x1ff)
			continue;
		(void)puts(name);
		left--;
	}
	return 0;
}
