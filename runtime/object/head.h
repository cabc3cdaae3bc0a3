/* The parts a drawn head is made of. Lengths in mm, x to the right of the picture, y to the front,
 * from the middle of the head. head_draw.c makes one from a seed, head.c looks at it. */
#ifndef RUNTIME_OBJECT_HEAD_H
#define RUNTIME_OBJECT_HEAD_H

#include "runtime/object/internal.h"

enum tissue_kind {
#define TISSUE(name, m0, t1, t2, t2p, texture) TISSUE_##name,
#include "runtime/object/tissues.def"
#undef TISSUE
	TISSUES
};
/* Rates are carried, not times: mixtures in a voxel are means of rates. */
struct tissue {
	float m0, r1, r2, r2p, texture;
};

/* A line of fluid with round ends, half-width going from wa to wb. */
struct limb {
	float ax, ay, bx, by, wa, wb;
};

/* Limbs sorted into square cells: a cell lists those that can matter inside it. */
enum { CELLS = 28, LIMB_LIMIT = 1024 };
struct limbs {
	struct limb *limb;
	int n;
	int first[CELLS * CELLS + 1];
	uint16_t *member; /* NULL until sorted */
};
#define CELL_SIZE 8.0f  /* CELLS of them cover any head */
#define LIMB_REACH 7.0f /* beyond this distance a limb changes nothing */

/* An ellipse of one tissue. */
struct blob {
	float x, y, rx, ry, cosine, sine; /* of its tilt */
	enum tissue_kind tissue;
};
enum { BLOB_LIMIT = 32, VENTRICLE_LIMIT = 32 };

struct head {
	float shift[2], cosine, sine; /* pose in the field of view */
	float width, length, taper,
		power; /* outline: half-axes, narrowing to the front, roundness */
	uint32_t seed; /* of all noise */
	float skin, fat, outer, marrow, inner, gap; /* thicknesses from the outside in */
	float temporal;                             /* muscle at the temples */
	float cortex;                               /* thickness of the grey ribbon */
	float wander;                               /* how far noise displaces the folds */
	struct limbs folds;                         /* sulci and fissures */
	struct limb falx[8];
	int n_falx;
	struct blob blob[BLOB_LIMIT]; /* painted in order over white matter */
	int n_blob;
	struct limb ventricle[VENTRICLE_LIMIT];
	int n_ventricle;
	struct blob late[BLOB_LIMIT]; /* painted over the ventricles */
	int n_late;
	float sinus[3]; /* x, y, radius of the vein at the back */
	struct tissue tissue[TISSUES];
};

/* Depth below the skin, mm; negative outside. */
float head_depth(const struct head *h, float x, float y);
/* Depth of the brain's surface below the skin in this direction. */
float head_brain_depth(const struct head *h, float x, float y);

#endif
