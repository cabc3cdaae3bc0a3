/* Names of the methods. */
#include "runtime/sim/sim.h"

#include <string.h>

static const char *const names[] = {
#define METHOD(name, doc) #name,
#include "runtime/sim/methods.def"
#undef METHOD
};

const char *sim_method_name(enum sim_method m)
{
	return (unsigned)m < SIM_METHODS ? names[m] : "?";
}

int sim_method_find(const char *name)
{
	for (int i = 0; i < SIM_METHODS; i++) {
		if (!strcmp(names[i], name))
			return i;
	}
	return -1;
}
