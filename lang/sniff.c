/* What a file is, by its first bytes. Pulseq's files end in `.seq`, too: its text form has comments
 * and then a `[SECTION]` (usually, not always, `[VERSION]`), its binary form begins with a magic
 * number in either byte order. No line of this language begins with `[`. */
#include "lang/parse.h"

#include <string.h>

static const char magic[8] = { 1, 'p', 'u', 'l', 's', 'e', 'q', 2 };

static bool is_binary(const char *bytes, size_t n)
{
	if (n < sizeof magic)
		return false;
	bool swapped = bytes[0] == 2;
	for (size_t i = 0; i < sizeof magic; i++) {
		if (bytes[i] != magic[swapped ? sizeof magic - 1 - i : i])
			return false;
	}
	return true;
}

static bool blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static bool digit(char c)
{
	return c >= '0' && c <= '9';
}

const char *sniff_first_line(const char *bytes, size_t n, size_t *length)
{
	const char *p = bytes, *end = bytes + n;
	if (n >= 3 && memcmp(p, "\xEF\xBB\xBF", 3) == 0)
		p += 3;
	while (p < end) {
		while (p < end && blank(*p))
			p++;
		const char *stop = p < end ? memchr(p, '\n', (size_t)(end - p)) : NULL;
		if (!stop)
			stop = end;
		if (stop > p && *p != '#') {
			while (stop > p && blank(stop[-1]))
				stop--;
			*length = (size_t)(stop - p);
			return p;
		}
		p = stop < end ? stop + 1 : end;
	}
	*length = 0;
	return end;
}

enum lang_kind lang_sniff(const char *bytes, size_t n)
{
	size_t length;
	if (n == 0)
		return LANG_UNKNOWN;
	if (is_binary(bytes, n))
		return LANG_PULSEQ_BINARY;
	const char *line = sniff_first_line(bytes, n, &length);
	if (length > 2 && line[0] == '[' && memchr(line, ']', length))
		return LANG_PULSEQ_TEXT;
	if (length > 3 && memcmp(line, "seq", 3) == 0 && blank(line[3])) {
		size_t i = 3;
		while (i < length && blank(line[i]))
			i++;
		if (i < length && digit(line[i]))
			return LANG_SEQUENCE;
	}
	return LANG_UNKNOWN;
}

static uint64_t read_u64(const char *bytes, bool big)
{
	uint64_t v = 0;
	for (size_t i = 0; i < 8; i++)
		v |= (uint64_t)(unsigned char)bytes[big ? 7 - i : i] << (8 * i);
	return v;
}

/* The number after `key` in a `[VERSION]` section, -1 when there is none. */
static long entry(const char *s, const char *end, const char *key)
{
	for (const char *p = s; p < end && *p != '['; p++) {
		if (p[-1] != '\n' || (size_t)(end - p) <= strlen(key) ||
		    memcmp(p, key, strlen(key)) != 0)
			continue;
		long v = 0;
		p += strlen(key);
		if (!blank(*p))
			return -1;
		while (p < end && blank(*p))
			p++;
		if (p == end || !digit(*p))
			return -1;
		while (p < end && digit(*p) && v < 10000)
			v = 10 * v + (*p++ - '0');
		return v;
	}
	return -1;
}

bool sniff_pulseq_version(char *out, size_t size, const char *bytes, size_t n)
{
	static const char heading[] = "[VERSION]";
	if (is_binary(bytes, n)) {
		if (n < 32)
			return false;
		/* After the magic number: major, minor, revision, 8 bytes each, in the writer's own
		 * byte order, of which a small number tells. */
		uint64_t v[3];
		bool big = read_u64(bytes + 8, false) > 99;
		for (size_t i = 0; i < 3; i++)
			v[i] = read_u64(bytes + 8 * (i + 1), big);
		if (v[0] > 99 || v[1] > 99 || v[2] > 9999)
			return false;
		snprintf(out, size, "%d.%d.%d", (int)v[0], (int)v[1], (int)v[2]);
		return true;
	}
	const char *end = bytes + n;
	for (const char *p = bytes; p && (size_t)(end - p) > sizeof heading; p++) {
		if (memcmp(p, heading, sizeof heading - 1) == 0 && (p == bytes || p[-1] == '\n')) {
			p += sizeof heading - 1;
			long major = entry(p, end, "major"), minor = entry(p, end, "minor");
			long revision = entry(p, end, "revision");
			if (major < 0 || minor < 0)
				return false;
			snprintf(out, size, revision < 0 ? "%ld.%ld" : "%ld.%ld.%ld", major, minor,
				 revision);
			return true;
		}
		p = memchr(p, '\n', (size_t)(end - p));
		if (!p)
			break;
	}
	return false;
}
