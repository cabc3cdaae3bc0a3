/* precess bench learning: what the parts of the network and the number of samples are worth. Every
 * row is a training and an evaluation that one could type, run as such; models stay in a folder, so
 * an interrupted comparison goes on where it stopped. */
#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "compiler/driver/bench.h"

#define MOST_WORDS 40
#define TESTED 50 /* samples of the evaluation, never seen */

/* Rows: a name, the network, samples of the set; 0: all. Budgets are equal: with fewer samples each
 * is shown more often (Huang et al., Fig. 8). */
static const struct variant {
	const char *name, *net, *rate;
	int use;
} variants[] = {
	{ "derived", "derived", NULL, 0 },
	{ "no_position", "simunet_no_position", NULL, 0 },
	{ "no_parameters", "simunet_no_parameters", NULL, 0 },
	{ "paper", "paper", "0.001", 0 },
	{ "derived", "derived", NULL, 250 },
	{ "derived", "derived", NULL, 500 },
	{ "derived", "derived", NULL, 1000 },
};

struct words {
	char *item[MOST_WORDS + 1]; /* NULL at the end */
	int n;
};

static void word(struct words *w, const char *fmt, ...) PRECESS_PRINTF(2, 3);
static void word(struct words *w, const char *fmt, ...)
{
	char text[4096];
	va_list list;
	va_start(list, fmt);
	vsnprintf(text, sizeof text, fmt, list);
	va_end(list);
	assert(w->n < MOST_WORDS);
	w->item[w->n++] = strdup(text);
}

static void words_free(struct words *w)
{
	for (int i = 0; i < w->n; i++)
		free(w->item[i]);
}

/* Runs this program with the words; what it prints must be one JSON object. */
static precess_status run(json_t **out, struct words *w)
{
	int ends[2], status = 0;
	json_error_t why;
	*out = NULL;
	fprintf(stderr, "$");
	for (int i = 0; i < w->n; i++)
		fprintf(stderr, " %s", w->item[i]);
	fprintf(stderr, "\n");
	if (pipe(ends))
		return precess_fail(PRECESS_EIO, "pipe: %s", strerror(errno));
	pid_t child = fork();
	if (child < 0) {
		close(ends[0]);
		close(ends[1]);
		return precess_fail(PRECESS_EIO, "fork: %s", strerror(errno));
	}
	if (!child) {
		dup2(ends[1], STDOUT_FILENO);
		close(ends[0]);
		close(ends[1]);
		execv("/proc/self/exe", w->item);
		_exit(127);
	}
	close(ends[1]);
	FILE *f = fdopen(ends[0], "r");
	*out = f ? json_loadf(f, 0, &why) : NULL;
	if (f)
		fclose(f);
	waitpid(child, &status, 0);
	if (!*out)
		return precess_fail(PRECESS_EIO, "%s %s printed no result", w->item[0],
				    w->item[1]);
	return PRECESS_OK;
}

static bool is_there(const char *path)
{
	return access(path, F_OK) == 0;
}

/* "error" of a result; NULL: it succeeded. */
static const char *error_of(const json_t *j)
{
	return json_is_true(json_object_get(j, "ok"))
		       ? NULL
		       : json_string_value(json_object_get(j, "error"));
}

static precess_status make_data(const struct bench_learning *o)
{
	struct words w = { .n = 0 };
	struct text path;
	json_t *j = NULL;
	precess_status st = PRECESS_OK;
	text_init(&path);
	text_printf(&path, "%s/data_%d.h5", o->folder, o->samples);
	if (!is_there(path.data)) {
		word(&w, "precess");
		word(&w, "generate");
		word(&w, "%s", o->file);
		word(&w, "-n");
		word(&w, "%d", o->samples);
		word(&w, "-o");
		word(&w, "%s", path.data);
		word(&w, "--json");
		st = run(&j, &w);
		if (!st && error_of(j))
			st = precess_fail(PRECESS_EIO, "%s", error_of(j));
	}
	json_decref(j);
	words_free(&w);
	text_free(&path);
	return st;
}

/* Trains unless the model is there. `stopped`: why there is none. */
static precess_status train(char **stopped, const struct bench_learning *o,
			    const struct variant *v, const char *model)
{
	struct words w = { .n = 0 };
	struct text checkpoint;
	json_t *j = NULL;
	*stopped = NULL;
	if (is_there(model))
		return PRECESS_OK;
	text_init(&checkpoint);
	text_printf(&checkpoint, "%s.checkpoint", model);
	word(&w, "precess");
	word(&w, "train");
	word(&w, "%s", o->file);
	word(&w, "--data");
	word(&w, "%s/data_%d.h5", o->folder, o->samples);
	word(&w, "--net");
	word(&w, "%s", v->net);
	word(&w, "--width");
	word(&w, "%d", o->width);
	word(&w, "--samples");
	word(&w, "%d", o->images);
	word(&w, "--validate");
	word(&w, "0");
	if (v->use) {
		word(&w, "--use");
		word(&w, "%d", v->use);
	}
	if (v->rate) {
		word(&w, "--lr");
		word(&w, "%s", v->rate);
	}
	if (o->threads) {
		word(&w, "--threads");
		word(&w, "%d", o->threads);
	}
	if (is_there(checkpoint.data))
		word(&w, "--resume");
	word(&w, "-o");
	word(&w, "%s", model);
	word(&w, "--json");
	precess_status st = run(&j, &w);
	if (!st && error_of(j)) {
		*stopped = strdup(error_of(j));
		remove(checkpoint.data); /* of a run that would stop again */
	}
	json_decref(j);
	words_free(&w);
	text_free(&checkpoint);
	return st;
}

static precess_status score(json_t **out, const struct bench_learning *o, const char *model)
{
	struct words w = { .n = 0 };
	word(&w, "precess");
	word(&w, "evaluate");
	word(&w, "%s", model);
	word(&w, "--samples");
	word(&w, "%d", TESTED);
	word(&w, "--network-only");
	word(&w, "-q");
	if (o->threads) {
		word(&w, "--threads");
		word(&w, "%d", o->threads);
	}
	word(&w, "--json");
	precess_status st = run(out, &w);
	words_free(&w);
	if (!st && error_of(*out)) {
		st = precess_fail(PRECESS_EIO, "%s", error_of(*out));
		json_decref(*out);
		*out = NULL;
	}
	return st;
}

static double number(const json_t *j, const char *key)
{
	return json_number_value(json_object_get(j, key));
}

static precess_status one_row(json_t *rows, const struct bench_learning *o,
			      const struct variant *v)
{
	struct text model;
	char *stopped = NULL;
	json_t *j = NULL;
	precess_status st;
	int samples = v->use ? v->use : o->samples;
	text_init(&model);
	text_printf(&model, "%s/%s_width%d_of%d_shown%d.h5", o->folder, v->name, o->width, samples,
		    o->images);
	TRY(train(&stopped, o, v, model.data));
	if (!stopped)
		TRY(score(&j, o, model.data));
	if (rows)
		json_array_append_new(
			rows, stopped ? json_pack("{s:s, s:i, s:s}", "name", v->name, "samples",
						  samples, "stopped", stopped)
				      : json_pack("{s:s, s:i, s:f, s:f, s:f}", "name", v->name,
						  "samples", samples, "psnr_db",
						  number(j, "psnr_db"), "complex_psnr_db",
						  number(j, "complex_psnr_db"), "ssim",
						  number(j, "ssim")));
	else if (stopped)
		printf("%-14s %7d   %s\n", v->name, samples, stopped);
	else
		printf("%-14s %7d %9.2f %11.2f %8.4f\n", v->name, samples, number(j, "psnr_db"),
		       number(j, "complex_psnr_db"), number(j, "ssim"));
	fflush(stdout);
out:
	free(stopped);
	json_decref(j);
	text_free(&model);
	return st;
}

int bench_learning(const struct bench_learning *o)
{
	json_t *rows = o->json ? json_array() : NULL;
	precess_status st = PRECESS_OK;
	if (mkdir(o->folder, 0777) && errno != EEXIST)
		st = precess_fail(PRECESS_EIO, "%s: %s", o->folder, strerror(errno));
	interrupt_watch();
	st = st ? st : make_data(o);
	if (!st && !o->json)
		printf("%s, width %d, %d images shown, %d unseen samples\n%-14s %7s %9s %11s %8s\n",
		       o->file, o->width, o->images, TESTED, "network", "samples", "PSNR dB",
		       "complex dB", "SSIM");
	for (size_t i = 0; i < PRECESS_COUNT(variants) && !st; i++) {
		if (variants[i].use >= o->samples)
			continue;
		st = interrupted() ? precess_fail(PRECESS_ECANCEL,
						  "interrupted; the same command goes on")
				   : one_row(rows, o, &variants[i]);
	}
	if (!st && o->json)
		json_put(json_pack("{s:b, s:s, s:i, s:i, s:O}", "ok", 1, "sequence", o->file,
				   "width", o->width, "images", o->images, "rows", rows));
	json_decref(rows);
	if (!st)
		return EXIT_OK;
	return o->json ? json_failure(NULL, EXIT_WORLD) : world_error(st);
}
