/* What the tests of this folder share: a Pulseq file as a draw, rows of the report. The cases
 * are read from $PRECESS_SHARED/refcases (../shared when unset); absent ones are skipped. */
#ifndef TESTS_REFCASES_SUITE_H
#define TESTS_REFCASES_SUITE_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "compiler/lower/lower.h"
#include "compiler/passes/passes.h"
#include "compiler/pulseq/pulseq.h"
#include "runtime/sim/sim.h"
#include "tests/physics/refcase.h"
#include "tests/refcases/report.h"

static int n_present;

static inline void case_path(char *path, size_t size, const char *which, const char *file)
{
	const char *root = getenv("PRECESS_SHARED");

	snprintf(path, size, "%s/refcases/%s/%s", root ? root : "../shared", which, file);
}

/* NULL when the case is not there. */
static inline struct draw *case_draw(const char *which, const char *file)
{
	char path[512];
	struct program *p;
	struct draw *d;
	struct lang *l;
	struct ir *ir;

	case_path(path, sizeof path, which, file);
	if (access(path, R_OK))
		return NULL;
	n_present++;
	l = lang_create();
	if (pulseq_read(&ir, path, NULL) || passes_run(ir, NULL, NULL) ||
	    lower(&p, ir, l, path) || draw_create(&d, p, NULL, false))
		fail_msg("%s", precess_error());
	ir_free(ir);
	lang_free(l);
	return d;
}

static inline void case_drop(struct draw *d)
{
	struct program *p = (struct program *)d->program;

	draw_free(d);
	program_free(p);
}

/* A row of one precision. */
static inline void report(const char *which, const char *what, double error, double accept,
			  double seconds)
{
	report_row(which, what, (double[]){ error, NAN }, (double[]){ accept, NAN }, NAN,
		   (double[]){ seconds, 0 });
}

#endif
