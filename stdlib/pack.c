/* pack FOLDER NAME OUT: writes a library without elaborating its modules. The build makes the
 * standard library with it, because `precess build`, which does more, has that library inside. */
#include "compiler/library/library.h"

static int fail(struct lang *l)
{
	struct text t;

	text_init(&t);
	diag_print(&t, l, false, 0);
	if (diag_count(l, SEVERITY_ERROR))
		fputs(t.data, stderr);
	else
		fprintf(stderr, "pack: %s\n", precess_error());
	text_free(&t);
	lang_free(l);
	return 1;
}

int main(int argc, char **argv)
{
	struct lang *l = lang_create();
	const char *const *file;
	struct library *lib;
	struct text out;
	precess_status st;

	if (argc != 4)
		return fprintf(stderr, "usage: pack FOLDER NAME OUT\n"), 2;
	st = library_gather(&lib, &file, l, argv[1], argv[2]);
	if (st || diag_count(l, SEVERITY_ERROR))
		return fail(l);
	text_init(&out);
	library_write(&out, lib);
	st = file_write(argv[3], out.data, out.n);
	text_free(&out);
	if (st)
		return fail(l);
	lang_free(l);
	return 0;
}
