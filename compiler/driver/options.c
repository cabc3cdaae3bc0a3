/* Command-line options by table. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "compiler/driver/driver.h"

static char *line;

void command_line_set(int argc, char **argv)
{
	struct text t;
	text_init(&t);
	for (int i = 0; i < argc; i++) {
		bool quote = argv[i][strcspn(argv[i], " \t\"'*?$")] != 0;
		text_printf(&t, "%s%s%s%s", i ? " " : "", quote ? "'" : "", i ? argv[i] : "precess",
			    quote ? "'" : "");
	}
	free(line);
	line = t.data;
}

const char *command_line(void)
{
	return line ? line : "precess";
}

static const char *usage_of(const char *command)
{
#define COMMAND(name, usage, doc)      \
	if (!strcmp(command, #name)) \
		return usage;
#include "compiler/driver/commands.def"
#undef COMMAND
	return "";
}

/* Keeps the text as the last failure's, where json_failure finds it. */
static void keep(const char *fmt, va_list ap)
{
	char text[1024];
	vsnprintf(text, sizeof text, fmt, ap);
	precess_fail(PRECESS_EINVAL, "%s", text);
}

int usage_error(const char *command, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	keep(fmt, ap);
	va_end(ap);
	fprintf(stderr, "precess %s: %s\nusage: precess %s %s\n", command, precess_error(), command,
		usage_of(command));
	return EXIT_USAGE;
}

int argument_error(const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	keep(fmt, ap);
	va_end(ap);
	fprintf(stderr, "precess: %s\n", precess_error());
	return EXIT_USAGE;
}

int world_error(precess_status st)
{
	fprintf(stderr, "precess: %s\n", precess_error());
	return st == PRECESS_EDEVICE ? EXIT_DEVICE : EXIT_WORLD;
}

int argument_lengths(double *out, int most, const char *option, const char *text)
{
	char *end;
	int n = 0;

	for (; text && n < most; n++) {
		double v = strtod(text, &end), factor = 0;
		size_t unit = strcspn(end, ",");
		struct dim d;
		if (end == text || !unit_find(end, unit, &factor, &d) ||
		    !dim_equal(d, (struct dim){ .m = 1 }) || !(v > 0 && v * factor < 10))
			return argument_error(
				"%s wants a length with its unit, as in 220mm; found '%s'", option,
				text);
		out[n] = v * factor;
		text = end[unit] ? end + unit + 1 : NULL;
	}
	if (text)
		return argument_error("%s: too many lengths", option);
	if (n == 1 && most == 2)
		out[1] = out[0];
	return EXIT_OK;
}

/* ------------------------------------------------------------------ help */
static bool as_manual;

void options_manual(bool on)
{
	as_manual = on;
}

/* In roff a backslash and a `-` that is typed have codes, and a dot or quote may not begin a line. */
void manual_text(const char *s)
{
	if (*s == '.' || *s == '\'')
		fputs("\\&", stdout);
	for (; *s; s++)
		if (*s == '\\')
			fputs("\\e", stdout);
		else if (*s == '-')
			fputs("\\-", stdout);
		else
			putchar(*s);
}

static void help_manual(const char *command, const struct option *o, size_t n)
{
	printf(".B precess %s\n", command);
	manual_text(usage_of(command));
	putchar('\n');
	for (size_t i = 0; i < n; i++) {
		fputs(".TP\n.B ", stdout);
		if (o[i].alias) {
			manual_text(o[i].alias);
			fputs(", ", stdout);
		}
		manual_text(o[i].name);
		putchar('\n');
		manual_text(o[i].help);
		putchar('\n');
	}
}

static void help(const char *command, const struct option *o, size_t n)
{
	if (as_manual) {
		help_manual(command, o, n);
		return;
	}
	printf("usage: precess %s %s\n\n", command, usage_of(command));
	for (size_t i = 0; i < n; i++)
		printf("  %s%s%-14s %s\n", o[i].alias ? o[i].alias : "  ", o[i].alias ? ", " : "  ",
		       o[i].name, o[i].help);
}

static int set_number(const char *command, const struct option *o, const char *value)
{
	char *end;
	errno = 0;
	double v = strtod(value, &end);
	bool whole = o->kind != OPTION_INT || v == floor(v);
	if (end == value || *end || errno || !whole)
		return usage_error(command, "%s wants %s, found '%s'", o->name,
				   o->kind == OPTION_INT ? "a whole number" : "a number", value);
	if (o->lo < o->hi && !(v >= o->lo && v <= o->hi))
		return usage_error(command, "%s must be in %.10g .. %.10g, found %s", o->name, o->lo, o->hi,
				   value);
	if (o->kind == OPTION_INT)
		*(int *)o->target = (int)v;
	else
		*(double *)o->target = v;
	return EXIT_OK;
}

static int set_value(const char *command, const struct option *o, const char *value)
{
	if (o->kind == OPTION_TEXT) {
		*(const char **)o->target = value;
		return EXIT_OK;
	}
	if (o->kind == OPTION_LIST) {
		struct option_list *l = o->target;
		if (l->n == PRECESS_COUNT(l->item))
			return usage_error(command, "too many %s (limit %zu)", o->name, l->n);
		l->item[l->n++] = value;
		return EXIT_OK;
	}
	return set_number(command, o, value);
}

static const struct option *find(const struct option *o, size_t n, const char *name, size_t length)
{
	for (size_t i = 0; i < n; i++)
		if ((strlen(o[i].name) == length && !strncmp(o[i].name, name, length)) ||
		    (o[i].alias && strlen(o[i].alias) == length && !strncmp(o[i].alias, name, length)))
			return &o[i];
	return NULL;
}

static int unknown(const char *command, const char *arg, const struct option *o, size_t n)
{
	const char *name[32];
	size_t k = 0;
	for (; k < n && k < PRECESS_COUNT(name); k++)
		name[k] = o[k].name;
	const char *near = lang_nearest(arg, name, k);
	if (near)
		return usage_error(command, "there is no option %s; did you mean %s?", arg, near);
	return usage_error(command, "there is no option %s", arg);
}

int options_parse(const char *command, int argc, char **argv, const struct option *o, size_t n,
		  struct option_list *rest)
{
	bool only_rest = false;
	for (int i = 1; i < argc; i++) {
		const char *a = argv[i];
		if (only_rest || a[0] != '-' || !a[1]) {
			if (rest->n == PRECESS_COUNT(rest->item))
				return usage_error(command, "too many files (limit %zu)", rest->n);
			rest->item[rest->n++] = a;
			continue;
		}
		if (!strcmp(a, "--")) {
			only_rest = true;
			continue;
		}
		if (!strcmp(a, "--help") || !strcmp(a, "-h")) {
			help(command, o, n);
			return -1;
		}
		size_t length = a[1] == '-' ? strcspn(a, "=") : strlen(a);
		const struct option *hit = find(o, n, a, length);
		if (!hit)
			return unknown(command, a, o, n);
		if (hit->kind == OPTION_FLAG) {
			*(bool *)hit->target = true;
			continue;
		}
		const char *value = a[length] == '=' ? a + length + 1 : i + 1 < argc ? argv[++i] : NULL;
		if (!value)
			return usage_error(command, "%s wants a value", hit->name);
		int rc = set_value(command, hit, value);
		if (rc)
			return rc;
	}
	return EXIT_OK;
}
