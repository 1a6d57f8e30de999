# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Descriptions of many images in a file: written as they come, read without loading them.

One record an image, appended in order, so that the size of the file says how far the work has
come. A process that is killed leaves at most a part of a record at the end, a machine that loses
power at most records of zeros; both are cut off when the file is next opened.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch

from vpr_ros.describe import configure_threads
from vpr_ros.describe.describer import as_descriptions
from vpr_ros.describe.loading import load_described, resolve
from vpr_ros.describe.optimise import inference_form
from vpr_ros.describe.preprocess import preprocess
from vpr_ros.describe.runtime import choose_device
from vpr_ros.errors import ImageError, VprError
from vpr_ros.evaluation.stored import NAMES
from vpr_ros.inputs.frames import ImageFile

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from vpr_ros.evaluation.datasets import ImageSet
    from vpr_ros.evaluation.metrics import Bools, Floats
    from vpr_ros.types import Description, ModelInfo

_MISSING, _DESCRIBED, _UNREADABLE = 0, 1, 2


class AnyDescriber(Protocol):
    """The function that turns images into descriptions."""

    @property
    def model_info(self) -> ModelInfo:
        """Identity of the model."""

    def describe(self, images: Sequence[NDArray[np.uint8]]) -> list[Description]:
        """Describe RGB images."""


class Cut(Protocol):
    """A function that takes a part of an image."""

    @property
    def name(self) -> str:
        """Identity of the part."""

    def __call__(self, rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return the part of an RGB image (H, W, 3)."""


class BatchDescriber:
    """Describes a batch of images at once, exactly as given: nothing split, nothing padded.

    For comparison with published figures only, by networks whose descriptors depend on the batch:
    a cross-image encoder lets its images describe each other. Published figures of such networks
    are of batches of neighbouring images in the order of their paths, which a robot with one image
    at a time does not have: `describe.Describer` refuses them, and nothing else may use this.

    Args:
        model: Registered name, or a file, see `describe.loading.resolve`.
        device: As of `describe.Describer`.
        weights: A weights file; None for those found.
        size: Side in pixels of the square input; 0 for that of the model.

    Raises:
        ModelError: The model is unknown, or its weights are missing, damaged or another's.
        DeviceError: The device is unknown or absent.
    """

    def __init__(
        self, model: str, device: str = 'auto', weights: Path | None = None, size: int = 0
    ) -> None:
        configure_threads()
        entry = resolve(model, weights, size)
        self._device = choose_device(device)
        self._preprocessing = entry.preprocessing
        net, self.model_info = load_described(entry)
        # Not as CUDA graphs: those pad batches, and padding would be seen by the encoder.
        self._net = inference_form(net, 'fp32', self._device)

    def describe(self, images: Sequence[NDArray[np.uint8]]) -> list[Description]:
        """Describe RGB images (H, W, 3) uint8 as one batch.

        Raises:
            ImageError: An image is empty, not uint8 or not (H, W, 3).
        """
        if not images:
            return []
        # float32 is to mean float32; cuDNN's default would round the convolutions' inputs.
        exact = torch.backends.cudnn.flags(enabled=True, allow_tf32=False)
        with torch.inference_mode(), exact:
            output = self._net(preprocess(images, self._preprocessing, self._device))
        return as_descriptions(output.map(lambda values: values.float().cpu()))


class Descriptions:
    """The descriptions in a store, read from the file when needed.

    Attributes:
        readable: (N,) whether there was a picture to describe.
        codes: (N, bits / 8) uint8, or None where the model has no hash head.
        seconds: (N,) that describing took, without reading the image.
        bytes: Size of the file.
    """

    def __init__(self, records: NDArray[np.void]) -> None:
        self._descriptors = records['descriptor']
        self.readable: Bools = np.asarray(records['state'] == _DESCRIBED)
        codes = np.array(records['code'])
        self.codes: NDArray[np.uint8] | None = codes if codes.shape[1] else None
        self.seconds: Floats = np.array(records['seconds'], np.float64)
        self.bytes = int(records.nbytes)

    def __len__(self) -> int:
        return len(self.readable)

    @property
    def dim(self) -> int:
        """Length of a descriptor."""
        return int(self._descriptors.shape[1])

    def rows(self, rows: slice | NDArray[np.intp]) -> NDArray[np.float32]:
        """Read descriptors (n, D); those of unreadable images are zero."""
        return np.ascontiguousarray(self._descriptors[rows])


def describe_images(
    images: ImageSet,
    describer: AnyDescriber,
    folder: Path,
    *,
    batch: int,
    company: int = 0,
    cuts: Sequence[Cut] = (),
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Descriptions:
    """Describe the images that were not described before; return the descriptions of all.

    Args:
        images: In this order.
        describer: Makes the descriptions.
        folder: Of the files kept; one file for every model and list of images.
        batch: Images described, and written, at a time.
        company: Size of the batch where descriptions depend on it, else 0: a file for each.
        cuts: Parts of an image that are described one behind the other instead of the whole.
        progress: Told how many are done, and of how many.

    Raises:
        VprError: The file cannot be kept, or another process is at it.
    """
    info, parts = describer.model_info, max(1, len(cuts))
    total = parts * len(images.paths)
    record = np.dtype(
        [
            ('descriptor', '<f4', (info.descriptor_dim,)),
            ('code', 'u1', (info.code_bits // 8,)),
            ('seconds', '<f4'),
            ('state', 'u1'),
        ]
    )
    path = folder / f'{_identity(images, info, company, cuts)}.descriptions'
    _make_room(path, total * record.itemsize)
    with path.open('a+b') as file, ThreadPoolExecutor() as pool:
        _lock(file.fileno(), path)
        done = _whole_records(path, record, total)
        done = done if done == total else done - done % batch
        file.truncate(done * record.itemsize)
        progress(done, total)
        while done < total:
            wanted = [
                (images.paths[number // parts], cuts[number % parts] if cuts else None)
                for number in range(done, min(done + batch, total))
            ]
            pictures = list(pool.map(_picture, wanted))
            file.write(_described(pictures, describer, record).tobytes())
            file.flush()
            done += len(pictures)
            progress(done, total)
        os.fsync(file.fileno())
    return Descriptions(np.memmap(path, record, 'r', shape=(total,)))


def _described(
    pictures: Sequence[NDArray[np.uint8] | None],
    describer: AnyDescriber,
    record: np.dtype[np.void],
) -> NDArray[np.void]:
    readable = np.array([picture is not None for picture in pictures])
    rows = np.zeros(len(pictures), record)
    start = time.perf_counter()
    found = describer.describe([picture for picture in pictures if picture is not None])
    seconds = (time.perf_counter() - start) / max(1, len(found))
    rows['state'] = np.where(readable, _DESCRIBED, _UNREADABLE)
    rows['seconds'] = np.where(readable, seconds, np.nan)
    for row, description in zip(np.flatnonzero(readable), found, strict=True):
        rows['descriptor'][row] = description.descriptor
        if description.code is not None:
            rows['code'][row] = description.code
    return rows


def _picture(wanted: tuple[Path, Cut | None]) -> NDArray[np.uint8] | None:
    path, cut = wanted
    try:
        rgb = ImageFile(path).rgb
    except ImageError:
        return None
    return rgb if cut is None else cut(rgb)


def _identity(images: ImageSet, info: ModelInfo, company: int, cuts: Sequence[Cut]) -> str:
    """Return a name that changes with the model, the batch, the parts and every file."""
    how = [asdict(info), company, *([cut.name for cut in cuts],) * bool(cuts)]
    digest = hashlib.sha256(json.dumps(how, sort_keys=True).encode())
    for path, name in zip(images.paths, images.names, strict=True):
        status = path.stat()
        digest.update(f'{name}\0{status.st_size}\0{status.st_mtime_ns}\n'.encode(errors=NAMES))
    return f'{info.name}-{digest.hexdigest()[:32]}'


def _make_room(path: Path, needed: int) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(path.parent).free
    except OSError as error:
        msg = (
            f'descriptions cannot be kept in {path.parent}: {error.strerror}; name another folder'
        )
        raise VprError(msg) from error
    missing = needed - (path.stat().st_size if path.exists() else 0)
    if missing > free:
        msg = (
            f'descriptions need {missing / 2**30:.1f} GiB more, but {path.parent} has '
            f'{free / 2**30:.1f} GiB left: make room, or name another folder'
        )
        raise VprError(msg)


def _lock(descriptor: int, path: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        msg = f'another process describes the same images ({path}): wait for it, or stop it'
        raise VprError(msg) from error


def _whole_records(path: Path, record: np.dtype[np.void], total: int) -> int:
    """Return how many records at the beginning are complete."""
    count = min(path.stat().st_size // record.itemsize, total)
    if not count:
        return 0
    states = np.memmap(path, record, 'r', shape=(count,))['state']
    lost = np.flatnonzero(states == _MISSING)
    return int(lost[0]) if lost.size else count
