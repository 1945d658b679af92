/* Characters of Unicode. */
#include "common/base/character.h"

#include "common/base/cleanup.h"

/* Unicode's categories Cc, Zl, Zp, Cs and Cn's noncharacters, and those of Cf that hide or reorder
 * text (Unicode Technical Report 36, section 2.9). */
static const struct {
	uint32_t first, last;
} hidden[] = {
	{ 0x0000, 0x001f },   /* C0 */
	{ 0x007f, 0x009f },   /* DEL, C1 */
	{ 0x00ad, 0x00ad },   /* soft hyphen */
	{ 0x061c, 0x061c },   /* Arabic letter mark */
	{ 0x180e, 0x180e },   /* Mongolian vowel separator */
	{ 0x200b, 0x200f },   /* zero width; left-to-right and right-to-left marks */
	{ 0x2028, 0x202e },   /* line and paragraph separator; embeddings and overrides */
	{ 0x2060, 0x206f },   /* word joiner, invisible operators, isolates */
	{ 0xd800, 0xdfff },   /* surrogates */
	{ 0xfdd0, 0xfdef },   /* noncharacters */
	{ 0xfeff, 0xfeff },   /* byte order mark */
	{ 0xfff9, 0xfffb },   /* interlinear annotation */
	{ 0xe0000, 0xe0fff }, /* tags */
};

bool character_is_printable(uint32_t character)
{
	if (character >= 0x20 && character < 0x7f)
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(hidden); i++)
		if (character >= hidden[i].first && character <= hidden[i].last)
			return false;
	return (character & 0xfffe) != 0xfffe && character <= 0x10ffff;
}

size_t character_decode(const char *s, size_t n, uint32_t *ret)
{
	static const struct {
		unsigned char first_min, first_max, second_min, second_max;
		unsigned char length;
	} rows[] = {
		{ 0xc2, 0xdf, 0x80, 0xbf, 2 }, { 0xe0, 0xe0, 0xa0, 0xbf, 3 },
		{ 0xe1, 0xec, 0x80, 0xbf, 3 }, { 0xed, 0xed, 0x80, 0x9f, 3 },
		{ 0xee, 0xef, 0x80, 0xbf, 3 }, { 0xf0, 0xf0, 0x90, 0xbf, 4 },
		{ 0xf1, 0xf3, 0x80, 0xbf, 4 }, { 0xf4, 0xf4, 0x80, 0x8f, 4 },
	};
	const unsigned char *p = (const unsigned char *)s;
	size_t r = 0;

	if (!n)
		return 0;
	*ret = p[0];
	if (p[0] < 0x80)
		return 1;
	while (r < ARRAY_SIZE(rows) && (p[0] < rows[r].first_min || p[0] > rows[r].first_max))
		r++;
	if (r == ARRAY_SIZE(rows) || n < rows[r].length || p[1] < rows[r].second_min ||
	    p[1] > rows[r].second_max)
		return 0;
	*ret = p[0] & (0xffu >> (rows[r].length + 1));
	for (size_t k = 1; k < rows[r].length; k++) {
		if ((p[k] & 0xc0) != 0x80)
			return 0;
		*ret = *ret << 6 | (p[k] & 0x3fu);
	}
	return rows[r].length;
}
