/* What `precess reconstruct` and `precess map` share: raw data of a file to one complex image. */
#ifndef COMPILER_DRIVER_RECONSTRUCT_H
#define COMPILER_DRIVER_RECONSTRUCT_H

#include "compiler/driver/driver.h"
#include "runtime/recon/recon.h"

struct reconstruction {
	struct recon_scan *scan;
	struct recon_result *result;
	struct recon_options options; /* as they were used */
	struct text steps;            /* in words */
	double fov[2], thickness;     /* m; 0: not known. The caller may fill them in */
	double seconds_read;
};
/* Both release nothing: reconstruction_free does, whatever their outcome. */
precess_status reconstruction_read(struct reconstruction *r, const char *path,
				   const struct recon_names *names);
/* The field of view that was named for a file that does not tell it; 0: none was. */
precess_status reconstruction_fov(struct reconstruction *r, const double fov[2]);
/* Without navigators there is no phase to find: `phase_asked` insists. Warns on standard error of
 * calibration lines that do not fit. */
precess_status reconstruction_run(struct reconstruction *r, const struct recon_options *o,
				  bool phase_asked);
void reconstruction_free(struct reconstruction *r);

/* Place and size of the image, without values; the field of view must be known. */
void reconstruction_place(struct io_volume *v, const struct reconstruction *r);
/* Lines of a report, and the same as an object (new reference). */
void reconstruction_tell(struct text *t, const struct reconstruction *r);
json_t *reconstruction_json(const struct reconstruction *r);

#endif
