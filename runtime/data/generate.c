/* Making and joining data sets: stream -> journal -> file. */
#include "runtime/data/internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------ facts */
struct facts {
	struct data_facts f;
	const char **name;
	double *range;
};

static precess_status facts_create(struct facts *x, const struct data_source *s, uint64_t first,
				   uint64_t n)
{
	const struct program *p = s->program;

	x->name = calloc(p->n_param + 1, sizeof *x->name);
	x->range = calloc(2 * (size_t)p->n_param + 1, sizeof *x->range);
	if (!x->name || !x->range)
		return precess_fail(PRECESS_ENOMEM, "out of memory");
	for (uint32_t i = 0; i < p->n_param; i++) {
		x->name[i] = p->param[i].name;
		x->range[2 * i] = p->param[i].lo;
		x->range[2 * i + 1] = p->param[i].hi;
	}
	x->f = (struct data_facts){
		.recipe = s->text,
		.sequence = p->name,
		.program_hash = p->hash,
		.source_hash = p->source_hash,
		.first = first,
		.n = n,
		.total = s->recipe.total,
		.seed = s->recipe.seed,
		.param_name = x->name,
		.param_range = x->range,
	};
	return PRECESS_OK;
}

static void facts_erase(struct facts *x)
{
	free(x->name);
	free(x->range);
}

/* ------------------------------------------------------------------ generating */
static precess_status fill_journal(struct journal *j, const struct data_source *s, uint64_t first,
				   uint64_t have, uint64_t n, const struct data_generate *g)
{
	const struct data_stream_options o = { .first = first + have,
					       .count = n - have,
					       .threads = g->threads };
	struct data_stream *stream = NULL;
	const struct data_packed *p;
	struct progress bar;
	precess_status st = PRECESS_OK;

	if (have == n)
		return PRECESS_OK;
	progress_begin(&bar, "generate", n, g->quiet);
	TRY(data_stream_create_packed(&stream, s, &o));
	for (; have < n; have++) {
		if (interrupted()) {
			st = precess_fail(PRECESS_ECANCEL,
					  "stopped after %" PRIu64 " of %" PRIu64
					  " samples; the same command goes on from there",
					  have, n);
			goto out;
		}
		TRY(data_stream_next_packed(&p, stream));
		TRY(journal_add(j, p));
		progress_at(&bar, have + 1);
	}
out:
	progress_end(&bar);
	data_stream_free(stream);
	return st;
}

static precess_status write_file(double *bytes, struct journal *j, const struct data_source *s,
				 uint64_t first, uint64_t n, const struct data_generate *g)
{
	struct data_writer *w = NULL;
	struct facts x = { .name = NULL };
	precess_status st;

	TRY(facts_create(&x, s, first, n));
	TRY(data_writer_create(&w, g->path, &s->shape, &x.f));
	for (uint64_t i = 0; i < n; i++) {
		struct data_packed *p;

		TRY(journal_read(&p, j, i));
		st = data_writer_put(w, i, p);
		data_packed_free(p);
		if (st)
			goto out;
	}
	st = data_writer_commit(w, bytes);
	w = NULL;
out:
	data_writer_discard(w);
	facts_erase(&x);
	return st;
}

/* total * k / n without overflow for any total that fits a disk. */
static uint64_t share(uint64_t total, int k, int n)
{
	return total / (uint64_t)n * (uint64_t)k + total % (uint64_t)n * (uint64_t)k / (uint64_t)n;
}

precess_status data_generate(struct data_generated *out, const struct data_source *s,
			     const struct data_generate *g)
{
	uint64_t first = share(s->recipe.total, g->shard, g->n_shard);
	uint64_t n = share(s->recipe.total, g->shard + 1, g->n_shard) - first;
	double begun = clock_seconds();
	struct journal *j = NULL;
	precess_status st;

	*out = (struct data_generated){ .n = n };
	if (!n)
		return precess_fail(PRECESS_EINVAL, "shard %d/%d of %" PRIu64 " samples is empty",
				    g->shard, g->n_shard, s->recipe.total);
	TRY(journal_open(&j, &out->resumed, g->path, s->text, first, &s->shape));
	TRY(fill_journal(j, s, first, out->resumed, n, g));
	TRY(write_file(&out->bytes, j, s, first, n, g));
	out->seconds = clock_seconds() - begun;
out:
	journal_close(j, !st);
	return st;
}

/* ------------------------------------------------------------------ joining */
static int by_first(const void *a, const void *b)
{
	const struct data_file *const *x = a, *const *y = b;

	return ((*x)->facts.first > (*y)->facts.first) - ((*x)->facts.first < (*y)->facts.first);
}

static precess_status check_parts(struct data_file **f, size_t n)
{
	uint64_t next = 0;

	qsort(f, n, sizeof *f, by_first);
	for (size_t i = 0; i < n; i++) {
		if (strcmp(f[i]->facts.recipe, f[0]->facts.recipe))
			return precess_fail(PRECESS_EINVAL,
					    "%s and %s were made by different "
					    "recipes:\n%s---\n%s",
					    f[0]->path, f[i]->path, f[0]->facts.recipe,
					    f[i]->facts.recipe);
		if (f[i]->facts.first != next)
			return precess_fail(PRECESS_EINVAL,
					    "%s begins at sample %" PRIu64 ", %" PRIu64 " is %s",
					    f[i]->path, f[i]->facts.first, next,
					    f[i]->facts.first > next ? "missing" : "there twice");
		next += f[i]->facts.n;
	}
	if (next != f[0]->facts.total)
		return precess_fail(PRECESS_EINVAL,
				    "the parts hold %" PRIu64 " of %" PRIu64 " samples", next,
				    f[0]->facts.total);
	return PRECESS_OK;
}

static precess_status copy_part(struct data_writer *w, const struct data_file *f)
{
	precess_status st = PRECESS_OK;

	for (uint64_t i = 0; i < f->facts.n && !st; i++) {
		struct data_packed *p;

		st = data_file_read_packed(&p, f, i);
		if (st)
			break;
		st = data_writer_put(w, f->facts.first + i, p);
		data_packed_free(p);
	}
	return st;
}

precess_status data_join(struct data_generated *out, const char *path, const char *const *part,
			 size_t n)
{
	struct data_file **f = calloc(n + 1, sizeof *f);
	double begun = clock_seconds();
	struct data_writer *w = NULL;
	struct data_facts facts;
	precess_status st = PRECESS_OK;

	*out = (struct data_generated){ 0 };
	if (!f || !n) {
		st = precess_fail(PRECESS_ENOMEM, "nothing to join");
		goto out;
	}
	for (size_t i = 0; i < n; i++)
		TRY(data_file_open(&f[i], part[i]));
	TRY(check_parts(f, n));
	facts = f[0]->facts;
	facts.n = out->n = facts.total;
	facts.first = 0;
	TRY(data_writer_create(&w, path, &f[0]->shape, &facts));
	for (size_t i = 0; i < n; i++)
		TRY(copy_part(w, f[i]));
	st = data_writer_commit(w, &out->bytes);
	w = NULL;
	out->seconds = clock_seconds() - begun;
out:
	data_writer_discard(w);
	for (size_t i = 0; f && i < n; i++)
		data_file_free(f[i]);
	free(f);
	return st;
}
