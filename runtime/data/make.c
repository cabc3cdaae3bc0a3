/* One sample. Its numbers come from two streams of the seed: that of the sample (parameters,
 * fields, turn and flip) and that of the anatomy it shares with its neighbours.
 *
 * Fields are drawn at the resolution of the image and interpolated linearly to the spins: they
 * are smooth, and four times fewer points each way make them cheap beside the simulation. */
#include "runtime/data/internal.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Streams of the seed: samples count from 0, anatomies from here. */
static const uint64_t anatomy_stream = (uint64_t)1 << 63;
static const double least_filled = 0.02; /* of the field of view: emptier slices are drawn again */

enum { DRAWS = 100 };

struct data_maker {
	const struct data_source *source;
	struct program plain; /* the program without fields: those are drawn here */
	struct draw *draw;
	struct sim_prepared *simulator;
	struct maps *spins;   /* of the sample being made */
	struct maps *anatomy; /* of `group`, unturned */
	uint64_t group;
	float *coarse; /* a field at the resolution of the image */
	float *factor; /* of T2, at the spins; NULL: none */
	double *param;
	/* of samples that go to the device together: those before the one being made */
	struct draw *drawn[SIM_BATCH];
	struct maps *placed[SIM_BATCH];
};

static bool is_field(int k)
{
	return k == PROGRAM_MAP_B1 || k == PROGRAM_MAP_dB0;
}

static bool is_relaxation(int k)
{
	return k == PROGRAM_MAP_T1 || k == PROGRAM_MAP_T2 || k == PROGRAM_MAP_T2p;
}

static uint64_t draw_u64(struct rng *r)
{
	uint64_t high = rng_u32(r);

	return high << 32 | rng_u32(r);
}

/* ------------------------------------------------------------------ makers */
static precess_status create_place(struct draw **draw, struct maps **spins,
				   const struct data_source *s)
{
	const struct data_shape *h = &s->shape;
	precess_status st;

	TRY(draw_create(draw, s->program, NULL, false));
	TRY(maps_create(spins, h->nx * s->recipe.fine, h->ny * s->recipe.fine, s->fov));
	for (int k = 0; k < PROGRAM_MAPS; k++) {
		if (is_field(k) && s->program->map[k].channel)
			TRY(maps_add(*spins, (enum program_map_kind)k, 0));
	}
out:
	return st;
}

precess_status data_maker_create(struct data_maker **out, const struct data_source *s)
{
	struct data_maker *m = calloc(1, sizeof *m);
	const struct data_shape *h = &s->shape;
	precess_status st;

	*out = NULL;
	if (!m)
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	m->source = s;
	m->plain = *s->program;
	for (int k = 0; k < PROGRAM_MAPS; k++) {
		if (is_field(k) && m->plain.map[k].channel) {
			m->plain.map[k].channel = false;
			m->plain.map[k].value = k == PROGRAM_MAP_B1 ? 1 : 0;
		}
	}
	m->coarse = memory_aligned((size_t)h->nx * (size_t)h->ny * sizeof *m->coarse);
	m->param = calloc(h->n_param + 1, sizeof *m->param);
	if (!m->coarse || !m->param) {
		st = precess_fail(PRECESS_ENOMEM, "out of memory");
		goto out;
	}
	if (s->recipe.spread > 0 && h->map[PROGRAM_MAP_T2]) {
		size_t fine = (size_t)s->recipe.fine;

		m->factor = memory_aligned((size_t)h->nx * fine * (size_t)h->ny * fine *
					   sizeof *m->factor);
		if (!m->factor) {
			st = precess_fail(PRECESS_ENOMEM, "out of memory");
			goto out;
		}
	}
	TRY(sim_prepare(&m->simulator, s->program));
	TRY(create_place(&m->draw, &m->spins, s));
	for (int i = 0; i < SIM_BATCH && s->batches; i++)
		TRY(create_place(&m->drawn[i], &m->placed[i], s));
	*out = m;
	m = NULL;
out:
	data_maker_free(m);
	return st;
}

void data_maker_free(struct data_maker *m)
{
	if (!m)
		return;
	for (int i = 0; i < SIM_BATCH; i++) {
		maps_free(m->placed[i]);
		draw_free(m->drawn[i]);
	}
	maps_free(m->spins);
	maps_free(m->anatomy);
	draw_free(m->draw);
	sim_prepared_free(m->simulator);
	free(m->coarse);
	free(m->factor);
	free(m->param);
	free(m);
}

/* ------------------------------------------------------------------ anatomy */
static precess_status open_object(struct object **out, const struct data_source *s, struct rng *r)
{
	struct text spec;
	uint32_t i;
	precess_status st;

	text_init(&spec);
	if (s->head) {
		text_printf(&spec, "head:%" PRIu64, draw_u64(r));
		st = object_open(out, spec.data);
	} else {
		i = (uint32_t)rng_uniform(r, 0, s->n_object);
		text_printf(&spec, "%s", s->object[i]);
		if (s->n_slice[i] > 1)
			text_printf(&spec, ":%d", s->first[i] + (int)rng_uniform(r, 0, s->n_slice[i]));
		data_hdf5_lock();
		st = object_open(out, spec.data);
		data_hdf5_unlock();
	}
	text_free(&spec);
	return st;
}

static double filled(const struct maps *m)
{
	size_t n = (size_t)m->nx * (size_t)m->ny, live = 0;

	for (size_t i = 0; i < n; i++)
		live += m->map[PROGRAM_MAP_M0][i] > 0;
	return (double)live / (double)n;
}

/* out = in * a Gaussian along an axis of n points `stride` apart, for `lines` lines. */
static void blur_lines(float *map, int n, size_t stride, int lines, size_t next,
		       const double *weight, int reach, double *row)
{
	for (int l = 0; l < lines; l++) {
		float *at = map + (size_t)l * next;

		for (int i = 0; i < n; i++) {
			row[i] = 0;
			for (int d = -reach; d <= reach; d++) {
				if (i + d >= 0 && i + d < n)
					row[i] += weight[d < 0 ? -d : d] *
						  (double)at[(size_t)(i + d) * stride];
			}
		}
		for (int i = 0; i < n; i++)
			at[(size_t)i * stride] = (float)row[i];
	}
}

/* What is blurred is M0 and, weighted by it, the other maps, so that the outside lends no
 * values. */
static precess_status blur(struct maps *m, double fwhm)
{
	const double sigma = fwhm / 2.3548200450309493; /* 2 sqrt(2 ln 2) */
	double pitch = m->fov[0] / m->nx, sum = 1, *weight, *row;
	int reach = (int)ceil(3 * sigma / pitch);
	size_t n = (size_t)m->nx * (size_t)m->ny;
	float *m0 = m->map[PROGRAM_MAP_M0];

	weight = calloc((size_t)reach + 1, sizeof *weight);
	row = calloc((size_t)(m->nx > m->ny ? m->nx : m->ny), sizeof *row);
	for (int i = 0; weight && i <= reach; i++) {
		weight[i] = exp(-0.5 * (i * pitch / sigma) * (i * pitch / sigma));
		sum += i ? 2 * weight[i] : 0;
	}
	for (int i = 0; weight && i <= reach; i++)
		weight[i] /= sum;
	for (int k = PROGRAM_MAPS - 1; weight && row && k >= 0; k--) { /* M0 last */
		float *map = m->map[k];

		for (size_t i = 0; map && k && i < n; i++)
			map[i] = m0[i] > 0 ? map[i] * m0[i] : 0;
		if (!map)
			continue;
		blur_lines(map, m->nx, 1, m->ny, (size_t)m->nx, weight, reach, row);
		blur_lines(map, m->ny, (size_t)m->nx, m->nx, 1, weight, reach, row);
	}
	for (int k = 1; weight && row && k < PROGRAM_MAPS; k++) {
		for (size_t i = 0; m->map[k] && i < n; i++)
			m->map[k][i] = m0[i] > 0 ? m->map[k][i] / m0[i] : 0;
	}
	bool ok = weight && row;

	free(weight);
	free(row);
	return ok ? PRECESS_OK : precess_fail(PRECESS_ENOMEM, "out of memory");
}

static precess_status draw_anatomy(struct data_maker *m, uint64_t group)
{
	const struct data_source *s = m->source;
	struct rng r = rng_make(s->recipe.seed, anatomy_stream | group);
	struct object *o = NULL;
	precess_status st = PRECESS_OK;

	if (m->anatomy && m->group == group)
		return PRECESS_OK;
	maps_free(m->anatomy);
	m->anatomy = NULL;
	for (int i = 0; i < DRAWS; i++) {
		TRY(open_object(&o, s, &r));
		TRY(object_maps(&m->anatomy, o, &m->plain, s->fov, m->spins->nx, m->spins->ny,
				NULL));
		if (filled(m->anatomy) >= least_filled)
			break;
		maps_free(m->anatomy);
		m->anatomy = NULL;
		object_free(o);
		o = NULL;
	}
	if (!m->anatomy) {
		st = precess_fail(PRECESS_EINVAL, "%s: %d slices drawn, all of them nearly empty",
				  s->recipe.object, DRAWS);
		goto out;
	}
	if (s->recipe.smooth > 0)
		TRY(blur(m->anatomy, s->recipe.smooth));
	m->group = group;
out:
	object_free(o);
	return st;
}

/* A flip in x, then `turns` quarter turns; odd numbers only where nx = ny. Pixel (x, y) comes from
 * first + x * right + y * down; squares of it keep both within the cache. */
static void turn(float *out, const float *in, int nx, int ny, int turns, bool flip)
{
	enum { SQUARE = 32 };
	const ptrdiff_t side = flip ? -1 : 1, row = nx;
	const ptrdiff_t right[] = { side, -row, -side, row }, down[] = { row, side, -row, -side };
	const ptrdiff_t corner[] = { 0, row * (nx - 1), nx * side - side + row * (ny - 1),
				     nx * side - side };
	const float *first = in + corner[turns] + (flip ? nx - 1 : 0);

	for (int y0 = 0; y0 < ny; y0 += SQUARE)
		for (int x0 = 0; x0 < nx; x0 += SQUARE)
			for (int y = y0; y < y0 + SQUARE && y < ny; y++)
				for (int x = x0; x < x0 + SQUARE && x < nx; x++)
					out[y * row + x] = first[x * right[turns] + y * down[turns]];
}

static precess_status place_anatomy(struct data_maker *m, struct rng *r)
{
	struct maps *to = m->spins;
	uint32_t v = rng_u32(r);
	bool square = to->nx == to->ny && to->fov[0] == to->fov[1];
	int turns = square ? (int)(v & 3) : (int)(v & 2);
	precess_status st;

	for (int k = 0; k < PROGRAM_MAPS; k++) {
		if (!m->anatomy->map[k])
			continue;
		if (!to->map[k] && (st = maps_add(to, (enum program_map_kind)k, 0)))
			return st;
		turn(to->map[k], m->anatomy->map[k], to->nx, to->ny, turns, v & 4);
	}
	return PRECESS_OK;
}

/* ------------------------------------------------------------------ fields */
/* Where fine point i lies among n coarse ones. */
struct between {
	int lo, hi;
	double part;
};

static struct between between(int i, int n, int fine)
{
	double v = fmin(fmax((i + 0.5) / fine - 0.5, 0), n - 1), part = v - floor(v);

	return (struct between){ (int)v, (int)v + (part > 0), part };
}

static precess_status interpolate(float *out, const float *in, int nx, int ny, int fine)
{
	struct between *at = malloc((size_t)(nx * fine) * sizeof *at);

	if (!at)
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	for (int x = 0; x < nx * fine; x++)
		at[x] = between(x, nx, fine);
	for (int y = 0; y < ny * fine; y++) {
		const struct between v = between(y, ny, fine);
		const float *lo = in + v.lo * nx, *hi = in + v.hi * nx;

		for (int x = 0; x < nx * fine; x++) {
			const struct between u = at[x];

			*out++ = (float)((1 - v.part) * ((1 - u.part) * (double)lo[u.lo] +
							 u.part * (double)lo[u.hi]) +
					 v.part * ((1 - u.part) * (double)hi[u.lo] +
						   u.part * (double)hi[u.hi]));
		}
	}
	free(at);
	return PRECESS_OK;
}

static precess_status draw_fields(struct data_maker *m, struct rng *r)
{
	const struct data_shape *h = &m->source->shape;
	precess_status st;

	for (int k = 0; k < PROGRAM_MAPS; k++) {
		const struct program_map *map = &m->source->program->map[k];
		uint64_t seed;

		if (!is_field(k) || !map->channel)
			continue;
		seed = draw_u64(r);
		if (k == PROGRAM_MAP_B1)
			field_b1(m->coarse, h->nx, h->ny, map->lo, map->hi, seed);
		else
			field_db0(m->coarse, h->nx, h->ny, map->lo, map->hi, seed);
		if ((st = interpolate(m->spins->map[k], m->coarse, h->nx, h->ny,
				      m->source->recipe.fine)))
			return st;
	}
	return PRECESS_OK;
}

static precess_status spread_t2(struct data_maker *m, struct rng *r)
{
	const struct data_shape *h = &m->source->shape;
	const struct program_map *map = &m->source->program->map[PROGRAM_MAP_T2];
	double spread = m->source->recipe.spread, a = rng_uniform(r, -spread, spread),
	       b = rng_uniform(r, -spread, spread);
	float *t2 = m->spins->map[PROGRAM_MAP_T2];
	size_t n = (size_t)m->spins->nx * (size_t)m->spins->ny;

	field_b1(m->coarse, h->nx, h->ny, fmin(a, b), fmax(a, b), draw_u64(r));
	for (int i = 0; i < h->nx * h->ny; i++)
		m->coarse[i] = expf(m->coarse[i]);
	precess_status st =
		interpolate(m->factor, m->coarse, h->nx, h->ny, m->source->recipe.fine);
	for (size_t i = 0; i < n && !st; i++)
		t2[i] = fminf(t2[i] * m->factor[i], (float)map->hi);
	return st;
}

/* ------------------------------------------------------------------ down to the image */
/* Means over fine / sub spins each way; relaxation times weigh as much as they give signal. */
static void bring_down(float *out, const struct maps *m, int k, int nx, int ny, int n)
{
	const float *map = m->map[k];
	const float *m0 = is_relaxation(k) ? m->map[PROGRAM_MAP_M0] : NULL;

	for (int y = 0; y < ny; y++) {
		for (int x = 0; x < nx; x++) {
			double sum = 0, weight = 0;

			for (int j = 0; j < n * n; j++) {
				size_t i = (size_t)(y * n + j / n) * (size_t)m->nx +
					   (size_t)(x * n + j % n);
				double w = m0 ? (double)m0[i] : 1;

				sum += w > 0 ? w * (double)map[i] : 0;
				weight += w;
			}
			out[(size_t)y * (size_t)nx + (size_t)x] = weight > 0 ? (float)(sum / weight)
									     : 0;
		}
	}
}

/* `auto` goes over to direct sums, a thousand times slower, when the fast methods' bound turns out
 * above the tolerance; asking them for more costs next to nothing. */
static precess_status run(struct sim_result **out, struct data_maker *m, const struct maps *maps)
{
	const double tolerance = m->source->recipe.tolerance;
	struct sim_options o = {
		.tolerance = tolerance, .threads = 1, .quiet = true, .fast = true
	};
	precess_status st;

	for (int i = 0; i < 3; i++, o.tolerance /= 8) {
		st = sim_prepared_run(out, m->simulator, m->draw, maps, &o);
		if (st || (*out)->bound <= tolerance)
			return st;
		sim_result_free(*out);
	}
	o.fast = false;
	o.tolerance = tolerance;
	return sim_prepared_run(out, m->simulator, m->draw, maps, &o);
}

static precess_status put_image(struct data_sample *s, const struct data_maker *m,
				const struct draw *d, const struct sim_result *r)
{
	const struct data_shape *h = &m->source->shape;
	size_t n = (size_t)h->nx * (size_t)h->ny * (size_t)h->n_set;
	struct kspace *k = NULL;
	float *image = NULL;
	precess_status st;

	TRY(kspace_sort(&k, d, r));
	if (k->nx != h->nx || k->ny != h->ny || k->n_set != h->n_set) {
		st = precess_fail(PRECESS_ENOTSUP,
				  "the images of %s change with its parameters: "
				  "%d of %d x %d",
				  m->source->program->name, k->n_set, k->nx, k->ny);
		goto out;
	}
	TRY(kspace_image(&image, d, k));
	memcpy(s->image, image, 2 * n * sizeof *image);
	s->largest = 0;
	for (size_t i = 0; i < n; i++)
		s->largest = fmax(s->largest,
				  hypot((double)image[2 * i], (double)image[2 * i + 1]));
out:
	free(image);
	kspace_free(k);
	return st;
}

static precess_status simulate(struct data_sample *s, struct data_maker *m, const struct maps *maps)
{
	struct sim_result *r = NULL;
	precess_status st;

	TRY(run(&r, m, maps));
	st = put_image(s, m, m->draw, r);
out:
	sim_result_free(r);
	return st;
}

precess_status data_make_from(struct data_sample *s, struct data_maker *m, const struct maps *maps,
			      const double *param, bool with_image)
{
	const struct data_shape *h = &s->shape;
	int fine = maps->nx / h->nx;
	precess_status st;

	if (maps->nx != fine * h->nx || maps->ny != fine * h->ny || fine % h->sub)
		return precess_fail(PRECESS_EINVAL,
				    "%d x %d spins are no multiple of %d sub-pixels", maps->nx,
				    maps->ny, h->sub);
	TRY(draw_set(m->draw, param, true));
	memmove(s->param, param, h->n_param * sizeof *param);
	s->largest = 0;
	for (int k = 0; k < PROGRAM_MAPS; k++) {
		if (s->map[k] && !maps->map[k]) {
			st = precess_fail(PRECESS_EINVAL, "the object has no map %s",
					  program_map_name((enum program_map_kind)k));
			goto out;
		}
		if (s->map[k])
			bring_down(s->map[k], maps, k, h->sub * h->nx, h->sub * h->ny,
				   fine / h->sub);
	}
	if (s->base)
		TRY(first_order_image(s->base, m->draw, maps, h->nx, h->ny));
	if (with_image)
		TRY(simulate(s, m, maps));
	else
		memset(s->image, 0,
		       2 * sizeof *s->image * (size_t)h->nx * (size_t)h->ny * (size_t)h->n_set);
out:
	return st;
}

/* All but the image, where another makes it. */
static precess_status make_one(struct data_sample *s, struct data_maker *m, uint64_t index,
			       bool with_image)
{
	const struct program *p = m->source->program;
	struct rng r = rng_make(m->source->recipe.seed, index);
	precess_status st;

	s->index = index;
	for (uint32_t i = 0; i < p->n_param; i++)
		m->param[i] = rng_uniform(&r, p->param[i].lo, p->param[i].hi);
	TRY(draw_anatomy(m, index / (uint64_t)m->source->recipe.reuse));
	TRY(place_anatomy(m, &r));
	TRY(draw_fields(m, &r));
	if (m->factor)
		TRY(spread_t2(m, &r));
	TRY(data_make_from(s, m, m->spins, m->param, with_image));
out:
	return st ? precess_wrap(st, "sample %" PRIu64, index) : st;
}

/* ------------------------------------------------------------------ on a device */
/* Of n samples, what is simulated lying in drawn[] and placed[]; those that the device leaves are the
 * processor's. */
static precess_status put_images(struct data_sample *const *s, struct data_maker *m, int n)
{
	const struct sim_options o = { .tolerance = m->source->recipe.tolerance, .threads = 1,
				       .quiet = true, .fast = true };
	const struct draw *d[SIM_BATCH] = { NULL };
	const struct maps *maps[SIM_BATCH] = { NULL };
	struct sim_result *r[SIM_BATCH] = { NULL };
	precess_status st;

	for (int i = 0; i < n; i++) {
		d[i] = m->drawn[i];
		maps[i] = m->placed[i];
	}
	TRY(sim_batches_run(r, m->source->batches, d, maps, (size_t)n, &o));
	for (int i = 0; i < n; i++) {
		if (r[i]) {
			TRY(put_image(s[i], m, d[i], r[i]));
			continue;
		}
		TRY(draw_set(m->draw, s[i]->param, true));
		TRY(simulate(s[i], m, maps[i]));
	}
out:
	for (int i = 0; i < n; i++)
		sim_result_free(r[i]);
	return st;
}

precess_status data_make_some(struct data_sample *const *s, struct data_maker *m, uint64_t first,
			      int n)
{
	bool alone = !m->source->batches && !m->source->recipe.no_image;
	precess_status st = PRECESS_OK;

	for (int i = 0; i < n; i++) {
		struct draw *d = m->draw;
		struct maps *spins = m->spins;

		TRY(make_one(s[i], m, first + (uint64_t)i, alone));
		if (!m->source->batches)
			continue;
		m->draw = m->drawn[i];
		m->spins = m->placed[i];
		m->drawn[i] = d;
		m->placed[i] = spins;
	}
	if (m->source->batches)
		st = put_images(s, m, n);
out:
	return st;
}

precess_status data_make(struct data_sample *s, struct data_maker *m, uint64_t index)
{
	return data_make_some(&s, m, index, 1);
}
