/* SPDX-FileCopyrightText: 2026 The vpr_ros authors
 * SPDX-License-Identifier: Apache-2.0
 *
 * Inner products of a float32 query with rows of float16, as re-ranking needs them.
 *
 * A row is eight kilobytes somewhere in a map, so most of the time goes by until it comes from memory.
 * Four rows are multiplied at once while the next four are fetched: four chains of sums hide the latency
 * of each other, and yet every row is summed by itself, in an order that no other row has a part in.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { ROWS = 4, LINE = 64 };

/* A few floats that are multiplied at once, and how a processor does it. */
#if defined(__x86_64__)
#include <immintrin.h>
/* Wider registers (AVX-512) are no sooner done: it is memory that they wait for. */
#define TARGET __attribute__((target("avx2,fma,f16c")))
typedef __m256 Lanes;
enum { WIDTH = 8 };
/* There is no processor with AVX2 that lacks F16C, which not every compiler lets one ask for. */
int inner_products_supported(void) { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }
TARGET static inline Lanes load(const float *from) { return _mm256_loadu_ps(from); }
TARGET static inline Lanes widen(const uint8_t *from) {
  return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)from));
}
TARGET static inline Lanes add_product(Lanes sum, Lanes a, Lanes b) { return _mm256_fmadd_ps(a, b, sum); }
TARGET static inline void store(float *to, Lanes lanes) { _mm256_storeu_ps(to, lanes); }
#elif defined(__aarch64__)
#include <arm_neon.h>
#define TARGET
typedef float32x4_t Lanes;
enum { WIDTH = 4 };
int inner_products_supported(void) { return 1; }
static inline Lanes load(const float *from) { return vld1q_f32(from); }
static inline Lanes widen(const uint8_t *from) { return vcvt_f32_f16(vreinterpret_f16_u8(vld1_u8(from))); }
static inline Lanes add_product(Lanes sum, Lanes a, Lanes b) { return vfmaq_f32(sum, a, b); }
static inline void store(float *to, Lanes lanes) { vst1q_f32(to, lanes); }
#else
int inner_products_supported(void) { return 0; }
#endif

#if defined(TARGET)
TARGET static inline float total(Lanes lanes) {
  float each[WIDTH];
  store(each, lanes);
  for (int half = WIDTH / 2; half; half /= 2)
    for (int i = 0; i < half; ++i) each[i] += each[i + half];
  return each[0];
}

static inline ptrdiff_t least(ptrdiff_t a, ptrdiff_t b) { return a < b ? a : b; }

/* Write the products (n,) of a query (dim,) with those rows (n,) of the packed ones (N, 2 * dim bytes).
 * Nothing needs to be aligned. */
TARGET void inner_products(const float *query, const uint8_t *packed, const intptr_t *rows, ptrdiff_t n,
                           ptrdiff_t dim, float *products) {
  const ptrdiff_t whole = dim - dim % WIDTH, bytes = 2 * dim;
  float query_rest[WIDTH] = {0};
  memcpy(query_rest, query + whole, (size_t)(dim - whole) * sizeof *query);
  for (ptrdiff_t first = 0; first < n; first += ROWS) {
    const uint8_t *row[ROWS], *next[ROWS];
    Lanes sum[ROWS];
    for (int j = 0; j < ROWS; ++j) {
      /* Beyond the end the last row once more, so that few rows take the same way as many. */
      row[j] = packed + rows[least(first + j, n - 1)] * bytes;
      next[j] = packed + rows[least(first + ROWS + j, n - 1)] * bytes;
      sum[j] = load((const float[WIDTH]){0});
    }
    for (ptrdiff_t i = 0; i < whole; i += WIDTH) {
      const Lanes factor = load(query + i);
      for (int j = 0; j < ROWS; ++j) {
        if (2 * i % LINE == 0) __builtin_prefetch(next[j] + 2 * i);
        sum[j] = add_product(sum[j], widen(row[j] + 2 * i), factor);
      }
    }
    for (int j = 0; j < ROWS && first + j < n; ++j) {
      uint8_t rest[2 * WIDTH] = {0};
      memcpy(rest, row[j] + 2 * whole, (size_t)(bytes - 2 * whole));
      products[first + j] = total(add_product(sum[j], widen(rest), load(query_rest)));
    }
  }
}
#endif
