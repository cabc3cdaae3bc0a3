/* Units and dimensions: reading `40mT/m`, and showing a value so that it can be typed back. */
#include "lang/units.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct unit {
	const char *name;
	double scale;
	int power;
	struct dim dim;
};

static const struct unit units[] = {
#define UNIT(name, scale, power, s, m, T, rad, meaning) { name, scale, power, { s, m, T, rad } },
#include "lang/units.def"
#undef UNIT
};

static const struct {
	const char *name;
	struct dim dim;
	const char *example;
} types[] = {
#define QUANTITY_TYPE(name, s, m, T, rad, example) { #name, { s, m, T, rad }, example },
#include "lang/types.def"
#undef QUANTITY_TYPE
};

bool dim_equal(struct dim a, struct dim b)
{
	return a.s == b.s && a.m == b.m && a.T == b.T && a.rad == b.rad;
}

bool type_dim(const char *type, struct dim *d)
{
	for (size_t i = 0; i < PRECESS_COUNT(types); i++) {
		if (strcmp(types[i].name, type) == 0) {
			*d = types[i].dim;
			return true;
		}
	}
	return false;
}

const char *type_example(const char *type)
{
	for (size_t i = 0; i < PRECESS_COUNT(types); i++) {
		if (strcmp(types[i].name, type) == 0)
			return types[i].example;
	}
	return NULL;
}

/* --- reading --- */

static bool word_byte(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || (unsigned char)c >= 0x80;
}

size_t unit_word(const char *s, size_t n)
{
	size_t i = 0;
	while (i < n && word_byte(s[i]))
		i++;
	return i;
}

/* A call, an index or a member shows that the word is a name: `1/min(a, b)` divides. */
static bool name_follows(const char *s, size_t n)
{
	if (n == 0)
		return false;
	if (s[0] == '.')
		return n > 1 && word_byte(s[1]) && !(s[1] >= '0' && s[1] <= '9');
	return s[0] == '(' || s[0] == '[';
}

static const struct unit *find(const char *s, size_t n)
{
	for (size_t i = 0; i < PRECESS_COUNT(units); i++) {
		if (strlen(units[i].name) == n && memcmp(units[i].name, s, n) == 0)
			return &units[i];
	}
	return NULL;
}

/* One name with its power, as `mm^-2`. Bytes used, 0 when there is none. */
static size_t scan_one(const char *s, size_t n, const struct unit **u, int *exponent)
{
	size_t used = n && s[0] == '%' ? 1 : unit_word(s, n);
	/* `7%2` is a remainder. */
	if (used == 0 || (s[0] == '%' && used < n && word_byte(s[used])))
		return 0;
	*u = find(s, used);
	*exponent = 1;
	if (!*u)
		return 0;
	size_t i = used;
	if (i < n && s[i] == '^') {
		bool minus = ++i < n && s[i] == '-';
		i += minus;
		if (unit_word(s + i, n - i) == 1 && s[i] >= '0' && s[i] <= '9') {
			*exponent = minus ? '0' - s[i] : s[i] - '0';
			used = i + 1;
		}
	}
	return used;
}

static bool multiply(struct unit_scale *into, const struct unit *u, int exponent)
{
	int s = into->dim.s + exponent * u->dim.s, m = into->dim.m + exponent * u->dim.m;
	int T = into->dim.T + exponent * u->dim.T, rad = into->dim.rad + exponent * u->dim.rad;
	if (abs(s) > 100 || abs(m) > 100 || abs(T) > 100 || abs(rad) > 100)
		return false;
	into->dim = (struct dim){ (int8_t)s, (int8_t)m, (int8_t)T, (int8_t)rad };
	into->power += exponent * u->power;
	for (int i = 0; i < abs(exponent); i++)
		into->scale = exponent > 0 ? into->scale * u->scale : into->scale / u->scale;
	return isfinite(into->scale) && into->scale > 0 && abs(into->power) < 300;
}

size_t unit_scan(const char *s, size_t n, struct unit_scale *out)
{
	*out = (struct unit_scale){ .scale = 1 };
	size_t used = 0;
	for (;;) {
		const struct unit *u;
		int exponent;
		bool joined = used < n && (s[used] == '/' || (s[used] == '*' && used > 0));
		if (used > 0 && !joined)
			return used;
		size_t at = used + joined;
		size_t one = scan_one(s + at, n - at, &u, &exponent);
		if (one == 0 || (joined && name_follows(s + at + one, n - at - one)))
			return used;
		struct unit_scale next = *out;
		if (!multiply(&next, u, joined && s[used] == '/' ? -exponent : exponent))
			return used;
		*out = next;
		used = at + one;
	}
}

static double power_of_ten(int power)
{
	/* 10^22 is the last exact one; dividing by an exact power rounds once. */
	double p = 1;
	for (int i = 0; i < abs(power); i++)
		p *= 10;
	return power < 0 ? 1 / p : p;
}

bool unit_find(const char *unit, size_t n, double *factor, struct dim *d)
{
	struct unit_scale u;
	if (n > 1 && unit[0] == '1' && unit[1] == '/') {
		unit++;
		n--;
	}
	if (n == 0 || unit_scan(unit, n, &u) != n)
		return false;
	*factor = u.scale * power_of_ten(u.power);
	*d = u.dim;
	return true;
}

const char *unit_near(const char *word)
{
	static const char *const hint[][2] = {
#define UNIT(name, scale, power, s, m, T, rad, meaning)
#define UNIT_HINT(word, unit) { word, unit },
#include "lang/units.def"
#undef UNIT_HINT
#undef UNIT
	};
	for (size_t i = 0; i < PRECESS_COUNT(hint); i++) {
		if (strcmp(hint[i][0], word) == 0)
			return hint[i][1];
	}
	const char *names[PRECESS_COUNT(units)];
	for (size_t i = 0; i < PRECESS_COUNT(units); i++)
		names[i] = units[i].name;
	return lang_nearest(word, names, PRECESS_COUNT(names));
}

/* --- showing --- */

/* `T*s/m`, `rad/s/T`: tesla first above the stroke and last below it, as is usual. Begins with `/`
 * when no exponent is positive; empty for a plain number. */
static void compose(char *out, size_t size, struct dim d)
{
	const struct {
		int exponent;
		const char *name;
	} part[] = { { d.T > 0 ? d.T : 0, "T" },
		     { d.m, "m" },
		     { d.s, "s" },
		     { d.T < 0 ? d.T : 0, "T" },
		     { d.rad, "rad" } };
	size_t n = 0;
	out[0] = 0;
	for (int sign = 1; sign >= -1; sign -= 2) {
		for (size_t i = 0; i < PRECESS_COUNT(part); i++) {
			int e = part[i].exponent * sign;
			if (e <= 0)
				continue;
			const char *join = sign < 0 ? "/" : n ? "*" : "";
			n += (size_t)snprintf(out + n, size - n, e > 1 ? "%s%s^%d" : "%s%s", join,
					      part[i].name, e);
		}
	}
}

const char *dim_name(struct lang *l, struct dim d)
{
	for (size_t i = 0; i < PRECESS_COUNT(types); i++) {
		if (dim_equal(types[i].dim, d))
			return types[i].name;
	}
	char unit[64];
	compose(unit, sizeof unit, d);
	return arena_printf(lang_arena(l), "%s%s", unit[0] == '/' ? "1" : "", unit);
}

static const struct shown {
	double least;
	const char *unit;
	bool zero;
} shown[] = {
#define UNIT(name, scale, power, s, m, T, rad, meaning)
#define UNIT_SHOWN(least, unit, zero) { least, unit, zero },
#include "lang/units.def"
#undef UNIT_SHOWN
#undef UNIT
};

/* The digits shown, and the value they say: the unit is chosen by that, so 999.9999us is 1ms. */
static double rounded(double v, char *digits, size_t size)
{
	snprintf(digits, size, "%.6g", v == 0 ? 0 : v);
	return strtod(digits, NULL);
}

const char *dim_show(struct lang *l, double v, struct dim d)
{
	char digits[32], unit[64];
	double size = fabs(rounded(v, digits, sizeof digits));
	for (size_t i = 0; i < PRECESS_COUNT(shown); i++) {
		double factor;
		struct dim of;
		if (!unit_find(shown[i].unit, strlen(shown[i].unit), &factor, &of) ||
		    !dim_equal(of, d))
			continue;
		if (size == 0 ? !shown[i].zero : size < shown[i].least)
			continue;
		rounded(v / factor, digits, sizeof digits);
		return arena_printf(lang_arena(l), "%s%s", digits, shown[i].unit);
	}
	compose(unit, sizeof unit, d);
	return arena_printf(lang_arena(l), "%s%s", digits, unit);
}
