/* The sequence diagram as one HTML page that needs nothing else: page.html with the events as JSON
 * and page.js, which draws what the reader looks at. Times are integers, picoseconds; other numbers
 * are SI and read back as what they were. Positions in k-space are for the eye: nine digits, and in
 * a long sequence not every sample. */
#include "runtime/plot/page.h"
#include "runtime/plot/plot.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
	POSITION_LIMIT = 200000, /* in k-space; the page stays below some ten megabytes */
	TEXT_TRIES = 256
};

struct page {
	struct text json;
	const struct draw *d;
	struct sampling *s;
};

static void put(struct page *g, const char *s)
{
	text_add(&g->json, s, strlen(s));
}

static void put_time(struct page *g, int64_t ps)
{
	text_printf(&g->json, "%" PRId64, ps);
}

/* JSON knows no infinity; a sequence without limits has one. */
static void put_number(struct page *g, double v)
{
	char buffer[32];

	put(g, isfinite(v) ? text_double(buffer, v) : "null");
}

/* `<` is written as its code, so that no text can end the page's script. */
static void put_text(struct page *g, const char *s)
{
	put(g, "\"");
	for (; s && *s; s++)
		if (*s == '"' || *s == '\\')
			text_printf(&g->json, "\\%c", *s);
		else if ((unsigned char)*s < 0x20 || *s == '<')
			text_printf(&g->json, "\\u%04x", (unsigned char)*s);
		else
			text_add(&g->json, s, 1);
	put(g, "\"");
}

/* Before item i of a list: a comma and a line's end. */
static void next(struct page *g, bool *begun)
{
	put(g, *begun ? ",\n[" : "\n[");
	*begun = true;
}

static void put_head(struct page *g, const struct plot_options *o)
{
	const struct program *p = g->d->program;
	uint32_t i;

	put(g, "{\"name\":");
	put_text(g, p->name ? p->name : "sequence");
	put(g, ",\"doc\":");
	put_text(g, p->doc);
	put(g, ",\"duration\":");
	put_time(g, g->d->duration);
	put(g, ",\"from\":");
	put_time(g, o && o->to > o->from ? llround(o->from * 1e12) : 0);
	put(g, ",\"to\":");
	put_time(g, o && o->to > o->from ? llround(o->to * 1e12) : g->d->duration);
	put(g, ",\"gammabar\":");
	put_number(g, p->gammabar);
	put(g, ",\"fov\":[");
	for (i = 0; i < 3; i++) {
		put(g, i ? "," : "");
		put_number(g, p->fov[i]);
	}
	text_printf(&g->json, "],\"matrix\":[%d,%d],\n\"params\":[", p->matrix[0], p->matrix[1]);
	for (i = 0; i < p->n_param; i++) {
		double show = p->param[i].show > 0 ? p->param[i].show : 1;
		char value[64];

		put(g, i ? ",[" : "[");
		put_text(g, p->param[i].name);
		put(g, ",");
		snprintf(value, sizeof value, "%.6g %.24s", g->d->param[i] / show,
			 p->param[i].unit ? p->param[i].unit : "");
		put_text(g, value);
		put(g, "]");
	}
	put(g, "]");
}

static void put_shapes(struct page *g)
{
	const struct program *p = g->d->program;
	uint32_t i, k, n;

	put(g, ",\n\"shapes\":[");
	for (i = 0; i < p->n_shape; i++) {
		const struct program_shape *s = &p->shape[i];

		text_printf(&g->json, "%s\n{\"complex\":%s,\"first\":", i ? "," : "",
			    s->is_complex ? "true" : "false");
		put_number(g, s->is_complex ? 0 : s->first);
		put(g, ",\"last\":");
		put_number(g, s->is_complex ? 0 : s->last);
		put(g, ",\"samples\":[");
		n = s->is_complex ? 2 * s->n : s->n;
		for (k = 0; k < n; k++) {
			put(g, k ? "," : "");
			put_number(g, s->sample[k]);
		}
		put(g, "]}");
	}
	put(g, "]");
}

/* The number of a block's text in the list of texts. Loops repeat theirs, so the text is looked for
 * behind the one found last, and not for long: texts that never repeat must not cost their square. */
static uint32_t text_number(const char **known, uint32_t *n, uint32_t *recent, const char *text)
{
	uint32_t i, at;

	for (i = 0; i < *n && i < TEXT_TRIES; i++) {
		at = (*recent + 1 + i) % *n;
		if (strcmp(known[at], text) == 0)
			return *recent = at;
	}
	known[*n] = text;
	return *recent = (*n)++;
}

static precess_status put_blocks(struct page *g)
{
	const struct program *p = g->d->program;
	const char **known = calloc(p->n_block + 1, sizeof *known);
	uint32_t i, n = 0, recent = 0;
	bool begun = false;

	if (!known)
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	put(g, ",\n\"blocks\":[");
	for (i = 0; i < p->n_block; i++) {
		const struct program_block *b = &p->block[i];

		next(g, &begun);
		put_time(g, llround(g->d->value[b->start] * 1e12));
		put(g, ",");
		put_time(g, llround(g->d->value[b->duration] * 1e12));
		text_printf(&g->json, ",%d,%" PRIu32 ",", (int)b->kind,
			    text_number(known, &n, &recent, b->text ? b->text : ""));
		put_text(g, b->where);
		text_printf(&g->json, ",%d]", b->line);
	}
	put(g, "],\n\"texts\":[");
	for (i = 0; i < n; i++) {
		put(g, i ? "," : "");
		put_text(g, known[i]);
	}
	put(g, "]");
	free(known);
	return PRECESS_OK;
}

static void put_shape_number(struct page *g, const struct draw_event *e)
{
	if (e->shape == PROGRAM_NO_SHAPE)
		put(g, ",-1");
	else
		text_printf(&g->json, ",%" PRIu32, e->shape);
}

static void put_numbers(struct page *g, const double *v, int n)
{
	int i;

	for (i = 0; i < n; i++) {
		put(g, ",");
		put_number(g, v[i]);
	}
}

static void put_event(struct page *g, const struct draw_event *e, const char *use)
{
	if (e->kind == PROGRAM_GRAD)
		text_printf(&g->json, "%d,", e->axis);
	put_time(g, e->start);
	put(g, ",");
	put_time(g, e->duration);
	switch (e->kind) {
	case PROGRAM_RF:
		put_numbers(g, (double[]){ e->flip, e->phase, e->freq }, 3);
		put_shape_number(g, e);
		put(g, ",");
		put_text(g, use && strcmp(use, "undefined") ? use : "pulse");
		break;
	case PROGRAM_GRAD:
		put_numbers(g, &e->amplitude, 1);
		text_printf(&g->json, ",%" PRId64 ",%" PRId64, e->rise, e->fall);
		put_shape_number(g, e);
		break;
	case PROGRAM_ADC:
		text_printf(&g->json, ",%" PRIu32, e->n);
		put_numbers(g, (double[]){ e->phase, e->freq }, 2);
		break;
	case PROGRAM_RESET:
		break;
	}
	put(g, "]");
}

/* Draw events are in order of time; `use` is known to the program's, so they are asked backwards. */
static precess_status put_events(struct page *g)
{
	static const char *const names[] = { [PROGRAM_RF] = "rf", [PROGRAM_GRAD] = "grad",
					     [PROGRAM_ADC] = "adc", [PROGRAM_RESET] = "resets" };
	const struct program *p = g->d->program;
	const char **use = calloc(p->n_event + 1, sizeof *use);
	uint32_t i;
	int kind;

	if (!use)
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	for (i = 0; i < p->n_event; i++)
		use[g->d->at[i]] = p->event[i].use;
	for (kind = 0; kind < (int)PRECESS_COUNT(names); kind++) {
		bool begun = false;

		text_printf(&g->json, ",\n\"%s\":[", names[kind]);
		for (i = 0; i < p->n_event; i++) {
			const struct draw_event *e = &g->d->event[i];

			if ((int)e->kind != kind)
				continue;
			next(g, &begun);
			put_event(g, e, use[i]);
		}
		put(g, "]");
	}
	free(use);
	return PRECESS_OK;
}

static bool is_time(const char *unit)
{
	return unit && (strcmp(unit, "s") == 0 || strcmp(unit, "ms") == 0 ||
			strcmp(unit, "us") == 0 || strcmp(unit, "ns") == 0);
}

static void put_marks(struct page *g)
{
	const struct program *p = g->d->program;
	bool begun = false;
	uint32_t i;

	put(g, ",\n\"marks\":[");
	for (i = 0; i < p->n_mark; i++) {
		if (!is_time(p->mark[i].unit))
			continue;
		next(g, &begun);
		put_text(g, p->mark[i].name);
		put(g, ",");
		put_text(g, p->mark[i].doc);
		put(g, ",");
		put_number(g, g->d->value[p->mark[i].value]);
		put(g, "]");
	}
	put(g, "]");
}

/* A line needs its ends only; of the rest, every step-th sample and the last. */
static uint32_t step_of(const struct program *p, const struct program_readout *r, uint32_t n)
{
	uint32_t share = POSITION_LIMIT / p->n_readout + 2, axis;
	bool uniform = true;

	for (axis = 0; axis < 3; axis++)
		uniform = uniform && r->step[axis] != PROGRAM_NO_SLOT;
	if (n < 2)
		return 1;
	return uniform ? n - 1 : (n + share - 1) / share;
}

static void put_position(struct page *g, const double k[3])
{
	text_printf(&g->json, ",%.9g,%.9g,%.9g", k[0], k[1], k[2]);
}

static precess_status put_trajectory(struct page *g)
{
	const struct program *p = g->d->program;
	uint32_t r, i, n, step;
	bool begun = false;
	precess_status st = sampling_create(&g->s, g->d);

	if (st)
		return st;
	put(g, ",\n\"k\":[");
	for (r = 0; r < p->n_readout; r++) {
		const struct draw_event *adc = &g->d->event[g->d->at[p->readout[r].event]];
		const double *k = g->s->k + 3 * (size_t)adc->first_sample;

		n = adc->n;
		if (n == 0)
			continue;
		step = step_of(p, &p->readout[r], n);
		next(g, &begun);
		put_time(g, adc->start);
		put_numbers(g, &adc->dwell, 1);
		text_printf(&g->json, ",%" PRIu32 ",%" PRIu32, n, step);
		for (i = 0; i + 1 < n; i += step)
			put_position(g, k + 3 * (size_t)i);
		put_position(g, k + 3 * (size_t)(n - 1));
		put(g, "]");
	}
	put(g, "]}");
	return PRECESS_OK;
}

/* page.html up to `place`, which it must hold, then `what`; -> what comes behind. */
static const char *fill(struct text *out, const char *from, const char *place, const char *what)
{
	const char *at = strstr(from, place);

	assert(at);
	text_add(out, from, (size_t)(at - from));
	text_add(out, what, strlen(what));
	return at + strlen(place);
}

precess_status plot_page(const char *path, const struct draw *d, const struct plot_options *o)
{
	struct page g = { .d = d };
	const char *rest;
	struct text page;
	precess_status st;

	if (d->duration <= 0)
		return precess_fail(PRECESS_EINVAL, "%s: a sequence of no duration has no diagram",
				    d->program->name ? d->program->name : "");
	text_init(&g.json);
	text_init(&page);
	put_head(&g, o);
	put_shapes(&g);
	TRY(put_blocks(&g));
	TRY(put_events(&g));
	put_marks(&g);
	TRY(put_trajectory(&g));
	rest = fill(&page, page_html, "@DATA@", g.json.data);
	rest = fill(&page, rest, "@SCRIPT@", page_js);
	text_add(&page, rest, strlen(rest));
	st = file_write(path, page.data, page.n);
out:
	text_free(&g.json);
	text_free(&page);
	sampling_free(g.s);
	return st;
}
