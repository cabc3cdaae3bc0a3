/* Raw data made by hand: lines of two coils, noise first, with everything set that the format holds. */
#ifndef TESTS_UNIT_RAW_DATA_H
#define TESTS_UNIT_RAW_DATA_H

#include "runtime/io/io.h"

#include <stdlib.h>
#include <string.h>

enum { RAW_LINES = 5, RAW_COILS = 2, RAW_SAMPLES = 6, RAW_DIM = 2 };

static void raw_line(struct io_acquisition *a, int line)
{
	int i;

	*a = (struct io_acquisition){
		.flags = line == 0  ? IO_NOISE
			 : line % 2 ? IO_REVERSE
				    : 0,
		.counter = { line, 0, 1, 2, 3, 0, 5, 6, 7 },
		.user = { 11, 0, 0, 0, 0, 0, 0, 18 },
		.n_coil = RAW_COILS,
		.n_sample = RAW_SAMPLES,
		.n_dim = line == 0 ? 0 : RAW_DIM,
		.center = 3,
		.discard_first = 1,
		.discard_last = 2,
		.time_stamp = 100 + (uint32_t)line,
		.dwell = 20e-6,
		.position = { 0.001, -0.002, 0.003 },
		.read = { 1, 0, 0 },
		.phase = { 0, 1, 0 },
		.slice = { 0, 0, 1 },
	};
	a->data = calloc(2 * RAW_COILS * RAW_SAMPLES, sizeof *a->data);
	for (i = 0; i < 2 * RAW_COILS * RAW_SAMPLES; i++)
		a->data[i] = (float)(100 * line + i);
	if (!a->n_dim)
		return;
	a->trajectory = calloc(RAW_DIM * RAW_SAMPLES, sizeof *a->trajectory);
	for (i = 0; i < RAW_SAMPLES; i++) {
		a->trajectory[RAW_DIM * i] = (float)(i - 3);
		a->trajectory[RAW_DIM * i + 1] = (float)(line - 2);
	}
}

static struct io_list raw_list(double a, double b)
{
	struct io_list l = { malloc(2 * sizeof(double)), 2 };

	l.v[0] = a;
	l.v[1] = b;
	return l;
}

static struct io_raw *raw_create(void)
{
	struct io_raw *raw = calloc(1, sizeof *raw);
	int i;

	raw->encoding = calloc(1, sizeof *raw->encoding);
	raw->n_encoding = 1;
	*raw->encoding = (struct io_encoding){
		.encoded = { { 6, 4, 1 }, { 0.3, 0.2, 0.005 } },
		.recon = { { 3, 4, 1 }, { 0.15, 0.2, 0.005 } },
		.samples = { 0, 5, 3 },
		.limit = { [IO_LINE] = { 0, 3, 2 }, [IO_SLICE] = { 0, 2, 0 } },
		.trajectory = "epi",
		.acceleration = { 2, 1 },
		.calibration = "separate",
		.train = 4,
	};
	raw->acquisition = calloc(RAW_LINES, sizeof *raw->acquisition);
	raw->n = RAW_LINES;
	for (i = 0; i < RAW_LINES; i++)
		raw_line(&raw->acquisition[i], i);
	raw->n_coil = RAW_COILS;
	raw->frequency = 123.2e6;
	raw->field = 3;
	raw->tr = raw_list(2, 3);
	raw->te = raw_list(0.08, 0.1);
	raw->flip = raw_list(0.5, 1.5);
	raw->sequence = strdup("lines <of> two & more");
	raw->parameter = calloc(1, sizeof *raw->parameter);
	raw->n_parameter = 1;
	raw->parameter->name = strdup("ESP");
	raw->parameter->value = 0.000465;
	return raw;
}

#endif
