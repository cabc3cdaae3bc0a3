/* Characters of source text. Text comes from users: it need not be valid UTF-8. */
#ifndef LANG_UTF8_H
#define LANG_UTF8_H

#include "runtime/base/base.h"

/* Bytes of the character at `s` and its code point; 0 when these bytes are not UTF-8. */
size_t utf8_decode(const char *s, size_t n, uint32_t *code);
/* Columns a terminal gives the character: 0, 1 or 2; -1 when printing it would be unsafe (control
 * characters, marks that reorder text). */
int utf8_width(uint32_t code);
/* Number of characters; a byte that is not UTF-8 counts as one. */
size_t utf8_count(const char *s, size_t n);
/* Appends text with every unsafe character replaced by U+FFFD; returns the columns it takes. */
int utf8_add(struct text *out, const char *s, size_t n);

#endif
