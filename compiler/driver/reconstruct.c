/* Raw data to one complex image, and what is said about it. */
#include <math.h>
#include <string.h>

#include "compiler/driver/reconstruct.h"

precess_status reconstruction_read(struct reconstruction *r, const char *path,
				   const struct recon_names *names)
{
	double begun = clock_seconds();
	precess_status st;
	memset(r, 0, sizeof *r);
	text_init(&r->steps);
	TRY(recon_read(&r->scan, path, names));
	r->seconds_read = clock_seconds() - begun;
	memcpy(r->fov, r->scan->fov, sizeof r->fov);
	r->thickness = r->scan->thickness;
out:
	return st;
}

precess_status reconstruction_fov(struct reconstruction *r, const double fov[2])
{
	const double *is = r->scan->fov;
	for (int i = 0; i < 2 && fov[0] > 0 && is[0] > 0; i++)
		if (fabs(fov[i] / is[i] - 1) > 1e-3)
			return precess_fail(PRECESS_EINVAL,
					    "--fov names %g m along %c, but %s says %g m: leave out --fov",
					    fov[i], 'x' + i, r->scan->source, is[i]);
	if (fov[0] > 0 && !(is[0] > 0)) {
		memcpy(r->scan->fov, fov, sizeof r->scan->fov);
		memcpy(r->fov, fov, sizeof r->fov);
	}
	return PRECESS_OK;
}

static void describe(struct reconstruction *r)
{
	const struct recon_result *p = r->result;
	const struct recon_options *o = &r->options;
	struct text *t = &r->steps;
	if (p->whitened)
		text_printf(t, "whitened, ");
	if (p->phase.lines)
		text_printf(t, "even/odd phase by %s, ", recon_phase_name(p->phase_model));
	if (p->grappa.lines)
		text_printf(t, "GRAPPA %dx%d lambda %g, ", o->kernel[0], o->kernel[1], o->lambda);
	if (o->combine == RECON_COMBINE_walsh)
		text_printf(t, "walsh %dx%d", o->window, o->window);
	else
		text_printf(t, "%s", recon_combine_name(o->combine));
}

/* Lines that predict each other badly were not taken like the image's. */
static void fit_warning(const struct reconstruction *r)
{
	const double suspicious = 0.3;
	if (r->result->grappa.residual > suspicious)
		fprintf(stderr,
			"precess: warning: the calibration lines predict each other only to %.0f %%; they "
			"should be free of the phase between lines read forward and backward\n",
			100 * r->result->grappa.residual);
}

precess_status reconstruction_run(struct reconstruction *r, const struct recon_options *o,
				  bool phase_asked)
{
	precess_status st;
	r->options = *o;
	if (!phase_asked && !r->scan->nav)
		r->options.phase = RECON_PHASE_none;
	TRY(recon_run(&r->result, r->scan, &r->options));
	describe(r);
	fit_warning(r);
out:
	return st;
}

void reconstruction_free(struct reconstruction *r)
{
	recon_result_free(r->result);
	recon_scan_free(r->scan);
	text_free(&r->steps);
}

/* Without directions of its own the slice lies in our axes, around their origin. */
void reconstruction_place(struct io_volume *v, const struct reconstruction *r)
{
	const struct kspace *k = r->result->kspace;
	const struct recon_scan *s = r->scan;
	const double *x = s->direction[0];
	bool placed = x[0] != 0 || x[1] != 0 || x[2] != 0;
	double d[2] = { r->fov[0] / k->nx, r->fov[1] / k->ny };
	const double along[2] = { 0.5 * (k->nx - 1) * d[0], 0.5 * (k->ny - 1) * d[1] };
	*v = (struct io_volume){
		.nx = k->nx,
		.ny = k->ny,
		.nz = 1,
		.voxel = { d[0], d[1], r->thickness > 0 ? r->thickness : d[0] },
	};
	for (int i = 0; i < 3; i++) {
		for (int a = 0; a < 3; a++)
			v->axes[i][a] = s->direction[a][i];
		for (int a = 0; a < 2; a++)
			v->origin[i] -= along[a] * (placed ? s->direction[a][i] : i == a);
		v->origin[i] += s->position[i];
	}
}

void reconstruction_tell(struct text *t, const struct reconstruction *r)
{
	const struct recon_result *p = r->result;
	const struct recon_scan *s = r->scan;
	const struct recon_options *o = &r->options;
	text_printf(t, "raw       %s: %d coil%s, %d of %d lines, %d samples\n", s->source, s->coils,
		    s->coils == 1 ? "" : "s", p->mask.n, s->lines, s->samples);
	if (p->whitened)
		text_printf(t, "noise     independent and equal in all coils by %d samples\n",
			    s->noise_samples);
	if (p->phase.lines)
		text_printf(t,
			    "phase     %s: %.4g rad, %.4g rad/pixel (echo shifted by %.3g samples); "
			    "%.2g rad off the line\n",
			    recon_phase_name(p->phase_model), p->phase.constant, p->phase.slope,
			    p->phase.slope * s->samples / 6.283185307179586, p->phase.residual);
	else
		text_printf(t, "phase     none\n");
	if (p->grappa.lines)
		text_printf(t,
			    "grappa    acceleration %d, %dx%d kernel, %d weights from %d equations, "
			    "lambda %g; %.3g of the calibration left\n",
			    p->mask.spacing, o->kernel[0], o->kernel[1], p->grappa.unknowns,
			    p->grappa.equations, o->lambda, p->grappa.residual);
	text_printf(t, "combine   %s\n", recon_combine_name(o->combine));
}

json_t *reconstruction_json(const struct reconstruction *r)
{
	const struct recon_result *p = r->result;
	const struct recon_scan *s = r->scan;
	const struct recon_options *o = &r->options;
	json_t *j = json_pack("{s:s, s:i, s:i, s:i, s:i, s:i, s:s}", "raw", s->source, "coils",
			      s->coils, "lines", s->lines, "lines_read", p->mask.n, "samples",
			      s->samples, "acceleration", p->mask.spacing, "methods", r->steps.data);
	json_object_set_new(j, "phase",
			    json_pack("{s:s, s:f, s:f, s:f, s:i}", "model",
				      recon_phase_name(p->phase_model), "constant", p->phase.constant,
				      "slope", p->phase.slope, "residual", p->phase.residual, "lines",
				      p->phase.lines));
	json_object_set_new(j, "grappa",
			    json_pack("{s:[i,i], s:f, s:i, s:i, s:i, s:f}", "kernel", o->kernel[0],
				      o->kernel[1], "lambda", o->lambda, "lines", p->grappa.lines,
				      "weights", p->grappa.unknowns, "equations", p->grappa.equations,
				      "residual", p->grappa.residual));
	json_object_set_new(j, "whitened", json_boolean(p->whitened));
	json_object_set_new(j, "combine", json_string(recon_combine_name(o->combine)));
	json_object_set_new(j, "threads", json_integer(p->threads));
	json_object_set_new(j, "seconds", json_real(p->seconds));
	json_object_set_new(j, "seconds_read", json_real(r->seconds_read));
	json_object_set_new(j, "seconds_phase", json_real(p->seconds_phase));
	json_object_set_new(j, "seconds_grappa", json_real(p->seconds_grappa));
	json_object_set_new(j, "seconds_combine", json_real(p->seconds_combine));
	return j;
}
