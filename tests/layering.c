/* Checks the #includes of every source file against the dependency order of docs/design.md.
 *
 *   layering ROOT          the tree; exit status 1 and one line per violation
 *   layering --self-test   plants violations in a temporary tree and demands that they are seen
 *
 * Two laws: a folder uses only the folders its rule names, and other folders see only its face,
 * `x/x.h`, and its lists, `x/...def`. Includes are written from the root: "runtime/base/base.h". */
#include "runtime/base/base.h"
#include "tests/walk.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* `uses` is a list between blanks; "*" is everything, "x:lists" only the .def files of x. The longest
 * folder that fits a path rules. */
static const struct rule {
	const char *folder, *uses;
} rules[] = {
	{ "runtime/base", "" },
	{ "runtime/program", " runtime/base runtime/nn:lists " },
	{ "runtime/bloch", " runtime/base " },
	{ "runtime/volume", " runtime/base " },
	{ "runtime/object", " runtime/base runtime/program runtime/volume " },
	{ "runtime/cpu", " runtime/base runtime/bloch " },
	{ "runtime/backend", " runtime/base runtime/bloch " },
	{ "runtime/cuda", " runtime/base runtime/bloch runtime/backend " },
	{ "runtime/sim",
	  " runtime/base runtime/program runtime/object runtime/bloch runtime/backend "
	  "runtime/cpu " },
	{ "runtime/io",
	  " runtime/base runtime/program runtime/volume runtime/object runtime/sim " },
	{ "runtime/data", " runtime/base runtime/program runtime/object runtime/sim " },
	{ "runtime/recon", " runtime/base runtime/program runtime/object runtime/sim runtime/io " },
	{ "runtime/plot", " runtime/base runtime/program runtime/object runtime/sim " },
	{ "runtime/cudnn", " runtime/base runtime/program " },
	{ "runtime/nn", " runtime/base runtime/program runtime/cudnn " },
	{ "runtime/train", " runtime/base runtime/program runtime/cudnn runtime/nn " },
	{ "runtime/mapping", " runtime/base runtime/program runtime/object runtime/sim " },
	{ "lang", " runtime/base " },
	{ "compiler/ir", " runtime/base runtime/program:lists lang " },
	{ "compiler/library", " runtime/base lang " },
	{ "compiler/elab",
	  " runtime/base runtime/program:lists lang compiler/ir compiler/library " },
	{ "compiler/passes", " runtime/base lang compiler/ir " },
	{ "compiler/lower", " runtime/base runtime/program lang compiler/ir compiler/passes " },
	{ "compiler/pulseq", " runtime/base runtime/program:lists lang compiler/ir " },
	{ "compiler/lsp",
	  " runtime/base runtime/program:lists lang compiler/elab compiler/ir compiler/library " },
	{ "compiler/driver", "*" },
};

/* Libraries of others stay in the folder that wraps them, so that each can be replaced there. */
static const struct rule libraries[] = {
	{ "Random123/", " runtime/base " },
	{ "hdf5", " runtime/object runtime/io runtime/data runtime/recon runtime/train " },
	{ "nifti", " runtime/volume runtime/io " },
	{ "expat", " runtime/io " },
	{ "fftw3", " runtime/sim " },
	{ "zlib", " runtime/data runtime/io " },
	{ "png", " runtime/io " },
	{ "cairo", " runtime/plot " },
	{ "lapacke", " runtime/recon " },
	{ "cblas", " runtime/recon " },
	{ "jansson", " compiler/driver compiler/lsp " },
	{ "omp.h", " runtime/cpu runtime/sim runtime/mapping runtime/nn runtime/recon " },
	{ "cminpack", " runtime/mapping " },
	{ "dnnl", " runtime/nn " },
	{ "oneapi/dnnl", " runtime/nn " },
	{ "cuda", " runtime/cuda runtime/cudnn " },
	{ "cudnn", " runtime/cudnn " },
	{ "cufft", " runtime/cuda " },
};

/* The contract has two halves, sequences and networks; most users need one of them. */
static const char second_face[] = "runtime/program/net.h";

/* Written by bison into the build folder. */
static const char generated[] = "parser.h";

struct check {
	const char *root;
	struct text report;
	int files, violations;
};

static bool begins(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

static const struct rule *rule_of(const char *path)
{
	const struct rule *best = NULL;
	size_t i, n, best_n = 0;

	for (i = 0; i < PRECESS_COUNT(rules); i++) {
		n = strlen(rules[i].folder);
		if (begins(path, rules[i].folder) && path[n] == '/' && n > best_n) {
			best = &rules[i];
			best_n = n;
		}
	}
	return best;
}

static bool may_use(const char *uses, const char *folder)
{
	char word[160];

	snprintf(word, sizeof word, " %s ", folder);
	return strcmp(uses, "*") == 0 || strstr(uses, word);
}

static bool is_list(const char *path)
{
	size_t n = strlen(path);

	return n > 4 && strcmp(path + n - 4, ".def") == 0;
}

/* lang/lang.h for lang, runtime/sim/sim.h for runtime/sim. */
static bool is_face(const char *path, const char *folder)
{
	const char *last = strrchr(folder, '/');
	char face[256];

	snprintf(face, sizeof face, "%s/%s.h", folder, last ? last + 1 : folder);
	return strcmp(path, face) == 0 || strcmp(path, second_face) == 0;
}

static void violation(struct check *c, const char *path, int line, const char *what,
		      const char *name)
{
	text_printf(&c->report, "%s:%d: %s: %s\n", path, line, name, what);
	c->violations++;
}

static void check_own(struct check *c, const struct rule *from, const char *path, int line,
		      const char *name)
{
	const struct rule *to = rule_of(name);
	char full[4096], lists[128];
	struct stat s;

	if (strcmp(name, generated) == 0 && strcmp(from->folder, "lang") == 0)
		return;
	snprintf(full, sizeof full, "%s/%s", c->root, name);
	if (!to)
		violation(c, path, line, "not a path from the root of the tree", name);
	else if (stat(full, &s) != 0)
		violation(c, path, line, "no such file", name);
	if (!to || to == from)
		return;
	snprintf(lists, sizeof lists, "%s:lists", to->folder);
	if (!may_use(from->uses, to->folder) && !(is_list(name) && may_use(from->uses, lists)))
		violation(c, path, line, "this folder may not use that one", name);
	else if (!is_face(name, to->folder) && !is_list(name))
		violation(c, path, line, "not the face of its folder", name);
}

static void check_library(struct check *c, const struct rule *from, const char *path, int line,
			  const char *name)
{
	size_t i;

	for (i = 0; i < PRECESS_COUNT(libraries); i++)
		if (begins(name, libraries[i].folder) && !may_use(libraries[i].uses, from->folder))
			violation(c, path, line, "this library is not used in this folder", name);
}

static void check_line(struct check *c, const struct rule *from, const char *path, int line,
		       const char *s)
{
	char name[1024], open;

	/* not the preprocessor: also what #if leaves out must obey */
	if (sscanf(s, " # include %c%1023[^>\"\n]", &open, name) != 2)
		return;
	if (open == '"')
		check_own(c, from, path, line, name);
	else
		check_library(c, from, path, line, name);
}

static bool is_source(const char *path)
{
	static const char *const kinds[] = {
		".c", ".h", ".re", ".y", ".def", ".cu", ".cuh", ".cpp"
	};
	const char *dot = strrchr(path, '.');
	size_t i;

	for (i = 0; dot && i < PRECESS_COUNT(kinds); i++)
		if (strcmp(dot, kinds[i]) == 0)
			return true;
	return false;
}

static void check_file(void *context, const char *path)
{
	struct check *c = context;
	const struct rule *from = rule_of(path);
	char full[4096], s[2048];
	int line = 0;
	FILE *f;

	if (!is_source(path))
		return;
	c->files++;
	if (!from) {
		violation(c, path, 1, "no rule in tests/layering.c for this folder", path);
		return;
	}
	snprintf(full, sizeof full, "%s/%s", c->root, path);
	f = fopen(full, "r");
	if (!f) {
		violation(c, path, 1, "cannot be read", path);
		return;
	}
	while (fgets(s, sizeof s, f))
		check_line(c, from, path, ++line, s);
	fclose(f);
}

static void check_tree(struct check *c, const char *root)
{
	*c = (struct check){ .root = root };
	text_init(&c->report);
	walk(root, "lang", check_file, c);
	walk(root, "compiler", check_file, c);
	walk(root, "runtime", check_file, c);
}

/* --- the check checked --- */

static const struct {
	const char *path, *text, *finding; /* NULL: nothing may be found */
} planted[] = {
	{ "runtime/base/base.h", "#include <stdio.h>\n", NULL },
	{ "runtime/base/extra.h", "", NULL },
	{ "runtime/program/program.h", "#include \"runtime/base/base.h\"\n", NULL },
	{ "runtime/sim/sim.h", "", NULL },
	{ "runtime/sim/methods.def", "", NULL },
	{ "runtime/sim/a.c", "#include \"runtime/sim/sim.h\"\n#include <fftw3.h>\n", NULL },
	{ "runtime/io/a.c", "#include \"runtime/sim/methods.def\"\n", NULL },
	{ "lang/lang.h", "", NULL },
	{ "lang/parser.y", "%{\n#include \"parser.h\"\n%}\n", NULL },
	{ "runtime/program/maps.def", "", NULL },
	{ "compiler/ir/ir.h", "#include \"runtime/program/maps.def\"\n", NULL },
	{ "compiler/ir/a.c", "#include \"runtime/program/program.h\"\n",
	  "compiler/ir/a.c:1: runtime/program/program.h: this folder may not" },
	{ "compiler/driver/main.c", "#include \"runtime/sim/sim.h\"\n", NULL },
	{ "runtime/base/up.c", "int a;\n#include \"runtime/sim/sim.h\"\n",
	  "runtime/base/up.c:2: runtime/sim/sim.h: this folder may not" },
	{ "lang/down.c", "# \tinclude  \"runtime/sim/sim.h\"\n",
	  "lang/down.c:1: runtime/sim/sim.h: this folder may not" },
	{ "lang/hidden.c", "#if 0\n#include \"runtime/sim/sim.h\"\n#endif\n",
	  "lang/hidden.c:2: runtime/sim/sim.h: this folder may not" },
	{ "runtime/sim/back.c", "#include \"runtime/base/extra.h\"\n",
	  "runtime/sim/back.c:1: runtime/base/extra.h: not the face" },
	{ "compiler/driver/back.c", "#include \"runtime/base/extra.h\"\n",
	  "compiler/driver/back.c:1: runtime/base/extra.h: not the face" },
	{ "runtime/sim/near.c", "#include \"sim.h\"\n", "sim.h: not a path from the root" },
	{ "runtime/sim/gone.c", "#include \"runtime/sim/gone.h\"\n",
	  "runtime/sim/gone.h: no such file" },
	{ "runtime/plot/a.c", "#include <hdf5.h>\n", "hdf5.h: this library" },
	{ "runtime/new/a.c", "", "runtime/new/a.c: no rule" },
};

static void make_folders(char *path)
{
	char *slash;

	for (slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		mkdir(path, 0700);
		*slash = '/';
	}
}

static int self_test(void)
{
	char root[] = "/tmp/precess-layering-XXXXXX", path[512], command[64];
	size_t i, expected = 0, bad = 0;
	struct check c;

	if (!mkdtemp(root))
		return 1;
	for (i = 0; i < PRECESS_COUNT(planted); i++) {
		snprintf(path, sizeof path, "%s/%s", root, planted[i].path);
		make_folders(path);
		if (file_write(path, planted[i].text, strlen(planted[i].text)) != 0)
			bad++;
	}
	check_tree(&c, root);
	for (i = 0; i < PRECESS_COUNT(planted); i++) {
		expected += planted[i].finding != NULL;
		if (planted[i].finding && !strstr(c.report.data, planted[i].finding)) {
			printf("not seen: %s\n", planted[i].finding);
			bad++;
		}
	}
	if ((size_t)c.violations != expected) {
		printf("%d violations, %zu were planted:\n%s", c.violations, expected,
		       c.report.data);
		bad++;
	}
	text_free(&c.report);
	snprintf(command, sizeof command, "rm -r %s", root);
	if (system(command) != 0)
		bad++;
	printf("%zu planted violations, %zu failures\n", expected, bad);
	return bad != 0;
}

int main(int argc, char **argv)
{
	struct check c;
	int bad;

	if (argc != 2) {
		fprintf(stderr, "usage: layering ROOT | --self-test\n");
		return 2;
	}
	if (strcmp(argv[1], "--self-test") == 0)
		return self_test();
	check_tree(&c, argv[1]);
	printf("%s%d files, %d violations\n", c.report.data, c.files, c.violations);
	bad = c.violations || c.files == 0; /* a wrong root must not pass */
	text_free(&c.report);
	return bad;
}
