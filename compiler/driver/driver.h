/* What the commands share: options, the compile pipeline, reports. Printing happens only here. */
#ifndef COMPILER_DRIVER_DRIVER_H
#define COMPILER_DRIVER_DRIVER_H

#include <jansson.h>

#include "compiler/elab/elab.h"
#include "compiler/ir/ir.h"
#include "compiler/lower/lower.h"
#include "compiler/passes/passes.h"
#include "compiler/pulseq/pulseq.h"
#include "lang/lang.h"
#include "runtime/base/base.h"
#include "runtime/io/io.h"
#include "runtime/object/object.h"
#include "runtime/plot/plot.h"
#include "runtime/program/net.h"
#include "runtime/program/program.h"
#include "runtime/sim/sim.h"

/* Exit statuses. */
enum {
	EXIT_OK = 0,
	EXIT_DIAGNOSTICS = 1, /* the user's sequence has errors */
	EXIT_USAGE = 2,       /* the command line */
	EXIT_WORLD = 3,       /* memory, files, data */
	EXIT_DEVICE = 4
};

#define COMMAND(name, usage, doc) int cmd_##name(int argc, char **argv);
#include "compiler/driver/commands.def"
#undef COMMAND

/* ------------------------------------------------------------------ options */
enum option_kind { OPTION_FLAG, OPTION_TEXT, OPTION_INT, OPTION_REAL, OPTION_LIST };
struct option_list {
	const char *item[64];
	size_t n;
};
/* `target`: bool, const char *, int, double or struct option_list by kind. An INT or REAL must lie
 * in [lo, hi] when lo < hi. */
struct option {
	const char *name; /* "--spins" */
	const char *alias;/* "-o" or NULL */
	enum option_kind kind;
	void *target;
	double lo, hi;
	const char *help;
};
/* Fills targets; what is no option goes to `rest`. Returns EXIT_OK, EXIT_USAGE (told on standard
 * error) or -1 after `--help`. */
int options_parse(const char *command, int argc, char **argv, const struct option *o, size_t n,
		  struct option_list *rest);
/* From now on `--help` prints a part of the manual page, in roff; manual_text prints a text in it. */
void options_manual(bool on);
void manual_text(const char *s);
/* Tells on standard error how `command` is used; returns EXIT_USAGE. */
int usage_error(const char *command, const char *fmt, ...) PRECESS_PRINTF(2, 3);
/* Tells what is wrong with a value on the command line, without the usage; returns EXIT_USAGE. */
int argument_error(const char *fmt, ...) PRECESS_PRINTF(1, 2);
/* "220mm" or, where most is 2, "220mm,180mm": metres, one for all where one is given. NULL: nothing.
 * Returns an exit status, told. */
int argument_lengths(double *out, int most, const char *option, const char *text);
/* Prints "precess: <last failure>" and returns the exit status for `st`. */
int world_error(precess_status st);
#define OPTION_LIBRARY_PATH(list)                          \
	{                                                  \
		"--library-path", NULL, OPTION_LIST, &(list), 0, 0, \
			"also look for modules in this folder" \
	}
/* Where modules are looked for after the folder of the importing file: the given folders, those of
 * PRECESS_PATH, the user's and the system's. */
struct folder_list {
	const char *item[128];
	size_t n;
};
void library_folders(struct folder_list *f, struct arena *a, const struct option_list *given);
/* The command line as the user gave it, for provenance. */
const char *command_line(void);
void command_line_set(int argc, char **argv);

/* Refuses, before the work, a file and a picture PREFIX.png that could not be written after it; NULL:
 * not asked for. */
precess_status outputs_probe(const char *path, const char *prefix);

/* ------------------------------------------------------------------ compiling */
struct compile_options {
	struct option_list set;
	struct option_list library; /* folders to search for modules */
	const char *dump;       /* tree, ir, schedule; NULL: nothing */
	const char *dump_after; /* a pass */
	bool json;              /* keep standard output for one JSON object */
	bool samples;           /* a sequence without readouts is an error */
	const char *text;       /* the source; NULL: read from the path */
};
/* One source through parse, elaborate, passes, lower. A Pulseq file has no tree. */
struct compiled {
	const char *path;
	struct lang *lang;
	struct node *tree;
	struct ir *ir;
	struct program *program;
};
/* Returns an exit status; diagnostics are printed to standard error (or, with json, are left in
 * c->lang for the caller). `c` must be released whatever the outcome. */
int compile(struct compiled *c, const char *path, const struct compile_options *o);
/* Whether it begins as a Pulseq file, text or binary. */
bool is_pulseq(const char *path);
void compiled_free(struct compiled *c);
/* To standard error, as a terminal shows them. */
void print_diagnostics(struct lang *l);
/* Diagnostics as a JSON array (new reference). */
json_t *json_diagnostics(struct lang *l);
/* Parameter values by name (new reference). */
json_t *json_parameters(const struct program *p, const double *value);
/* With --json a command that fails still prints one object: { ok: false, diagnostics, error }. Returns
 * `rc`. `lang` may be NULL; `error` is the last failure's text unless rc says the diagnostics tell
 * it. */
int json_failure(struct lang *l, int rc);
/* Prints to standard output with a newline and releases. */
void json_put(json_t *j);
/* Whether json_put was called: `main` prints an object for commands that gave up before. */
bool json_was_put(void);

/* ------------------------------------------------------------------ networks */
/* "derived", "paper", a template of models/ by its name, or a file: "FILE.net". */
precess_status network_template(struct net_template *out, const char *name);

/* ------------------------------------------------------------------ scenes: draw + object + maps */
struct scene_options {
	const char *object;
	struct option_list map; /* "B1=1": this map everywhere, instead of the object's */
	int spins;       /* 0: four per pixel of the matrix, at least 64 */
	int coils;       /* as object_coils */
	struct sim_options sim;
	const char *method;
};
struct scene {
	struct compiled compiled;
	struct draw *draw;
	struct object *object;
	struct maps *maps;
	size_t clipped;
	double fov[2];
};
int scene_open(struct scene *s, const char *path, const struct compile_options *c,
	       struct scene_options *o);
void scene_close(struct scene *s);
/* Warns, on standard error unless `list` is given, of coherence pathways that the spin grid folds
 * into the sampled window, and names the grid that would not. */
precess_status scene_alias_warning(const struct scene *s, json_t *list);

#endif
