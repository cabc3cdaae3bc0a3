/* Interval arithmetic of the operators, and enclosures of their difference quotients.
 *
 * Basic operations round to nearest, which is monotone: what ir_eval computes in the same order
 * lies inside without directed rounding. The library's functions are only nearly monotone and get a
 * few units in the last place. Undefined parts (a root of a negative) are cut off and reported. */
#include "compiler/ir/tables.h"

#include <assert.h>
#include <float.h>
#include <math.h>

#define PI 3.14159265358979323846
#define DOMAIN_NOISE 1e-12 /* an argument this share of its size outside is rounding */

static const struct ir_interval whole = { -INFINITY, INFINITY };

static struct ir_interval make(double lo, double hi)
{
	return isnan(lo) || isnan(hi) ? whole : (struct ir_interval){ lo, hi };
}

static struct ir_interval wider(double lo, double hi)
{
	return make(lo - 4 * DBL_EPSILON * fabs(lo), hi + 4 * DBL_EPSILON * fabs(hi));
}

static bool has(struct ir_interval a, double x)
{
	return a.lo <= x && x <= a.hi;
}

static double size(struct ir_interval a)
{
	return fmax(fabs(a.lo), fabs(a.hi));
}

struct ir_interval ir_interval_add(struct ir_interval a, struct ir_interval b)
{
	return make(a.lo + b.lo, a.hi + b.hi);
}

/* 0 * inf is 0: the infinity is a bound, not a value. */
static double times(double x, double y)
{
	return x == 0 || y == 0 ? 0 : x * y;
}

static struct ir_interval corners(double p, double q, double r, double s)
{
	return make(fmin(fmin(p, q), fmin(r, s)), fmax(fmax(p, q), fmax(r, s)));
}

struct ir_interval ir_interval_mul(struct ir_interval a, struct ir_interval b)
{
	return corners(times(a.lo, b.lo), times(a.lo, b.hi), times(a.hi, b.lo), times(a.hi, b.hi));
}

static struct ir_interval divide(struct ir_interval a, struct ir_interval b, bool *partial)
{
	if (has(b, 0)) {
		*partial = true;
		return whole;
	}
	return corners(a.lo / b.lo, a.lo / b.hi, a.hi / b.lo, a.hi / b.hi);
}

static struct ir_interval square(struct ir_interval a)
{
	double lo = a.lo * a.lo, hi = a.hi * a.hi;

	return make(has(a, 0) ? 0 : fmin(lo, hi), fmax(lo, hi));
}

static struct ir_interval power(struct ir_interval a, struct ir_interval b, bool *partial)
{
	bool integer = b.lo == b.hi && b.lo == rint(b.lo);
	bool even = integer && fmod(b.lo, 2) == 0;

	if ((has(a, 0) && b.lo < 0) || (a.lo < 0 && !integer)) {
		*partial = true;
		return whole;
	}
	if (a.lo < 0 && even)
		a = has(a, 0) ? make(0, size(a)) : make(-a.hi, -a.lo);
	a = corners(pow(a.lo, b.lo), pow(a.lo, b.hi), pow(a.hi, b.lo), pow(a.hi, b.hi));
	return wider(a.lo, a.hi);
}

/* a - b floor(a / b) has the sign of b and is smaller. */
static struct ir_interval modulo(struct ir_interval a, struct ir_interval b, bool *partial)
{
	double k;

	if (has(b, 0)) {
		*partial = true;
		return whole;
	}
	k = floor(a.lo / b.lo);
	if (b.lo == b.hi && k == floor(a.hi / b.lo) && isfinite(k))
		return make(a.lo - b.lo * k, a.hi - b.lo * k);
	return make(fmin(b.lo, 0), fmax(b.hi, 0));
}

static struct ir_interval step(enum ir_op op, struct ir_interval a, struct ir_interval b)
{
	if (b.lo == b.hi) {
		double p = ir_apply(op, a.lo, b.lo), q = ir_apply(op, a.hi, b.lo);

		return make(fmin(p, q), fmax(p, q));
	}
	return make(a.lo - size(b), a.hi + size(b));
}

/* The cosine of an interval; sines come a quarter turn later. */
static struct ir_interval cosine(struct ir_interval a)
{
	double turn = 2 * PI, lo, hi;

	if (!(a.hi - a.lo < turn) || size(a) > 1e9)
		return make(-1, 1);
	lo = fmin(cos(a.lo), cos(a.hi));
	hi = fmax(cos(a.lo), cos(a.hi));
	if (ceil(a.lo / turn) * turn <= a.hi)
		hi = 1;
	if (ceil((a.lo - PI) / turn) * turn + PI <= a.hi)
		lo = -1;
	return make(lo - 1e-15, hi + 1e-15);
}

static struct ir_interval sine(struct ir_interval a)
{
	struct ir_interval r = cosine(make(a.lo - PI / 2, a.hi - PI / 2));

	/* the shift rounds by as much as the argument is long */
	return make(r.lo - DBL_EPSILON * size(a), r.hi + DBL_EPSILON * size(a));
}

static struct ir_interval tangent(struct ir_interval a, bool *partial)
{
	double from = floor(a.lo / PI - 0.5);

	if (!(a.hi - a.lo < PI) || from != floor(a.hi / PI - 0.5) || size(a) > 1e9) {
		*partial = true;
		return whole;
	}
	return wider(tan(a.lo), tan(a.hi));
}

/* atan2 is extreme at corners of a rectangle that the cut (x <= 0, y = 0) does not touch. */
static struct ir_interval angle(struct ir_interval y, struct ir_interval x)
{
	if (has(y, 0) && x.lo <= 0)
		return make(-PI, PI);
	x = corners(atan2(y.lo, x.lo), atan2(y.lo, x.hi), atan2(y.hi, x.lo), atan2(y.hi, x.hi));
	return wider(x.lo, x.hi);
}

/* Cuts a to where a function is defined. */
static struct ir_interval cut(struct ir_interval a, double lo, double hi, bool *partial)
{
	double noise = DOMAIN_NOISE * size(a);

	if (a.lo < lo - noise || a.hi > hi + noise)
		*partial = true;
	return make(fmin(fmax(a.lo, lo), hi), fmin(fmax(a.hi, lo), hi));
}

/* `same`: a and b are one operand, not just equal ranges. */
struct ir_interval ir_interval_apply(enum ir_op op, struct ir_interval a, struct ir_interval b,
				     bool same, bool *partial)
{
	switch (op) {
	case IR_MUL:
		return same ? square(a) : ir_interval_mul(a, b);
	case IR_DIV:
		return divide(a, b, partial);
	case IR_POW:
		return power(a, b, partial);
	case IR_MOD:
		return modulo(a, b, partial);
	case IR_MIN:
		return make(fmin(a.lo, b.lo), fmin(a.hi, b.hi));
	case IR_MAX:
		return make(fmax(a.lo, b.lo), fmax(a.hi, b.hi));
	case IR_ROUND:
	case IR_CEIL:
	case IR_FLOOR:
		return step(op, a, b);
	case IR_ATAN2:
		return angle(a, b);
	case IR_ABS:
		return make(has(a, 0) ? 0 : fmin(fabs(a.lo), fabs(a.hi)), size(a));
	case IR_SQRT:
		a = cut(a, 0, INFINITY, partial);
		return make(sqrt(a.lo), sqrt(a.hi));
	case IR_SIN:
		return sine(a);
	case IR_COS:
		return cosine(a);
	case IR_TAN:
		return tangent(a, partial);
	case IR_ASIN:
		a = cut(a, -1, 1, partial);
		return wider(asin(a.lo), asin(a.hi));
	case IR_ACOS:
		a = cut(a, -1, 1, partial);
		return wider(acos(a.hi), acos(a.lo));
	case IR_ATAN:
		return wider(atan(a.lo), atan(a.hi));
	case IR_EXP:
		return wider(exp(a.lo), exp(a.hi));
	case IR_LOG:
		a = cut(a, 0, INFINITY, partial);
		return wider(log(a.lo), log(a.hi));
	case IR_CONST:
	case IR_PARAM:
	case IR_SUM:
	case IR_OPS:
		break;
	}
	assert(!"an operator without operands has no interval of its own");
	return whole;
}

/* ------------------------------------------------------------------ difference quotients */
static struct ir_interval reciprocal(struct ir_interval a)
{
	bool partial = false;

	if (a.lo == 0 && a.hi > 0)
		return make(1 / a.hi, INFINITY);
	return divide(make(1, 1), a, &partial);
}

/* Of the larger of a and b with respect to a. */
static struct ir_interval larger(struct ir_interval a, struct ir_interval b)
{
	return a.lo >= b.hi ? make(1, 1) : a.hi <= b.lo ? make(0, 0) : make(0, 1);
}

static struct ir_interval negative(struct ir_interval a)
{
	return make(-a.hi, -a.lo);
}

/* 1 / sqrt(1 - a^2) */
static struct ir_interval arc(struct ir_interval a)
{
	struct ir_interval s = square(a), r = make(fmax(1 - s.hi, 0), fmax(1 - s.lo, 0));

	return reciprocal(make(sqrt(r.lo), sqrt(r.hi)));
}

/* *da, *db: with respect to a, b ranging over those intervals; r is the operator's own range. */
void ir_interval_slope(struct ir_interval *da, struct ir_interval *db, enum ir_op op,
		       struct ir_interval a, struct ir_interval b, struct ir_interval r)
{
	struct ir_interval s;

	*da = *db = whole;
	switch (op) {
	case IR_MUL:
		*da = b;
		*db = a;
		break;
	case IR_DIV:
		*da = reciprocal(b);
		*db = negative(ir_interval_mul(r, *da));
		break;
	case IR_POW:
		if (a.lo > 0) {
			*da = ir_interval_mul(ir_interval_mul(b, r), reciprocal(a));
			*db = ir_interval_mul(r, make(log(a.lo), log(a.hi)));
		}
		break;
	case IR_MOD:
		if (b.lo == b.hi && floor(a.lo / b.lo) == floor(a.hi / b.lo))
			*da = make(1, 1);
		break;
	case IR_MIN:
		*da = larger(b, a);
		*db = larger(a, b);
		break;
	case IR_MAX:
		*da = larger(a, b);
		*db = larger(b, a);
		break;
	case IR_ROUND:
	case IR_CEIL:
	case IR_FLOOR:
		if (b.lo == b.hi)
			*da = b.lo == 0 ? make(1, 1) : make(0, INFINITY);
		break;
	case IR_ATAN2:
		s = ir_interval_add(square(a), square(b));
		if (!has(a, 0) || b.lo > 0) {
			*da = ir_interval_mul(b, reciprocal(s));
			*db = negative(ir_interval_mul(a, reciprocal(s)));
		}
		break;
	case IR_ABS:
		*da = a.lo >= 0 ? make(1, 1) : make(-1, a.hi <= 0 ? -1 : 1);
		break;
	case IR_SQRT:
		*da = ir_interval_mul(make(0.5, 0.5), reciprocal(r));
		break;
	case IR_SIN:
		*da = cosine(a);
		break;
	case IR_COS:
		*da = negative(sine(a));
		break;
	case IR_TAN:
		*da = ir_interval_add(make(1, 1), square(r));
		break;
	case IR_ASIN:
		*da = arc(a);
		break;
	case IR_ACOS:
		*da = negative(arc(a));
		break;
	case IR_ATAN:
		*da = reciprocal(ir_interval_add(make(1, 1), square(a)));
		break;
	case IR_EXP:
		*da = r;
		break;
	case IR_LOG:
		*da = reciprocal(a);
		break;
	case IR_CONST:
	case IR_PARAM:
	case IR_SUM:
	case IR_OPS:
		break;
	}
}
