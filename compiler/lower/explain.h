/* The parts of lower_explain. */
#ifndef COMPILER_LOWER_EXPLAIN_H
#define COMPILER_LOWER_EXPLAIN_H

#include "compiler/lower/lower.h"

struct explain {
	struct text *out;
	struct ir *ir; /* sums that the ranges need are added to it */
	struct lang *l;
	const struct draw *d;
};

extern const struct dim explain_time, explain_angle;
const char *explain_show(const struct explain *x, double v, struct dim d);
/* "lo .. hi" over the parameters, or one value when it does not depend on them. */
void explain_range(const struct explain *x, ir_scalar e, struct dim d);

void explain_timeline(const struct explain *x);
void explain_kspace(const struct explain *x);
void explain_pathways(const struct explain *x);

#endif
