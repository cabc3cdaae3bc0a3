/* A folder for the files of a test, created before it and removed after it. */
#ifndef TESTS_UNIT_FOLDER_H
#define TESTS_UNIT_FOLDER_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char folder[] = "/tmp/precess-test-XXXXXX";

static inline int folder_create(void **state)
{
	(void)state;
	return mkdtemp(folder) ? 0 : -1;
}

static inline int folder_remove(void **state)
{
	(void)state;
	return rmdir(folder); /* fails when a test left something: no temporary may survive */
}

/* Up to four names live at once. */
static inline const char *in_folder(const char *name)
{
	static char path[4][160];
	static int turn;
	int i = turn++ % 4;

	snprintf(path[i], sizeof path[i], "%s/%s", folder, name);
	return path[i];
}

#endif
