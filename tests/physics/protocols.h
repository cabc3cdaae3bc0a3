/* The three sequences of sequences.md at any matrix, by hand through the IR. */
#ifndef TESTS_PHYSICS_PROTOCOLS_H
#define TESTS_PHYSICS_PROTOCOLS_H

#include "build.h"

static const double fov = 0.22;

/* Lines of alternating sign with blips between; prephased to (-n/2, -n/2) cells. */
static inline void play_epi(struct build *b, int n, double dwell)
{
	build_open(b);
	add_moment(b, 0, 0, 1e-3, -n / 2 / fov);
	add_moment(b, 1, 0, 1e-3, -n / 2 / fov);
	build_close(b, 0);
	for (int i = 0; i < n; i++) {
		build_open(b);
		add_moment(b, 0, 0, n * dwell, (i % 2 ? -n : n) / fov);
		add_adc(b, 0, (uint32_t)n, dwell, 0, 0, i);
		build_close(b, 0);
		play_moment(b, 1, dwell, 1 / fov);
	}
}

static inline struct draw *epi(int n)
{
	struct build b = build_begin(fov, 0, n);

	play_rf(&b, 100e-6, PI / 2, 0, IR_USE_excitation);
	play_delay(&b, 10e-3);
	play_epi(&b, n, 3e-6);
	return build_end(&b);
}

/* Shots of `etl` echoes; crushers of `cycles` through the slice. */
static inline struct draw *fse(int n, int etl, double esp, double cycles)
{
	struct build b = build_begin(fov, 5e-3, n);
	const double dwell = 20e-6, rf = 500e-6, pre = 500e-6, crush = 400e-6, pe = 200e-6;
	const double side = 0.5 * esp - 0.5 * rf - crush - pe - 0.5 * n * dwell;
	const int shots = n / etl;

	for (int s = 0; s < shots; s++) {
		play_reset(&b);
		play_rf(&b, rf, 50 * deg, 0, IR_USE_excitation);
		play_moment(&b, 0, pre, 0.5 * n / fov);
		play_delay(&b, 0.5 * esp - rf - pre - crush);
		for (int i = 0; i < etl; i++) {
			int line = s + shots * i;
			double ky = (line - n / 2) / fov;

			play_moment(&b, 2, crush, cycles / 5e-3);
			play_rf(&b, rf, PI, PI / 2, IR_USE_refocusing);
			play_moment(&b, 2, crush, cycles / 5e-3);
			play_moment(&b, 1, pe, ky);
			play_delay(&b, side);
			build_open(&b);
			add_moment(&b, 0, 0, n * dwell, n / fov);
			add_adc(&b, 0, (uint32_t)n, dwell, 0, 0, line);
			build_close(&b, 0);
			play_moment(&b, 1, pe, -ky);
			play_delay(&b, side);
		}
	}
	return build_end(&b);
}

/* Up to the crusher behind the refocusing pulse. Echo-shifting gradients in cells as for a matrix
 * of 128, scaled to n. */
static inline void play_moled_pulses(struct build *b, int n, double cycles)
{
	static const double tau[] = { 55e-3, 41e-3, 26e-3, 11e-3, 0 };
	static const double gx[] = { 24, -12, 24, -18 }, gy[] = { 32, 32, 32, -48 };
	const double exc = 200e-6, ref = 400e-6, crush = 1e-3;

	for (int i = 0; i < 4; i++) {
		double last = i == 3 ? 0.5 * ref + crush : 0.5 * exc;

		play_rf(b, exc, 30 * deg, 0, IR_USE_excitation);
		build_open(b);
		add_moment(b, 0, 0, 1e-3, gx[i] * n / 128 / fov);
		add_moment(b, 1, 0, 1e-3, gy[i] * n / 128 / fov);
		build_close(b, 0);
		play_delay(b, tau[i] - tau[i + 1] - 0.5 * exc - 1e-3 - last);
	}
	play_moment(b, 2, crush, cycles / 5e-3);
	play_rf(b, ref, PI, PI / 2, IR_USE_refocusing);
	play_moment(b, 2, crush, cycles / 5e-3);
}

static inline struct draw *moled(int n, double cycles)
{
	struct build b = build_begin(fov, 5e-3, n);

	play_moled_pulses(&b, n, cycles);
	play_epi(&b, n, 3e-6);
	return build_end(&b);
}

#endif
