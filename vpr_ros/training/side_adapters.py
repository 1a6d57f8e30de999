# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Trains the side adapters of a network, and nothing else of it, on a robot's own map.

Places are cells of position and heading, as in CosPlace; a batch holds cells of one group, none of
which are neighbours, so that all the rest of the map gives negatives, of which the miner takes
the hardest. Few steps on a few hundred pictures: what they change is judged by pictures held out.
"""

from __future__ import annotations

import math
import warnings
from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import lightning.pytorch
import numpy as np
from lightning.pytorch import Callback

from vpr_ros import models
from vpr_ros.describe import Describer
from vpr_ros.describe.loading import load_network
from vpr_ros.geometry import Pose
from vpr_ros.inputs.frames.thumbnail_codec import decode_thumbnail
from vpr_ros.mapping.redescribing import redescribe
from vpr_ros.maps import PlaceMap, changed_copy
from vpr_ros.models.adapters import VanillaAdapter
from vpr_ros.models.model_card import ModelCard, card_of
from vpr_ros.models.vit import MultiConvAdapter
from vpr_ros.models.weights_file import described_by, save_weights
from vpr_ros.training.data import Augmentation
from vpr_ros.training.data.posed_places import Cells
from vpr_ros.training.held_out import AdaptationError
from vpr_ros.training.place_training import PlaceTraining
from vpr_ros.training.recipe import (
    DataRecipe,
    LossRecipe,
    MetricLoss,
    ModelRecipe,
    OptimiserRecipe,
    Recipe,
    RunRecipe,
)
from vpr_ros.training.trainable_network import freeze

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path
    from typing import Any

    from numpy.typing import NDArray
    from torch import nn

    from vpr_ros.evaluation.metrics import Tolerance
    from vpr_ros.maps import MapWriter
    from vpr_ros.models.model_spec import ModelSpec

_STEPS = 100
_PLACES, _VIEWS = 8, 4
_LEAST_PLACES = 4
"""Of an area: with fewer there are no negatives to speak of."""
_RATE = 3e-4


@dataclass(frozen=True, eq=False)
class PosedPictures:
    """Pictures with poses: JPEG, decoded when they are asked for.

    Attributes:
        jpegs: Of each.
        poses: (N, 7).
    """

    jpegs: Sequence[bytes]
    poses: NDArray[np.float64]


class CellPictures:
    """A `PlaceSource` of pictures with poses.

    Args:
        pictures: Of the map and of drives.
        tolerance: Of one place, twice of which is the side of a cell.

    Raises:
        AdaptationError: Too few cells have two pictures.
    """

    def __init__(self, pictures: PosedPictures, tolerance: Tolerance) -> None:
        self._jpegs = pictures.jpegs
        cells = Cells(size=2 * max(tolerance.distance, 0.1))
        groups: dict[tuple[int, ...], dict[tuple[int, ...], list[int]]] = defaultdict(
            lambda: defaultdict(list)
        )
        for row, pose in enumerate(pictures.poses):
            heading = 90 - math.degrees(Pose.from_array(pose).yaw)
            cell = cells.of(float(pose[0]), float(pose[1]), heading)
            groups[cell.group][cell.place].append(row)
        self._rows: list[list[int]] = []
        self.areas: list[range] = []
        for _, places in sorted(groups.items()):
            shown = [rows for _, rows in sorted(places.items()) if len(rows) > 1]
            if len(shown) >= _LEAST_PLACES:
                self.areas.append(range(len(self._rows), len(self._rows) + len(shown)))
                self._rows += shown
        if not self.areas:
            msg = (
                f'there is nothing to train side adapters on: no {_LEAST_PLACES} places that are '
                'not neighbours are each shown by two pictures'
            )
            raise AdaptationError(msg)

    def views(self, place: int) -> int:
        """Return how many pictures there are of a place."""
        return len(self._rows[place])

    def image(self, place: int, view: int) -> NDArray[np.uint8]:
        """Return a picture of a place, RGB (H, W, 3) uint8."""
        return decode_thumbnail(self._jpegs[self._rows[place][view]])


def pictures_of(place_map: PlaceMap | MapWriter) -> PosedPictures:
    """Return the thumbnails of the places that have poses.

    Raises:
        AdaptationError: There are none.
    """
    columns = place_map.snapshot.columns
    rows = np.flatnonzero(~np.isnan(columns.poses[:, 0])).tolist()
    found = {row: place_map.thumbnail(int(columns.ids[row])) for row in rows}
    shown = {row: jpeg for row, jpeg in found.items() if jpeg}
    if not shown:
        msg = 'the map has no thumbnails to train side adapters on: build it with them'
        raise AdaptationError(msg)
    poses = np.asarray(columns.poses, np.float64)[list(shown)]
    return PosedPictures(list(shown.values()), poses)


def from_thumbnails(source: Path, target: Path, describer: Describer) -> None:
    """Write a map whose places are described from their thumbnails.

    Side adapters have no other pictures of the map: what they change is told from maps that differ
    in nothing else.

    Raises:
        AdaptationError: There are no thumbnails.
        MapError: Some places have none, or a file cannot be read or written.
    """
    with changed_copy(source, target) as place_map:
        pictures_of(place_map)
        redescribe(place_map, describer, [])


def side_adapted(
    entry: ModelSpec,
    map_path: Path,
    pictures: PosedPictures,
    tolerance: Tolerance,
    folder: Path,
    device: str,
    progress: Callable[[int, int], None],
) -> tuple[Path, Path]:
    """Train the side adapters of a model, and describe a map with them.

    Args:
        entry: The model.
        map_path: The map, which stays as it is.
        pictures: Of drives, to train on beside the thumbnails of the map.
        tolerance: Of one place.
        folder: For the files of both.
        device: That describes.
        progress: Told after each step of the training.

    Returns:
        The files of the model and of the map.

    Raises:
        AdaptationError: The network has no side adapters, or there is too little to train on.
        VprError: The map or the weights cannot be used.
    """
    entry, net, names = with_side_adapters(entry)
    with PlaceMap.open(map_path, memory_budget=0) as place_map:
        mapped = pictures_of(place_map)
    jpegs = [*mapped.jpegs, *pictures.jpegs]
    both = PosedPictures(jpegs, np.concatenate([mapped.poses, pictures.poses]))
    cells = CellPictures(both, tolerance)
    train_side_adapters(net, names, cells, entry.input_size, _STEPS, progress)
    model, target = folder / 'side-adapted.safetensors', folder / 'side-adapted.vprmap'
    known = (described_by(entry.file) if entry.file else None) or ModelCard(entry.registered)
    save_weights(model, net.state_dict(), card_of(entry, net, known))
    from_thumbnails(map_path, target, Describer(str(model), device=device))
    return model, target


def with_side_adapters(entry: ModelSpec) -> tuple[ModelSpec, nn.Module, list[str]]:
    """Return a model with side adapters that change nothing yet, and the names of these.

    Raises:
        AdaptationError: The network has none, and no place for them.
        ModelError: Its weights cannot be used.
    """
    if entry.foreign or entry.weightless:
        msg = f'{entry.name} has no side adapters to train: leave them out'
        raise AdaptationError(msg)
    before = load_network(entry)[0]
    config = getattr(getattr(before, 'net', before), 'config', None)
    if getattr(config, 'depth', None) == 0:  # d2vpr-nano leaves those parts out
        entry = replace(entry, options={**entry.options, 'depth': 1})
    net = models.network_of(entry)
    net.load_state_dict(models.initial_state(net, 0) | before.state_dict(), assign=True)
    kinds = MultiConvAdapter, VanillaAdapter
    names = [name for name, module in net.named_modules() if isinstance(module, kinds)]
    if not names:
        msg = f'{entry.name} has no side adapters to train: leave them out'
        raise AdaptationError(msg)
    return entry, net, names


def train_side_adapters(
    net: nn.Module,
    names: Sequence[str],
    pictures: CellPictures,
    size: int,
    steps: int,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> None:
    """Train the side adapters of a network in place.

    Args:
        net: In evaluation mode, also afterwards.
        names: Of the adapters.
        pictures: To train on.
        size: Side in pixels of its input.
        steps: Batches.
        progress: Told after each how many are done.
    """
    recipe = Recipe(
        'finetune',
        ModelRecipe(''),
        DataRecipe((), _PLACES, _VIEWS, workers=0),
        LossRecipe(metric=MetricLoss()),
        RunRecipe(steps),
        OptimiserRecipe(learning_rate=_RATE, warmup=steps // 10, decay='cosine', clip=1.0),
        freeze_batchnorm=True,
    )
    freeze(net, names)
    augment = Augmentation(strength=0.5)
    training = PlaceTraining(recipe, net, [(pictures, 1.0)], augment, size, size)
    training.train()
    trainer = lightning.pytorch.Trainer(
        accelerator='cpu',
        max_steps=steps,
        max_epochs=-1,
        gradient_clip_val=recipe.optimiser.clip,
        limit_val_batches=0,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=[_Told(progress)],
    )
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        trainer.fit(training)
    net.eval()


class _Told(Callback):
    def __init__(self, progress: Callable[[int, int], None]) -> None:
        self._progress = progress

    def on_train_batch_end(self, trainer: Any, *_: Any) -> None:
        self._progress(trainer.global_step, trainer.max_steps)
