# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Projections fitted on the descriptors of a map.

Binary codes for models without a hash head, by iterative quantization: project on the principal
directions, then rotate so that the signs lose least (Gong et al., Iterative Quantization, PAMI
2013, equations 3 and 4, algorithm 1). Shorter descriptors, by principal component analysis.
"""

from __future__ import annotations

import hashlib
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from threadpoolctl import ThreadpoolController

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from vpr_ros.maps.meta import Meta

    Fetch = Callable[[str], tuple[bytes, bytes] | None]

_Fitted = TypeVar('_Fitted', bound='Projection')

_SETTLED = 1e-4
"""Share of bits that may still change when the rotation counts as found."""
_ITERATIONS = 30
"""Most alternations between codes and rotation; small samples settle soon."""
_GREATEST = 1e3
"""Elements of unit vectors and of orthonormal columns are within 1."""
_SHARED = 64
"""Descriptors whose encoding is worth several threads."""
_SAMPLE = 8192
"""Descriptors that a fit looks at, spread evenly over the map."""


@dataclass(frozen=True, eq=False)
class Projection:
    """A projection fitted on descriptors.

    Attributes:
        mean: (D,) float32, subtracted first.
        projection: (D, d) float32.
    """

    mean: NDArray[np.float32]
    projection: NDArray[np.float32]
    kind = ''

    @cached_property
    def id(self) -> str:
        """Identity: the kind and the sha256 (hex) of mean and projection."""
        digest = hashlib.sha256(self.mean.astype('<f4').tobytes())
        digest.update(self.projection.astype('<f4').tobytes())
        return f'{self.kind}-{digest.hexdigest()}'

    @property
    def sound(self) -> bool:
        """Whether its numbers are those of a fit: finite, and no larger than such can be."""
        values = self.mean, self.projection
        return all(bool((np.abs(each) <= _GREATEST).all()) for each in values)


class ItqCoder(Projection):
    """Signs of a learned projection (D, bits)."""

    kind = 'itq'

    @property
    def bits(self) -> int:
        """Bits of a code, a multiple of 8."""
        return int(self.projection.shape[1])

    @cached_property
    def _offset(self) -> NDArray[np.float32]:
        return self.mean @ self.projection

    def encode(self, descriptors: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Return the codes (N, bits / 8), most significant bit first, of descriptors (N, D).

        Descriptors are rounded to float16 first, as a map stores them, so that a query and the
        place it became have the same code.
        """
        rounded = descriptors.astype(np.float16).astype(np.float32)
        with one_thread() if len(rounded) < _SHARED else nullcontext():
            projected = rounded @ self.projection
        return np.packbits(projected >= self._offset, axis=1)

    @staticmethod
    def fit(descriptors: NDArray[np.float32], bits: int = 512, seed: int = 0) -> ItqCoder:
        """Fit a coder; the same input gives the same coder.

        Fewer descriptors than bits are no obstacle: the principal directions are completed to an
        orthonormal basis by random ones.

        Args:
            descriptors: (N, D) float32, N >= 1.
            bits: Multiple of 8, at most D.
            seed: Of the random directions and the first rotation.

        Raises:
            ValueError: There is nothing to fit, or `bits` is out of range.
        """
        count, dim = descriptors.shape
        if count == 0 or bits % 8 or not 8 <= bits <= dim:
            msg = f'cannot fit {bits} bits to {count} descriptors of length {dim}'
            raise ValueError(msg)
        rng = np.random.default_rng(seed)
        sample = descriptors[sample_rows(count)]
        mean = sample.mean(axis=0, dtype=np.float64).astype(np.float32)
        with one_thread():
            centred = sample - mean
            directions = _principal_directions(centred, bits, rng)
            rotation = _best_rotation(centred @ directions, rng)
        return ItqCoder(mean, (directions @ rotation).astype(np.float32))


class PcaReducer(Projection):
    """Shortens descriptors by orthonormal columns (D, d), greatest variance first."""

    kind = 'pca'

    def reduce(self, descriptors: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return (N, d) of unit norm for descriptors (N, D)."""
        # Row by row, for a matrix product rounds a row differently in different company, and
        # the same image must be the same descriptor.
        with one_thread():
            reduced = np.stack([(row - self.mean) @ self.projection for row in descriptors])
        norms = np.linalg.norm(reduced, axis=1, keepdims=True)
        return np.asarray(reduced / np.maximum(norms, np.finfo(np.float32).tiny))

    @staticmethod
    def fit(descriptors: NDArray[np.float32], dim: int, seed: int = 0) -> PcaReducer:
        """Fit a reducer; the same input gives the same.

        Args:
            descriptors: (N, D) float32, N >= 1.
            dim: Length d of the results, less than D.
            seed: Of the directions that complete those of fewer than `dim` descriptors.

        Raises:
            ValueError: There is nothing to fit, or `dim` is out of range.
        """
        count, length = descriptors.shape
        if count == 0 or not 1 <= dim < length:
            msg = f'cannot shorten {count} descriptors of length {length} to {dim}'
            raise ValueError(msg)
        mean = descriptors.mean(axis=0, dtype=np.float64).astype(np.float32)
        with one_thread():
            rng = np.random.default_rng(seed)
            directions = _principal_directions(descriptors - mean, dim, rng)
        return PcaReducer(mean, directions.astype(np.float32))


def fitted_of(meta: Meta, fetch: Fetch) -> tuple[ItqCoder | None, PcaReducer | None]:
    """Return the coder and the reducer that belong to a map, None where it has none.

    Args:
        meta: Metadata of the map.
        fetch: Returns mean and projection of an identity, little-endian float32; None for none.

    Raises:
        ValueError: One is missing or damaged.
    """
    coder, reducer = None, None
    if meta.coder and not meta.model.code_bits:
        coder = _fitted(ItqCoder, meta.coder, fetch, meta.packing.dim, meta.code_bits)
    if meta.reducer:
        dims = meta.model.descriptor_dim, meta.reduced_dim
        reducer = _fitted(PcaReducer, meta.reducer, fetch, *dims)
    return coder, reducer


def _fitted(kind: type[_Fitted], key: str, fetch: Fetch, rows: int, columns: int) -> _Fitted:
    found = fetch(key)
    if found is not None:
        mean, projection = (np.frombuffer(blob, '<f4') for blob in found)
        fitted = kind(mean.reshape(rows), projection.reshape(rows, columns))
        if fitted.id == key and fitted.sound:
            return fitted
    msg = 'the checksum of its coder does not match'
    raise ValueError(msg)


def sample_rows(count: int, most: int = _SAMPLE) -> NDArray[np.intp]:
    """Return which of so many rows are looked at, at most so many, spread evenly over them.

    As many as a fit looks at, where no other number is given.
    """
    return np.linspace(0, count - 1, min(count, most)).astype(np.intp)


def one_thread() -> Any:
    """Keep BLAS from waiting for its own threads, context manager.

    On a processor with other work to do, two threads took 4 to 8 times as long to decompose many
    small matrices, and 40 times as long to encode one descriptor.
    """
    return _blas().limit(limits=1)


@cache
def _blas() -> ThreadpoolController:
    """Return the controller of numpy's BLAS threads; finding it takes longer than to encode."""
    return ThreadpoolController().select(user_api='blas')


def _best_rotation(
    projected: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.float64]:
    """Return the rotation (bits, bits) after which the signs lose least (algorithm 1)."""
    bits = projected.shape[1]
    rotation = np.linalg.qr(rng.standard_normal((bits, bits)))[0]
    codes = np.zeros_like(projected)
    for _ in range(_ITERATIONS):
        previous, codes = codes, np.where(projected @ rotation >= 0, 1.0, -1.0)
        if np.count_nonzero(codes != previous) <= _SETTLED * codes.size:
            break
        left, _, right = np.linalg.svd(projected.T @ codes)
        rotation = left @ right
    return np.asarray(rotation)


def _principal_directions(
    centred: NDArray[np.float32], number: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Return (D, number) orthonormal directions, those of greatest variance first.

    Randomized range finder with two power iterations (Halko et al., SIAM Review 2011,
    algorithm 4.4): exact where the data have fewer dimensions than `number` + 32, and never a
    (D, D) matrix.
    """
    dim = centred.shape[1]
    width = min(dim, number + 32)
    # The range of the data, and random directions where that range is smaller than asked for.
    basis = np.linalg.qr(rng.standard_normal((dim, width)))[0]
    for _ in range(3):
        basis = np.linalg.qr(centred.T @ (centred @ basis))[0]
    projected = centred @ basis
    _, vectors = np.linalg.eigh(projected.T @ projected)
    return np.asarray(basis @ vectors[:, ::-1][:, :number], np.float64)
