/* The templates of models/, embedded: written by models/embed.cmake, ended by a NULL. */
#ifndef COMPILER_DRIVER_TEMPLATES_H
#define COMPILER_DRIVER_TEMPLATES_H

struct network_text {
	const char *name, *text;
};
extern const struct network_text network_texts[];

#endif
