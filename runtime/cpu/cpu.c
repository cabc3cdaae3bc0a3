/* Which kernels this processor runs, and what it is called. */
#include "runtime/cpu/cpu.h"

#include <stdio.h>
#include <string.h>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

extern const struct cpu_kernels cpu_kernels_base;
#if defined(__x86_64__)
extern const struct cpu_kernels cpu_kernels_v3, cpu_kernels_v4;
#endif

const struct cpu_kernels *cpu_kernels_at(int i)
{
	if (i == 0)
		return &cpu_kernels_base;
#if defined(__x86_64__)
	bool v3 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
		  __builtin_cpu_supports("bmi2");
	bool v4 = v3 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
		  __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
		  __builtin_cpu_supports("avx512cd");

	if (i == 1 && v3)
		return &cpu_kernels_v3;
	if (i == 2 && v4)
		return &cpu_kernels_v4;
#endif
	return NULL;
}

const struct cpu_kernels *cpu_kernels(void)
{
	const struct cpu_kernels *best = cpu_kernels_at(0), *k;
	int i;

	for (i = 1; (k = cpu_kernels_at(i)); i++)
		best = k;
	return best;
}

const char *cpu_name(void)
{
#if defined(__x86_64__)
	static _Thread_local char name[64];
	char brand[64] = "", *s;
	unsigned r[12], i;
	size_t n;

	if (name[0]) /* a virtual machine is slow to tell */
		return name;
	for (i = 0; i < 3; i++)
		if (!__get_cpuid(0x80000002 + i, &r[4 * i], &r[4 * i + 1], &r[4 * i + 2],
				 &r[4 * i + 3]))
			return "x86-64";
	memcpy(brand, r, sizeof r);
	for (s = brand; *s == ' '; s++)
		;
	for (n = strlen(s); n && s[n - 1] == ' '; n--)
		s[n - 1] = '\0';
	snprintf(name, sizeof name, "%s", n ? s : "x86-64");
	return name;
#elif defined(__aarch64__)
	return "aarch64";
#else
	return "cpu";
#endif
}
