/* Gradient noise: every lattice point holds a random slope; between them a fifth-order fade. */
#include "runtime/object/internal.h"

#include <math.h>

static uint32_t scramble(int32_t x, int32_t y, uint32_t seed)
{
	uint32_t h = seed ^ (uint32_t)x * 0x9e3779b1u ^ (uint32_t)y * 0x85ebca77u;

	h = (h ^ h >> 15) * 0x2c1b3c6du;
	h = (h ^ h >> 12) * 0x297a2d39u;
	return h ^ h >> 15;
}

static float slope(int32_t ix, int32_t iy, uint32_t seed, float dx, float dy)
{
	/* sixteen directions: eight leave visible diagonals */
	static const float direction[16][2] = {
		{ 1, 0 },  { .92388f, .38268f },   { .70711f, .70711f },   { .38268f, .92388f },
		{ 0, 1 },  { -.38268f, .92388f },  { -.70711f, .70711f },  { -.92388f, .38268f },
		{ -1, 0 }, { -.92388f, -.38268f }, { -.70711f, -.70711f }, { -.38268f, -.92388f },
		{ 0, -1 }, { .38268f, -.92388f },  { .70711f, -.70711f },  { .92388f, -.38268f },
	};
	const float *d = direction[scramble(ix, iy, seed) & 15];

	return d[0] * dx + d[1] * dy;
}

static float fade(float t)
{
	return t * t * t * (t * (t * 6 - 15) + 10);
}

float noise2(float x, float y, uint32_t seed)
{
	float fx = floorf(x), fy = floorf(y), u, v, a, b;
	int32_t ix = (int32_t)fx, iy = (int32_t)fy;

	x -= fx;
	y -= fy;
	u = fade(x);
	v = fade(y);
	a = slope(ix, iy, seed, x, y);
	a += u * (slope(ix + 1, iy, seed, x - 1, y) - a);
	b = slope(ix, iy + 1, seed, x, y - 1);
	b += u * (slope(ix + 1, iy + 1, seed, x - 1, y - 1) - b);
	return 1.5f * (a + v * (b - a));
}
