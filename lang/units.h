/* Units as the lexer needs them: found at the start of running text. */
#ifndef LANG_UNITS_H
#define LANG_UNITS_H

#include "lang/lang.h"

/* A unit is scale * 10^power of the SI unit of `dim`. */
struct unit_scale {
	double scale;
	int power;
	struct dim dim;
};

/* Reads the longest unit at the start of `s`, such as `mT/m`, `/m` or `mm^2`. Returns the bytes
 * used, 0 when no unit stands there. What follows a known unit and is none itself is left: in
 * `2ms*n` the unit is `ms`. */
size_t unit_scan(const char *s, size_t n, struct unit_scale *out);
/* The bytes of the word at the start of `s`. */
size_t unit_word(const char *s, size_t n);
/* The unit that someone who wrote `word` may have meant, or NULL. */
const char *unit_near(const char *word);
/* A plausible range of a quantity type, as `8ms .. 15ms`, or NULL. */
const char *type_example(const char *type);

#endif
