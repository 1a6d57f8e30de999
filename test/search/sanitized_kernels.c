/* SPDX-FileCopyrightText: 2026 The vpr_ros authors
 * SPDX-License-Identifier: Apache-2.0
 *
 * Calls the compiled search with arrays of all lengths, each in memory of its own that ends where the
 * array does, and compares with what is plainly right. To be compiled with sanitizers, which end the
 * program at the first access beyond an array.
 *
 * usage: sanitized_kernels ROUNDS SEED
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int nearest_codes_supported(void);
int inner_products_supported(void);
ptrdiff_t nearest_codes(const uint8_t *, const uint8_t *, ptrdiff_t, ptrdiff_t, ptrdiff_t, intptr_t *, int32_t *);
void inner_products(const float *, const uint8_t *, const intptr_t *, ptrdiff_t, ptrdiff_t, float *);

static uint64_t state;

static uint64_t below(uint64_t limit) { /* xorshift64* */
  state ^= state >> 12;
  state ^= state << 25;
  state ^= state >> 27;
  return (state * 0x2545F4914F6CDD1DULL >> 32) % limit;
}

static void *memory(size_t bytes) {
  void *found = malloc(bytes ? bytes : 1);
  if (!found) abort();
  return found;
}

static void require(int true_, const char *what, long round) {
  if (true_) return;
  fprintf(stderr, "round %ld: %s\n", round, what);
  exit(2);
}

static void codes_round(long round) {
  enum { BYTES = 64 };
  const ptrdiff_t n = (ptrdiff_t)below(300), k = 1 + (ptrdiff_t)below(n ? (uint64_t)n : 1);
  const ptrdiff_t room = k + 9 + (ptrdiff_t)below(40), shift = (ptrdiff_t)below(16);
  const unsigned different = 1 + (unsigned)below(9);
  uint8_t *query = memory(BYTES), *all = memory((size_t)(shift + n * BYTES)), *codes = all + shift;
  intptr_t *rows = memory((size_t)room * sizeof *rows);
  int32_t *distances = memory((size_t)room * sizeof *distances), *truth = memory((size_t)n * sizeof *truth);
  for (int i = 0; i < BYTES; ++i) query[i] = (uint8_t)below(256);
  for (ptrdiff_t row = 0; row < n; ++row) {
    truth[row] = 0;
    for (int i = 0; i < BYTES; ++i) {
      codes[row * BYTES + i] = query[i] ^ (uint8_t)(below(different) ? 0 : below(256));
      truth[row] += __builtin_popcount(codes[row * BYTES + i] ^ query[i]);
    }
  }
  const ptrdiff_t found = nearest_codes(query, codes, n, k, room, rows, distances);
  require(found == (n < k ? n : k), "the number of the nearest codes", round);
  for (ptrdiff_t i = 0; i < found; ++i) {
    require(rows[i] >= 0 && rows[i] < n && distances[i] == truth[rows[i]], "a distance", round);
    require(i == 0 || rows[i - 1] < rows[i], "the order of the rows", round);
  }
  /* No row that was left out is nearer than one that was taken, or as near and earlier. */
  for (ptrdiff_t row = 0, next = 0; row < n; ++row) {
    if (next < found && rows[next] == row) { ++next; continue; }
    for (ptrdiff_t i = 0; i < found; ++i)
      require(distances[i] < truth[row] || (distances[i] == truth[row] && rows[i] < row), "a nearer code", round);
  }
  free(query), free(all), free(rows), free(distances), free(truth);
}

static void products_round(long round) {
  /* Small whole numbers as float16, whose sums are exact in any order. */
  static const uint16_t halves[] = {0x0000, 0x3C00, 0x4000, 0x4200, 0x4400};
  const ptrdiff_t dim = 1 + (ptrdiff_t)below(130), count = 1 + (ptrdiff_t)below(20), n = (ptrdiff_t)below(24);
  const ptrdiff_t shift = (ptrdiff_t)below(64);
  float *query = memory((size_t)dim * sizeof *query), *products = memory((size_t)n * sizeof *products);
  uint8_t *all = memory((size_t)(shift + 2 * count * dim)), *packed = all + shift;
  intptr_t *rows = memory((size_t)n * sizeof *rows);
  int *values = memory((size_t)(count * dim) * sizeof *values);
  for (ptrdiff_t i = 0; i < dim; ++i) query[i] = (float)below(9) - 4;
  for (ptrdiff_t i = 0; i < count * dim; ++i) {
    const int value = (int)below(5), negative = (int)below(2);
    const uint16_t half = (uint16_t)(halves[value] | negative << 15);
    values[i] = negative ? -value : value;
    packed[2 * i] = (uint8_t)half, packed[2 * i + 1] = (uint8_t)(half >> 8);
  }
  for (ptrdiff_t i = 0; i < n; ++i) rows[i] = (intptr_t)below((uint64_t)count);
  inner_products(query, packed, rows, n, dim, products);
  for (ptrdiff_t i = 0; i < n; ++i) {
    float truth = 0;
    for (ptrdiff_t j = 0; j < dim; ++j) truth += query[j] * (float)values[rows[i] * dim + j];
    require(products[i] == truth, "a product", round);
  }
  free(query), free(products), free(all), free(rows), free(values);
}

int main(int count, char **words) {
  const long rounds = count > 1 ? atol(words[1]) : 1000;
  state = (count > 2 ? strtoull(words[2], NULL, 10) : 1) * 2 + 1;
  const int codes = nearest_codes_supported(), products = inner_products_supported();
  for (long round = 0; round < rounds; ++round) {
    if (codes) codes_round(round);
    if (products) products_round(round);
  }
  printf("%ld rounds of %s%s\n", rounds, codes ? "codes " : "", products ? "products" : "");
  return 0;
}
