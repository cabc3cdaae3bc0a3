/* Coherence pathways by an extended phase graph (Hennig 1988; Weigel, JMRI 2015) whose moments
 * are scalars of the IR: where an echo lies is known for every parameter value, and pathways
 * meet in one state exactly where their moments are the same scalar. Two that coincide only at
 * the defaults stay two (in MOLED three strong stimulated echoes hide under the wanted ones
 * until a gradient changes).
 *
 * A pulse of flip a and phase p makes, with signs as in runtime/sim/sim.h,
 *     F'(k) = cos^2(a/2) F(k) + exp(2ip) sin^2(a/2) F*(-k) + i exp(ip) sin(a) Z(k),
 *     Z'(k) = cos(a) Z(k) + i/2 sin(a) (exp(-ip) F(k) - exp(ip) F*(-k)).
 * Amplitudes are complex numbers, one per setting of flips, phases and B1: their largest size
 * stands for the whole box. Relaxation is left out. A pulse acts at its middle. */
#include "compiler/lower/pathway.h"

#include <complex.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double negligible = 1e-3; /* of M0: smaller states are dropped on the way */

/* Beyond these the echoes of a steady state are too many to be told apart, and compiling would take
 * longer than simulating. */
enum { STATES = 128, EPOCHS = 512 };

struct list {
	struct state *state;
	uint32_t n;
};
struct graph {
	struct search *s;
	struct list f, z, f2, z2;
};

/* The first shot of a history stands for all of it. */
const struct epoch *pathway_epoch(const struct lowering *w, uint32_t e)
{
	uint32_t h = 0;

	while (e >= w->p->history[h].first_epoch + w->p->history[h].n_epoch)
		h++;
	for (uint32_t i = 0; i < w->n_shot; i++) {
		if (w->shot[i].history == h)
			return &w->epoch[w->shot[i].first_epoch + e - w->p->history[h].first_epoch];
	}
	return NULL;
}

ir_scalar pathway_key(struct lowering *w, ir_scalar k)
{
	return lower_settle_on(w, k, 0x1p13);
}

double pathway_size(const struct search *s, const struct state *f)
{
	double most = 0;

	for (int i = 0; i < s->n_setting; i++)
		most = fmax(most, hypot(f->re[i], f->im[i]));
	return most;
}

/* ------------------------------------------------------------------ settings */
static bool acts_alike(const struct program *p, const double *x, const double *y)
{
	for (uint32_t i = 0; i < p->n_epoch; i++) {
		const struct program_epoch *e = &p->epoch[i];

		if (e->pulse == UINT32_MAX)
			continue;
		if (x[e->phase] != y[e->phase] ||
		    x[p->pulse[e->pulse].flip] != y[p->pulse[e->pulse].flip])
			return false;
	}
	return true;
}

/* Keeps the slots at `param` unless no pulse tells them from a vector already there. */
static void add_vector(struct search *s, const double *param)
{
	const struct program *p = s->w->p;
	double *value = lower_zeros(p->n_op, sizeof *value);

	program_evaluate(value, p, param);
	for (int i = 0; i < s->n_vector; i++) {
		if (acts_alike(p, s->vector[i], value)) {
			free(value);
			return;
		}
	}
	if (s->n_vector == VECTORS)
		free(value);
	else
		s->vector[s->n_vector++] = value;
}

static void find_settings(struct search *s)
{
	const struct program *p = s->w->p;
	const struct program_map *m = &p->map[PROGRAM_MAP_B1];
	double *param = lower_zeros(p->n_param, sizeof *param), *end, b1;

	for (uint32_t i = 0; i < p->n_param; i++)
		param[i] = p->param[i].value;
	add_vector(s, param);
	s->value = s->vector[0];
	for (uint32_t i = 0; i < p->n_param; i++) {
		param[i] = p->param[i].lo;
		add_vector(s, param);
		param[i] = p->param[i].hi;
		add_vector(s, param);
		param[i] = p->param[i].value;
	}
	for (int side = 0; side < 2; side++) {
		for (uint32_t i = 0; i < p->n_param; i++) {
			end = side ? &p->param[i].hi : &p->param[i].lo;
			param[i] = *end;
		}
		add_vector(s, param);
	}
	b1 = m->channel ? fmin(fmax(1, m->lo), m->hi) : m->value;
	for (int v = 0; v < s->n_vector; v++) {
		s->b1[3 * v] = b1;
		s->b1[3 * v + 1] = m->channel ? m->lo : b1;
		s->b1[3 * v + 2] = m->channel ? m->hi : b1;
	}
	s->n_setting = 3 * s->n_vector;
	free(param);
}

/* ------------------------------------------------------------------ states */
static bool same_place(const struct state *a, const struct state *b)
{
	return a->key[0] == b->key[0] && a->key[1] == b->key[1] && a->key[2] == b->key[2];
}

/* Adds `f` times factor[i], conjugated first if asked, to the state of its moments. The texts and
 * times of a state are those of its largest part. */
static void branch(struct graph *g, struct list *l, const struct state *f,
		   const double complex *factor, bool conjugate, char coherence)
{
	struct ir *ir = g->s->w->ir;
	struct state part = *f, *to = NULL;
	size_t length = strlen(part.order);

	for (int i = 0; i < g->s->n_setting; i++) {
		double complex v = factor[i] * (f->re[i] + I * (conjugate ? -f->im[i] : f->im[i]));

		part.re[i] = creal(v);
		part.im[i] = cimag(v);
	}
	for (int a = 0; a < 3 && conjugate; a++)
		part.k[a] = ir_neg(ir, part.k[a]);
	if (conjugate)
		part.off = ir_neg(ir, part.off);
	for (char *c = part.order; *c && conjugate; c++)
		*c = *c == '+' ? '-' : *c == '-' ? '+' : *c;
	if (length == PROGRAM_ORDERS - 1)
		memmove(part.order, part.order + 1, length--);
	part.order[length] = coherence;
	part.order[length + 1] = '\0';
	for (int a = 0; a < 3; a++)
		part.key[a] = pathway_key(g->s->w, part.k[a]);
	for (uint32_t i = 0; i < l->n && !to; i++)
		to = same_place(&l->state[i], &part) ? &l->state[i] : NULL;
	if (!to) {
		*APPEND(l->state, l->n) = part;
		return;
	}
	if (pathway_size(g->s, &part) > pathway_size(g->s, to) * (1 + 1e-9)) {
		to->life = part.life;
		to->off = part.off;
		memcpy(to->order, part.order, sizeof to->order);
	}
	for (int i = 0; i < g->s->n_setting; i++) {
		to->re[i] += part.re[i];
		to->im[i] += part.im[i];
	}
}

struct sized {
	double size;
	uint32_t at;
};

static int by_size(const void *a, const void *b)
{
	const struct sized *x = a, *y = b;

	if (x->size != y->size)
		return x->size < y->size ? 1 : -1;
	return (x->at > y->at) - (x->at < y->at);
}

/* Drops the small, and the smallest of too many. */
static void prune(struct graph *g, struct list *l)
{
	struct sized *order = lower_zeros(l->n, sizeof *order);
	struct list kept = { NULL, 0 };

	for (uint32_t i = 0; i < l->n; i++)
		order[i] = (struct sized){ pathway_size(g->s, &l->state[i]), i };
	if (l->n)
		qsort(order, l->n, sizeof *order, by_size);
	for (uint32_t i = 0; i < l->n && i < STATES && order[i].size >= negligible; i++)
		*APPEND(kept.state, kept.n) = l->state[order[i].at];
	free(order);
	free(l->state);
	*l = kept;
}

/* ------------------------------------------------------------------ one epoch */
static void age(struct graph *g, ir_scalar seconds)
{
	struct ir *ir = g->s->w->ir;

	for (uint32_t i = 0; i < g->f.n; i++) {
		g->f.state[i].life = ir_add(ir, g->f.state[i].life, seconds);
		g->f.state[i].off = ir_add(ir, g->f.state[i].off, seconds);
	}
}

static void play_pulse(struct graph *g, const struct program_epoch *e)
{
	const struct search *s = g->s;
	program_slot flip = s->w->p->pulse[e->pulse].flip;
	double complex ff[SETTINGS], fc[SETTINGS], fz[SETTINGS], zf[SETTINGS], zc[SETTINGS],
		zz[SETTINGS];

	for (int i = 0; i < s->n_setting; i++) {
		double a = s->b1[i] * s->vector[i / 3][flip], c = cos(0.5 * a), d = sin(0.5 * a);
		double complex turn = cexp(I * s->vector[i / 3][e->phase]);

		ff[i] = c * c;
		fc[i] = turn * turn * d * d;
		fz[i] = I * turn * sin(a);
		zz[i] = cos(a);
		zf[i] = 0.5 * I * sin(a) / turn;
		zc[i] = -0.5 * I * sin(a) * turn;
	}
	for (uint32_t i = 0; i < g->f.n; i++) {
		branch(g, &g->f2, &g->f.state[i], ff, false, '+');
		branch(g, &g->f2, &g->f.state[i], fc, true, '+');
		branch(g, &g->z2, &g->f.state[i], zf, false, '0');
		branch(g, &g->z2, &g->f.state[i], zc, true, '0');
	}
	for (uint32_t i = 0; i < g->z.n; i++) {
		branch(g, &g->f2, &g->z.state[i], fz, false, '+');
		branch(g, &g->z2, &g->z.state[i], zz, false, '0');
	}
	free(g->f.state);
	free(g->z.state);
	g->f = g->f2;
	g->z = g->z2;
	g->f2 = g->z2 = (struct list){ NULL, 0 };
	prune(g, &g->f);
	prune(g, &g->z);
}

static void step(struct graph *g, uint32_t number, bool last)
{
	struct lowering *w = g->s->w;
	const struct program_epoch *e = &w->p->epoch[number];
	const struct epoch x = *pathway_epoch(w, number);

	if (x.pulse != UINT32_MAX) {
		ir_scalar half = ir_scale(w->ir, 0.5, w->pulse[x.pulse].duration);

		age(g, half);
		play_pulse(g, e);
		age(g, half);
	}
	echo_look(g->s, number, g->f.state, g->f.n);
	if (last)
		return;
	age(g, x.duration);
	for (uint32_t i = 0; i < g->f.n; i++) {
		for (int a = 0; a < 3; a++)
			g->f.state[i].k[a] = ir_add(w->ir, g->f.state[i].k[a], x.moment[a]);
	}
}

static void run_history(struct search *s, const struct program_history *h)
{
	struct graph g = { .s = s };
	struct state *z = APPEND(g.z.state, g.z.n);

	memset(z, 0, sizeof *z);
	for (int i = 0; i < s->n_setting; i++)
		z->re[i] = 1;
	for (uint32_t e = 0; e < h->n_epoch; e++)
		step(&g, h->first_epoch + e, e + 1 == h->n_epoch);
	free(g.f.state);
	free(g.z.state);
}

/* ------------------------------------------------------------------ all */
static int by_amplitude(const void *a, const void *b)
{
	const struct program_pathway *x = a, *y = b;

	if (x->amplitude != y->amplitude)
		return x->amplitude < y->amplitude ? 1 : -1;
	return strcmp(x->order, y->order);
}

void lower_pathways(struct lowering *w)
{
	struct search s = { .w = w };
	uint32_t epochs = 0;

	if (!(w->p->fov[0] > 0 && w->p->fov[1] > 0) || !w->p->n_readout)
		return;
	find_settings(&s);
	echo_windows(&s);
	for (uint32_t h = 0; h < w->p->n_history && epochs <= EPOCHS; h++) {
		epochs += w->p->history[h].n_epoch;
		if (epochs <= EPOCHS)
			run_history(&s, &w->p->history[h]);
	}
	if (w->p->n_pathway)
		qsort(w->p->pathway, w->p->n_pathway, sizeof *w->p->pathway, by_amplitude);
	for (int i = 0; i < s.n_vector; i++)
		free(s.vector[i]);
	free(s.shift);
	free(s.place);
	free(s.miss);
}
