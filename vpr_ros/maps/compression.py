# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The rules that a map makes codes and stored descriptors by, fitted on its own descriptors."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from vpr_ros.errors import MapError
from vpr_ros.maps.coder import ItqCoder, PcaReducer
from vpr_ros.maps.descriptors import FLOAT16, STORAGES
from vpr_ros.maps.meta import HASH_HEAD

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from vpr_ros.maps.snapshot import Snapshot
    from vpr_ros.types import ModelInfo

CODE_BITS = 512
"""Bits of fitted codes, unless told otherwise."""


def with_rules_of(now: Snapshot, other: Snapshot) -> Snapshot:
    """Return a map with coder, reducer and storage of another; its places stay as they are."""
    names = ('code_bits', 'coder', 'storage', 'reducer', 'reduced_dim')
    meta = replace(now.meta, **{name: getattr(other.meta, name) for name in names})
    return replace(now, meta=meta, coder=other.coder, reducer=other.reducer)


def with_model(now: Snapshot, model: ModelInfo, sample: NDArray[np.float32]) -> Snapshot:
    """Return a map with another model; its places still have the descriptions of the old one.

    What was fitted on the descriptors is fitted anew, as far as the model leaves room for it:
    codes of as many bits, and descriptors of the same shorter length. The storage stays.

    Args:
        now: The map.
        model: The model to come.
        sample: Some of its descriptors of the places (n, D).
    """
    old = now.meta
    bits = CODE_BITS if old.model.code_bits else old.code_bits or CODE_BITS
    dim = old.reduced_dim if 0 < old.reduced_dim < model.descriptor_dim else None
    meta = replace(
        old,
        model=model,
        code_bits=model.code_bits,
        coder=HASH_HEAD if model.code_bits else '',
        storage=FLOAT16,
        reducer='',
        reduced_dim=0,
    )
    plain = replace(now, meta=meta, coder=None, reducer=None)
    if not len(sample):
        return replace(plain, meta=replace(meta, storage=old.storage))
    return refitted(plain, sample, bits, 0, dim, old.storage)


def refitted(
    now: Snapshot,
    sample: NDArray[np.float32],
    bits: int,
    seed: int,
    dim: int | None,
    storage: str | None,
) -> Snapshot:
    """Return a map with rules made anew; its places are still those of the old ones.

    Args:
        now: The map.
        sample: Some of its descriptors (n, D).
        bits: Of the codes, where the model has no hash head.
        seed: Of the fits.
        dim: New length of the descriptors, None to keep it.
        storage: How they are stored, None to leave that as it is.

    Raises:
        MapError: There is nothing to fit on, or an argument is out of range.
    """
    meta = now.meta
    if meta.model.code_bits and dim is None and storage is None:
        msg = f'the codes of this map are made by {meta.model.name} itself'
        raise MapError(msg)
    if storage not in (None, *STORAGES):
        msg = f'descriptors can be stored as {" or ".join(STORAGES)}, not {storage!r}'
        raise MapError(msg)
    if dim is not None and now.reducer is not None:
        msg = (
            f'the descriptors were shortened to {meta.reduced_dim} before, and the rest '
            'is gone: map again, or merge from maps that were not shortened'
        )
        raise MapError(msg)
    try:
        reducer = now.reducer if dim is None else PcaReducer.fit(sample, dim, seed)
        new = replace(now, reducer=reducer)
        meta = replace(meta, storage=storage or meta.storage)
        if dim is not None and reducer is not None:
            sample = reducer.reduce(sample)
            meta = replace(meta, reducer=reducer.id, reduced_dim=dim)
        if meta.model.code_bits:
            return replace(new, meta=meta)
        rounded = meta.packing.unpack(meta.packing.pack(sample))
        coder = ItqCoder.fit(rounded, min(bits, meta.packing.dim // 8 * 8), seed)
    except ValueError as error:
        raise MapError(str(error)) from error
    meta = replace(meta, code_bits=coder.bits, coder=coder.id)
    return replace(new, meta=meta, coder=coder)
