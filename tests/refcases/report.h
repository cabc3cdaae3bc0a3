/* A row of the table of reference cases. */
#ifndef TESTS_REFCASES_REPORT_H
#define TESTS_REFCASES_REPORT_H

#include <math.h>
#include <stdbool.h>
#include <stdio.h>

#include "runtime/sim/sim.h"

/* Our error and what is accepted in both precisions (NAN: not computed), the error of the program
 * the reference is from or of the exact solution, as the cases' README tells (NAN: it does not),
 * seconds of both. Whether all is accepted. */
static inline bool report_row(const char *which, const char *what,
			      const double error[SIM_PRECISIONS],
			      const double accept[SIM_PRECISIONS], double theirs,
			      const double seconds[SIM_PRECISIONS])
{
	char text[SIM_PRECISIONS][16], floor[16] = "-";
	bool good = error[SIM_DOUBLE] <= accept[SIM_DOUBLE];

	for (int p = 0; p < SIM_PRECISIONS; p++)
		snprintf(text[p], sizeof text[p], isnan(error[p]) ? "-" : "%.2g", error[p]);
	if (!isnan(error[SIM_SINGLE]))
		good = good && error[SIM_SINGLE] <= accept[SIM_SINGLE];
	if (!isnan(theirs))
		snprintf(floor, sizeof floor, "%.2g", theirs);
	printf("%-28s %-9s double %7s of %-7.2g single %7s of %-7.2g theirs %7s  %5.2f + %5.2f s"
	       "  %s\n", which, what, text[SIM_DOUBLE], accept[SIM_DOUBLE], text[SIM_SINGLE],
	       accept[SIM_SINGLE], floor, seconds[SIM_DOUBLE], seconds[SIM_SINGLE],
	       good ? "ok" : "FAILS");
	fflush(stdout);
	return good;
}

#endif
