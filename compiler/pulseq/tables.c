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
static precess_status read_id(uint32_t *id, const struct file *f, struct word w, uint32_t line,
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

static bool section_ends(struct cursor *c, const char **from, const char **to, uint32_t *line)
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
	while (!section_ends(c, &from, &to, &line)) {
		int n = pulseq_words(w, COLUMNS + 1, from, to);
		struct row *r;

		t->row = pulseq_grow(r = t->row, t->n, &t->capacity, sizeof *t->row);
		if (!t->row) {
			t->row = r;
			return PRECESS_ENOMEM;
		}
		r = &t->row[t->n];
		*r = (struct row){ .line = line };
		if ((st = read_id(&r->id, f, w[0], line, section)) ||
		    (st = read_row(r, f, &l, w, n, section)))
			return st;
		t->n++;
	}
	return PRECESS_OK;
}

/* ------------------------------------------------------------------ [VERSION], [DEFINITIONS] */
static precess_status read_version(struct file *f, struct cursor *c)
{
	int64_t major = 1, minor = 0, v;
	struct word w[3];
	const char *from, *to;
	uint32_t line = c->line;

	while (!section_ends(c, &from, &to, &line)) {
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
	if (major != 1 || minor > 5)
		return pulseq_fail(f, line, "Pulseq %lld.%lld is not known here, only 1.0 to 1.5; "
				   "write the file as 1.5", (long long)major, (long long)minor);
	f->version = 1000 + (int)minor;
	return PRECESS_OK;
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

static precess_status define(struct file *f, const struct word *w, int n, const char *to,
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

	while (!section_ends(c, &from, &to, &line)) {
		int n = pulseq_words(w, MOST, from, to);

		if ((st = define(f, w, n < MOST ? n : MOST, to, line)))
			return st;
	}
	return PRECESS_OK;
}

/* ------------------------------------------------------------------ [SHAPES] */
static precess_status read_shape(struct file *f, struct cursor *c, struct word id, uint32_t line)
{
	struct shape s = { .line = line }, *old = f->shape;
	struct word w[3];
	const char *from, *to;
	precess_status st;
	int64_t n;

	if ((st = read_id(&s.id, f, id, line, "a shape")))
		return st;
	if (section_ends(c, &from, &to, &line) || pulseq_words(w, 3, from, to) != 2 ||
	    !(pulseq_word_is(w[0], "num_samples") || pulseq_word_is(w[0], "num_uncompressed")) ||
	    !pulseq_integer(&n, w[1], 1, INT64_MAX / 2))
		return pulseq_fail(f, s.line, "after shape_id comes `num_samples N`, N from 1");
	if (n > PULSEQ_SHAPE_LIMIT || f->n_sample + (size_t)n > PULSEQ_SAMPLES_LIMIT)
		return pulseq_fail(f, line, "too many samples: %lld (limit %u a shape, %zu in all)",
				   (long long)n, PULSEQ_SHAPE_LIMIT, PULSEQ_SAMPLES_LIMIT);
	s.n = (uint32_t)n;
	if ((st = pulseq_shape_read(f, c, &s)))
		return st;
	f->n_sample += s.n;
	f->shape = pulseq_grow(f->shape, f->n_shape, &f->cap_shape, sizeof *f->shape);
	if (!f->shape) {
		f->shape = old;
		return PRECESS_ENOMEM;
	}
	f->shape[f->n_shape++] = s;
	return PRECESS_OK;
}

static precess_status read_shapes(struct file *f, struct cursor *c)
{
	struct word w[3];
	const char *from, *to;
	precess_status st;
	uint32_t line;

	while (!section_ends(c, &from, &to, &line)) {
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

/* ------------------------------------------------------------------ [EXTENSIONS] */
static enum extension extension_of(struct word w)
{
	static const char *const name[] = {
		NULL,
#define EXTENSION(name, honoured, doc) #name,
#include "compiler/pulseq/extensions.def"
#undef EXTENSION
	};
	for (int i = 1; i < EXTENSIONS; i++) {
		if (pulseq_word_is(w, name[i]))
			return (enum extension)i;
	}
	return EXTENSION_none;
}

static int label_of(struct word w)
{
	static const char *const name[] = {
#define LABEL(name, pulseq, doc) pulseq,
#include "runtime/program/labels.def"
#undef LABEL
	};

	for (int i = 0; i < IR_LABELS; i++) {
		if (pulseq_word_is(w, name[i]))
			return i;
	}
	return -1;
}

static precess_status read_label(struct file *f, const struct word *w, int n, bool increment,
				 uint32_t line)
{
	struct label_row r = { .line = line, .increment = increment }, *old = f->label;
	precess_status st;
	int64_t v;

	if (n != 3 || !pulseq_integer(&v, w[1], INT32_MIN, INT32_MAX))
		return pulseq_fail(f, line, "a label has a number, a whole value and a name");
	if ((st = read_id(&r.id, f, w[0], line, "a label")))
		return st;
	if (r.id > INT32_MAX)
		return pulseq_fail(f, line, "label number %u is too large", r.id);
	r.id = 2 * r.id + increment; /* the two extensions count apart */
	r.value = (int32_t)v;
	r.label = label_of(w[2]);
	if (r.label >= 0)
		f->uses_label[r.label] = true;
	else if (!f->told[0]) {
		f->told[0] = true;
		pulseq_warn(f, line, "label %.*s is not kept (and maybe others)", (int)w[2].n,
			    w[2].p);
	}
	f->label = pulseq_grow(f->label, f->n_label, &f->cap_label, sizeof *f->label);
	if (!f->label) {
		f->label = old;
		return PRECESS_ENOMEM;
	}
	f->label[f->n_label++] = r;
	return PRECESS_OK;
}

static precess_status read_link(struct file *f, const struct word *w, int n, uint32_t line)
{
	int64_t type, ref, next;
	struct link r = { .line = line }, *old = f->link;
	precess_status st;

	if (n != 4 || !pulseq_integer(&type, w[1], 0, 63) ||
	    !pulseq_integer(&ref, w[2], 0, UINT32_MAX - 1) ||
	    !pulseq_integer(&next, w[3], 0, UINT32_MAX - 1))
		return pulseq_fail(f, line, "a row of [EXTENSIONS] has a number, a type (at most "
				   "63), what it refers to and the next one's number");
	if ((st = read_id(&r.id, f, w[0], line, "[EXTENSIONS]")))
		return st;
	r.type = (uint32_t)type;
	r.ref = (uint32_t)ref;
	r.next = (uint32_t)next;
	f->link = pulseq_grow(f->link, f->n_link, &f->cap_link, sizeof *f->link);
	if (!f->link) {
		f->link = old;
		return PRECESS_ENOMEM;
	}
	f->link[f->n_link++] = r;
	return PRECESS_OK;
}

static precess_status read_extensions(struct file *f, struct cursor *c)
{
	enum extension now = EXTENSION_none;
	bool specified = false;
	struct word w[8];
	const char *from, *to;
	precess_status st;
	uint32_t line;
	int64_t type;

	while (!section_ends(c, &from, &to, &line)) {
		int n = pulseq_words(w, 8, from, to);

		if (pulseq_word_is(w[0], "extension")) {
			if (n != 3 || !pulseq_integer(&type, w[2], 0, 63))
				return pulseq_fail(f, line, "expected `extension NAME NUMBER`, the "
							    "number at most 63");
			now = extension_of(w[1]);
			f->type[type] = now;
			f->type_name[type] = arena_copy(f->arena, w[1].p, w[1].n);
			specified = true;
			continue;
		}
		if (!specified)
			st = read_link(f, w, n, line);
		else if (now == EXTENSION_LABELSET || now == EXTENSION_LABELINC)
			st = read_label(f, w, n, now == EXTENSION_LABELINC, line);
		else
			st = PRECESS_OK;
		if (st)
			return st;
	}
	return PRECESS_OK;
}

/* ------------------------------------------------------------------ all */
static precess_status skip(struct cursor *c)
{
	const char *from, *to;
	uint32_t line;

	while (!section_ends(c, &from, &to, &line))
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
		return read_extensions(f, c);
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

static precess_status sort_all(struct file *f)
{
	static const char *const name[] = { "RF event", "gradient", "trapezoid", "readout", "delay" };
	precess_status st;

	for (int i = 0; i < PULSEQ_KINDS; i++)
		TRY(sort(f, f->table[i].row, f->table[i].n, sizeof *f->table[i].row, name[i]));
	TRY(sort(f, f->shape, f->n_shape, sizeof *f->shape, "shape"));
	TRY(sort(f, f->label, f->n_label, sizeof *f->label, "label"));
	TRY(sort(f, f->link, f->n_link, sizeof *f->link, "extension entry"));
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
	if (!f->blocks.p)
		return pulseq_fail(f, c.line, "the file ends without [BLOCKS]; is it whole?");
	return sort_all(f);
}

void pulseq_tables_free(struct file *f)
{
	for (int i = 0; i < PULSEQ_KINDS; i++)
		free(f->table[i].row);
	free(f->shape);
	free(f->link);
	free(f->label);
	arena_free(f->arena);
}

const struct row *pulseq_find(const struct table *t, uint32_t id)
{
	return t->n ? bsearch(&id, t->row, t->n, sizeof *t->row, by_id) : NULL;
}

const struct link *pulseq_link(const struct file *f, uint32_t id)
{
	return f->n_link ? bsearch(&id, f->link, f->n_link, sizeof *f->link, by_id) : NULL;
}

const struct label_row *pulseq_label(const struct file *f, uint32_t id, bool increment)
{
	uint32_t key = 2 * id + increment;

	return f->n_label ? bsearch(&key, f->label, f->n_label, sizeof *f->label, by_id) : NULL;
}

const struct shape *pulseq_shape(const struct file *f, uint32_t id)
{
	return f->n_shape ? bsearch(&id, f->shape, f->n_shape, sizeof *f->shape, by_id) : NULL;
}
