# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Gives all places of a map other codes and descriptors."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from vpr_ros.errors import MapError
from vpr_ros.maps import descriptors as floats
from vpr_ros.maps.coder import sample_rows
from vpr_ros.maps.compression import CODE_BITS, refitted, with_model, with_rules_of
from vpr_ros.maps.connection import explained
from vpr_ros.maps.editor import MapEditor
from vpr_ros.maps.new_places import require_unit_norm
from vpr_ros.maps.snapshot import cache_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from vpr_ros.maps.snapshot import Snapshot
    from vpr_ros.types import ModelInfo

_CHUNK = 4096


class MapRecoder(MapEditor):
    """Fits codes and shorter descriptors on the places, and takes descriptions of other models."""

    def recode(
        self,
        bits: int = CODE_BITS,
        seed: int = 0,
        dim: int | None = None,
        storage: str | None = None,
    ) -> None:
        """Fit the map's own rules on its descriptors, and bring every place under them.

        A model without a hash head gets a coder: until then such a map has no codes and is
        searched by its float descriptors alone. Descriptors can be shortened to their principal
        components, and stored in fewer bytes; neither can be undone, and similarities
        change their meaning where descriptors are shortened. Queries and places to come are
        treated alike.

        Args:
            bits: Of the codes; lowered to the length of the descriptors where that is less.
            seed: Of the fits.
            dim: New length of the descriptors, None to keep the one they have.
            storage: `float16` or `int8`, None to keep the present one.

        Raises:
            MapError: The model makes the codes itself and nothing else was asked for, there is no
                place to fit on, or the descriptors were shortened before.
        """
        # Fitted before the map is held, so that other threads can add places meanwhile.
        with explained(self._path):
            basis = self._now
            packed = self.packed_descriptors(basis, sample_rows(len(basis)))
            vectors = basis.meta.packing.unpack(packed)
            fitted = refitted(basis, vectors, bits, seed, dim, storage)
        with self.transaction():
            now = self._now
            before = basis.meta.coder, basis.meta.packing
            if (now.meta.coder, now.meta.packing) != before:
                msg = 'the map was recoded meanwhile'
                raise MapError(msg)
            new = with_rules_of(now, fitted)

            def stored(rows: NDArray[np.intp]) -> NDArray[np.float32]:
                vectors = now.meta.packing.unpack(self.packed_descriptors(now, rows))
                return vectors if dim is None else new.reduced(vectors)

            changed = new.meta.packing != now.meta.packing
            self._describe(now, new, stored, now.columns.codes, changed=changed)

    def redescribe(
        self, model: ModelInfo, descriptors: NDArray[np.float16], codes: NDArray[np.uint8]
    ) -> None:
        """Replace the descriptions of all places by those of another model, all at once.

        What was fitted on the old descriptors, see `recode`, is fitted on the new ones: codes of
        as many bits where the model makes none, descriptors of the same shorter length where its
        own are longer. The storage stays as it is, and so does everything else of the places.

        Args:
            model: The model of the descriptions, and of those to come.
            descriptors: (N, D) of unit norm, in the order of the places.
            codes: (N, bits / 8) uint8, most significant bit first; no columns where the model
                makes none.

        Raises:
            MapError: They are not of the model, or not one for each place.
        """
        with self.transaction():
            now = self._now
            wanted = (len(now), model.descriptor_dim), (len(now), model.code_bits // 8)
            if (descriptors.shape, codes.shape) != wanted:
                msg = (
                    f'descriptors {descriptors.shape} and codes {codes.shape} are not those of '
                    f'{model.name} for {len(now)} places: {wanted[0]} and {wanted[1]}'
                )
                raise MapError(msg)
            require_unit_norm(descriptors)
            new = with_model(now, model, descriptors[sample_rows(len(now))].astype(np.float32))

            def given(rows: NDArray[np.intp]) -> NDArray[np.float32]:
                return new.reduced(descriptors[rows].astype(np.float32))

            self._describe(now, new, given, codes, changed=True)

    def _describe(
        self,
        now: Snapshot,
        new: Snapshot,
        floats_of: Callable[[NDArray[np.intp]], NDArray[np.float32]],
        codes: NDArray[np.uint8],
        *,
        changed: bool,
    ) -> None:
        """Bring every place under new rules.

        Args:
            now: The map.
            new: With the new rules.
            floats_of: Returns the descriptors (n, d) of rows, shortened by those rules.
            codes: (N, bits / 8), where the model makes them.
            changed: Whether other bytes than before are stored.
        """
        count, packing = len(now), new.meta.packing
        if new.coder is not None:
            codes = np.empty((count, new.meta.code_bits // 8), np.uint8)
        crcs = now.columns.descriptor_crcs.copy()
        for start in range(0, count, _CHUNK):
            part = np.arange(start, min(start + _CHUNK, count))
            packed = packing.pack(floats_of(part))
            if new.coder is not None:
                codes[part] = new.coder.encode(packing.unpack(packed))
            if changed:
                ids = now.columns.ids[part]
                self._database().executemany(
                    'UPDATE descriptors SET data = ? WHERE place = ?',
                    zip((row.tobytes() for row in packed), ids.tolist(), strict=True),
                )
                crcs[part] = floats.checksums(ids, packed)
        if changed:
            new = replace(new, cache=cache_for(count, packing.row_bytes, self._budget, None))
        self._store_projections(new)
        columns = replace(now.columns, codes=codes, descriptor_crcs=crcs)
        self._rewrite(new, columns, np.arange(count))

    def _store_projections(self, new: Snapshot) -> None:
        """Store coder and reducer in place of any others."""
        self._database().execute('DELETE FROM coder')
        self._database().executemany(
            'INSERT INTO coder VALUES (?, ?, ?)',
            [
                (each.id, each.mean.tobytes(), each.projection.tobytes())
                for each in (new.coder, new.reducer)
                if each is not None
            ],
        )
