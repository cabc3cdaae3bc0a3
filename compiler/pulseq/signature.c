/* Signatures: the MD5 sum (RFC 1321) of what stands before [SIGNATURE] without the end of line in
 * front of it; in a binary file of the bytes before the section. They tell damage, not malice. */
#include "compiler/pulseq/internal.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------ MD5 */
static void md5_block(uint32_t state[4], const unsigned char *p, const uint32_t sine[64])
{
	static const unsigned char turn[4][4] = {
		{ 7, 12, 17, 22 }, { 5, 9, 14, 20 }, { 4, 11, 16, 23 }, { 6, 10, 15, 21 }
	};
	uint32_t a = state[0], b = state[1], c = state[2], d = state[3], word[16];

	for (int i = 0; i < 16; i++, p += 4)
		word[i] = p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
	for (int i = 0; i < 64; i++) {
		uint32_t mixed, k, n = turn[i / 16][i % 4];

		switch (i / 16) {
		case 0:
			mixed = (b & c) | (~b & d);
			k = (uint32_t)i;
			break;
		case 1:
			mixed = (d & b) | (~d & c);
			k = (uint32_t)(5 * i + 1) % 16;
			break;
		case 2:
			mixed = b ^ c ^ d;
			k = (uint32_t)(3 * i + 5) % 16;
			break;
		default:
			mixed = c ^ (b | ~d);
			k = (uint32_t)(7 * i) % 16;
			break;
		}
		mixed += a + sine[i] + word[k];
		a = d;
		d = c;
		c = b;
		b += mixed << n | mixed >> (32 - n);
	}
	state[0] += a;
	state[1] += b;
	state[2] += c;
	state[3] += d;
}

void pulseq_md5(char out[33], const void *bytes, size_t n)
{
	uint32_t sine[64], state[4] = { 0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476 };
	const unsigned char *p = bytes;
	unsigned char tail[128] = { 0 };
	size_t left = n % 64, size = left < 56 ? 64 : 128;

	for (int i = 0; i < 64; i++)
		sine[i] = (uint32_t)(4294967296.0 * fabs(sin(i + 1.0)));
	for (size_t i = 0; i + 64 <= n; i += 64)
		md5_block(state, p + i, sine);
	memcpy(tail, p + n - left, left);
	tail[left] = 0x80;
	for (int i = 0; i < 8; i++)
		tail[size - 8 + (size_t)i] = (unsigned char)((uint64_t)n * 8 >> 8 * i);
	for (size_t i = 0; i < size; i += 64)
		md5_block(state, tail + i, sine);
	for (int i = 0; i < 16; i++)
		snprintf(out + 2 * i, 3, "%02x", state[i / 4] >> 8 * (i % 4) & 255);
}

/* ------------------------------------------------------------------ checks */
static bool fits(char have[33], const char *bytes, size_t n, const char *hash)
{
	pulseq_md5(have, bytes, n);
	for (int i = 0; i < 33; i++) {
		if (tolower((unsigned char)hash[i]) != have[i])
			return false;
	}
	return true;
}

static void tell(struct file *f, const char *have, const char *hash)
{
	pulseq_warn(f, 1,
		    "the file was changed after it was signed: its MD5 sum is %s, its "
		    "signature says %.40s",
		    have, hash);
}

void pulseq_check_hash(struct file *f, const char *bytes, size_t n, const char *hash)
{
	char have[33];

	if (!fits(have, bytes, n, hash))
		tell(f, have, hash);
}

/* JEMRIS signs the end of line in front of [SIGNATURE], too; other programs turned ends of lines
 * into those of Windows after signing. */
static void check_text(struct file *f, const char *bytes, size_t n, const char *hash)
{
	char have[33], other[33], *unix_lines;
	size_t m = 0;
	bool good;

	if (fits(have, bytes, n, hash) || fits(other, bytes, n + 1, hash))
		return;
	unix_lines = memchr(bytes, '\r', n) ? malloc(n + 1) : NULL;
	for (size_t i = 0; unix_lines && i < n; i++) {
		if (bytes[i] != '\r')
			unix_lines[m++] = bytes[i];
	}
	good = unix_lines && fits(other, unix_lines, m, hash);
	free(unix_lines);
	if (!good)
		tell(f, have, hash);
}

/* The last line [SIGNATURE], or NULL. */
static const char *find_signature(const char *bytes, size_t n)
{
	static const char heading[] = "\n[SIGNATURE]";
	size_t most = n < 4096 ? n : 4096; /* it ends the file */

	for (const char *p = bytes + n; p-- > bytes + n - most;) {
		if (*p == '\n' && (size_t)(bytes + n - p) >= sizeof heading - 1 &&
		    memcmp(p, heading, sizeof heading - 1) == 0)
			return p;
	}
	return NULL;
}

void pulseq_check_signature(struct file *f, const char *bytes, size_t n)
{
	const char *signature = find_signature(bytes, n), *from, *to;
	struct cursor c = { f->path, signature, bytes + n, 0 };
	bool md5 = false;
	char hash[80] = "";
	struct word w[2];
	uint32_t line;

	while (signature && pulseq_line(&c, &from, &to, &line)) {
		if (pulseq_words(w, 2, from, to) != 2)
			continue;
		if (pulseq_word_is(w[0], "Type"))
			md5 = pulseq_word_is(w[1], "md5");
		if (pulseq_word_is(w[0], "Hash") && w[1].n < sizeof hash)
			memcpy(hash, w[1].p, w[1].n);
	}
	if (md5)
		check_text(f, bytes, (size_t)(signature - bytes), hash);
}
