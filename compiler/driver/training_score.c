/* What is seen of a training on its way: scores of held-out samples, and the picture of its loss. */
#include <inttypes.h>
#include <math.h>
#include <unistd.h>

#include "compiler/driver/training.h"

/* Between the seed of training and that of validation. */
#define HELD_OUT UINT64_C(1000000007)
#define LOOKS 10 /* validations over the whole budget */

precess_status training_test(struct training *r, const struct learn_feed_options *fo)
{
	const struct program *p = r->compiled->program;
	const struct data_recipe held = {
		.object = learn_feed_object(r->feed),
		.seed = (uint64_t)r->c->seed + HELD_OUT,
		.sub = fo->sub,
		.fine = fo->sub > 4 || 4 % fo->sub ? fo->sub : 4,
		.reuse = 1,
		.smooth = fo->smooth,
		.spread = fo->spread,
		.no_base = r->view != NULL,
	};
	if (!r->c->validate)
		return PRECESS_OK;
	if (r->view)
		return learn_map_test_create(&r->map_test, p, r->net, r->view, &held,
					     r->c->validate, r->c->threads);
	return learn_test_create(&r->test, p, r->net, &held, r->c->validate, 0);
}

precess_status training_plot(const struct training *r)
{
	struct text title;
	if (!r->c->curve)
		return PRECESS_OK;
	text_init(&title);
	text_printf(&title, "%s, %s of width %d", r->model->sequence, r->t.name, r->t.width);
	precess_status st = learn_plot(r->c->curve, title.data, &r->model->curve);
	text_free(&title);
	return st;
}

static precess_status validate_map(struct training *r)
{
	const char *unit;
	double show = learn_unit(&unit, (enum program_map_kind)r->t.target);
	precess_status st = learn_map_test_score(&r->fit, r->map_test, nn_parameters(r->nn));
	if (st)
		return st;
	if (!r->c->quiet)
		fprintf(stderr,
			"%s%" PRIu64
			" images: held out, %zu regions: mean absolute error %.3g%s, R2 %.3f, "
			"slope %.3f\n",
			isatty(STDERR_FILENO) ? "\n" : "", r->model->image, r->fit.n,
			r->fit.mae * show, unit, r->fit.r2, r->fit.slope);
	json_array_append_new(r->looks, json_pack("{s:I, s:f, s:f}", "images",
						  (json_int_t)r->model->image, "mae", r->fit.mae,
						  "r2", r->fit.r2));
	return PRECESS_OK;
}

precess_status training_validate(struct training *r)
{
	struct train_scores *s = &r->model->scores;
	precess_status st;
	if (r->map_test)
		return validate_map(r);
	if (!r->test)
		return PRECESS_OK;
	TRY(learn_test_score(s, r->test, r->nn));
	if (!r->c->quiet)
		fprintf(stderr,
			"%s%" PRIu64
			" images: held out PSNR %.2f dB, SSIM %.4f, complex PSNR %.2f dB\n",
			isatty(STDERR_FILENO) ? "\n" : "", r->model->image, s->psnr, s->ssim,
			s->complex_psnr);
	json_array_append_new(r->looks,
			      json_pack("{s:I, s:f, s:f, s:f}", "images",
					(json_int_t)r->model->image, "psnr_db", s->psnr, "ssim",
					s->ssim, "complex_psnr_db", s->complex_psnr));
out:
	return st;
}

precess_status training_look(void *context, double part)
{
	struct training *r = context;
	precess_status st = PRECESS_OK;
	if (floor(part * LOOKS) > floor(r->part * LOOKS) && part < 1)
		st = training_validate(r);
	r->part = part;
	return st ? st : training_plot(r);
}
