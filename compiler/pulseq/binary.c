/* The binary form of version 1.5: sections of packed rows, times in picoseconds, shapes as floats.
 * It fills the same tables as the text. Binary files before 1.5 left out delays, so that they
 * cannot be understood; they are refused. */
#include "compiler/pulseq/internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* FIELD letters: i int32, l int64, t int64 picoseconds to us, n the same to ns, d float64, c char.
 * The columns are those of columns.def for 1.5. */
static const struct {
	uint32_t code;
	enum kind kind;
	const char *field;
	enum column column[COLUMNS];
} rows[] = {
	{ 3,
	  PULSEQ_rf,
	  "diiittddddc",
	  { COLUMN_amplitude, COLUMN_magnitude, COLUMN_phase_shape, COLUMN_time, COLUMN_center,
	    COLUMN_delay, COLUMN_freq_ppm, COLUMN_phase_ppm, COLUMN_freq, COLUMN_phase,
	    COLUMN_use } },
	{ 4,
	  PULSEQ_grad,
	  "dddiit",
	  { COLUMN_amplitude, COLUMN_first, COLUMN_last, COLUMN_shape, COLUMN_time,
	    COLUMN_delay } },
	{ 5,
	  PULSEQ_trap,
	  "dtttt",
	  { COLUMN_amplitude, COLUMN_rise, COLUMN_flat, COLUMN_fall, COLUMN_delay } },
	{ 6,
	  PULSEQ_adc,
	  "lntddddi",
	  { COLUMN_number, COLUMN_dwell, COLUMN_delay, COLUMN_freq_ppm, COLUMN_phase_ppm,
	    COLUMN_freq, COLUMN_phase, COLUMN_phase_shape } },
};

enum {
	SECTION_DEFINITIONS = 1,
	SECTION_BLOCKS = 2,
	SECTION_DELAYS = 7,
	SECTION_SHAPES = 8,
	SECTION_EXTENSIONS = 9,
	SECTION_TRIGGERS = 10,
	SECTION_LABELSET = 11,
	SECTION_LABELINC = 12,
	SECTION_SOFT_DELAYS = 13,
	SECTION_SHIMS = 14,
	SECTION_ROTATIONS = 15,
	SECTION_SIGNATURE = 0xffffff,
};
enum { BLOCK_BYTES = 32 };

/* ------------------------------------------------------------------ numbers */
static uint64_t bits(const struct file *f, const char *p, int n)
{
	uint64_t v = 0;

	for (int i = 0; i < n; i++)
		v |= (uint64_t)(unsigned char)p[f->swapped ? n - 1 - i : i] << 8 * i;
	return v;
}

double pulseq_float(const struct file *f, const char *p)
{
	uint32_t u = (uint32_t)bits(f, p, 4);
	float v;

	memcpy(&v, &u, sizeof v);
	return (double)v;
}

/* The cursor's `line` is the byte that `p` stands at. */
static bool has(const struct cursor *c, uint64_t n)
{
	return (uint64_t)(c->end - c->p) >= n;
}

static const char *take(struct cursor *c, size_t n)
{
	const char *p = c->p;

	c->p += n;
	c->line += (uint32_t)n;
	return p;
}

static int64_t get_long(const struct file *f, struct cursor *c)
{
	return (int64_t)bits(f, take(c, 8), 8);
}

static int32_t get_int(const struct file *f, struct cursor *c)
{
	return (int32_t)(uint32_t)bits(f, take(c, 4), 4);
}

static double get_double(const struct file *f, struct cursor *c)
{
	uint64_t u = bits(f, take(c, 8), 8);
	double v;

	memcpy(&v, &u, sizeof v);
	return v;
}

static precess_status truncated(const struct file *f, const struct cursor *c, const char *what)
{
	return pulseq_fail(f, c->line, "the file ends in %s; is it whole?", what);
}

/* How many entries follow, each of `least` bytes at least: no more than there are bytes. */
static precess_status get_count(uint64_t *n, const struct file *f, struct cursor *c, size_t least,
				const char *what)
{
	int64_t v;

	if (!has(c, 8))
		return truncated(f, c, what);
	v = get_long(f, c);
	if (v < 0 || (uint64_t)v > (uint64_t)(c->end - c->p) / least)
		return pulseq_fail(f, c->line - 8,
				   "%s declares %lld entries, more than the rest of "
				   "the file can hold; is it whole?",
				   what, (long long)v);
	*n = (uint64_t)v;
	return PRECESS_OK;
}

static precess_status get_id(uint32_t *id, const struct file *f, struct cursor *c, const char *what)
{
	int32_t v = get_int(f, c);

	if (v < 1)
		return pulseq_fail(f, c->line - 4, "%d is no number of %s; they count from 1", v,
				   what);
	*id = (uint32_t)v;
	return PRECESS_OK;
}

/* A text of `n` bytes. */
static precess_status get_text(char **out, const struct file *f, struct cursor *c, int64_t n,
			       const char *what)
{
	if (n < 0 || !has(c, (uint64_t)n))
		return truncated(f, c, what);
	*out = arena_copy(f->arena, take(c, (size_t)n), (size_t)n);
	return PRECESS_OK;
}

/* ------------------------------------------------------------------ tables */
static size_t size_of(const char *field)
{
	size_t n = 4; /* the number */

	for (; *field; field++)
		n += *field == 'i' ? 4 : *field == 'c' ? 1 : 8;
	return n;
}

static precess_status get_field(double *v, const struct file *f, struct cursor *c, char field)
{
	switch (field) {
	case 'i':
		*v = get_int(f, c);
		break;
	case 'l':
		*v = (double)get_long(f, c);
		break;
	case 't':
		*v = (double)get_long(f, c) * 1e-6;
		break;
	case 'n':
		*v = (double)get_long(f, c) * 1e-3;
		break;
	case 'd':
		*v = get_double(f, c);
		break;
	default:
		*v = *take(c, 1);
	}
	if (!isfinite(*v))
		return pulseq_fail(f, c->line - 8, "a number that is not finite");
	return PRECESS_OK;
}

static precess_status read_rows(struct file *f, struct cursor *c, size_t which)
{
	struct table *t = &f->table[rows[which].kind];
	const char *field = rows[which].field;
	precess_status st;
	uint64_t n;

	TRY(get_count(&n, f, c, size_of(field), "a table of events"));
	for (uint64_t i = 0; i < n; i++) {
		struct row r = { .line = c->line };

		TRY(get_id(&r.id, f, c, "an event"));
		for (int k = 0; field[k]; k++)
			TRY(get_field(&r.v[rows[which].column[k]], f, c, field[k]));
		TRY(pulseq_append((void **)&t->row, &t->n, &t->capacity, &r, sizeof r));
	}
out:
	return st;
}

static precess_status read_shapes(struct file *f, struct cursor *c)
{
	precess_status st;
	uint64_t n;

	TRY(get_count(&n, f, c, 20, "the table of shapes"));
	for (uint64_t i = 0; i < n; i++) {
		struct shape s = { .line = c->line };
		int64_t samples, stored;

		if (!has(c, 20))
			return truncated(f, c, "the table of shapes");
		TRY(get_id(&s.id, f, c, "a shape"));
		samples = get_long(f, c);
		stored = get_long(f, c);
		if (stored < 0 || stored > (c->end - c->p) / 4)
			return pulseq_fail(f, s.line,
					   "shape %u declares %lld numbers, more than the "
					   "rest of the file holds",
					   s.id, (long long)stored);
		if (samples < 1)
			return pulseq_fail(f, s.line, "shape %u has no samples", s.id);
		TRY(pulseq_shape_room(f, samples, s.line));
		s.n = (uint32_t)samples;
		TRY(pulseq_shape_read(f, c, &s, (uint64_t)stored));
		TRY(PULSEQ_APPEND(f, shape, &s));
	}
out:
	return st;
}

/* Left over from older versions; nothing refers to them. */
static precess_status skip_delays(struct file *f, struct cursor *c)
{
	precess_status st;
	uint64_t n;

	if ((st = get_count(&n, f, c, 12, "the delays")))
		return st;
	take(c, 12 * n);
	return PRECESS_OK;
}

/* ------------------------------------------------------------------ definitions */
/* As the line that a text would have. */
static precess_status read_definition(struct file *f, struct cursor *c)
{
	enum { MOST = 130 };
	struct word w[MOST];
	uint32_t line = c->line;
	precess_status st = PRECESS_OK;
	char *key, *value, type, buf[32];
	struct text t;
	int64_t n;

	text_init(&t);
	if (!has(c, 4))
		TRY(truncated(f, c, "the definitions"));
	TRY(get_text(&key, f, c, get_int(f, c), "the definitions"));
	if (!has(c, 5))
		TRY(truncated(f, c, "the definitions"));
	n = get_int(f, c);
	type = *take(c, 1);
	text_printf(&t, "%s", key);
	if (type == 'c') {
		TRY(get_text(&value, f, c, n, "the definitions"));
		text_printf(&t, " %s", value);
	} else if (type != 'f' && type != 'i') {
		TRY(pulseq_fail(f, line, "definition %.40s has the unknown type '%c'", key, type));
	} else if (n < 0 || !has(c, (uint64_t)n * (type == 'f' ? 8 : 4))) {
		TRY(truncated(f, c, "the definitions"));
	}
	for (int64_t i = 0; type != 'c' && i < n; i++)
		text_printf(&t, " %s",
			    text_double(buf, type == 'f' ? get_double(f, c) : get_int(f, c)));
	for (size_t i = 0; i < t.n; i++)
		t.data[i] = t.data[i] == '\n' ? ' ' : t.data[i];
	n = pulseq_words(w, MOST, t.data, t.data + t.n);
	if (n)
		st = pulseq_define(f, w, (int)(n < MOST ? n : MOST), t.data + t.n, line);
out:
	text_free(&t);
	return st;
}

static precess_status read_definitions(struct file *f, struct cursor *c)
{
	precess_status st;
	uint64_t n;

	TRY(get_count(&n, f, c, 9, "the definitions"));
	for (uint64_t i = 0; i < n; i++)
		TRY(read_definition(f, c));
out:
	return st;
}

/* ------------------------------------------------------------------ extensions */
static precess_status read_links(struct file *f, struct cursor *c)
{
	precess_status st;
	uint64_t n;

	TRY(get_count(&n, f, c, 16, "the list of extensions"));
	for (uint64_t i = 0; i < n; i++) {
		struct link r = { .line = c->line };
		int32_t type, ref, next;

		TRY(get_id(&r.id, f, c, "an extension"));
		type = get_int(f, c);
		ref = get_int(f, c);
		next = get_int(f, c);
		if (type < 0 || type > 63 || ref < 0 || next < 0)
			return pulseq_fail(f, r.line,
					   "extension %u refers to type %d (at most 63), "
					   "row %d, next %d",
					   r.id, type, ref, next);
		r.type = (uint32_t)type;
		r.ref = (uint32_t)ref;
		r.next = (uint32_t)next;
		TRY(PULSEQ_APPEND(f, link, &r));
	}
out:
	return st;
}

static precess_status read_label(struct file *f, struct cursor *c, bool increment)
{
	static const char *const name[] = {
#define PULSEQ_LABEL(name) #name,
#include "compiler/pulseq/labels.def"
#undef PULSEQ_LABEL
	};
	uint32_t line = c->line, id = 0;
	int32_t value, which;
	precess_status st;

	if ((st = get_id(&id, f, c, "a label")))
		return st;
	value = get_int(f, c);
	which = get_int(f, c);
	if (which < 1 || which > (int32_t)PRECESS_COUNT(name))
		return pulseq_fail(f, line, "label %u has the unknown kind %d", id, which);
	return pulseq_add_label(f, id, increment, value,
				(struct word){ name[which - 1], strlen(name[which - 1]) }, line);
}

static precess_status read_delay(struct file *f, struct cursor *c)
{
	struct delay_row r = { .line = c->line };
	precess_status st;
	char *hint;

	if ((st = get_id(&r.id, f, c, "a soft delay")))
		return st;
	r.number = (uint32_t)get_int(f, c);
	r.offset = (double)get_long(f, c) * 1e-12;
	r.factor = get_double(f, c);
	if ((st = get_text(&hint, f, c, get_int(f, c), "the soft delays")))
		return st;
	r.hint = hint;
	return pulseq_add_delay(f, r);
}

static precess_status read_shim(struct file *f, struct cursor *c)
{
	struct shim_row r = { .line = c->line };
	precess_status st;
	int32_t n;

	if ((st = get_id(&r.id, f, c, "an RF shim")))
		return st;
	n = get_int(f, c);
	if (n < 1 || !has(c, 16 * (uint64_t)n))
		return pulseq_fail(f, r.line, "RF shim %u declares %d channels", r.id, n);
	r.n = (uint32_t)n;
	r.v = arena_alloc(f->arena, 2 * r.n * sizeof *r.v);
	for (uint32_t i = 0; i < 2 * r.n; i++) {
		r.v[i] = get_double(f, c);
		if (!isfinite(r.v[i]))
			return pulseq_fail(f, r.line, "RF shim %u has a number that is not finite",
					   r.id);
	}
	return PULSEQ_APPEND(f, shim, &r);
}

static precess_status read_rotation(struct file *f, struct cursor *c)
{
	struct rotation_row r = { .line = c->line };
	precess_status st;

	if ((st = get_id(&r.id, f, c, "a rotation")))
		return st;
	for (int i = 0; i < 4; i++)
		r.q[i] = get_double(f, c);
	return pulseq_add_rotation(f, r);
}

static const struct {
	uint32_t code;
	const char *name;
	size_t least; /* bytes of a row */
} extensions[] = {
	{ SECTION_TRIGGERS, "TRIGGERS", 28 }, { SECTION_LABELSET, "LABELSET", 12 },
	{ SECTION_LABELINC, "LABELINC", 12 }, { SECTION_SOFT_DELAYS, "DELAYS", 28 },
	{ SECTION_SHIMS, "RF_SHIMS", 8 },     { SECTION_ROTATIONS, "ROTATIONS", 36 },
};

static precess_status read_extension(struct file *f, struct cursor *c, size_t which)
{
	const char *name = extensions[which].name;
	precess_status st;
	int32_t type;
	uint64_t n;

	if (!has(c, 4))
		return truncated(f, c, name);
	type = get_int(f, c);
	if (type < 0 || type > 63)
		return pulseq_fail(f, c->line - 4, "%s has the number %d; numbers are at most 63",
				   name, type);
	f->type[type] = pulseq_extension_of((struct word){ name, strlen(name) });
	f->type_name[type] = name;
	TRY(get_count(&n, f, c, extensions[which].least, name));
	for (uint64_t i = 0; i < n; i++) {
		if (!has(c, extensions[which].least))
			return truncated(f, c, name);
		switch (extensions[which].code) {
		case SECTION_LABELSET:
			st = read_label(f, c, false);
			break;
		case SECTION_LABELINC:
			st = read_label(f, c, true);
			break;
		case SECTION_SOFT_DELAYS:
			st = read_delay(f, c);
			break;
		case SECTION_SHIMS:
			st = read_shim(f, c);
			break;
		case SECTION_ROTATIONS:
			st = read_rotation(f, c);
			break;
		default:
			take(c, 28);
		}
		if (st)
			break;
	}
out:
	return st;
}

/* ------------------------------------------------------------------ signature */
static precess_status read_signature(struct file *f, struct cursor *c, const char *bytes)
{
	size_t signed_bytes = (size_t)(c->p - 8 - bytes);
	char hash[65] = "", *type, *sum = NULL;
	precess_status st;
	int32_t n;

	if (!has(c, 4))
		return truncated(f, c, "the signature");
	TRY(get_text(&type, f, c, get_int(f, c), "the signature"));
	if (!has(c, 4))
		return truncated(f, c, "the signature");
	n = get_int(f, c);
	TRY(get_text(&sum, f, c, n, "the signature"));
	if (!has(c, 8))
		return truncated(f, c, "the signature");
	take(c, 8); /* where the section begins, once more */
	for (int i = 0; i < n && i < 32; i++)
		snprintf(hash + 2 * i, 3, "%02x", (unsigned char)sum[i]);
	if (strcmp(type, "md5") == 0)
		pulseq_check_hash(f, bytes, signed_bytes, hash);
out:
	return st;
}

/* ------------------------------------------------------------------ all */
static precess_status read_blocks(struct file *f, struct cursor *c)
{
	precess_status st;
	uint64_t n;

	if (f->blocks.p)
		return pulseq_fail(f, c->line - 8, "a second table of blocks");
	if ((st = get_count(&n, f, c, BLOCK_BYTES, "the table of blocks")))
		return st;
	f->blocks = *c;
	take(c, n * BLOCK_BYTES);
	f->blocks.end = c->p;
	return PRECESS_OK;
}

bool pulseq_binary_block(int64_t *column, struct file *f, struct cursor *c, uint32_t *place)
{
	if (!has(c, BLOCK_BYTES))
		return false;
	*place = c->line;
	column[0] = (c->p - f->blocks.p) / BLOCK_BYTES + 1;
	column[1] = get_long(f, c);
	for (int i = 0; i < 6; i++)
		column[2 + i] = get_int(f, c);
	return true;
}

static precess_status read_section(struct file *f, struct cursor *c, uint64_t section,
				   const char *bytes)
{
	uint32_t code = (uint32_t)section;

	if (section >> 32 != 0xffffffff)
		code = 0;
	for (size_t i = 0; i < PRECESS_COUNT(rows); i++) {
		if (rows[i].code == code)
			return read_rows(f, c, i);
	}
	for (size_t i = 0; i < PRECESS_COUNT(extensions); i++) {
		if (extensions[i].code == code)
			return read_extension(f, c, i);
	}
	switch (code) {
	case SECTION_DEFINITIONS:
		return read_definitions(f, c);
	case SECTION_BLOCKS:
		return read_blocks(f, c);
	case SECTION_SHAPES:
		return read_shapes(f, c);
	case SECTION_DELAYS:
		return skip_delays(f, c);
	case SECTION_EXTENSIONS:
		return read_links(f, c);
	case SECTION_SIGNATURE:
		return read_signature(f, c, bytes);
	default:
		return pulseq_fail(f, c->line - 8,
				   "no section has the code 0x%016llx; is the file "
				   "whole?",
				   (unsigned long long)section);
	}
}

precess_status pulseq_binary(struct file *f, const char *bytes, size_t n)
{
	struct cursor c = { f->path, bytes + 8, bytes + n, 8 };
	int64_t major, minor;
	precess_status st;

	f->binary = true;
	f->swapped = bytes[0] == 2;
	if (!has(&c, 24))
		return truncated(f, &c, "its version");
	major = get_long(f, &c);
	minor = get_long(f, &c);
	take(&c, 8); /* the revision */
	TRY(pulseq_set_version(f, major, minor, 8));
	if (f->version < 1005)
		return pulseq_fail(f, 8,
				   "a binary file of version 1.%d does not hold all delays; "
				   "write it as text, or as 1.5",
				   f->version % 1000);
	while (c.p < c.end) {
		if (!has(&c, 8))
			return truncated(f, &c, "the code of a section");
		TRY(read_section(f, &c, (uint64_t)get_long(f, &c), bytes));
	}
	if (!f->blocks.p)
		return pulseq_fail(f, c.line, "the file ends without blocks; is it whole?");
	st = pulseq_sort(f);
out:
	return st;
}
