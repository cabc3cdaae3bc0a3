/* Golden tests: a file whose first line is a command, and beside it what the command must say.
 *
 *   # RUN: precess check %s
 *
 * golden PROGRAM ROOT FOLDER runs every such file below FOLDER from the root of the tree with a
 * shell in which `precess` is PROGRAM. %s is the file's path from the root, %t a path for temporary
 * output. What comes out (standard output and error, then `exit N`) must equal FILE.expect.
 * BLESS=1 writes FILE.expect instead; read the difference before you commit it. */
#include "runtime/base/base.h"
#include "tests/walk.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	SECONDS = 60,          /* for one command; a hang is a failure, not a wait */
	FILE_LIMIT = 64 << 20, /* bytes */
	DIFF_LINES = 2000      /* beyond, the table of the difference would be too large */
};

struct golden {
	char temporary[64]; /* the folder of %t */
	bool bless;
	int passed, failed, blessed;
};

static bool ends(const char *s, const char *suffix)
{
	size_t n = strlen(s), m = strlen(suffix);

	return n >= m && strcmp(s + n - m, suffix) == 0;
}

/* Appends s with every `from` replaced. */
static void add_replaced(struct text *out, const char *s, const char *from, const char *to)
{
	const char *hit;

	while ((hit = strstr(s, from))) {
		text_add(out, s, (size_t)(hit - s));
		text_add(out, to, strlen(to));
		s = hit + strlen(from);
	}
	text_add(out, s, strlen(s));
}

/* --- running --- */

/* The command of the first line, or false: then the file is only material for others. */
static bool command_of(struct text *command, const char *path, const char *temporary)
{
	static const char mark[] = "# RUN: ";
	struct text line;
	char *data, *end;
	bool found = false;

	if (file_read(&data, NULL, path, FILE_LIMIT) != 0)
		return false;
	if (strncmp(data, mark, strlen(mark)) == 0) {
		end = strchr(data, '\n');
		if (end)
			*end = '\0';
		text_init(&line);
		add_replaced(&line, data + strlen(mark), "%s", path);
		add_replaced(command, line.data, "%t", temporary);
		text_free(&line);
		found = true;
	}
	free(data);
	return found;
}

static void become_shell(const char *command, int output)
{
	/* a function, so that the word `precess` inside arguments stays itself */
	static const char frame[] = "precess() { \"$PRECESS\" \"$@\"; }\n";
	struct text script;
	int none = open("/dev/null", O_RDONLY);

	setpgid(0, 0); /* so that the whole pipeline can be killed */
	dup2(none, STDIN_FILENO);
	dup2(output, STDOUT_FILENO);
	dup2(output, STDERR_FILENO);
	close(output);
	text_init(&script);
	text_printf(&script, "%s%s\n", frame, command);
	execl("/bin/sh", "sh", "-c", script.data, (char *)NULL);
	_exit(127);
}

/* Everything until the pipe closes. False when the time is over. */
static bool collect(struct text *out, int from)
{
	double end = clock_seconds() + SECONDS;
	struct pollfd p = { .fd = from, .events = POLLIN };
	char chunk[4096];
	ssize_t n;

	for (;;) {
		double left = end - clock_seconds();

		if (left <= 0)
			return false;
		if (poll(&p, 1, (int)(left * 1000) + 1) <= 0)
			continue;
		n = read(from, chunk, sizeof chunk);
		if (n == 0)
			return true;
		if (n > 0)
			text_add(out, chunk, (size_t)n);
		else if (errno != EINTR)
			return true;
	}
}

/* Returns the exit status as a shell counts it, -1 when nothing ran. */
static int run(struct text *out, const char *command)
{
	int ends_of_pipe[2], status;
	pid_t child;

	fflush(NULL);
	if (pipe(ends_of_pipe) != 0)
		return -1;
	child = fork();
	if (child < 0)
		return -1;
	if (child == 0) {
		close(ends_of_pipe[0]);
		become_shell(command, ends_of_pipe[1]);
	}
	setpgid(child, child); /* whoever comes first */
	close(ends_of_pipe[1]);
	if (!collect(out, ends_of_pipe[0])) {
		text_printf(out, "\nstill running after %d s\n", SECONDS);
		kill(-child, SIGKILL);
	}
	close(ends_of_pipe[0]);
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* --- comparing --- */

static size_t split(char **line, char *s)
{
	size_t n = 0;
	char *end;

	for (; *s && n < DIFF_LINES; s = end + 1) {
		line[n++] = s;
		end = strchr(s, '\n');
		if (!end)
			break;
		*end = '\0';
	}
	return n;
}

/* Prints `-` lines that are missing and `+` lines that are new, by longest common subsequence:
 * common[i][j] is its length for expected[i...] and actual[j...]. Cuts both texts into lines. */
static void print_difference(char *expected, char *actual)
{
	static char *a[DIFF_LINES], *b[DIFF_LINES];
	static unsigned short common[DIFF_LINES + 1][DIFF_LINES + 1];
	size_t n = split(a, expected), m = split(b, actual), i, j;

	memset(common, 0, sizeof common);
	for (i = n; i-- > 0;)
		for (j = m; j-- > 0;) {
			unsigned short down = common[i + 1][j], right = common[i][j + 1];

			if (strcmp(a[i], b[j]) == 0)
				common[i][j] = (unsigned short)(common[i + 1][j + 1] + 1);
			else
				common[i][j] = down > right ? down : right;
		}
	for (i = j = 0; i < n || j < m;) {
		if (i < n && j < m && strcmp(a[i], b[j]) == 0) {
			printf("    %s\n", a[i++]);
			j++;
		} else if (j == m || (i < n && common[i + 1][j] >= common[i][j + 1])) {
			printf("  - %s\n", a[i++]);
		} else {
			printf("  + %s\n", b[j++]);
		}
	}
}

static void fail(struct golden *g, const char *path, const char *why)
{
	printf("FAIL %s: %s\n", path, why);
	g->failed++;
}

static void compare(struct golden *g, const char *path, const char *expect, struct text *actual)
{
	char *expected;

	if (file_read(&expected, NULL, expect, FILE_LIMIT) != 0) {
		fail(g, path, "no .expect beside it (BLESS=1 writes one); the command said:");
		printf("%s", actual->data);
		return;
	}
	if (strcmp(expected, actual->data) == 0) {
		printf("ok   %s\n", path);
		g->passed++;
	} else {
		fail(g, path, "- expected, + got:");
		print_difference(expected, actual->data);
	}
	free(expected);
}

static void bless(struct golden *g, const char *path, const char *expect, const struct text *actual,
		  int status)
{
	char *before = NULL;

	if (status < 0 || status >= 126) { /* crashed, killed or not found: never what we want */
		fail(g, path, "refusing to bless a command that did not end by itself:");
		printf("%s", actual->data);
		return;
	}
	if (access(expect, F_OK) == 0 && file_read(&before, NULL, expect, FILE_LIMIT) == 0 &&
	    strcmp(before, actual->data) == 0) {
		g->passed++;
	} else if (file_write(expect, actual->data, actual->n) != 0) {
		fail(g, path, precess_error());
	} else {
		printf("blessed %s\n", expect);
		g->blessed++;
	}
	free(before);
}

/* An expectation whose question is gone would be believed for ever. */
static void check_orphan(struct golden *g, const char *expect)
{
	char path[2048];
	struct text command;

	snprintf(path, sizeof path, "%.*s", (int)(strlen(expect) - strlen(".expect")), expect);
	text_init(&command);
	if (!command_of(&command, path, ""))
		fail(g, expect, "no file with a RUN line beside it");
	text_free(&command);
}

static void remove_tree(const char *folder)
{
	char command[128];

	snprintf(command, sizeof command, "rm -rf '%s'", folder);
	if (system(command) != 0)
		fprintf(stderr, "golden: cannot remove %s\n", folder);
}

static void visit(void *context, const char *path)
{
	struct golden *g = context;
	struct text command, output, actual;
	char expect[2048], temporary[128];
	int status;

	if (ends(path, ".expect")) {
		check_orphan(g, path);
		return;
	}
	snprintf(expect, sizeof expect, "%s.expect", path);
	snprintf(temporary, sizeof temporary, "%s/t", g->temporary);
	text_init(&command);
	if (command_of(&command, path, temporary)) {
		mkdir(g->temporary, 0700);
		text_init(&output);
		text_init(&actual);
		status = run(&output, command.data);
		add_replaced(&actual, output.data, temporary, "%t");
		if (actual.n && actual.data[actual.n - 1] != '\n')
			text_add(&actual, "\n", 1);
		text_printf(&actual, "exit %d\n", status);
		if (g->bless)
			bless(g, path, expect, &actual, status);
		else
			compare(g, path, expect, &actual);
		text_free(&actual);
		text_free(&output);
		remove_tree(g->temporary); /* no test sees what another left */
	}
	text_free(&command);
}

int main(int argc, char **argv)
{
	const char *wish = getenv("BLESS");
	struct golden g = { .bless = wish && strcmp(wish, "1") == 0 };
	char *program = argc == 4 ? realpath(argv[1], NULL) : NULL;
	const char *scratch = getenv("TMPDIR");

	if (argc != 4) {
		fprintf(stderr, "usage: golden PROGRAM ROOT FOLDER\n");
		return 2;
	}
	if (!program || chdir(argv[2]) != 0) {
		fprintf(stderr, "golden: %s: %s\n", program ? argv[2] : argv[1], strerror(errno));
		free(program);
		return 2;
	}
	snprintf(g.temporary, sizeof g.temporary, "%s/precess-golden-%ld",
		 scratch && strlen(scratch) < 32 ? scratch : "/tmp", (long)getpid());
	setenv("PRECESS", program, 1);
	setenv("LC_ALL", "C", 1);
	setenv("NO_COLOR", "1", 1);
	unsetenv("COLUMNS");
	walk(".", argv[3], visit, &g);
	printf("%s: %d passed, %d failed", argv[3], g.passed, g.failed);
	printf(g.blessed ? ", %d blessed\n" : "\n", g.blessed);
	free(program);
	if (g.failed)
		return 1;
	return g.passed + g.blessed ? 0 : 77; /* nothing to run is a skip, not a success */
}
