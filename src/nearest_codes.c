/* SPDX-FileCopyrightText: 2026 The vpr_ros authors
 * SPDX-License-Identifier: Apache-2.0
 *
 * The codes of 512 bits that are nearest to a query by Hamming distance, exactly.
 *
 * Eight codes are compared at once, one in each register, and their counts are added across so that one
 * comparison tells whether any is near enough. What is near enough gathers in a pool; when that is full,
 * the nearest are kept and tell what is near enough from then on, so that few codes ever get that far.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { BYTES = 64, BITS = 8 * BYTES, LANES = 8 };

#if defined(__x86_64__)
#include <immintrin.h>
#define TARGET __attribute__((target("avx512f,avx512vpopcntdq")))
int nearest_codes_supported(void) {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vpopcntdq");
}

/* Keep the nearest k of n in their order, of equally near ones the first; return the distance from which
 * on a later one is no nearer than any of them. */
static int32_t keep_nearest(intptr_t *rows, int32_t *distances, ptrdiff_t n, ptrdiff_t k) {
  ptrdiff_t count[BITS + 1] = {0}, nearer = 0, kept = 0;
  for (ptrdiff_t i = 0; i < n; ++i) ++count[distances[i]];
  int32_t limit = 0;
  while (nearer + count[limit] < k) nearer += count[limit++];
  ptrdiff_t room = k - nearer;
  for (ptrdiff_t i = 0; i < n; ++i)
    if (distances[i] < limit || (distances[i] == limit && room-- > 0)) {
      rows[kept] = rows[i];
      distances[kept++] = distances[i];
    }
  return limit;
}

/* The distances of eight codes to a query. */
TARGET static inline __m512i distances_of(__m512i query, const uint8_t *codes) {
  __m512i bits[LANES], pairs[LANES / 2], fours[LANES / 4];
  for (int j = 0; j < LANES; ++j)
    bits[j] = _mm512_popcnt_epi64(_mm512_xor_si512(query, _mm512_loadu_si512(codes + BYTES * j)));
  for (int j = 0; j < LANES / 2; ++j)
    pairs[j] = _mm512_add_epi64(_mm512_unpacklo_epi64(bits[2 * j], bits[2 * j + 1]),
                                _mm512_unpackhi_epi64(bits[2 * j], bits[2 * j + 1]));
  for (int j = 0; j < LANES / 4; ++j)
    fours[j] = _mm512_add_epi64(_mm512_shuffle_i64x2(pairs[2 * j], pairs[2 * j + 1], 0x88),
                                _mm512_shuffle_i64x2(pairs[2 * j], pairs[2 * j + 1], 0xdd));
  return _mm512_add_epi64(_mm512_shuffle_i64x2(fours[0], fours[1], 0x88),
                          _mm512_shuffle_i64x2(fours[0], fours[1], 0xdd));
}

/* Write rows and distances of the k codes nearest to a query (64 bytes) among those given (n, 64 bytes), by
 * ascending row; of equally near ones the first. Return how many there are.
 *
 * rows and distances have room for `room` > k + 8. */
TARGET ptrdiff_t nearest_codes(const uint8_t *query, const uint8_t *codes, ptrdiff_t n, ptrdiff_t k,
                               ptrdiff_t room, intptr_t *rows, int32_t *distances) {
  const __m512i wanted = _mm512_loadu_si512(query);
  ptrdiff_t found = 0;
  int32_t limit = BITS + 1;
  for (ptrdiff_t first = 0; first < n; first += LANES) {
    const ptrdiff_t here = n - first < LANES ? n - first : LANES;
    uint8_t last[LANES * BYTES];
    const uint8_t *from = codes + BYTES * first;
    if (here < LANES) {
      memset(last, 0, sizeof last);
      from = memcpy(last, from, (size_t)(BYTES * here));
    }
    const __m512i far = distances_of(wanted, from);
    if (!_mm512_cmplt_epi64_mask(far, _mm512_set1_epi64(limit))) continue;
    int64_t each[LANES];
    _mm512_storeu_si512(each, far);
    for (ptrdiff_t j = 0; j < here; ++j)
      if (each[j] < limit) {
        rows[found] = first + j;
        distances[found++] = (int32_t)each[j];
      }
    if (found > room - LANES) {
      limit = keep_nearest(rows, distances, found, k);
      found = k;
    }
  }
  if (found > k) {
    keep_nearest(rows, distances, found, k);
    found = k;
  }
  return found;
}
#else
int nearest_codes_supported(void) { return 0; }
#endif
