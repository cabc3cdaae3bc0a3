/* The sections of a Pulseq file. Blocks come before the events that they name, so their section is
 * kept for later and everything else becomes tables, sorted by number. */
#include "compiler/pulseq/internal.h"

#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------ columns */
struct layout {
	enum column column[COLUMNS];
	bool optional[COLUMNS];
	int n, least;
	const char *text;
};

static enum column column_of(struct word w)
{
	static const char *const name[] = {
		[COLUMN_amplitude] = "amplitude", [COLUMN_first] = "first",
		[COLUMN_last] = "last", [COLUMN_magnitude] = "magnitude",
		[COLUMN_phase_shape] = "phase_shape", [COLUMN_shape] = "shape",
		[COLUMN_time] = "time", [COLUMN_center] = "center", [COLUMN_rise] = "rise",
		[COLUMN_flat] = "flat", [COLUMN_fall] = "fall", [COLUMN_number] = "number",
		[COLUMN_dwell] = "dwell", [COLUMN_delay] = "delay",
		[COLUMN_freq_ppm] = "freq_ppm", [COLUMN_phase_ppm] = "phase_ppm",
		[COLUMN_freq] = "freq", [COLUMN_phase] = "phase", [COLUMN_use] = "use",
	};
	int i = 0;

	while (i < COLUMNS && !pulseq_word_is(w, name[i]))
		i++;
	return (enum column)i;
}

/* False when this version has no such table. */
static bool layout_of(struct layout *out, enum kind kind, int version)
{
	static const struct {
		enum kind kind;
		int from, to;
		const char *text;
	} list[] = {
#define COLUMNS_OF(table, from, to, text) { PULSEQ_##table, from, to, text },
#include "compiler/pulseq/columns.def"
#undef COLUMNS_OF
	};
	struct word w[COLUMNS];

	for (size_t i = 0; i < PRECESS_COUNT(list); i++) {
		const char *text = list[i].text;

		if (list[i].kind != kind || version < list[i].from || version > list[i].to)
			continue;
		*out = (struct layout){ .text = text };
		out->n = pulseq_words(w, COLUMNS, text, text + strlen(text));
		for (int k = 0; k < out->n; k++) {
			out->optional[k] = w[k].p[0] == '(';
			if (out->optional[k])
				w[k] = (struct word){ w[k].p + 1, w[k].n - 2 };
			out->column[k] = column_of(w[k]);
			out->least += !out->optional[k];
		}
		return true;
	}
	return false;
}

/* ------------------------------------------------------------------ rows */
precess_status pulseq_read_id(uint32_t *id, const struct file *f, struct word w, uint32_t line,
			      const char *what)
{
	int64_t v;

	if (!pulseq_integer(&v, w, 1, UINT32_MAX - 1))
		return pulseq_fail(f, line, "'%.*s' is no number of %s; they count from 1",
				   (int)(w.n < 40 ? w.n : 40), w.p, what);
	*id = (uint32_t)v;
	return PRECESS_OK;
}

static precess_status read_row(struct row *r, const struct file *f, const struct layout *l,
			       const struct word *w, int n, const char *section)
{
	bool full = n == l->n + 1;

	if (!full && n != l->least + 1)
		return pulseq_fail(f, r->line,
				   "a row of %s has %d columns in version 1.%d (number %s), found %d; "
				   "is the [VERSION] right?", section, l->n + 1, f->version % 1000,
				   l->text, n);
	for (int i = 0, at = 1; i < l->n; i++) {
		double *v = &r->v[l->column[i]];

		if (!full && l->optional[i])
			continue;
		if (l->column[i] == COLUMN_use)
			*v = w[at].p[0];
		else if (!pulseq_number(v, w[at]))
			return pulseq_fail(f, r->line, "'%.*s' is not a finite number",
					   (int)(w[at].n < 40 ? w[at].n : 40), w[at].p);
		at++;
	}
	return PRECESS_OK;
}

bool pulseq_section_ends(struct cursor *c, const char **from, const char **to, uint32_t *line)
{
	struct cursor before = *c;

	if (!pulseq_line(c, from, to, line))
		return true;
	if (**from != '[')
		return false;
	*c = before;
	return true;
}

static precess_status read_table(struct file *f, struct cursor *c, enum kind kind,
				 const char *section, uint32_t heading)
{
	struct table *t = &f->table[kind];
	struct word w[COLUMNS + 1];
	const char *from, *to;
	struct layout l;
	precess_status st;
	uint32_t line;

	if (!layout_of(&l, kind, f->version))
		return pulseq_fail(f, heading, "version 1.%d has no section %s", f->version % 1000,
				   section);
	while (!pulseq_section_ends(c, &from, &to, &line)) {
		int n = pulseq_words(w, COLUMNS + 1, from, to);
		struct row r = { .line = line };

		if ((st = pulseq_read_id(&r.id, f, w[0], line, section)) ||
		    (st = read_row(&r, f, &l, w, n, section)) ||
		    (st = pulseq_append((void **)&t->row, &t->n, &t->capacity, &r, sizeof r)))
			return st;
	}
	return PRECESS_OK;
}

/* ------------------------------------------------------------------ [VERSION], [DEFINITIONS] */
precess_status pulseq_set_version(struct file *f, int64_t major, int64_t minor, uint32_t line)
{
	if (major != 1 || minor < 0 || minor > 5)
		return pulseq_fail(f, line, "Pulseq %lld.%lld is not known here, only 1.0 to 1.5; "
				   "write the file as 1.5", (long long)major, (long long)minor);
	f->version = 1000 + (int)minor;
	return PRECESS_OK;
}

static precess_status read_version(struct file *f, struct cursor *c)
{
	int64_t major = 1, minor = 0, v;
	struct word w[3];
	const char *from, *to;
	uint32_t line = c->line;

	while (!pulseq_section_ends(c, &from, &to, &line)) {
		int n = pulseq_words(w, 3, from, to);

		if (n == 2 && pulseq_word_is(w[0], "revision"))
			continue; /* a number, or one with letters behind it */
		if (n != 2 || !pulseq_integer(&v, w[1], 0, 999))
			return pulseq_fail(f, line, "a version has the lines major, minor, revision");
		if (pulseq_word_is(w[0], "major"))
			major = v;
		else if (pulseq_word_is(w[0], "minor"))
			minor = v;
	}
	return pulseq_set_version(f, major, minor, line);
}

/* Some writers of 1.2 wrote a text as the codes of its letters: "109 112 114". */
static char *definition_text(struct file *f, const struct word *w, int n, const char *to)
{
	char *s = arena_copy(f->arena, w[0].p, (size_t)(to - w[0].p));
	int64_t v;

	for (int i = 0; i < n; i++) {
		if (n < 3 || !pulseq_integer(&v, w[i], 32, 126))
			return s;
	}
	for (int i = 0; i < n; i++) {
		pulseq_integer(&v, w[i], 32, 126);
		s[i] = (char)v;
	}
	s[n] = '\0';
	return s;
}

precess_status pulseq_define(struct file *f, const struct word *w, int n, const char *to,
			     uint32_t line)
{
	const struct {
		const char *name;
		double *target;
	} list[] = {
		{ "GradientRasterTime", &f->grad_raster },
		{ "RadiofrequencyRasterTime", &f->rf_raster },
		{ "AdcRasterTime", &f->adc_raster },
		{ "BlockDurationRaster", &f->block_raster },
		{ "TotalDuration", &f->total }, { "B0", &f->b0 },
	};

	if (pulseq_word_is(w[0], "Name") && n > 1)
		f->name = definition_text(f, w + 1, n - 1, to);
	if (pulseq_word_is(w[0], "RequiredExtensions") && n > 1)
		f->required = arena_copy(f->arena, w[1].p, (size_t)(to - w[1].p));
	if (pulseq_word_is(w[0], "FOV")) {
		for (int i = 0; i < 3 && i + 1 < n; i++) {
			if (!pulseq_number(&f->fov[i], w[i + 1]) || f->fov[i] < 0)
				return pulseq_fail(f, line, "FOV wants three lengths in metres");
		}
		for (int i = 0; i < 3 && f->fov[0] >= 5; i++)
			f->fov[i] *= 1e-3; /* written in millimetres */
		return PRECESS_OK;
	}
	for (size_t i = 0; i < PRECESS_COUNT(list); i++) {
		if (!pulseq_word_is(w[0], list[i].name))
			continue;
		if (n < 2 || !pulseq_number(list[i].target, w[1]) || !(*list[i].target > 0))
			return pulseq_fail(f, line, "%s wants a number above 0", list[i].name);
	}
	return PRECESS_OK;
}

static precess_status read_definitions(struct file *f, struct cursor *c)
{
	enum { MOST = 130 };
	struct word w[MOST];
	const char *from, *to;
	precess_status st;
	uint32_t line;

	while (!pulseq_section_ends(c, &from, &to, &line)) {
		int n = pulseq_words(w, MOST, from, to);

		if ((st = pulseq_define(f, w, n < MOST ? n : MOST, to, line)))
			return st;
	}
	return PRECESS_OK;
}

/* ------------------------------------------------------------------ [SHAPES] */
precess_status pulseq_shape_room(struct file *f, int64_t n, uint32_t line)
{
	if (n > PULSEQ_SHAPE_LIMIT || f->n_sample + (size_t)n > PULSEQ_SAMPLES_LIMIT)
		return pulseq_fail(f, line, "too many samples: %lld (limit %u a shape, %zu in all)",
				   (long long)n, PULSEQ_SHAPE_LIMIT, PULSEQ_SAMPLES_LIMIT);
	f->n_sample += (size_t)n;
	return PRECESS_OK;
}

static precess_status read_shape(struct file *f, struct cursor *c, struct word id, uint32_t line)
{
	struct shape s = { .line = line };
	struct word w[3];
	const char *from, *to;
	precess_status st;
	int64_t n;

	if ((st = pulseq_read_id(&s.id, f, id, line, "a shape")))
		return st;
	if (pulseq_section_ends(c, &from, &to, &line) || pulseq_words(w, 3, from, to) != 2 ||
	    !(pulseq_word_is(w[0], "num_samples") || pulseq_word_is(w[0], "num_uncompressed")) ||
	    !pulseq_integer(&n, w[1], 1, INT64_MAX / 2))
		return pulseq_fail(f, s.line, "after shape_id comes `num_samples N`, N from 1");
	if ((st = pulseq_shape_room(f, n, line)))
		return st;
	s.n = (uint32_t)n;
	if ((st = pulseq_shape_read(f, c, &s, 0)))
		return st;
	return PULSEQ_APPEND(f, shape, &s);
}

static precess_status read_shapes(struct file *f, struct cursor *c)
{
	struct word w[3];
	const char *from, *to;
	precess_status st;
	uint32_t line;

	while (!pulseq_section_ends(c, &from, &to, &line)) {
		int n = pulseq_words(w, 3, from, to);

		if (n != 2 || !(pulseq_word_is(w[0], "shape_id") ||
				pulseq_word_is(w[0], "Shape_ID")))
			return pulseq_fail(f, line, "expected `shape_id N`, found '%.*s'",
					   (int)(to - from < 40 ? to - from : 40), from);
		if ((st = read_shape(f, c, w[1], line)))
			return st;
	}
	return PRECESS_OK;
}

/* ------------------------------------------------------------------ all */
static precess_status skip(struct cursor *c)
{
	const char *from, *to;
	uint32_t line;

	while (!pulseq_section_ends(c, &from, &to, &line))
		;
	return PRECESS_OK;
}

static precess_status read_section(struct file *f, struct cursor *c, struct word name,
				   uint32_t line)
{
	static const char *const table[] = {
#define TABLE(name, section, doc) section,
#include "compiler/pulseq/tables.def"
#undef TABLE
	};

	for (int i = 0; i < PULSEQ_KINDS; i++) {
		if (pulseq_word_is(name, table[i]))
			return read_table(f, c, (enum kind)i, table[i], line);
	}
	if (pulseq_word_is(name, "[VERSION]"))
		return read_version(f, c);
	if (pulseq_word_is(name, "[DEFINITIONS]"))
		return read_definitions(f, c);
	if (pulseq_word_is(name, "[SHAPES]"))
		return read_shapes(f, c);
	if (pulseq_word_is(name, "[EXTENSIONS]"))
		return pulseq_extensions(f, c);
	if (pulseq_word_is(name, "[BLOCKS]")) {
		if (f->blocks.p)
			return pulseq_fail(f, line, "a second [BLOCKS]; the first is in line %u",
					   f->blocks.line - 1);
		f->blocks = *c;
		skip(c);
		f->blocks.end = c->p;
		return PRECESS_OK;
	}
	if (!pulseq_word_is(name, "[SIGNATURE]"))
		pulseq_warn(f, line, "section %.*s is not known and not read", (int)name.n, name.p);
	return skip(c);
}

static int by_id(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* Every kind of row begins with its id and its line. */
static precess_status sort(const struct file *f, void *array, size_t n, size_t size,
			   const char *what)
{
	if (n)
		qsort(array, n, size, by_id);
	for (size_t i = 1; i < n; i++) {
		const uint32_t *a = (const void *)((char *)array + (i - 1) * size);
		const uint32_t *b = (const void *)((char *)array + i * size);

		if (a[0] == b[0])
			return pulseq_fail(f, a[1] > b[1] ? a[1] : b[1],
					   "%s %u is there twice, also in line %u", what, a[0],
					   a[1] > b[1] ? b[1] : a[1]);
	}
	return PRECESS_OK;
}

precess_status pulseq_sort(struct file *f)
{
	static const char *const name[] = { "RF event", "gradient", "trapezoid", "readout", "delay" };
	precess_status st;

	for (int i = 0; i < PULSEQ_KINDS; i++)
		TRY(sort(f, f->table[i].row, f->table[i].n, sizeof *f->table[i].row, name[i]));
	TRY(sort(f, f->shape, f->n_shape, sizeof *f->shape, "shape"));
	TRY(sort(f, f->label, f->n_label, sizeof *f->label, "label"));
	TRY(sort(f, f->link, f->n_link, sizeof *f->link, "extension entry"));
	TRY(sort(f, f->delay, f->n_delay, sizeof *f->delay, "soft delay"));
	TRY(sort(f, f->rotation, f->n_rotation, sizeof *f->rotation, "rotation"));
	TRY(sort(f, f->shim, f->n_shim, sizeof *f->shim, "RF shim"));
out:
	return st;
}

precess_status pulseq_tables(struct file *f, const char *bytes, size_t n)
{
	struct cursor c = { f->path, bytes, bytes + n, 1 };
	const char *from, *to;
	precess_status st;
	uint32_t line;

	if (n >= 3 && memcmp(bytes, "\xEF\xBB\xBF", 3) == 0)
		c.p += 3;
	while (pulseq_line(&c, &from, &to, &line)) {
		struct word w = { from, (size_t)(to - from) };

		if (*from != '[' || to[-1] != ']')
			return pulseq_fail(f, line, "expected a [SECTION], found '%.*s'",
					   (int)(w.n < 40 ? w.n : 40), from);
		if ((st = read_section(f, &c, w, line)))
			return st;
	}
	pulseq_check_signature(f, bytes, n);
	if (!f->blocks.p)
		return pulseq_fail(f, c.line, "the file ends without [BLOCKS]; is it whole?");
	return pulseq_sort(f);
}

void pulseq_tables_free(struct file *f)
{
	for (int i = 0; i < PULSEQ_KINDS; i++)
		free(f->table[i].row);
	free(f->shape);
	free(f->link);
	free(f->label);
	free(f->delay);
	free(f->rotation);
	free(f->shim);
	text_free(&f->unkept);
	arena_free(f->arena);
}

static const void *find(const void *array, size_t n, size_t size, uint32_t id)
{
	return n ? bsearch(&id, array, n, size, by_id) : NULL;
}

const struct row *pulseq_find(const struct table *t, uint32_t id)
{
	return find(t->row, t->n, sizeof *t->row, id);
}

#define FIND(name) find(f->name, f->n_##name, sizeof *f->name, id)
const struct shape *pulseq_shape(const struct file *f, uint32_t id)
{
	return FIND(shape);
}

const struct link *pulseq_link(const struct file *f, uint32_t id)
{
	return FIND(link);
}

const struct label_row *pulseq_label(const struct file *f, uint32_t id, bool increment)
{
	id = 2 * id + increment;
	return FIND(label);
}

const struct delay_row *pulseq_delay(const struct file *f, uint32_t id)
{
	return FIND(delay);
}

const struct rotation_row *pulseq_rotation(const struct file *f, uint32_t id)
{
	return FIND(rotation);
}

const struct shim_row *pulseq_shim(const struct file *f, uint32_t id)
{
	return FIND(shim);
}
