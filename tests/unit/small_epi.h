/* A small echo-planar sequence made by hand, for tests of what shows or stores sequences: a sinc
 * pulse with slice selection, prephasers, LINES alternating readouts with blips. */
#ifndef TESTS_UNIT_SMALL_EPI_H
#define TESTS_UNIT_SMALL_EPI_H

#include "runtime/program/program.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { EPI_LINES = 32, EPI_SAMPLES = 32, EPI_SHAPE = 64, EPI_OPS = 4096 };

static program_slot epi_value(struct program *p, double v)
{
	for (uint32_t i = 1; i < p->n_op; i++)
		if (p->op[i].value == v)
			return i;
	p->op[p->n_op] = (struct program_op){ PROGRAM_CONST, PROGRAM_NO_SLOT, PROGRAM_NO_SLOT, v };
	return p->n_op++;
}

static struct program_event *epi_event(struct program *p, enum program_event_kind kind,
				       double start, double duration)
{
	struct program_event *e = &p->event[p->n_event++];
	program_slot zero = epi_value(p, 0);

	*e = (struct program_event){
		.kind = kind,
		.start = epi_value(p, start),
		.duration = epi_value(p, duration),
		.flip = zero,
		.phase = zero,
		.freq = zero,
		.center = zero,
		.use = "excitation",
		.shape = PROGRAM_NO_SHAPE,
		.amplitude = zero,
		.rise = zero,
		.flat = zero,
		.fall = zero,
		.dwell = zero,
	};
	for (int k = 0; k < PROGRAM_LABELS; k++)
		e->label[k] = -1;
	return e;
}

static void epi_gradient(struct program *p, int axis, double start, double duration,
			 double amplitude)
{
	const double ramp = 1e-4;
	struct program_event *e = epi_event(p, PROGRAM_GRAD, start, duration);

	e->axis = axis;
	e->amplitude = epi_value(p, amplitude);
	e->rise = e->fall = epi_value(p, ramp);
	e->flat = epi_value(p, duration - 2 * ramp);
}

static void epi_head(struct program *p)
{
	struct program_event *e;

	epi_event(p, PROGRAM_RESET, 0, 0);
	epi_gradient(p, 2, 0, 3e-3, 0.012);
	e = epi_event(p, PROGRAM_RF, 1e-4, 2.8e-3);
	e->flip = epi_value(p, 1.5707963267948966);
	e->phase = epi_value(p, 0.7853981633974483);
	e->shape = 0;
	epi_gradient(p, 2, 3e-3, 1.5e-3, -0.012);
	epi_gradient(p, 0, 3e-3, 1.5e-3, -0.0135);
	epi_gradient(p, 1, 3e-3, 1.5e-3, -0.0118);
}

static void epi_train(struct program *p, double dk)
{
	const double line = 9e-4, dwell = 2e-5;
	struct program_event *e;
	double t, sign;

	for (int i = 0; i < EPI_LINES; i++) {
		t = 6e-3 + i * line;
		sign = i % 2 ? -1 : 1;
		epi_gradient(p, 0, t, line, sign * dk / (PRECESS_GAMMABAR * dwell));
		e = epi_event(p, PROGRAM_ADC, t + 1.3e-4, EPI_SAMPLES * dwell);
		e->dwell = epi_value(p, dwell);
		e->n = EPI_SAMPLES;
		e->first_sample = p->n_sample;
		e->label[PROGRAM_LABEL_line] = i;
		e->label[PROGRAM_LABEL_reverse] = i % 2;
		p->readout[i] = (struct program_readout){
			PROGRAM_READOUT_LINE,
			p->n_event - 1,
			epi_value(p, t - 1.5e-3),
			e->dwell,
			{ epi_value(p, -sign * 15.5 * dk), epi_value(p, (i - 16) * dk),
			  epi_value(p, 0) },
			{ epi_value(p, sign * dk), epi_value(p, 0), epi_value(p, 0) },
			0
		};
		p->n_sample += EPI_SAMPLES;
		if (i + 1 < EPI_LINES)
			epi_gradient(p, 1, t + line - 1.2e-4, 2.4e-4, dk / (PRECESS_GAMMABAR * 1.4e-4));
	}
	p->n_readout = EPI_LINES;
	p->duration = epi_value(p, 6e-3 + EPI_LINES * line);
}

static void epi_shape(struct program_shape *s)
{
	double sum = 0, u;

	*s = (struct program_shape){
		strdup("sinc"), false, EPI_SHAPE, calloc(EPI_SHAPE, sizeof(double)), 0, 0
	};
	for (int i = 0; i < EPI_SHAPE; i++) {
		u = 3.14159265358979 * 6 * ((i + 0.5) / EPI_SHAPE - 0.5);
		s->sample[i] = sin(u) / u;
		sum += s->sample[i];
	}
	for (int i = 0; i < EPI_SHAPE; i++)
		s->sample[i] *= EPI_SHAPE / sum;
}

/* Free with program_free. */
static struct program *epi_create(void)
{
	struct program *p = calloc(1, sizeof *p);
	double fov = 0.22;

	p->name = strdup("small_epi");
	strcpy(p->hash, "0123abcd");
	strcpy(p->source_hash, "4567cdef");
	p->gammabar = PRECESS_GAMMABAR;
	p->fov[0] = p->fov[1] = fov;
	p->matrix[0] = p->matrix[1] = EPI_SAMPLES;
	p->n_param = 2;
	p->param = calloc(2, sizeof *p->param);
	p->param[0] = (struct program_param){ strdup("TE"), NULL,  strdup("time"), strdup("ms"),
					      1e-3,         10e-3, 40e-3,          20.4e-3 };
	p->param[1] = (struct program_param){
		strdup("SGx[0]"), NULL, strdup("number"), strdup(""), 1, -0.05, 0.05, 0.01
	};
	p->op = calloc(EPI_OPS, sizeof *p->op);
	p->op[p->n_op++] = (struct program_op){ PROGRAM_PARAM, PROGRAM_NO_SLOT, PROGRAM_NO_SLOT,
						0 };
	p->event = calloc(16 + 3 * EPI_LINES, sizeof *p->event);
	p->readout = calloc(EPI_LINES, sizeof *p->readout);
	p->n_shape = 1;
	p->shape = calloc(1, sizeof *p->shape);
	epi_shape(p->shape);
	epi_head(p);
	epi_train(p, 1 / fov);
	p->n_mark = 1;
	p->mark = calloc(1, sizeof *p->mark);
	p->mark[0] = (struct program_mark){ strdup("k0"), NULL, strdup("ms"), 1e-3,
					    epi_value(p, 6e-3 + 16.5 * 9e-4) };
	return p;
}

#endif
