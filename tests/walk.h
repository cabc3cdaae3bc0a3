/* The files of a folder tree, in an order that is the same everywhere. */
#ifndef TESTS_WALK_H
#define TESTS_WALK_H

/* Calls visit with each regular file's path relative to `root`, sorted by name; hidden files are
 * passed over. `folder` is relative to root, too. Returns -1 when it cannot be opened. */
int walk(const char *root, const char *folder, void (*visit)(void *context, const char *path),
	 void *context);

#endif
