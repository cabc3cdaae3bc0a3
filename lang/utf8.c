/* UTF-8 by the table of RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF. */
#include "lang/utf8.h"

static bool follows(unsigned char c)
{
	return (c & 0xC0) == 0x80;
}

size_t utf8_decode(const char *text, size_t n, uint32_t *code)
{
	const unsigned char *s = (const unsigned char *)text;
	if (n == 0)
		return 0;
	if (s[0] < 0x80) {
		*code = s[0];
		return 1;
	}
	size_t length = s[0] >= 0xF0 ? 4 : s[0] >= 0xE0 ? 3 : 2;
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	if (s[0] < 0xC2 || s[0] > 0xF4 || n < length)
		return 0;
	uint32_t c = s[0] & (0xFFu >> (length + 1));
	for (size_t i = 1; i < length; i++) {
		if (!follows(s[i]))
			return 0;
		c = c << 6 | (s[i] & 0x3Fu);
	}
	if (c < least[length] || c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF))
		return 0;
	*code = c;
	return length;
}

int utf8_width(uint32_t c)
{
	if (c < 0x20 || (c >= 0x7F && c < 0xA0))
		return -1;
	/* Directional marks would let source text look like something it is not. */
	if ((c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069))
		return -1;
	if (c == 0x2028 || c == 0x2029 || c == 0xFEFF)
		return -1;
	if ((c >= 0x300 && c <= 0x36F) || (c >= 0x200B && c <= 0x200F) ||
	    (c >= 0xFE00 && c <= 0xFE0F))
		return 0;
	if ((c >= 0x1100 && c <= 0x115F) || (c >= 0x2E80 && c <= 0xA4CF) ||
	    (c >= 0xAC00 && c <= 0xD7A3) || (c >= 0xF900 && c <= 0xFAFF) ||
	    (c >= 0xFF00 && c <= 0xFF60) || (c >= 0xFFE0 && c <= 0xFFE6) ||
	    (c >= 0x1F300 && c <= 0x1FAFF) || (c >= 0x20000 && c <= 0x3FFFD))
		return 2;
	return 1;
}

size_t utf8_count(const char *s, size_t n)
{
	size_t count = 0;
	for (size_t i = 0; i < n; count++) {
		uint32_t code;
		size_t used = utf8_decode(s + i, n - i, &code);
		i += used ? used : 1;
	}
	return count;
}

int utf8_add(struct text *out, const char *s, size_t n)
{
	int columns = 0;
	for (size_t i = 0; i < n;) {
		uint32_t code;
		size_t used = utf8_decode(s + i, n - i, &code);
		int width = used ? utf8_width(code) : -1;
		if (width >= 0)
			text_add(out, s + i, used);
		else
			text_add(out, "\xEF\xBF\xBD", 3);
		columns += width >= 0 ? width : 1;
		i += used ? used : 1;
	}
	return columns;
}
