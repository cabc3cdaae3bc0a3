/* PSNR, SSIM (Wang et al., 2004) and complex PSNR; definitions in train.h. */
#include "runtime/train/train.h"

#include <math.h>
#include <stdlib.h>

enum { WINDOW = 11, MOMENTS = 5 };

static double decibels(double squares, double n)
{
	return -10 * log10(squares / n);
}

/* Rows of the window's sums at column x: the five moments a, b, a^2, b^2, ab. */
static void filter_row(double *out, const double *a, const double *b, const double *window)
{
	for (int k = 0; k < MOMENTS; k++)
		out[k] = 0;
	for (int i = 0; i < WINDOW; i++) {
		out[0] += window[i] * a[i];
		out[1] += window[i] * b[i];
		out[2] += window[i] * a[i] * a[i];
		out[3] += window[i] * b[i] * b[i];
		out[4] += window[i] * a[i] * b[i];
	}
}

static double similarity(const double *s)
{
	static const double c1 = 1e-4, c2 = 9e-4;
	double va = s[2] - s[0] * s[0], vb = s[3] - s[1] * s[1], cov = s[4] - s[0] * s[1];

	return (2 * s[0] * s[1] + c1) * (2 * cov + c2) /
	       ((s[0] * s[0] + s[1] * s[1] + c1) * (va + vb + c2));
}

/* `rows` holds MOMENTS numbers per row and valid column. */
static double mean_similarity(const double *a, const double *b, double *rows, int ny, int nx)
{
	int width = nx - WINDOW + 1, height = ny - WINDOW + 1;
	double window[WINDOW], norm = 0, sum = 0, s[MOMENTS];

	for (int i = 0; i < WINDOW; i++)
		norm += window[i] = exp(-0.5 * (i - 5) * (i - 5) / (1.5 * 1.5));
	for (int i = 0; i < WINDOW; i++)
		window[i] /= norm;
	for (int y = 0; y < ny; y++) {
		for (int x = 0; x < width; x++)
			filter_row(rows + ((size_t)y * (size_t)width + (size_t)x) * MOMENTS,
				   a + (size_t)y * (size_t)nx + x, b + (size_t)y * (size_t)nx + x,
				   window);
	}
	for (int y = 0; y < height; y++) {
		for (int x = 0; x < width; x++) {
			for (int k = 0; k < MOMENTS; k++) {
				s[k] = 0;
				for (int i = 0; i < WINDOW; i++)
					s[k] += window[i] *
						rows[((size_t)(y + i) * (size_t)width + (size_t)x) *
							     MOMENTS +
						     (size_t)k];
			}
			sum += similarity(s);
		}
	}
	return sum / ((double)width * height);
}

precess_status train_score(struct train_scores *out, const float *image, const float *reference,
			   int ny, int nx)
{
	size_t n = (size_t)ny * (size_t)nx;
	double *a, *b, *rows, peak = 0, magnitude = 0, difference = 0;

	if (ny < WINDOW || nx < WINDOW)
		return precess_fail(PRECESS_EINVAL, "SSIM needs images of at least 11 x 11");
	a = malloc((2 + MOMENTS) * n * sizeof *a);
	if (!a)
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	b = a + n;
	rows = b + n;
	for (size_t i = 0; i < n; i++) {
		a[i] = hypot((double)image[i], (double)image[n + i]);
		b[i] = hypot((double)reference[i], (double)reference[n + i]);
		peak = fmax(peak, b[i]);
	}
	for (size_t i = 0; i < n && peak > 0; i++) {
		double re = ((double)image[i] - (double)reference[i]) / peak;
		double im = ((double)image[n + i] - (double)reference[n + i]) / peak;

		a[i] /= peak;
		b[i] /= peak;
		magnitude += (a[i] - b[i]) * (a[i] - b[i]);
		difference += re * re + im * im;
	}
	out->psnr = decibels(magnitude, (double)n);
	out->complex_psnr = decibels(difference, (double)n);
	out->ssim = mean_similarity(a, b, rows, ny, nx);
	free(a);
	return peak > 0 ? PRECESS_OK : precess_fail(PRECESS_EINVAL, "the reference image is zero");
}
