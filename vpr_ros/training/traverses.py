# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Recall of a network in training on pairs of traverses that it is not trained on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vpr_ros.describe.preprocess import preprocess
from vpr_ros.errors import BagError
from vpr_ros.evaluation import Tolerance
from vpr_ros.evaluation.datasets import frame_images, listed, query_keys, utm_images
from vpr_ros.evaluation.metrics import first_ranks, recall_of_ranks, within
from vpr_ros.inputs.bags import Bag, choose_topics
from vpr_ros.inputs.folders import images_in
from vpr_ros.inputs.frames import ImageFile
from vpr_ros.inputs.replay import replay_frames
from vpr_ros.search.kernels import nearest_codes
from vpr_ros.training.overriding import RecipeError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch
    from numpy.typing import NDArray
    from torch import nn

    from vpr_ros.training.recipe import TraversePair

_BATCH = 32
_BLOCK = 64
"""Queries compared with the whole map at once."""
_CANDIDATES = 100
_DEPTH = 10
"""Images found for each query."""


@dataclass(frozen=True, eq=False)
class ValidationTraverse:
    """Images along a way.

    Attributes:
        images: RGB (H, W, 3) uint8, or files of them, which are read each time.
        poses: (N, 7); for a folder of numbered frames x is the number.
    """

    images: Sequence[NDArray[np.uint8] | Path]
    poses: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Described:
    """A traverse described by a network: descriptors (N, D) and codes (N, bytes) or None."""

    descriptors: NDArray[np.float32]
    codes: NDArray[np.uint8] | None


def open_traverse(path: str, keys: str = '') -> ValidationTraverse:
    """Read a folder of images, numbered or with positions in their names, or a bag with poses.

    Args:
        path: Of the folder or bag.
        keys: File with the keys of the images that count, see `datasets.listed`; empty for all.

    Raises:
        FolderError: The folder holds no images, only some names say where they were taken, or the
            list cannot be read or names no image.
        RecipeError: There is a list for a bag.
        BagError: It is no bag, or one without images or poses.
    """
    folder = Path(path).expanduser()
    if folder.is_dir() and not (folder / 'metadata.yaml').exists():
        named = images_in(folder)[0].name.startswith('@')
        found = utm_images(folder) if named else frame_images(folder)
        if keys:
            found, _ = listed(found, query_keys(Path(keys).expanduser()))
        return ValidationTraverse(found.paths, found.poses)
    if keys:
        msg = f'{keys} lists keys of images in a folder, and {path} is a bag'
        raise RecipeError(msg)
    with Bag(folder) as bag:
        topics = choose_topics(bag)
        posed = [
            (frame.rgb, reading.pose.as_array())
            for frame, reading in replay_frames(bag, topics.image.name, topics.pose.name)
            if reading is not None
        ]
    if not posed:
        msg = f'{path} has no image whose pose is known'
        raise BagError(msg)
    return ValidationTraverse([rgb for rgb, _ in posed], np.array([pose for _, pose in posed]))


class TraverseRecall:
    """Measures networks on pairs of traverses, each of which is described once a time.

    Args:
        pairs: The traverses; those named twice are read once.
        size: Side in pixels of the images for the network.
    """

    def __init__(self, pairs: Sequence[TraversePair], size: int) -> None:
        self.pairs = pairs
        self._size = size
        wanted = {key for pair in pairs for key in _sides(pair)}
        self._traverses = {key: open_traverse(*key) for key in sorted(wanted)}

    def measure(self, net: nn.Module, device: torch.device) -> dict[str, float]:
        """Return recall in percent: ``PAIR/float_r1``, ``PAIR/binary_r1`` where there are codes.

        The binary figures are those of the floats among the 100 nearest by code.
        """
        described = {
            key: self._describe(net, traverse, device) for key, traverse in self._traverses.items()
        }
        figures: dict[str, float] = {}
        for pair in self.pairs:
            map_key, query_key = _sides(pair)
            poses = self._traverses[map_key].poses, self._traverses[query_key].poses
            found = _hits(described[map_key], described[query_key], poses, pair.tolerance)
            for kind, hits in found.items():
                for rank, recall in recall_of_ranks(first_ranks(hits), _DEPTH).items():
                    figures[f'{pair.name}/{kind}_r{rank}'] = 100 * recall
        return figures

    def _describe(
        self, net: nn.Module, traverse: ValidationTraverse, device: torch.device
    ) -> Described:
        descriptors, codes = [], []
        for i in range(0, len(traverse.images), _BATCH):
            some = traverse.images[i : i + _BATCH]
            images = [ImageFile(one).rgb if isinstance(one, Path) else one for one in some]
            output = net(preprocess(images, self._size, device))
            descriptors.append(output.descriptor.float().cpu().numpy())
            if output.code is not None:
                codes.append(np.packbits(output.code.cpu().numpy() > 0, axis=1))
        return Described(np.concatenate(descriptors), np.concatenate(codes) if codes else None)


def _sides(pair: TraversePair) -> tuple[tuple[str, str], tuple[str, str]]:
    """Return what is opened of a pair: its map and its query, each with its list."""
    return (pair.map, ''), (pair.query, pair.queries_list)


def _hits(
    mapped: Described,
    query: Described,
    poses: tuple[NDArray[np.float64], NDArray[np.float64]],
    tolerance: float,
) -> dict[str, NDArray[np.bool_]]:
    """Return which of the images found (Q, K) are right; a few queries at a time fit in memory."""
    found: dict[str, list[NDArray[np.bool_]]] = {}
    for start in range(0, len(query.descriptors), _BLOCK):
        rows = slice(start, start + _BLOCK)
        codes = None if query.codes is None else query.codes[rows]
        some = Described(query.descriptors[rows], codes)
        right = within(poses[1][rows, None], poses[0][None], Tolerance(tolerance))
        for kind, ranked in rankings(mapped, some).items():
            found.setdefault(kind, []).append(np.take_along_axis(right, ranked, axis=1))
    return {kind: np.concatenate(blocks) for kind, blocks in found.items()}


def rankings(mapped: Described, query: Described) -> dict[str, NDArray[np.intp]]:
    """Return rows of the map for each query (Q, K), best first, by floats and by codes first."""
    similarity = query.descriptors @ mapped.descriptors.T
    ranked = {'float': np.argsort(-similarity, axis=1, kind='stable')[:, :_DEPTH]}
    if mapped.codes is not None and query.codes is not None:
        rows = []
        for code, scores in zip(query.codes, similarity, strict=True):
            candidates, _ = nearest_codes(code, mapped.codes, _CANDIDATES)
            order = np.argsort(-scores[candidates], kind='stable')
            rows.append(candidates[order[:_DEPTH]])
        ranked['binary'] = np.stack(rows)
    return ranked
