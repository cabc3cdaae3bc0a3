/* The program `precess`: finds the command and hands over. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "compiler/driver/driver.h"

static const struct command {
	const char *name, *usage, *doc;
	int (*run)(int argc, char **argv);
} commands[] = {
#define COMMAND(name, usage, doc) { #name, usage, doc, cmd_##name },
#include "compiler/driver/commands.def"
#undef COMMAND
};

static void help(FILE *f)
{
	fprintf(f, "Precess %s: pulse sequences, compiled and simulated exactly\n\n", PRECESS_VERSION);
	for (size_t i = 0; i < PRECESS_COUNT(commands); i++)
		fprintf(f, "  precess %-11s %s\n", commands[i].name, commands[i].doc);
	fprintf(f, "\n`precess COMMAND --help` lists the options of one command, `precess help --man`\n"
		   "writes the manual page.\n");
}

/* precess(1) in roff: from the same table and the commands' own options, so that it cannot be old. */
static int manual(void)
{
	printf(".TH PRECESS 1 \"\" \"Precess %s\" \"User Commands\"\n", PRECESS_VERSION);
	printf(".SH NAME\nprecess \\- pulse sequences, compiled and simulated exactly\n"
	       ".SH SYNOPSIS\n.B precess\n.I COMMAND\n[ARGUMENT]...\n"
	       ".SH DESCRIPTION\n.B precess\nchecks, draws, simulates and converts MRI pulse "
	       "sequences, and trains networks on them.\n"
	       ".B precess help\nlists the commands,\n.B precess\n.I COMMAND\n.B \\-\\-help\n"
	       "the options of one.\n.SH COMMANDS\n");
	options_manual(true);
	for (size_t i = 0; i < PRECESS_COUNT(commands); i++) {
		char *argv[] = { (char *)commands[i].name, "--help", NULL };
		printf(".SS %s\n", commands[i].name);
		manual_text(commands[i].doc);
		printf("\n.PP\n");
		int rc = commands[i].run(2, argv);
		if (rc)
			return rc;
	}
	printf(".SH EXIT STATUS\n.TP\n.B 0\nfine\n.TP\n.B 1\nthe sequence has errors\n.TP\n.B 2\n"
	       "the command line has\n.TP\n.B 3\nmemory, files or data failed\n.TP\n.B 4\na device "
	       "failed\n.SH ENVIRONMENT\n.TP\n.B PRECESS_PATH\nfolders in which modules are looked "
	       "for\n");
	return EXIT_OK;
}

static int unknown(const char *name)
{
	const char *names[PRECESS_COUNT(commands)];
	for (size_t i = 0; i < PRECESS_COUNT(commands); i++)
		names[i] = commands[i].name;
	const char *near = lang_nearest(name, names, PRECESS_COUNT(names));
	fprintf(stderr, "precess: there is no command '%s'", name);
	if (near)
		fprintf(stderr, "; did you mean '%s'?\n", near);
	else
		fprintf(stderr, "; `precess help` lists them\n");
	return EXIT_USAGE;
}

static bool wants_json(int argc, char **argv)
{
	for (int i = 2; i < argc && strcmp(argv[i], "--"); i++)
		if (!strcmp(argv[i], "--json"))
			return true;
	return false;
}

/* What was printed may be lost still: a full disk shows when the buffer is emptied. */
static int finish(int rc)
{
	if (!fflush(stdout) && !ferror(stdout))
		return rc;
	fprintf(stderr, "precess: cannot write to standard output: %s\n", strerror(errno));
	return rc ? rc : EXIT_WORLD;
}

static int run(const struct command *c, int argc, char **argv)
{
	int rc = c->run(argc - 1, argv + 1);
	if (rc && wants_json(argc, argv) && !json_was_put())
		json_failure(NULL, rc);
	return finish(rc);
}

int main(int argc, char **argv)
{
	command_line_set(argc, argv);
	if (argc < 2) {
		help(stderr);
		return EXIT_USAGE;
	}
	if (!strcmp(argv[1], "help") || !strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")) {
		if (argc > 2 && !strcmp(argv[2], "--man"))
			return finish(manual());
		help(stdout);
		return finish(EXIT_OK);
	}
	if (!strcmp(argv[1], "--version")) {
		printf("precess %s\n", PRECESS_VERSION);
		return finish(EXIT_OK);
	}
	for (size_t i = 0; i < PRECESS_COUNT(commands); i++)
		if (!strcmp(argv[1], commands[i].name))
			return run(&commands[i], argc, argv);
	return unknown(argv[1]);
}
