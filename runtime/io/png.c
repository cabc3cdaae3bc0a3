/* Grey pictures. */
#include "runtime/io/io.h"

#include <errno.h>
#include <math.h>
#include <png.h>
#include <stdlib.h>
#include <string.h>

enum { SIDE_LIMIT = 1 << 16 }; /* what common viewers open */

static void fill_row(png_bytep row, const float *value, int nx, double lo, double hi, int zoom)
{
	double scale = hi > lo ? 255 / (hi - lo) : 0, v;
	int i;

	for (i = 0; i < nx; i++) {
		v = (value[i] - lo) * scale;
		v = v > 0 ? fmin(v, 255) : 0; /* not a number is black */
		memset(row + (size_t)i * zoom, (int)(v + 0.5), (size_t)zoom);
	}
}

/* The library would print: what went wrong is the caller's to tell. */
static void give_up(png_structp png, png_const_charp why)
{
	(void)why;
	png_longjmp(png, 1);
}

/* false when the library failed. Nothing of this frame that changes after setjmp is read later. */
static bool write_rows(FILE *f, const float *value, int nx, int ny, double lo, double hi, int zoom,
		       png_bytep row)
{
	png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, give_up, NULL);
	png_infop info = png ? png_create_info_struct(png) : NULL;
	int iy, i;

	if (!info) {
		png_destroy_write_struct(&png, NULL);
		return false;
	}
	if (setjmp(png_jmpbuf(png))) {
		png_destroy_write_struct(&png, &info);
		return false;
	}
	png_init_io(png, f);
	png_set_IHDR(png, info, (png_uint_32)(nx * zoom), (png_uint_32)(ny * zoom), 8,
		     PNG_COLOR_TYPE_GRAY, PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
		     PNG_FILTER_TYPE_DEFAULT);
	png_write_info(png, info);
	for (iy = ny - 1; iy >= 0; iy--) { /* the top row of a picture comes first */
		fill_row(row, value + (size_t)iy * nx, nx, lo, hi, zoom);
		for (i = 0; i < zoom; i++)
			png_write_row(png, row);
	}
	png_write_end(png, NULL);
	png_destroy_write_struct(&png, &info);
	return true;
}

precess_status io_write_png(const char *path, const float *value, int nx, int ny, double lo,
			    double hi, int zoom)
{
	struct file_output *out = NULL;
	precess_status st;
	png_bytep row;
	FILE *f;
	bool good;

	if (zoom < 1 || nx < 1 || ny < 1 || nx > SIDE_LIMIT / zoom || ny > SIDE_LIMIT / zoom)
		return precess_fail(PRECESS_EINVAL,
				    "%s: a picture of %d x %d, zoom %d; the limit is "
				    "%d pixels along a side",
				    path, nx, ny, zoom, SIDE_LIMIT);
	if ((st = file_output_create(&out, path)) != 0)
		return st;
	row = malloc((size_t)nx * (size_t)zoom);
	f = fopen(out->temporary, "wb");
	good = row && f && write_rows(f, value, nx, ny, lo, hi, zoom, row);
	if (f && fclose(f) != 0)
		good = false;
	free(row);
	if (good)
		return file_output_commit(out);
	st = precess_fail(PRECESS_EIO, "cannot write %s: %s", path, strerror(errno));
	file_output_discard(out);
	return st;
}
