/* What samples are drawn from: the recipe with its defaults, the objects, the shape of a sample. */
#include "runtime/data/internal.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { OBJECT_LIMIT = 1 << 16 }; /* files of a folder */

/* ------------------------------------------------------------------ objects */
static precess_status add_object(struct data_source *s, const char *folder, const char *name)
{
	char **grown;
	size_t n = strlen(name) + (folder ? strlen(folder) : 0) + 2;

	if (s->n_object == OBJECT_LIMIT)
		return precess_fail(PRECESS_EINVAL, "too many files in %s (limit %d)", folder,
				    OBJECT_LIMIT);
	grown = realloc(s->object, (s->n_object + 1) * sizeof *grown);
	if (grown)
		s->object = grown;
	if (!grown || !(grown[s->n_object] = malloc(n)))
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	snprintf(grown[s->n_object++], n, "%s%s%s", folder ? folder : "", folder ? "/" : "", name);
	return PRECESS_OK;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static precess_status list_folder(struct data_source *s, const char *path)
{
	precess_status st = PRECESS_OK;
	DIR *d = opendir(path);
	struct dirent *e;

	if (!d)
		return precess_fail(PRECESS_EIO, "cannot read %s: %s", path, strerror(errno));
	while ((e = readdir(d))) {
		const char *dot = strrchr(e->d_name, '.');

		if (dot && dot != e->d_name && !strcmp(dot, ".h5"))
			TRY(add_object(s, path, e->d_name));
	}
	if (!s->n_object)
		st = precess_fail(PRECESS_EINVAL, "no map file (*.h5) in %s", path);
	else /* the order of a folder is its file system's */
		qsort(s->object, s->n_object, sizeof *s->object, by_name);
out:
	closedir(d);
	return st;
}

/* Opens each once: a bad file is told before the long work. What names a slice has no others. */
static precess_status count_slices(struct data_source *s)
{
	s->n_slice = calloc(s->n_object + 1, sizeof *s->n_slice);
	s->first = calloc(s->n_object + 1, sizeof *s->first);
	if (!s->n_slice || !s->first)
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	for (uint32_t i = 0; i < s->n_object; i++) {
		struct object *o;
		struct stat info;
		precess_status st = object_open(&o, s->object[i]);

		if (st)
			return st;
		s->n_slice[i] = stat(s->object[i], &info) == 0 ? object_slices(o) : 1;
		s->first[i] = object_first_slice(o);
		object_free(o);
	}
	return PRECESS_OK;
}

static precess_status find_objects(struct data_source *s)
{
	const char *spec = s->recipe.object;
	precess_status st = PRECESS_OK;
	struct stat info;

	s->head = strcmp(spec, "head") == 0;
	if (s->head)
		return PRECESS_OK;
	if (stat(spec, &info) == 0 && S_ISDIR(info.st_mode))
		TRY(list_folder(s, spec));
	else
		TRY(add_object(s, NULL, spec));
	data_hdf5_lock();
	st = count_slices(s);
	data_hdf5_unlock();
out:
	return st;
}

/* ------------------------------------------------------------------ the shape */
static precess_status find_shape(struct data_source *s)
{
	const struct program *p = s->program;
	struct sim_result nothing = { .n_sample = p->n_sample };
	struct kspace *k = NULL;
	struct draw *d = NULL;
	precess_status st;

	nothing.signal = calloc(2 * (size_t)p->n_sample + 1, sizeof *nothing.signal);
	if (!nothing.signal)
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	TRY(draw_create(&d, p, NULL, false));
	if ((st = kspace_sort(&k, d, &nothing))) {
		st = precess_wrap(st, "%s makes no images to learn from", p->name);
		goto out;
	}
	s->shape = (struct data_shape){ .nx = k->nx,
					.ny = k->ny,
					.sub = s->recipe.sub,
					.n_set = k->n_set,
					.n_param = p->n_param,
					.base = !s->recipe.no_base && program_first_order(p) };
	for (int i = 0; i < PROGRAM_MAPS; i++)
		s->shape.map[i] = p->map[i].channel;
out:
	kspace_free(k);
	draw_free(d);
	free(nothing.signal);
	return st;
}

static precess_status write_recipe(struct data_source *s)
{
	const struct data_recipe *r = &s->recipe;
	const struct program *p = s->program;
	char b[2][32];
	struct text t;

	text_init(&t);
	text_printf(&t, "precess data 1\nsequence %s\nprogram %s\nmatrix %d %d\nimages %d\n",
		    p->name, p->hash, s->shape.nx, s->shape.ny, s->shape.n_set);
	text_printf(&t, "object %s\nobjects %u\nseed %" PRIu64 "\ntotal %" PRIu64 "\n", r->object,
		    s->n_object, r->seed, r->total);
	text_printf(&t, "fine %d\nsub %d\nreuse %d\nsmooth %s\ntolerance %s\n", r->fine, r->sub,
		    r->reuse, text_double(b[0], r->smooth), text_double(b[1], r->tolerance));
	if (r->spread > 0)
		text_printf(&t, "spread %s\n", text_double(b[0], r->spread));
	if (s->batches)
		text_printf(&t, "backend %s\n", sim_batches_backend(s->batches));
	for (uint32_t i = 0; i < p->n_param; i++)
		text_printf(&t, "param %s %s %s\n", p->param[i].name,
			    text_double(b[0], p->param[i].lo), text_double(b[1], p->param[i].hi));
	for (int i = 0; i < PROGRAM_MAPS; i++) {
		if (p->map[i].channel)
			text_printf(
				&t, "map %s %s %s\n", program_map_name((enum program_map_kind)i),
				text_double(b[0], p->map[i].lo), text_double(b[1], p->map[i].hi));
	}
	s->text = strdup(t.data);
	text_free(&t);
	return s->text ? PRECESS_OK : precess_fail(PRECESS_ENOMEM, "out of memory");
}

static precess_status check_recipe(struct data_recipe *r)
{
	r->fine = r->fine ? r->fine : 4;
	r->sub = r->sub ? r->sub : 2;
	r->reuse = r->reuse ? r->reuse : 4;
	r->tolerance = r->tolerance > 0 ? r->tolerance : 1e-4;
	if (r->fine < 1 || r->sub < 1 || r->fine % r->sub)
		return precess_fail(PRECESS_EINVAL,
				    "%d sub-pixels do not divide %d spins per pixel", r->sub,
				    r->fine);
	if (r->reuse < 1 || !(r->smooth >= 0) || !(r->spread >= 0))
		return precess_fail(PRECESS_EINVAL, "bad recipe: reuse %d, smooth %g, spread %g",
				    r->reuse, r->smooth, r->spread);
	return PRECESS_OK;
}

precess_status data_source_create(struct data_source **out, const struct program *p,
				  const struct data_recipe *r)
{
	struct data_source *s = calloc(1, sizeof *s);
	precess_status st;

	*out = NULL;
	if (!s)
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	s->program = p;
	s->recipe = *r;
	s->recipe.object = strdup(r->object ? r->object : "head");
	if (!s->recipe.object) {
		st = precess_fail(PRECESS_ENOMEM, "out of memory");
		goto out;
	}
	TRY(check_recipe(&s->recipe));
	for (int a = 0; a < 2; a++)
		s->fov[a] = p->fov[a];
	TRY(find_shape(s));
	TRY(find_objects(s));
	if (!r->no_image)
		TRY(sim_batches_create(&s->batches, r->device));
	TRY(write_recipe(s));
	*out = s;
	s = NULL;
out:
	data_source_free(s);
	return st;
}

void data_source_free(struct data_source *s)
{
	if (!s)
		return;
	sim_batches_free(s->batches);
	for (uint32_t i = 0; i < s->n_object; i++)
		free(s->object[i]);
	free(s->object);
	free(s->n_slice);
	free(s->first);
	free((char *)s->recipe.object);
	free(s->text);
	free(s);
}

const struct data_shape *data_source_shape(const struct data_source *s)
{
	return &s->shape;
}

const char *data_source_backend(const struct data_source *s)
{
	return s->batches ? sim_batches_backend(s->batches) : "cpu";
}
