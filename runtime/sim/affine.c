/* Affine maps of the magnetisation, and the exact solution of the Bloch equations in a constant
 * field. With K(B) M = M x B and R = diag(R2, R2, R1):
 *     dM/dt = (K(B) - R) M + R1 M0 z = A M + r,    M(h) = exp(A h) M(0) + h phi1(A h) r,
 * phi1(X) = (exp X - 1) / X. Both series are summed for a short time and squared up. */
#include "runtime/sim/internal.h"

#include <math.h>
#include <string.h>

/* With |A h| <= 1/4 the first term left out is 4^-12 / 12! = 1e-16. */
enum { DEGREE = 11 };
static const double short_enough = 0.25;

static const struct affine identity = { { { 1, 0, 0 }, { 0, 1, 0 }, { 0, 0, 1 } }, { 0, 0, 0 } };

struct affine affine_after(const struct affine *a, const struct affine *b)
{
	struct affine m;

	for (int i = 0; i < 3; i++) {
		const double *e = a->e[i];

		for (int j = 0; j < 3; j++)
			m.e[i][j] = e[0] * b->e[0][j] + e[1] * b->e[1][j] + e[2] * b->e[2][j];
		m.c[i] = e[0] * b->c[0] + e[1] * b->c[1] + e[2] * b->c[2] + a->c[i];
	}
	return m;
}

void affine_apply(double m[3], const struct affine *a)
{
	double x = m[0], y = m[1], z = m[2];

	for (int i = 0; i < 3; i++)
		m[i] = a->e[i][0] * x + a->e[i][1] * y + a->e[i][2] * z + a->c[i];
}

struct affine affine_phase(double phase)
{
	struct affine m = identity;

	m.e[0][0] = m.e[1][1] = cos(phase);
	m.e[1][0] = sin(phase);
	m.e[0][1] = -m.e[1][0];
	return m;
}

/* Rodrigues: dM = M x a turns left-handed around n = a / |a|:
 * M' = M cos |a| + (M x n) sin |a| + n (n M) (1 - cos |a|). */
struct affine affine_rotation(double ax, double ay, double az)
{
	double angle = sqrt(ax * ax + ay * ay + az * az), c = cos(angle), s, v;
	struct affine m = identity;

	if (angle == 0)
		return m;
	double n[3] = { ax / angle, ay / angle, az / angle };

	s = sin(angle);
	v = 2 * sin(0.5 * angle) * sin(0.5 * angle); /* 1 - cos without cancellation */
	for (int i = 0; i < 3; i++) {
		for (int j = 0; j < 3; j++)
			m.e[i][j] = (i == j ? c : 0) + n[i] * n[j] * v;
	}
	m.e[0][1] += n[2] * s;
	m.e[0][2] -= n[1] * s;
	m.e[1][0] -= n[2] * s;
	m.e[1][2] += n[0] * s;
	m.e[2][0] += n[1] * s;
	m.e[2][1] -= n[0] * s;
	return m;
}

struct affine affine_bloch(double bx, double by, double w, double r1, double r2, double m0,
			   double h)
{
	double a[3][3] = { { -r2, w, -by }, { -w, -r2, bx }, { by, -bx, -r1 } };
	double norm = (fabs(bx) + fabs(by) + fabs(w) + r1 + r2) * h;
	struct affine m = identity;
	int squarings = norm > short_enough ? ilogb(norm / short_enough) + 1 : 0;

	h = ldexp(h, -squarings);
	m.c[2] = r1 * m0 * h;
	/* Horner: e = 1 + A h e / k; c = r h + A h c / (k + 1). */
	for (int k = DEGREE; k >= 1; k--) {
		double e[3][3], c[3], f = h / k, g = h / (k + 1);

		memcpy(e, m.e, sizeof e);
		memcpy(c, m.c, sizeof c);
		for (int i = 0; i < 3; i++) {
			for (int j = 0; j < 3; j++)
				m.e[i][j] = (i == j) + f * (a[i][0] * e[0][j] + a[i][1] * e[1][j] +
							    a[i][2] * e[2][j]);
			m.c[i] = g * (a[i][0] * c[0] + a[i][1] * c[1] + a[i][2] * c[2]);
		}
		m.c[2] += r1 * m0 * h;
	}
	for (; squarings; squarings--)
		m = affine_after(&m, &m);
	return m;
}
