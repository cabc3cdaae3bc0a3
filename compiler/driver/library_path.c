/* Folders in which modules and libraries are looked for, after the folder of the file itself. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "compiler/driver/driver.h"

static void add(struct folder_list *f, const char *folder, bool asked)
{
	struct stat info;
	if (f->n == PRECESS_COUNT(f->item))
		return;
	/* What nobody named is searched where it exists, and then named in messages. */
	if (asked || (!stat(folder, &info) && S_ISDIR(info.st_mode)))
		f->item[f->n++] = folder;
}

/* "a:b:c", the way of PATH; empty parts are left out. */
static void add_all(struct folder_list *f, struct arena *a, const char *list, const char *below)
{
	for (const char *s = list; s && *s;) {
		size_t n = strcspn(s, ":");
		if (n)
			add(f, arena_printf(a, "%.*s%s", (int)n, s, below), !*below);
		s += n + (s[n] == ':');
	}
}

void library_folders(struct folder_list *f, struct arena *a, const struct option_list *given)
{
	const char *user = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
	const char *system = getenv("XDG_DATA_DIRS");
	f->n = 0;
	for (size_t i = 0; given && i < given->n; i++)
		add(f, given->item[i], true);
	add_all(f, a, getenv("PRECESS_PATH"), "");
	if (user && *user)
		add(f, arena_printf(a, "%s/precess", user), false);
	else if (home && *home)
		add(f, arena_printf(a, "%s/.local/share/precess", home), false);
	add_all(f, a, system && *system ? system : "/usr/local/share:/usr/share", "/precess");
}
