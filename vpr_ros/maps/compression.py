# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Fits coder and reducer of a map on its own descriptors."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from vpr_ros.errors import MapError
from vpr_ros.maps.coder import ItqCoder, PcaReducer
from vpr_ros.maps.descriptors import STORAGES

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from vpr_ros.maps.snapshot import Snapshot


@dataclass(frozen=True, eq=False)
class Rules:
    """A fitted coder and reducer, and the snapshot they were fitted on."""

    basis: Snapshot
    fitted: Snapshot

    def applied_to(self, now: Snapshot) -> Snapshot:
        """Return the map with these rules; its places are still those of the old ones.

        Raises:
            MapError: The map was given other rules since the fit.
        """
        before, after = self.basis.meta, self.fitted.meta
        if (now.meta.coder, now.meta.packing) != (before.coder, before.packing):
            msg = 'the map was recoded meanwhile'
            raise MapError(msg)
        meta = replace(
            now.meta,
            code_bits=after.code_bits,
            coder=after.coder,
            storage=after.storage,
            reducer=after.reducer,
            reduced_dim=after.reduced_dim,
        )
        return replace(now, meta=meta, coder=self.fitted.coder, reducer=self.fitted.reducer)


def refitted(
    now: Snapshot,
    sample: NDArray[np.float32],
    bits: int,
    seed: int,
    dim: int | None,
    storage: str | None,
) -> Rules:
    """Return a map's rules made anew.

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
            f'the descriptors were shortened to {meta.reduced_dim} before, and what was left out '
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
            return Rules(now, replace(new, meta=meta))
        rounded = meta.packing.unpack(meta.packing.pack(sample))
        coder = ItqCoder.fit(rounded, min(bits, meta.packing.dim // 8 * 8), seed)
    except ValueError as error:
        raise MapError(str(error)) from error
    meta = replace(meta, code_bits=coder.bits, coder=coder.id)
    return Rules(now, replace(new, meta=meta, coder=coder))
