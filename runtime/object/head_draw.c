/* Drawing a head from a seed: its outline, its folds, what lies deep, its tissue values.
 *
 * Folds are walks: each sulcus starts at the surface of the brain (or at the fissure between the
 * hemispheres) and wanders inwards in short limbs, sometimes splitting in two at its bottom. The
 * cut is axial, at one of three heights: basal ganglia, bodies of the ventricles, above the
 * ventricles. */
#include "runtime/object/head.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BASAL, BODIES, ABOVE };
enum { STREAM_SHAPE = 0x5ea1, STREAM_FOLDS, STREAM_DEEP, STREAM_TISSUE };
static const float pi = 3.14159265f;

struct drawing {
	struct head *head;
	struct rng r;
	int level;
	float age;         /* 0 young, 1 old: wide fluid spaces */
	float front, back; /* y where the fissure between the hemispheres ends at the callosum */
	bool full;         /* a list ran over */
};

static float uniform(struct drawing *d, double lo, double hi)
{
	return (float)rng_uniform(&d->r, lo, hi);
}

/* A normal number around 1 without tails. */
static float about_one(struct drawing *d, double deviation)
{
	double v = rng_normal(&d->r);

	return (float)(1 + deviation * fmin(fmax(v, -2), 2));
}

/* ------------------------------------------------------------------ outline */
static void draw_shape(struct drawing *d, uint64_t seed)
{
	static const float scale[3] = { 1, 0.98f, 0.94f };
	struct head *h = d->head;
	float angle, level;

	d->r = rng_make(seed, STREAM_SHAPE);
	h->seed = rng_u32(&d->r);
	level = uniform(d, 0, 1);
	d->level = level < 0.6f ? BASAL : level < 0.85f ? BODIES : ABOVE;
	d->age = uniform(d, 0, 1);
	angle = uniform(d, -9, 9) * pi / 180;
	h->cosine = cosf(angle);
	h->sine = sinf(angle);
	h->shift[0] = uniform(d, -4, 4);
	h->shift[1] = uniform(d, -3, 3);
	h->width = 78 * about_one(d, 0.03) * scale[d->level];
	h->length = 96 * about_one(d, 0.025) * scale[d->level];
	h->taper = uniform(d, 0.06, 0.16);
	h->power = uniform(d, 2.05, 2.35);
	h->skin = uniform(d, 1.6, 2.4);
	h->fat = uniform(d, 2.2, 5);
	h->outer = uniform(d, 1.5, 2.2);
	h->marrow = uniform(d, 1.5, 3.2);
	h->inner = uniform(d, 1.3, 2);
	h->gap = uniform(d, 1.2, 2) + 2 * d->age * uniform(d, 0.5, 1);
	h->temporal = d->level == BASAL ? uniform(d, 5, 9) : d->level == BODIES ? 2.5f : 0;
	h->cortex = uniform(d, 2.5, 3.1);
	h->wander = uniform(d, 2.6, 3.8);
	h->sinus[0] = uniform(d, -2, 2);
	h->sinus[1] = -h->length + h->skin + h->fat + h->outer + h->marrow + h->inner +
		      uniform(d, 2.5, 4);
	h->sinus[2] = uniform(d, 2.4, 3.6);
}

/* The point where the ray at `angle` (0: front, clockwise) meets the surface of the brain. */
static void surface_point(const struct head *h, float angle, float *x, float *y)
{
	float lo = 0, hi = 1.2f * h->length, mid, s = sinf(angle), c = cosf(angle);
	int i;

	for (i = 0; i < 24; i++) {
		mid = 0.5f * (lo + hi);
		if (head_depth(h, mid * s, mid * c) > head_brain_depth(h, mid * s, mid * c))
			lo = mid;
		else
			hi = mid;
	}
	*x = lo * s;
	*y = lo * c;
}

/* ------------------------------------------------------------------ folds */
static void add_limb(struct drawing *d, float ax, float ay, float bx, float by, float wa, float wb)
{
	struct limbs *f = &d->head->folds;

	if (f->n == LIMB_LIMIT) {
		d->full = true;
		return;
	}
	f->limb[f->n++] = (struct limb){ ax, ay, bx, by, wa, wb };
}

/* A walk of `length` from (x, y) in direction `heading`; it turns at random but is pulled back. */
static void walk(struct drawing *d, float x, float y, float heading, float length, float width,
		 int splits)
{
	const float step = 3.6f, bottom = 0.3f;
	float turn = 0, gone = 0, nx, ny, a, b, part;

	while (gone < length) {
		part = fminf(step, length - gone);
		turn = 0.65f * turn + 0.24f * (float)rng_normal(&d->r);
		nx = x + part * cosf(heading + turn);
		ny = y + part * sinf(heading + turn);
		a = width + (bottom - width) * gone / length;
		gone += part;
		b = width + (bottom - width) * gone / length;
		add_limb(d, x, y, nx, ny, a, b);
		x = nx;
		y = ny;
	}
	if (splits > 0) {
		a = uniform(d, 0.7, 1.25);
		b = uniform(d, 0.7, 1.25);
		walk(d, x, y, heading + turn + a, uniform(d, 3.5, 7), 0.4f, splits - 1);
		walk(d, x, y, heading + turn - b, uniform(d, 3.5, 7), 0.4f, splits - 1);
	}
}

static float fold_width(struct drawing *d)
{
	return uniform(d, 0.45, 0.85) + 0.8f * d->age * uniform(d, 0.4, 1);
}

/* Sulci around the convexity, deep and shallow in turn, 8..13 mm apart. */
static void draw_convexity(struct drawing *d)
{
	struct head *h = d->head;
	float angle = uniform(d, 0.1, 0.2), x, y, tx, ty, length, lateral;
	int i;

	for (i = 0; angle < 2 * pi - 0.1f; i++) {
		surface_point(h, angle, &x, &y);
		lateral = fabsf(x) / h->width;
		length = i % 2 ? uniform(d, 5, 13) : uniform(d, 13, d->level == BASAL ? 25 : 34);
		if (d->level == BASAL && lateral > 0.6f) /* leave room for the insula */
			length = fminf(length, i % 2 ? 8 : 14);
		/* towards a point well inside, so that sulci of the poles run along y */
		tx = 0.3f * x;
		ty = 0.45f * y;
		if (fabsf(x) > 6)
			walk(d, x, y, atan2f(ty - y, tx - x) + uniform(d, -0.35, 0.35), length,
			     fold_width(d), length > 12 && uniform(d, 0, 1) < 0.65f);
		angle += uniform(d, 7, 11.5) / hypotf(x, y);
	}
}

/* Fissure from (0, y) at the pole to the callosum, its falx, and the sulci of the inner walls. */
static void draw_fissure(struct drawing *d, float y, float end)
{
	float sign = end > y ? 1 : -1, at = y + sign * 5, width = 0.7f + 0.6f * d->age, length,
	      skew;
	struct head *h = d->head;
	int side, i;

	add_limb(d, 0, y - sign * 3, 0, end, width + 0.4f, width);
	h->falx[h->n_falx++] =
		(struct limb){ 0, y - sign * 4, 0, y + 0.75f * (end - y), 0.7f, 0.4f };
	for (side = -1; side <= 1; side += 2) {
		at = y + sign * uniform(d, 8, 14);
		for (i = 0; (end - at) * sign > 2; i++) {
			length = i % 2 ? uniform(d, 4, 8) : uniform(d, 8, 16);
			skew = uniform(d, -0.5, 0.5);
			walk(d, 0, at, (side > 0 ? 0 : pi) + skew, length, 0.7f * fold_width(d),
			     length > 9 && uniform(d, 0, 1) < 0.6f);
			at += sign * uniform(d, 8, 13);
		}
		if (d->level != ABOVE) /* cingulate sulcus around the end, or the callosum's own */
			walk(d, 0, end, (side > 0 ? 0 : pi) - side * sign * uniform(d, 0.2, 0.7),
			     uniform(d, 6, 10), width, 0);
	}
}

/* The cleft at the side, opening onto the insula. */
static void draw_sylvian(struct drawing *d, int side)
{
	float s = (float)side, x, y, ix = s * uniform(d, 38, 41), iy = uniform(d, 2, 8);
	float width = 0.8f + 1.1f * d->age, up = uniform(d, 12, 17), down = uniform(d, 14, 20);

	surface_point(d->head, (side > 0 ? 0.5f : 1.5f) * pi - s * uniform(d, 0.0, 0.2), &x, &y);
	add_limb(d, x, y, 0.55f * x + 0.45f * ix, 0.5f * (y + iy) + uniform(d, -2, 2), width + 0.4f,
		 width);
	add_limb(d, d->head->folds.limb[d->head->folds.n - 1].bx,
		 d->head->folds.limb[d->head->folds.n - 1].by, ix, iy, width, width);
	add_limb(d, ix, iy, ix - s * 1.0f, iy + 0.5f * up, width, 0.8f * width);
	add_limb(d, ix - s * 1.0f, iy + 0.5f * up, ix - s * 5, iy + up, 0.8f * width, 0.4f);
	add_limb(d, ix, iy, ix + s * 0.5f, iy - 0.5f * down, width, 0.8f * width);
	add_limb(d, ix + s * 0.5f, iy - 0.5f * down, ix - s * 2.5f, iy - down, 0.8f * width, 0.4f);
	/* short folds of the opercula */
	walk(d, ix + s * 0.5f, iy + 0.5f * up, side > 0 ? 0.5f : pi - 0.5f, uniform(d, 5, 9), 0.5f,
	     0);
	walk(d, ix + s * 0.5f, iy - 0.5f * down, side > 0 ? -0.4f : pi + 0.4f, uniform(d, 5, 9),
	     0.5f, 0);
}

/* Members of each cell: limbs that come within reach of it. */
static precess_status sort_limbs(struct limbs *f)
{
	const float half = CELL_SIZE * 0.70711f + LIMB_REACH + 3; /* + the widest limb */
	float cx, cy, dx, dy, t, px, py;
	const struct limb *l;
	int cell, i, pass, n = 0;

	for (pass = 0; pass < 2; pass++) {
		if (pass && !(f->member = malloc((size_t)(n ? n : 1) * sizeof *f->member)))
			return precess_fail(PRECESS_ENOMEM, "out of memory");
		for (cell = n = 0; cell < CELLS * CELLS; cell++) {
			f->first[cell] = n;
			cx = (cell % CELLS - CELLS / 2 + 0.5f) * CELL_SIZE;
			cy = (cell / CELLS - CELLS / 2 + 0.5f) * CELL_SIZE;
			for (i = 0; i < f->n; i++) {
				l = &f->limb[i];
				dx = l->bx - l->ax;
				dy = l->by - l->ay;
				t = ((cx - l->ax) * dx + (cy - l->ay) * dy) /
				    (dx * dx + dy * dy + 1e-9f);
				t = t < 0 ? 0 : t > 1 ? 1 : t;
				px = cx - l->ax - t * dx;
				py = cy - l->ay - t * dy;
				if (px * px + py * py > half * half)
					continue;
				if (pass)
					f->member[n] = (uint16_t)i;
				n++;
			}
		}
		f->first[cell] = n;
	}
	return PRECESS_OK;
}

static precess_status draw_folds(struct drawing *d, uint64_t seed)
{
	struct head *h = d->head;
	float x, front, back;

	d->r = rng_make(seed, STREAM_FOLDS);
	h->folds.limb = malloc(LIMB_LIMIT * sizeof *h->folds.limb);
	if (!h->folds.limb)
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	surface_point(h, 0, &x, &front);
	surface_point(h, pi, &x, &back);
	d->front = d->level == ABOVE ? 0.5f : uniform(d, 37, 42);
	d->back = d->level == ABOVE ? -0.5f : -uniform(d, 34, 40);
	draw_convexity(d);
	draw_fissure(d, front, d->front);
	draw_fissure(d, back, d->back);
	if (d->level == BASAL) {
		draw_sylvian(d, -1);
		draw_sylvian(d, 1);
	}
	return sort_limbs(&h->folds);
}

/* ------------------------------------------------------------------ deep structures */
static void add_blob(struct drawing *d, struct blob *list, int *n, enum tissue_kind tissue, float x,
		     float y, float rx, float ry, float tilt)
{
	if (*n == BLOB_LIMIT) {
		d->full = true;
		return;
	}
	tilt *= pi / 180;
	list[(*n)++] = (struct blob){ x, y, rx, ry, cosf(tilt), sinf(tilt), tissue };
}

/* The same on both sides, with a little asymmetry; tilt is positive when the front end leans
 * out. */
static void add_pair(struct drawing *d, enum tissue_kind tissue, float x, float y, float rx,
		     float ry, float tilt)
{
	struct head *h = d->head;
	float s, size;
	int side;

	for (side = -1; side <= 1; side += 2) {
		s = (float)side;
		size = about_one(d, 0.05);
		add_blob(d, h->blob, &h->n_blob, tissue, s * x * about_one(d, 0.015),
			 y + uniform(d, -0.8, 0.8), rx * size, ry * size, -s * tilt);
	}
}

static void add_ventricle(struct drawing *d, float ax, float ay, float bx, float by, float wa,
			  float wb)
{
	struct head *h = d->head;

	if (h->n_ventricle == VENTRICLE_LIMIT)
		d->full = true;
	else
		h->ventricle[h->n_ventricle++] = (struct limb){ ax, ay, bx, by, wa, wb };
}

static void draw_basal(struct drawing *d)
{
	float w = 0.75f + 0.75f * d->age, s, lean = uniform(d, -1, 1), third = 0.6f + 1.3f * d->age;
	float plexus = uniform(d, 2, 3), k;
	struct head *h = d->head;
	int side;

	add_pair(d, TISSUE_striatum, 10 + 2.4f * w, 20 + lean, 4.8f, 9.5f, 16);
	add_pair(d, TISSUE_pallidum, 20.5f, 2 + lean, 4.2f, 8.5f, 22);
	add_pair(d, TISSUE_striatum, 26.5f, 6 + lean, 4.6f, 15.5f, 13);
	add_pair(d, TISSUE_thalamus, 10.5f + third, -8 + lean, 8, 13, -24);
	for (side = -1; side <= 1; side += 2) {
		s = (float)side;
		k = w * about_one(d, 0.12);
		add_ventricle(d, s * 2.2f, 12, s * 4.5f, 21, 1.0f * k, 2.0f * k);
		add_ventricle(d, s * 4.5f, 21, s * 8.5f, 31, 2.0f * k, 2.4f * k);
		add_ventricle(d, s * 8.5f, 31, s * 13, 35, 2.4f * k, 0.9f * k);
		add_ventricle(d, s * 17, -20, s * 23, -30, 1.2f * k, 3.6f * k);
		add_ventricle(d, s * 23, -30, s * 25.5f, -42, 3.6f * k, 1.8f * k);
		add_ventricle(d, s * 25.5f, -42, s * 23, -51, 1.8f * k, 0.5f * k);
		add_blob(d, h->late, &h->n_late, TISSUE_plexus, s * 22.5f, -31, plexus * 0.7f * k,
			 plexus * 1.3f, s * 20);
	}
	add_ventricle(d, 0, 5, 0, -12, third * 0.7f, third);
	add_ventricle(d, -5, -26, 5, -26, 1 + d->age, 1 + d->age); /* the cistern behind */
	add_ventricle(d, 0, -25, 0, -29, 1.5f, 0.8f);
}

static void draw_bodies(struct drawing *d)
{
	float w = 0.7f + 0.7f * d->age, s, k;
	struct head *h = d->head;
	int side;

	add_pair(d, TISSUE_striatum, 9.5f + 4.4f * w, 10, 3, 15, -2);
	for (side = -1; side <= 1; side += 2) {
		s = (float)side;
		k = w * about_one(d, 0.12);
		add_ventricle(d, s * 13, 36, s * 6 - s + s * k, 24, 0.8f * k, 3 * k);
		add_ventricle(d, s * 5 + s * k, 24, s * 7 + s * k, 2, 3 * k, 3.4f * k);
		add_ventricle(d, s * 7 + s * k, 2, s * 14, -18, 3.4f * k, 3.2f * k);
		add_ventricle(d, s * 14, -18, s * 22, -33, 3.2f * k, 2.4f * k);
		add_ventricle(d, s * 22, -33, s * 24, -42, 2.4f * k, 0.6f * k);
		add_blob(d, h->late, &h->n_late, TISSUE_plexus, s * 10, -10, 1.1f * k, 9, -s * 20);
	}
}

/* Old white matter has spots of water. */
static void draw_lesions(struct drawing *d)
{
	int i, n = d->age > 0.5f ? (int)uniform(d, 0, 7) : 0;
	float angle, r;

	for (i = 0; i < n; i++) {
		angle = uniform(d, 0, 2 * pi);
		r = uniform(d, 0.9, 1.1);
		add_blob(d, d->head->blob, &d->head->n_blob, TISSUE_lesion, 31 * r * sinf(angle),
			 (d->level == ABOVE ? 38 : 44) * r * cosf(angle), uniform(d, 1, 2.6),
			 uniform(d, 1, 3.4), uniform(d, -90, 90));
	}
}

static void draw_deep(struct drawing *d, uint64_t seed)
{
	d->r = rng_make(seed, STREAM_DEEP);
	if (d->level == BASAL)
		draw_basal(d);
	else if (d->level == BODIES)
		draw_bodies(d);
	draw_lesions(d);
}

/* ------------------------------------------------------------------ tissue values */
static void draw_tissues(struct drawing *d, uint64_t seed)
{
	static const struct {
		double m0, t1, t2, t2p, texture;
	} typical[TISSUES] = {
#define TISSUE(name, m0, t1, t2, t2p, texture) [TISSUE_##name] = { m0, t1, t2, t2p, texture },
#include "runtime/object/tissues.def"
#undef TISSUE
	};
	struct tissue *t;
	int i;

	d->r = rng_make(seed, STREAM_TISSUE);
	for (i = 0; i < TISSUES; i++) {
		t = &d->head->tissue[i];
		t->m0 = fminf((float)typical[i].m0 * about_one(d, 0.03), 1);
		t->r1 = 1 / ((float)typical[i].t1 * about_one(d, 0.05));
		t->r2 = 1 / ((float)typical[i].t2 * about_one(d, 0.07));
		t->r2p = 1 / ((float)typical[i].t2p * about_one(d, 0.10));
		t->texture = (float)typical[i].texture * uniform(d, 0.7, 1.3);
	}
	d->head->tissue[TISSUE_fluid].m0 = 1; /* free water: the reference of M0 */
}

precess_status head_create(struct head **out, uint64_t seed)
{
	struct drawing d = { .head = calloc(1, sizeof *d.head) };
	precess_status st;

	if (!d.head)
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	draw_shape(&d, seed);
	draw_tissues(&d, seed);
	draw_deep(&d, seed);
	st = draw_folds(&d, seed);
	if (!st && d.full) /* no seed should: the lists are twice as long as any head needs */
		st = precess_fail(PRECESS_EINVAL, "head %llu: too many parts (limit %d folds)",
				  (unsigned long long)seed, LIMB_LIMIT);
	if (st) {
		head_free(d.head);
		return st;
	}
	*out = d.head;
	return PRECESS_OK;
}

void head_free(struct head *h)
{
	if (!h)
		return;
	free(h->folds.limb);
	free(h->folds.member);
	free(h);
}
