/* [EXTENSIONS]: lists of links, each to a row of an extension that follows by name. */
#include "compiler/pulseq/internal.h"

#include <math.h>
#include <string.h>

#define CHANNELS 64 /* more transmit channels than any scanner has */

enum extension pulseq_extension_of(struct word name)
{
	static const char *const known[] = {
		NULL,
#define EXTENSION(name, doc) #name,
#include "compiler/pulseq/extensions.def"
#undef EXTENSION
	};

	for (int i = 1; i < EXTENSIONS; i++) {
		if (pulseq_word_is(name, known[i]))
			return (enum extension)i;
	}
	return EXTENSION_none;
}

/* ------------------------------------------------------------------ labels */
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

static bool is_label(struct word w)
{
	static const char *const name[] = {
#define PULSEQ_LABEL(name) #name,
#include "compiler/pulseq/labels.def"
#undef PULSEQ_LABEL
	};

	for (size_t i = 0; i < PRECESS_COUNT(name); i++) {
		if (pulseq_word_is(w, name[i]))
			return true;
	}
	return false;
}

/* Told once for all, by name, when the file is read. */
static void not_kept(struct file *f, struct word w)
{
	char name[24];

	snprintf(name, sizeof name, " %.*s", (int)(w.n < 20 ? w.n : 20), w.p);
	if (!f->unkept.data)
		text_init(&f->unkept);
	if (!strstr(f->unkept.data, name) && f->unkept.n < 400)
		text_printf(&f->unkept, "%s%s", name, is_label(w) ? "" : " (unknown)");
}

precess_status pulseq_add_label(struct file *f, uint32_t id, bool increment, int64_t value,
				struct word name, uint32_t line)
{
	struct label_row r = { .line = line, .increment = increment, .value = (int32_t)value };

	if (id > INT32_MAX)
		return pulseq_fail(f, line, "label number %u is too large", id);
	r.id = 2 * id + increment; /* the two extensions count apart */
	r.label = label_of(name);
	if (r.label >= 0)
		f->uses_label[r.label] = true;
	else
		not_kept(f, name);
	return PULSEQ_APPEND(f, label, &r);
}

static precess_status read_label(struct file *f, const struct word *w, int n, bool increment,
				 uint32_t line)
{
	precess_status st;
	uint32_t id;
	int64_t v;

	if (n != 3 || !pulseq_integer(&v, w[1], INT32_MIN, INT32_MAX))
		return pulseq_fail(f, line, "a label has a number, a whole value and a name");
	if ((st = pulseq_read_id(&id, f, w[0], line, "a label")))
		return st;
	return pulseq_add_label(f, id, increment, v, w[2], line);
}

/* ------------------------------------------------------------------ rotations */
precess_status pulseq_add_rotation(struct file *f, struct rotation_row r)
{
	double norm = 0;

	for (int i = 0; i < 4; i++)
		norm += r.q[i] * r.q[i];
	norm = sqrt(norm);
	if (!(fabs(norm - 1) < 1e-2)) /* files tell six digits */
		return pulseq_fail(f, r.line,
				   "the quaternion of rotation %u has the norm %g; it "
				   "wants 1",
				   r.id, norm);
	for (int i = 0; i < 4; i++)
		r.q[i] /= norm;
	return PULSEQ_APPEND(f, rotation, &r);
}

static precess_status read_rotation(struct file *f, const struct word *w, int n, uint32_t line)
{
	struct rotation_row r = { .line = line };
	precess_status st;

	if ((st = pulseq_read_id(&r.id, f, w[0], line, "a rotation")))
		return st;
	for (int i = 0; i < 4; i++) {
		if (n != 5 || !pulseq_number(&r.q[i], w[i + 1]))
			return pulseq_fail(f, line,
					   "a rotation has a number and the four parts of "
					   "a quaternion");
	}
	return pulseq_add_rotation(f, r);
}

/* ------------------------------------------------------------------ RF shims */
static precess_status read_shim(struct file *f, const struct word *w, int n, uint32_t line)
{
	struct shim_row r = { .line = line };
	precess_status st;
	int64_t channels;

	if ((st = pulseq_read_id(&r.id, f, w[0], line, "an RF shim")))
		return st;
	if (n < 2 || !pulseq_integer(&channels, w[1], 1, CHANNELS) || n != 2 + 2 * channels)
		return pulseq_fail(f, line,
				   "an RF shim has a number, how many channels there are "
				   "(at most %d), and magnitude and phase of each",
				   CHANNELS);
	r.n = (uint32_t)channels;
	r.v = arena_alloc(f->arena, 2 * r.n * sizeof *r.v);
	for (uint32_t i = 0; i < 2 * r.n; i++) {
		if (!pulseq_number(&r.v[i], w[2 + i]))
			return pulseq_fail(f, line, "'%.*s' is not a finite number",
					   (int)(w[2 + i].n < 40 ? w[2 + i].n : 40), w[2 + i].p);
	}
	return PULSEQ_APPEND(f, shim, &r);
}

/* ------------------------------------------------------------------ soft delays */
precess_status pulseq_add_delay(struct file *f, struct delay_row r)
{
	if (!(fabs(r.factor) > 1e-9 && fabs(r.factor) < 1e9 && fabs(r.offset) < 1e5))
		return pulseq_fail(f, r.line, "soft delay %u has the factor %g and the offset %g s",
				   r.id, r.factor, r.offset);
	return PULSEQ_APPEND(f, delay, &r);
}

static precess_status read_delay(struct file *f, const struct word *w, int n, uint32_t line)
{
	struct delay_row r = { .line = line };
	precess_status st;
	int64_t number;

	if ((st = pulseq_read_id(&r.id, f, w[0], line, "a soft delay")))
		return st;
	if (n != 5 || !pulseq_integer(&number, w[1], 0, UINT32_MAX - 1) ||
	    !pulseq_number(&r.offset, w[2]) || !pulseq_number(&r.factor, w[3]))
		return pulseq_fail(f, line,
				   "a soft delay has two numbers, an offset in us, a factor "
				   "and a hint");
	r.number = (uint32_t)number;
	r.offset *= 1e-6;
	r.hint = arena_copy(f->arena, w[4].p, w[4].n);
	return pulseq_add_delay(f, r);
}

/* ------------------------------------------------------------------ all */
static precess_status read_link(struct file *f, const struct word *w, int n, uint32_t line)
{
	int64_t type, ref, next;
	struct link r = { .line = line };
	precess_status st;

	if (n != 4 || !pulseq_integer(&type, w[1], 0, 63) ||
	    !pulseq_integer(&ref, w[2], 0, UINT32_MAX - 1) ||
	    !pulseq_integer(&next, w[3], 0, UINT32_MAX - 1))
		return pulseq_fail(f, line,
				   "a row of [EXTENSIONS] has a number, a type (at most "
				   "63), what it refers to and the next one's number");
	if ((st = pulseq_read_id(&r.id, f, w[0], line, "[EXTENSIONS]")))
		return st;
	r.type = (uint32_t)type;
	r.ref = (uint32_t)ref;
	r.next = (uint32_t)next;
	return PULSEQ_APPEND(f, link, &r);
}

static precess_status read_row(struct file *f, enum extension kind, const struct word *w, int n,
			       uint32_t line)
{
	switch (kind) {
	case EXTENSION_LABELSET:
	case EXTENSION_LABELINC:
		return read_label(f, w, n, kind == EXTENSION_LABELINC, line);
	case EXTENSION_ROTATIONS:
		return read_rotation(f, w, n, line);
	case EXTENSION_RF_SHIMS:
		return read_shim(f, w, n, line);
	case EXTENSION_DELAYS:
		return read_delay(f, w, n, line);
	default:
		return PRECESS_OK;
	}
}

precess_status pulseq_extensions(struct file *f, struct cursor *c)
{
	struct word w[2 + 2 * CHANNELS];
	enum extension now = EXTENSION_none;
	bool links = true;
	const char *from, *to;
	precess_status st;
	uint32_t line;
	int64_t type;

	while (!pulseq_section_ends(c, &from, &to, &line)) {
		int n = pulseq_words(w, PRECESS_COUNT(w), from, to);

		if (pulseq_word_is(w[0], "extension")) {
			if (n != 3 || !pulseq_integer(&type, w[2], 0, 63))
				return pulseq_fail(f, line,
						   "expected `extension NAME NUMBER`, the "
						   "number at most 63");
			now = pulseq_extension_of(w[1]);
			f->type[type] = now;
			f->type_name[type] = arena_copy(f->arena, w[1].p, w[1].n);
			links = false;
			continue;
		}
		st = links ? read_link(f, w, n, line) : read_row(f, now, w, n, line);
		if (st)
			return st;
	}
	return PRECESS_OK;
}
