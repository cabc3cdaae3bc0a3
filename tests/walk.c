#include "tests/walk.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { PATH_BYTES = 4096 };

static int visible(const struct dirent *e)
{
	return e->d_name[0] != '.';
}

/* Not alphasort, whose order is the locale's. */
static int by_bytes(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

int walk(const char *root, const char *folder, void (*visit)(void *context, const char *path),
	 void *context)
{
	char full[PATH_BYTES], path[PATH_BYTES / 2];
	struct dirent **entry;
	struct stat s;
	int i, n;

	snprintf(full, sizeof full, "%s/%s", root, folder);
	n = scandir(full, &entry, visible, by_bytes);
	if (n < 0)
		return -1;
	for (i = 0; i < n; i++) {
		snprintf(path, sizeof path, "%s/%s", folder, entry[i]->d_name);
		snprintf(full, sizeof full, "%s/%s", root, path);
		if (stat(full, &s) == 0 && S_ISDIR(s.st_mode))
			walk(root, path, visit, context);
		else if (stat(full, &s) == 0 && S_ISREG(s.st_mode))
			visit(context, path);
		free(entry[i]);
	}
	free(entry);
	return 0;
}
