/* Results in the format that a name asks for, and what the formats share. */
#include "runtime/io/internal.h"

#include <stdlib.h>
#include <string.h>

bool has_ending(const char *path, const char *ending)
{
	size_t n = strlen(path), m = strlen(ending);

	return n > m && strcmp(path + n - m, ending) == 0;
}

struct format {
	const char *ending;
	precess_status (*write)(const char *path, const struct io_result *r);
	enum { ANY, IMAGE } holds;
	const char *doc;
};
static const struct format formats[] = {
#define FORMAT(ending, name, holds, doc) { ending, io_write_##name, holds, doc },
#include "runtime/io/formats.def"
#undef FORMAT
};

static precess_status find_format(const struct format **out, const char *path)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	struct text list;
	size_t i;

	for (i = 0; i < PRECESS_COUNT(formats); i++)
		if (has_ending(name, formats[i].ending)) {
			*out = &formats[i];
			return PRECESS_OK;
		}
	*out = &formats[0];
	if (!strchr(name, '.'))
		return PRECESS_OK;
	text_init(&list);
	for (i = 0; i < PRECESS_COUNT(formats); i++)
		text_printf(&list, "\n  %-8s %s", formats[i].ending, formats[i].doc);
	precess_fail(PRECESS_EINVAL, "%s: the ending of the name chooses the format:%s", path,
		     list.data);
	text_free(&list);
	return PRECESS_EINVAL;
}

precess_status io_save_probe(const char *path)
{
	const struct format *f;
	precess_status st;

	if (!path)
		return PRECESS_OK;
	if ((st = find_format(&f, path)) != 0)
		return st;
	return file_output_probe(path);
}

static precess_status check_coils(const struct format *f, const char *path, int coils)
{
	if (f->holds == ANY || coils <= 1)
		return PRECESS_OK;
	return precess_fail(PRECESS_ENOTSUP,
			    "%s: %d coils have as many images; HDF5 (.h5) and ISMRMRD (.mrd) hold them",
			    path, coils);
}

precess_status io_image_probe(const struct draw *d)
{
	struct kspace_center *center;
	struct sampling *s;
	precess_status st = sampling_create(&s, d);
	int n;

	if (st)
		return st;
	if (s->kind == SAMPLING_OTHER && (st = kspace_centers(&center, &n, d)) == PRECESS_OK)
		free(center);
	sampling_free(s);
	return st;
}

precess_status io_save_probe_result(const char *path, const struct draw *d, int coils)
{
	const struct format *f;
	precess_status st;

	if (!path)
		return PRECESS_OK;
	TRY(find_format(&f, path));
	TRY(check_coils(f, path, coils));
	if (f->holds == IMAGE && (st = io_image_probe(d)) == PRECESS_ENOTSUP)
		precess_wrap(st, "%s: %s has no image, HDF5 (.h5) and ISMRMRD (.mrd) hold its signal",
			     path, d->program->name);
out:
	return st;
}

precess_status io_save(const char *path, const struct io_result *r)
{
	const struct format *f;
	precess_status st;

	TRY(find_format(&f, path));
	TRY(check_coils(f, path, r->kspace ? r->kspace->n_coil : 1));
	st = f->write(path, r);
out:
	return st;
}

/* ------------------------------------------------------------------ sets */
static int compare(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

/* Replaces the values of one label by their ranks. */
static precess_status rank(struct sets *s, int label)
{
	int *value = malloc(((size_t)s->n + 1) * sizeof *value), i, n = 0, *found;

	if (!value)
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	for (i = 0; i < s->n; i++)
		value[i] = s->at[i][label];
	qsort(value, (size_t)s->n, sizeof *value, compare);
	for (i = 0; i < s->n; i++)
		if (i == 0 || value[i] != value[n - 1])
			value[n++] = value[i];
	for (i = 0; i < s->n; i++) {
		found = bsearch(&s->at[i][label], value, (size_t)n, sizeof *value, compare);
		s->at[i][label] = (int)(found - value);
	}
	s->size[label] = n;
	free(value);
	return PRECESS_OK;
}

precess_status sets_create(struct sets *out, const struct draw *d, const struct sampling *s)
{
	static const enum program_label label[SET_LABELS] = {
		[SET_ECHO] = PROGRAM_LABEL_echo,   [SET_REPETITION] = PROGRAM_LABEL_rep,
		[SET_SET] = PROGRAM_LABEL_set,     [SET_SLICE] = PROGRAM_LABEL_slice,
		[SET_AVERAGE] = PROGRAM_LABEL_avg,
	};
	const struct program *p = d->program;
	precess_status st = PRECESS_OK;
	const int32_t *l;
	uint32_t r;
	int i;

	*out = (struct sets){ .n = s->n_set };
	out->at = calloc((size_t)s->n_set + 1, sizeof *out->at);
	if (!out->at)
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	for (r = 0; r < p->n_readout; r++) {
		if (s->line[r].set < 0)
			continue;
		l = p->event[p->readout[r].event].label;
		for (i = 0; i < SET_LABELS; i++)
			out->at[s->line[r].set][i] = i == SET_ECHO && !s->echoes ? 0 : l[label[i]];
	}
	for (i = 0; i < SET_LABELS; i++)
		TRY(rank(out, i));
out:
	if (st)
		sets_free(out);
	return st;
}

void sets_free(struct sets *s)
{
	free(s->at);
	s->at = NULL;
}
