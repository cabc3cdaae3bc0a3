/* What `precess map` and `precess evaluate` of maps share. */
#ifndef COMPILER_DRIVER_MAP_H
#define COMPILER_DRIVER_MAP_H

#include "compiler/driver/driver.h"
#include "runtime/mapping/mapping.h"

/* Images by name: "FILE.h5[:/dataset]" or "FILE.nii[:VOLUME]", every one an echo or several, or raw data,
 * which are reconstructed. `te` is a list "35ms,50ms" for all images in the order given, or NULL: what
 * the files tell. */
struct map_files {
	const char *const *image;
	size_t n;
	const struct option_list *phase; /* of the images, which are magnitudes then; none: empty */
	const char *te;
	double fov[2]; /* of raw data that do not tell it, m; 0: not named */
	bool conjugate;
	int threads;
};
struct map_input {
	struct mapping_series *series;
	bool is_real;             /* magnitudes without phases */
	struct text report;       /* lines on what had to be done to the files */
	json_t *source;           /* the same, one object each */
	bool *mask;               /* from a file; NULL: none was named */
	struct io_image *first;   /* for its parameters */
	struct io_volume place;   /* of the first in space; without values */
	const char *first_name;
};
/* One file, as above. */
precess_status map_read_image(struct io_image **out, const char *name);
/* `in` must be closed whatever the outcome. */
int map_input_open(struct map_input *in, const struct map_files *f);
void map_input_close(struct map_input *in);
/* The image of raw data. */
precess_status map_read_raw(struct io_image **out, struct io_volume *place, struct map_input *in,
			    const char *name, const struct map_files *f);
/* Turns the magnitudes m by the phases of the file; shape and values must fit. */
precess_status map_add_phase(struct io_image *m, struct map_input *in, const char *name,
			     const char *phase);

/* The sequence of the images, and its parameters: as set, else as the images tell, else the defaults. */
struct map_sequence {
	struct compiled compiled;
	double *param;
};
int map_sequence_open(struct map_sequence *q, const char *path, const struct compile_options *o,
		      const struct io_image *image, const char *image_name);
void map_sequence_close(struct map_sequence *q);
/* `text`: a fraction of the first echo's magnitude, "none", or a file whose zeros are left out, whose
 * mask is in->mask. */
int map_mask(struct mapping_options *o, struct map_input *in, const char *text);
/* T2 of every slice by a network, finer than the images; `place` is that of the maps. Returns an
 * exit status, told. */
struct map_network {
	const char *model;
	const struct option_list *set; /* parameters that the images do not tell */
	const struct option_list *library; /* folders to search for modules */
	double fraction;   /* of the images' 99th percentile, below which there is no map; < 0: 0 */
	const bool *mask;  /* per voxel of the images; NULL: all */
	int threads;
	bool json;
};
int map_network(struct mapping_maps **out, struct io_volume *place, const struct map_input *in,
		const struct map_network *o);
/* "LO,HI" of a time; false, told, when it is not. */
bool map_range(double range[2], const char *option, const char *text);

/* One file of all maps, or NAME.nii of T2 in milliseconds and NAME-M0.nii ... of the others. */
precess_status map_write_probe(const char *path); /* its name chooses one of them */
precess_status map_write(const char *path, const struct mapping_maps *m, const char *method,
			 const struct io_volume *place);
bool map_is_nifti(const char *path);
/* PREFIX.png: T2 of the middle slice over [lo, hi] s. */
precess_status map_picture(const char *prefix, const struct mapping_maps *m, const double window[2]);

#endif
