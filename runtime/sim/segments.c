/* Interpolation in time at Chebyshev nodes.
 *
 * For a fixed s the error E(z) = exp(-z s) - sum_l c_l(s) exp(-z s_l) is an entire function of z, so
 * it is largest on the edge of the rectangle; there, and at instants between all nodes, it is
 * measured. The weights are those of the polynomial through the nodes: they sum to little more than
 * 1 in magnitude, where weights fitted to the object's frequencies cancel each other and amplify
 * rounding. About |w| T / 2 nodes are needed, and some ten more for small errors. */
#include "runtime/sim/nufft.h"

#include <math.h>
#include <stdbool.h>

static const double pi = 3.14159265358979323846;
static const double between = 1.3; /* the largest error lies between those measured */
enum { EDGE = 48, FINE = 4 };

static bool at_node(const struct segments *g, double s, int l)
{
	return fabs(s - g->node[l]) <= 1e-14 * g->length;
}

double segments_scale(const struct segments *g, double s)
{
	double sum = 0;

	for (int l = 0; l < g->n; l++) {
		if (at_node(g, s, l))
			return 0;
		sum += g->factor[l] / (s - g->node[l]);
	}
	return 1 / sum;
}

double segments_weight(const struct segments *g, double s, int l, double scale)
{
	return at_node(g, s, l) ? 1 : scale * g->factor[l] / (s - g->node[l]);
}

/* Corner to corner along one of three edges; the fourth, w < 0, mirrors. */
static void edge(double *r, double *w, int i, double w_half, double r_lo, double r_hi)
{
	double f = (double)(i % EDGE) / (EDGE - 1);

	*r = i / EDGE == 0 ? r_lo : i / EDGE == 1 ? r_hi : r_lo + f * (r_hi - r_lo);
	*w = i / EDGE == 2 ? w_half : f * w_half;
}

static void measure(struct segments *g, double w_half, double r_lo, double r_hi)
{
	double c[SEGMENTS], re[3 * EDGE], im[3 * EDGE];

	g->error = 0;
	g->amplified = 1;
	for (int k = 0; k <= FINE * g->n; k++) {
		double s = 0.5 * g->length * (1 - cos(pi * k / (FINE * g->n))), sum = 0, scale = segments_scale(g, s);

		for (int l = 0; l < g->n; l++) {
			c[l] = segments_weight(g, s, l, scale);
			sum += fabs(c[l]);
		}
		g->amplified = fmax(g->amplified, sum);
		for (int i = 0; i < 3 * EDGE; i++) {
			double r, w;

			edge(&r, &w, i, w_half, r_lo, r_hi);
			re[i] = exp(-r * s) * cos(w * s);
			im[i] = exp(-r * s) * sin(w * s);
			for (int l = 0; l < g->n; l++) {
				double e = c[l] * exp(-r * g->node[l]);

				re[i] -= e * cos(w * g->node[l]);
				im[i] -= e * sin(w * g->node[l]);
			}
			g->error = fmax(g->error, hypot(re[i], im[i]));
		}
	}
	g->error *= between;
}

void segments_make(struct segments *out, double length, double w_half, double r_lo, double r_hi,
		   double error)
{
	double rho = 0.5 * length * fmax(w_half, 0.5 * sqrt((r_hi - r_lo) / (length + 1e-12)));
	int n = length > 0 ? 2 + (int)fmin(rho, SEGMENTS - 4) : 1;

	for (;; n += 1 + n / 12) {
		n = n < SEGMENTS ? n : SEGMENTS;
		*out = (struct segments){ .n = n, .length = length, .amplified = 1 };
		for (int l = 0; l < n; l++) {
			out->node[l] = 0.5 * length * (1 - cos(pi * (l + 0.5) / n));
			out->factor[l] = (l & 1 ? -1 : 1) * sin(pi * (l + 0.5) / n);
		}
		if (!(length > 0))
			return;
		measure(out, w_half, r_lo, r_hi);
		if (out->error <= error || n == SEGMENTS)
			return;
	}
}
