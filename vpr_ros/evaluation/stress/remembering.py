# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A describer and a verifier that do their work once for each picture.

Every state and every mode shows the same pictures to the same places. The pictures are told apart
by the `Shot` that was announced before, not by their pixels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vpr_ros.localize import Verifier

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from vpr_ros.describe import Describer
    from vpr_ros.evaluation.stress.recording import Shot
    from vpr_ros.geometry.resection import Resection
    from vpr_ros.localize import Verification
    from vpr_ros.localize.verification.local_features import LocalFeatures
    from vpr_ros.maps import Place, PlaceMap
    from vpr_ros.types import Description, ModelInfo


class RememberingDescriber:
    """Returns the description of the announced picture.

    Args:
        describer: Describes pictures that are not described yet.

    Attributes:
        shot: The announced picture.
    """

    shot: Shot

    def __init__(self, describer: Describer) -> None:
        self._describer = describer

    @property
    def model_info(self) -> ModelInfo:
        """Identity of the model."""
        return self._describer.model_info

    def describe(self, images: Sequence[NDArray[np.uint8]]) -> list[Description]:
        """Return the description for each of the images, which all are the announced one."""
        return [self.shot.described(self._describer) for _ in images]


class RememberingVerifier(Verifier):
    """Keeps the features of each picture and its comparison with each place.

    The copies of a map that are searched one after the other must name their places alike.

    Args:
        verifier: As it would be used without this.
        place_map: The map.

    Attributes:
        shot: The announced picture.
    """

    shot: Shot

    def __init__(self, verifier: Verifier, place_map: PlaceMap) -> None:
        super().__init__(place_map, verifier.detector, verifier.camera)
        self.rule = verifier.rule
        self._queries: dict[Shot, LocalFeatures] = {}
        self._compared: dict[tuple[Shot, int], Verification | None] = {}
        self._measured: dict[tuple[Shot, int], Resection | None] = {}

    def search(self, place_map: PlaceMap) -> None:
        """Take another copy of the map; what depends on the neighbours is learnt anew."""
        if place_map is not self._map:
            self._map = place_map
            self._measured.clear()
            self._parallaxes.clear()

    def load(
        self, place_ids: Sequence[int], pictures: Sequence[NDArray[np.uint8]] = ()
    ) -> list[LocalFeatures]:
        """Return the features of pictures, which are the announced one; see `Verifier.load`."""
        if not pictures:
            return super().load(place_ids)
        new = [i for i in place_ids if (self.shot, i) not in self._compared]
        if self.shot in self._queries:
            super().load(new)
        else:
            (self._queries[self.shot],) = super().load(new, pictures)
        return [self._queries[self.shot]]

    def compare(self, query: LocalFeatures, place_id: int) -> Verification | None:
        """Match a place to the announced picture; None where the place has no thumbnail."""
        key = self.shot, place_id
        if key not in self._compared:
            self._compared[key] = super().compare(query, place_id)
        return self._compared[key]

    def transform(
        self, query: LocalFeatures, place: Place, verification: Verification
    ) -> Resection | None:
        """Return the base of the picture in that of a place; None where it is not measured."""
        key = self.shot, place.id
        if key not in self._measured:
            self._measured[key] = super().transform(query, place, verification)
        return self._measured[key]
