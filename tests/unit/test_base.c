/* runtime/base: the promises of base.h. */
#include "runtime/base/base.h"
#include "tests/unit/folder.h"

#include <dirent.h>
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>


static size_t count_files(const char *where, const char *part)
{
	DIR *d = opendir(where);
	struct dirent *e;
	size_t n = 0;

	assert_non_null(d);
	while ((e = readdir(d)))
		n += strstr(e->d_name, part) != NULL;
	closedir(d);
	return n;
}

static void write_string(const char *path, const char *text)
{
	assert_int_equal(file_write(path, text, strlen(text)), PRECESS_OK);
}

static void assert_content(const char *path, const char *text)
{
	char *data;
	size_t n;

	assert_int_equal(file_read(&data, &n, path, 1 << 20), PRECESS_OK);
	assert_string_equal(data, text);
	assert_int_equal(n, strlen(text));
	free(data);
}

/* --- status --- */

static void status_text(void **state)
{
	char big[3000];

	(void)state;
	assert_int_equal(precess_fail(PRECESS_EIO, "disk %d", 7), PRECESS_EIO);
	assert_string_equal(precess_error(), "disk 7");
	assert_int_equal(precess_wrap(PRECESS_EIO, "saving %s", "a.h5"), PRECESS_EIO);
	assert_string_equal(precess_error(), "saving a.h5: disk 7");
	precess_fail(PRECESS_EIO, "again: %s", precess_error());
	assert_string_equal(precess_error(), "again: saving a.h5: disk 7");
	memset(big, 'x', sizeof big - 1);
	big[sizeof big - 1] = '\0';
	precess_fail(PRECESS_EIO, "%s", big);
	precess_wrap(PRECESS_EIO, "%s", big);
	assert_true(strlen(precess_error()) < sizeof big);
}

/* --- memory --- */

static void arena_zeroed_and_apart(void **state)
{
	static const size_t sizes[] = { 0, 1, 15, 16, 17, 1000, 16384, 16385, 65536, 1 << 20 };
	struct arena *a = arena_create();
	unsigned char *p[200], *s;
	size_t i, k, n;

	(void)state;
	for (i = 0; i < PRECESS_COUNT(p); i++) {
		n = sizes[i % PRECESS_COUNT(sizes)];
		p[i] = arena_alloc(a, n);
		assert_int_equal((uintptr_t)p[i] % 16, 0);
		for (k = 0; k < n; k++)
			assert_int_equal(p[i][k], 0);
		memset(p[i], (int)i + 1, n);
	}
	for (i = 0; i < PRECESS_COUNT(p); i++) {
		n = sizes[i % PRECESS_COUNT(sizes)];
		for (k = 0; k < n; k++)
			assert_int_equal(p[i][k], i + 1);
	}
	assert_ptr_not_equal(p[0], p[10]);
	s = (unsigned char *)arena_copy(a, "abcdef", 3);
	assert_string_equal((char *)s, "abc");
	assert_string_equal(arena_copy(a, NULL, 0), "");
	assert_string_equal(arena_printf(a, "%s=%d", "te", 80), "te=80");
	arena_free(a);
	arena_free(NULL);
}

static void memory_is_aligned(void **state)
{
	size_t n;
	char *p;

	(void)state;
	for (n = 0; n < 200; n += 7) {
		p = memory_aligned(n);
		assert_non_null(p);
		assert_int_equal((uintptr_t)p % 64, 0);
		if (n)
			assert_int_equal(p[n - 1], 0);
		free(p);
	}
	assert_null(memory_aligned(SIZE_MAX));
	assert_non_null(strstr(precess_error(), "out of memory"));
}

/* --- text --- */

static void text_grows(void **state)
{
	struct text t;
	int i;

	(void)state;
	text_init(&t);
	assert_string_equal(t.data, "");
	text_add(&t, NULL, 0);
	for (i = 0; i < 1000; i++)
		text_printf(&t, "%03d,", i);
	assert_int_equal(t.n, 4000);
	assert_memory_equal(t.data + 3996, "999,", 5);
	text_add(&t, "a\0b", 3);
	assert_memory_equal(t.data + 4000, "a\0b", 4);
	text_free(&t);
	assert_null(t.data);
}

static void text_double_is_shortest(void **state)
{
	static const struct {
		double v;
		const char *text;
	} known[] = {
		{ 0.1, "0.1" },          { 1e-6, "1e-06" },    { 0.0, "0" },
		{ -0.0, "-0" },          { 42, "42" },         { 1.0 / 3, "0.3333333333333333" },
		{ 0x1p-1074, "5e-324" }, { INFINITY, "inf" },  { -INFINITY, "-inf" },
		{ -NAN, "nan" },         { 42.577, "42.577" }, { 0.1 + 0.2, "0.30000000000000004" },
	};
	struct rng r = rng_make(5, 0);
	char buf[32];
	uint64_t bits;
	double v;
	size_t i;

	(void)state;
	for (i = 0; i < PRECESS_COUNT(known); i++)
		assert_string_equal(text_double(buf, known[i].v), known[i].text);
	assert_true(strlen(text_double(buf, -DBL_MAX)) < sizeof buf);
	for (i = 0; i < 20000; i++) {
		bits = (uint64_t)rng_u32(&r) << 32;
		bits |= rng_u32(&r);
		memcpy(&v, &bits, sizeof v);
		if (!isnan(v))
			assert_true(strtod(text_double(buf, v), NULL) == v);
	}
}

/* --- files --- */

static void file_round_trip(void **state)
{
	const char *path = in_folder("a.txt"), *link = in_folder("link");
	struct stat s;

	(void)state;
	write_string(path, "first");
	assert_content(path, "first");
	assert_int_equal(chmod(path, 0600), 0);
	write_string(path, "");
	assert_content(path, "");
	assert_int_equal(stat(path, &s), 0);
	assert_int_equal(s.st_mode & 0777, 0600); /* the replacement keeps the permissions */
	assert_int_equal(symlink("a.txt", link), 0);
	write_string(link, "through");
	assert_content(path, "through");
	assert_int_equal(lstat(link, &s), 0);
	assert_true(S_ISLNK(s.st_mode));
	unlink(link);
	unlink(path);
}

static void file_refusals(void **state)
{
	const char *path = in_folder("ten");
	char *data = NULL;
	size_t n;

	(void)state;
	assert_int_equal(file_read(&data, &n, in_folder("absent"), 100), PRECESS_EIO);
	assert_non_null(strstr(precess_error(), "No such file"));
	assert_int_equal(file_read(&data, &n, folder, 100), PRECESS_EIO);
	assert_non_null(strstr(precess_error(), "it is a folder"));
	write_string(path, "0123456789");
	assert_int_equal(file_read(&data, NULL, path, 10), PRECESS_OK);
	free(data);
	assert_int_equal(file_read(&data, &n, path, 9), PRECESS_EINVAL);
	assert_non_null(strstr(precess_error(), "larger than"));
	assert_int_equal(file_read(&data, &n, "/dev/zero", 1 << 20), PRECESS_EINVAL);
	unlink(path);

	assert_int_equal(file_write(folder, "x", 1), PRECESS_EIO);
	assert_non_null(strstr(precess_error(), "it is a folder"));
	assert_int_equal(file_write("", "x", 1), PRECESS_EIO);
	assert_int_equal(file_write(in_folder("none/a"), "x", 1), PRECESS_EIO);
	assert_non_null(strstr(precess_error(), "none/a: No such file or directory; "
						"choose another folder with -o"));
	if (geteuid() != 0) { /* root writes everywhere */
		chmod(folder, 0500);
		assert_int_equal(file_write(in_folder("a"), "x", 1), PRECESS_EIO);
		assert_non_null(strstr(precess_error(), "Permission denied"));
		chmod(folder, 0700);
	}
}

static void file_full_disk(void **state)
{
	static char big[1 << 16];
	const char *path = in_folder("whole");
	struct rlimit before, small;
	precess_status st;
	struct stat s;

	(void)state;
	assert_int_equal(file_write("/dev/full", "x", 1), PRECESS_EIO);
	assert_non_null(strstr(precess_error(), "/dev/full: No space left on device"));
	assert_int_equal(count_files("/dev", ".full."), 0);
	assert_int_equal(stat("/dev/full", &s), 0);
	assert_true(S_ISCHR(s.st_mode));

	/* a limit on file size stands in for a disk that fills up half-way */
	write_string(path, "old");
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	small = before;
	small.rlim_cur = sizeof big / 2;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	st = file_write(path, big, sizeof big);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	signal(SIGXFSZ, SIG_DFL);
	assert_int_equal(st, PRECESS_EIO);
	assert_content(path, "old");
	assert_int_equal(count_files(folder, ".tmp"), 0);
	unlink(path);
}

static void file_whole_or_absent(void **state)
{
	const char *path = in_folder("out.h5");
	struct file_output *f, *g;
	char *temporary;

	(void)state;
	assert_int_equal(file_output_create(&f, path), PRECESS_OK);
	assert_string_equal(f->final, path);
	assert_non_null(strstr(f->temporary, "/.out.h5."));
	assert_int_equal(access(f->temporary, F_OK), 0);
	assert_int_not_equal(access(path, F_OK), 0);
	assert_int_equal(file_output_create(&g, path), PRECESS_OK);
	assert_string_not_equal(f->temporary, g->temporary);
	temporary = strdup(g->temporary);
	file_output_discard(g);
	assert_int_not_equal(access(temporary, F_OK), 0);
	free(temporary);
	assert_int_equal(file_output_commit(f), PRECESS_OK);
	assert_content(path, "");
	assert_int_equal(count_files(folder, ".tmp"), 0);
	file_output_discard(NULL);

	/* a file somebody removed meanwhile is not silently missing */
	assert_int_equal(file_output_create(&f, path), PRECESS_OK);
	unlink(f->temporary);
	assert_int_equal(file_output_commit(f), PRECESS_EIO);
	unlink(path);
}

/* --- random numbers --- */

/* The known answers that come with Random123 (kat_vectors, philox4x32 10). */
static void philox_known_answers(void **state)
{
	static const struct {
		uint64_t counter, stream, seed;
		uint32_t block[4];
	} known[] = {
		{ 0, 0, 0, { 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8 } },
		{ UINT64_MAX,
		  UINT64_MAX,
		  UINT64_MAX,
		  { 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd } },
		{ 0x85a308d3243f6a88,
		  0x0370734413198a2e,
		  0x299f31d0a4093822,
		  { 0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1 } },
	};
	struct rng r;
	size_t i, k;

	(void)state;
	for (i = 0; i < PRECESS_COUNT(known); i++) {
		r = rng_make(known[i].seed, known[i].stream);
		r.counter = known[i].counter;
		for (k = 0; k < 4; k++)
			assert_int_equal(rng_u32(&r), known[i].block[k]);
		assert_int_equal(r.counter, known[i].counter + 1);
	}
}

/* Five standard errors: a right generator fails one seed in a million, and the seed is fixed. */
static void rng_moments(void **state)
{
	enum { N = 200000 };
	struct rng r = rng_make(1, 2), s = rng_make(1, 3);
	double sum = 0, square = 0, fourth = 0, cross = 0, v, w;
	int i;

	(void)state;
	for (i = 0; i < N; i++) {
		v = rng_uniform(&r, -3, 5);
		assert_true(v >= -3 && v < 5);
		sum += v;
	}
	assert_true(fabs(sum / N - 1) < 5 * 8 / sqrt(12.0 * N));
	for (sum = 0, i = 0; i < N; i++) {
		v = rng_normal(&r);
		w = rng_normal(&s);
		assert_true(isfinite(v));
		sum += v;
		square += v * v;
		fourth += v * v * v * v;
		cross += v * w;
	}
	assert_true(fabs(sum / N) < 5 / sqrt(N));
	assert_true(fabs(square / N - 1) < 5 * sqrt(2.0 / N));
	assert_true(fabs(fourth / N - 3) < 5 * sqrt(96.0 / N));
	assert_true(fabs(cross / N) < 5 / sqrt(N));
	assert_true(rng_uniform(&r, 2, 2) == 2);
	for (i = 0; i < 1000; i++)
		assert_true(rng_uniform(&r, 1, nextafter(1, 2)) == 1);
}

/* --- hash --- */

/* FIPS 180-4 examples, and lengths around the places where padding changes. */
static void sha256_vectors(void **state)
{
	static char million[1000000];
	char hex[65];

	(void)state;
	hash_hex(hex, "", 0);
	assert_string_equal(hex,
			    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	hash_hex(hex, "abc", 3);
	assert_string_equal(hex,
			    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	hash_hex(hex, "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56);
	assert_string_equal(hex,
			    "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
	memset(million, 'a', sizeof million);
	hash_hex(hex, million, 55);
	assert_string_equal(hex,
			    "9f4390f8d30c2dd92ec9f095b65e2b9ae9b0a925a5258e241c9f1e910f734318");
	hash_hex(hex, million, 64);
	assert_string_equal(hex,
			    "ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb");
	hash_hex(hex, million, sizeof million);
	assert_string_equal(hex,
			    "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

/* --- clock and interruption --- */

static void clock_goes_forward(void **state)
{
	double a = clock_seconds(), b = clock_seconds();

	(void)state;
	assert_true(b >= a);
}

static void progress_is_silent_when_short(void **state)
{
	struct progress p;
	size_t i;

	(void)state;
	progress_begin(&p, "work", 100, false);
	for (i = 0; i <= 100; i++)
		progress_at(&p, i);
	assert_true(p.shown == 0);
	progress_end(&p);
	progress_begin(&p, "nothing", 0, false);
	progress_at(&p, 0);
	progress_end(&p);
}

/* The first Ctrl-C asks, the second ends: in a child, whose words go nowhere. */
static void interrupt_twice(void **state)
{
	int status;
	pid_t child = fork();

	(void)state;
	assert_true(child >= 0);
	if (child == 0) {
		close(STDERR_FILENO);
		interrupt_watch();
		if (interrupted())
			_exit(1);
		raise(SIGINT);
		if (!interrupted())
			_exit(2);
		raise(SIGINT);
		_exit(3);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGINT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(status_text),
		cmocka_unit_test(arena_zeroed_and_apart),
		cmocka_unit_test(memory_is_aligned),
		cmocka_unit_test(text_grows),
		cmocka_unit_test(text_double_is_shortest),
		cmocka_unit_test(file_round_trip),
		cmocka_unit_test(file_refusals),
		cmocka_unit_test(file_full_disk),
		cmocka_unit_test(file_whole_or_absent),
		cmocka_unit_test(philox_known_answers),
		cmocka_unit_test(rng_moments),
		cmocka_unit_test(sha256_vectors),
		cmocka_unit_test(clock_goes_forward),
		cmocka_unit_test(progress_is_silent_when_short),
		cmocka_unit_test(interrupt_twice),
	};

	return cmocka_run_group_tests(tests, folder_create, folder_remove);
}
