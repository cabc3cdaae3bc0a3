/* A drawn head at a point: which tissues meet there, mixed as they would be in a small voxel.
 *
 * The head is a set of continuous functions: the depth below the skin, the distance to the
 * nearest fold of the cortex, ellipses and lines for what lies deep. Tissues are painted one
 * over the other; each edge is a ramp of fixed physical width, so that a boundary is a mixture
 * and every resolution sees the same anatomy. What is mixed is M0 and, weighted by it, the
 * relaxation rates. */
#include "runtime/object/head.h"

#include <math.h>
#include <string.h>

static const float edge = 0.8f;      /* mm, width of the ramp between two tissues */
static const float deep_radius = 62; /* mm, deep structures lie within */
static const float t2_least = 0.020f, t2_most = 0.650f, t2p_most = 2.0f;
static const float m0_least = 0.01f; /* less is air */

/* Paint: M0 and M0-weighted rates. */
struct paint {
	float m0, r1, r2, r2p;
};

/* How much of the point lies inside, from the signed distance to the edge (inside negative). */
static float cover(float distance)
{
	float t = 0.5f - distance / edge;

	if (t <= 0)
		return 0;
	if (t >= 1)
		return 1;
	return t * t * (3 - 2 * t);
}

/* `texture` is about -1..1: wet parts relax slowly and hold more water. */
static void over(struct paint *p, const struct tissue *t, float amount, float texture)
{
	float m0 = t->m0 * (1 + 0.4f * t->texture * texture),
	      rate = m0 * (1 - t->texture * texture);

	p->m0 += amount * (m0 - p->m0);
	p->r1 += amount * (rate * t->r1 - p->r1);
	p->r2 += amount * (rate * t->r2 - p->r2);
	p->r2p += amount * (rate * t->r2p - p->r2p);
}

static float limb_distance(const struct limb *l, float x, float y)
{
	float dx = l->bx - l->ax, dy = l->by - l->ay, px = x - l->ax, py = y - l->ay;
	float t = (px * dx + py * dy) / (dx * dx + dy * dy + 1e-9f);

	t = t < 0 ? 0 : t > 1 ? 1 : t;
	px -= t * dx;
	py -= t * dy;
	return sqrtf(px * px + py * py) - (l->wa + t * (l->wb - l->wa));
}

/* Approximate, exact at the edge (value over gradient). */
static float blob_distance(const struct blob *b, float x, float y)
{
	float px = x - b->x, py = y - b->y, u, v, f, g;

	u = (b->cosine * px + b->sine * py) / b->rx;
	v = (b->cosine * py - b->sine * px) / b->ry;
	f = sqrtf(u * u + v * v);
	g = sqrtf(u * u / (b->rx * b->rx) + v * v / (b->ry * b->ry));
	return g > 1e-6f ? f * (f - 1) / g : -b->rx;
}

static float soft_min(float a, float b, float reach)
{
	float h = reach - fabsf(a - b);

	return fminf(a, b) - (h > 0 ? h * h / (4 * reach) : 0);
}

/* ------------------------------------------------------------------ outline */
float head_depth(const struct head *h, float x, float y)
{
	float r = sqrtf(x * x + y * y), u, v, f;

	u = fabsf(x) / (h->width * (1 - h->taper * y / h->length));
	v = fabsf(y) / h->length;
	f = powf(powf(u, h->power) + powf(v, h->power), 1 / h->power);
	if (f < 1e-3f)
		return h->width;
	return r / f - r + 1.2f * noise2(x / 45, y / 45, h->seed + 1);
}

/* Whether a point lies so deep that its depth no longer matters: 40 mm, when neither shell (22 mm at
 * most) nor the brain's surface (11 mm more) does. The power is 2 or more, so u and v's root of squares
 * bounds `f` above, and the noise is 2 mm at most. */
static bool is_deep(const struct head *h, float x, float y)
{
	float u = x / (h->width * (1 - h->taper * y / h->length)), v = y / h->length;
	float f = u * u + v * v, r = x * x + y * y;

	return f < 1 && r > 1 && r * (1 - sqrtf(f)) * (1 - sqrtf(f)) > 42 * 42 * f;
}

/* 0..1: how much of the temple's muscle lies in this direction (lateral, a little to the front). */
static float temple(float x, float y)
{
	float r2 = x * x + y * y + 1e-6f, c = fabsf(x) / sqrtf(r2), s = y / sqrtf(r2);
	float t = 1 - fabsf(s - 0.25f) / 0.45f;

	return c > 0.3f && t > 0 ? t * t * (3 - 2 * t) : 0;
}

float head_brain_depth(const struct head *h, float x, float y)
{
	float bone = h->outer + h->marrow + h->inner;

	return h->skin + h->fat + bone + h->gap + 0.25f * h->temporal * temple(x, y) +
	       0.7f * noise2(x / 24, y / 24, h->seed + 2);
}

/* Everything between air and brain, from the outside in. */
static void paint_shell(struct paint *p, const struct head *h, float x, float y, float depth,
			float texture)
{
	float muscle = h->temporal * temple(x, y), thin = 1 - 0.55f * temple(x, y);
	float inside = depth, marrow;

	over(p, &h->tissue[TISSUE_skin], cover(-inside), texture);
	inside -= h->skin * (1 + 0.3f * noise2(x / 15, y / 15, h->seed + 3));
	over(p, &h->tissue[TISSUE_fat], cover(-inside), texture);
	inside -= h->fat * (thin + 0.25f * noise2(x / 20, y / 20, h->seed + 4));
	if (muscle > 0.1f)
		over(p, &h->tissue[TISSUE_muscle], cover(-inside) * fminf(1, muscle), texture);
	inside -= muscle;
	over(p, &h->tissue[TISSUE_bone], cover(-inside), texture);
	inside -= h->outer;
	marrow = h->marrow * thin * (1 + 0.5f * noise2(x / 12, y / 12, h->seed + 5));
	if (marrow > 0.3f) {
		over(p, &h->tissue[TISSUE_marrow], cover(-inside) * cover(inside - marrow),
		     texture);
	}
	inside -= marrow + h->inner;
	over(p, &h->tissue[TISSUE_dura], cover(-inside), texture);
	over(p, &h->tissue[TISSUE_fluid], cover(-inside + 0.7f), 0);
}

/* ------------------------------------------------------------------ brain */
static float fold_distance(const struct limbs *f, float x, float y)
{
	int cx = (int)floorf(x / CELL_SIZE) + CELLS / 2,
	    cy = (int)floorf(y / CELL_SIZE) + CELLS / 2;
	float best = LIMB_REACH;
	int i, cell;

	if (cx < 0 || cy < 0 || cx >= CELLS || cy >= CELLS)
		return best;
	cell = cy * CELLS + cx;
	for (i = f->first[cell]; i < f->first[cell + 1]; i++)
		best = fminf(best, limb_distance(&f->limb[f->member[i]], x, y));
	return best;
}

static void paint_deep(struct paint *p, const struct head *h, float x, float y, float texture)
{
	float d = LIMB_REACH;
	int i;

	for (i = 0; i < h->n_blob; i++)
		over(p, &h->tissue[h->blob[i].tissue], cover(blob_distance(&h->blob[i], x, y)),
		     texture);
	for (i = 0; i < h->n_ventricle; i++)
		d = soft_min(d, limb_distance(&h->ventricle[i], x, y), 2);
	over(p, &h->tissue[TISSUE_fluid], cover(d), 0);
	for (i = 0; i < h->n_late; i++)
		over(p, &h->tissue[h->late[i].tissue], cover(blob_distance(&h->late[i], x, y)),
		     texture);
}

/* `surface`: depth below the surface of the brain. */
static void paint_brain(struct paint *p, const struct head *h, float x, float y, float surface,
			float texture)
{
	uint32_t s = h->seed;
	/* displaced coordinates make straight folds meander */
	float wx = x +
		   h->wander * (noise2(x / 17, y / 17, s + 6) + 0.4f * noise2(x / 7, y / 7, s + 7));
	float wy = y +
		   h->wander * (noise2(x / 17, y / 17, s + 8) + 0.4f * noise2(x / 7, y / 7, s + 9));
	float d, ribbon, falx = 10;
	int i;

	d = soft_min(surface, fold_distance(&h->folds, wx, wy), 4);
	ribbon = h->cortex * (1 + 0.22f * noise2(x / 9, y / 9, s + 10));
	over(p, &h->tissue[TISSUE_grey], cover(-d), texture);
	over(p, &h->tissue[TISSUE_white], cover(ribbon - d), texture);
	if (x * x + y * y < deep_radius * deep_radius)
		paint_deep(p, h, x + 0.35f * (wx - x), y + 0.35f * (wy - y), texture);
	if (fabsf(x) < 8) {
		for (i = 0; i < h->n_falx; i++)
			falx = fminf(falx, limb_distance(&h->falx[i], wx, wy));
		over(p, &h->tissue[TISSUE_dura], 0.8f * cover(falx), 0);
	}
}

void head_at(const struct head *h, double px, double py, float value[4])
{
	float mx = (float)(px * 1e3) - h->shift[0], my = (float)(py * 1e3) - h->shift[1];
	float x = h->cosine * mx + h->sine * my, y = h->cosine * my - h->sine * mx;
	float depth, texture, t;
	bool deep;
	struct paint p = { 0, 0, 0, 0 };

	memset(value, 0, 4 * sizeof *value);
	if (fabsf(x) > 1.3f * h->width || fabsf(y) > 1.2f * h->length)
		return;
	deep = is_deep(h, x, y);
	depth = deep ? 40 : head_depth(h, x, y);
	if (depth < -edge)
		return;
	texture = 0.8f * noise2(x / 28, y / 28, h->seed + 11) +
		  0.5f * noise2(x / 5, y / 5, h->seed + 12) +
		  0.6f * noise2(x / 1.6f, y / 1.6f, h->seed + 13);
	t = deep ? 22 : head_brain_depth(h, x, y);
	if (depth < t + 2)
		paint_shell(&p, h, x, y, depth, texture);
	else
		over(&p, &h->tissue[TISSUE_fluid], 1, 0);
	if (depth > t - 2)
		paint_brain(&p, h, x, y, depth - t, texture);
	t = hypotf(x - h->sinus[0], y - h->sinus[1]) - h->sinus[2];
	over(&p, &h->tissue[TISSUE_blood], cover(t), texture);
	if (p.m0 < m0_least)
		return;
	value[0] = fminf(p.m0, 1);
	value[1] = p.m0 / p.r1;
	t = p.m0 / p.r2;
	value[2] = fminf(fmaxf(t, t2_least), t2_most);
	value[3] = fminf(p.m0 / p.r2p, t2p_most);
}
