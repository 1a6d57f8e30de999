# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vpr_ros.maps import ItqCoder


def clustered(count, dim, seed):
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((max(count // 5, 1), dim))
    points = centres[rng.integers(len(centres), size=count)]
    points = points + 0.3 * rng.standard_normal((count, dim))
    return (points / np.linalg.norm(points, axis=1, keepdims=True)).astype(np.float32)


@settings(max_examples=25)
@given(
    count=st.integers(1, 60),
    dim=st.integers(8, 96),
    bytes_=st.integers(1, 8),
    seed=st.integers(0, 9),
)
def test_any_number_of_descriptors_gives_codes_of_the_length_asked_for(count, dim, bytes_, seed):
    bits = min(8 * bytes_, dim // 8 * 8)
    descriptors = clustered(count, dim, seed)
    coder = ItqCoder.fit(descriptors, bits)
    assert coder.bits == bits
    assert coder.encode(descriptors).shape == (count, bits // 8)
    # A rotation of orthonormal directions, also where data span fewer dimensions than there
    # are bits.
    assert np.allclose(coder.projection.T @ coder.projection, np.eye(bits), atol=1e-4)
    again = ItqCoder.fit(descriptors, bits)
    assert again.id == coder.id
    assert np.array_equal(again.projection, coder.projection)


def test_codes_keep_neighbours_better_than_random_directions():
    descriptors = clustered(600, 64, 0)
    similarity = descriptors @ descriptors.T
    np.fill_diagonal(similarity, -2)
    nearest = similarity.argmax(axis=1)

    def found(codes):
        bits = np.unpackbits(codes, axis=1).astype(int)
        distances = (bits[:, None] != bits[None]).sum(axis=2)
        np.fill_diagonal(distances, 1000)
        ranks = np.argsort(distances, axis=1, kind='stable')[:, :10]
        return (ranks == nearest[:, None]).any(axis=1).mean()

    random = np.random.default_rng(1).standard_normal((64, 16))
    fitted = found(ItqCoder.fit(descriptors, 16).encode(descriptors))
    assert fitted > found(np.packbits(descriptors @ random > 0, axis=1)) + 0.05


@pytest.mark.parametrize(('count', 'bits'), [(0, 8), (5, 12), (5, 64), (5, 0)])
def test_impossible_fit_is_refused(count, bits):
    with pytest.raises(ValueError, match='cannot fit'):
        ItqCoder.fit(np.zeros((count, 32), np.float32), bits)
