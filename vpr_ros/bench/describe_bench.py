# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Speed of describing images in each way that this machine offers, and agreement of results."""

from __future__ import annotations

import logging
import multiprocessing
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import safetensors.torch
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from vpr_ros import models
from vpr_ros.describe import Describer
from vpr_ros.describe.describer import PRECISIONS, Backend
from vpr_ros.describe.loading import load_network, resolve
from vpr_ros.describe.runtime import choose_device
from vpr_ros.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray
    from torch import nn

    from vpr_ros.describe.optimise import Precision

_log = logging.getLogger(__name__)

_WARM_UP = 3
_FRAME = (480, 640, 3)


class ExecutionMode(NamedTuple):
    """One way to compute a model's descriptions."""

    model: str
    device: str
    backend: Backend
    precision: Precision


@dataclass(frozen=True)
class DescribeTiming:
    """Measurements of one way with one number of images at a time.

    Attributes:
        model: Registry name.
        weights: ``trained``, ``untrained``, or ``random`` where those of the model are not here:
            times are the same, agreement is not.
        device: Where it ran.
        backend: The backend that ran it.
        precision: Its number format.
        batch: Images given at a time.
        median_ms: Half of the calls, preprocessing included, took less.
        p95_ms: 95 % of the calls took less.
        images_per_s: At the median.
        speedup: Median over the rounds of the time of this model's first way, divided by this
            one's in the same round.
        memory_mb: On a GPU the most memory allocated there; else the most memory of a process
            that does nothing else, None where the system does not tell.
        gmac: Multiply-accumulate operations for one image, 10^9.
        cosine_min: Smallest cosine to the first way's descriptor of the same photograph; None
            without photographs, here and below.
        cosine_mean: Mean of these.
        bits_changed: Share of the code's bits that differ from the first way's, %; None without
            codes.
        first_changed: Share of the photographs whose most similar other one changes where map
            and query are computed this way, %.
        first_changed_mixed: The same where the map was computed in the first way.
    """

    model: str
    weights: str
    device: str
    backend: str
    precision: str
    batch: int
    median_ms: float
    p95_ms: float
    images_per_s: float
    speedup: float
    memory_mb: float | None
    gmac: float
    cosine_min: float | None
    cosine_mean: float | None
    bits_changed: float | None
    first_changed: float | None
    first_changed_mixed: float | None


def ways(names: Sequence[str], devices: Sequence[str]) -> list[ExecutionMode]:
    """Return every way to run the models on the devices, float32 in torch first.

    Raises:
        DeviceError: A device is unknown or absent.
    """
    kinds = {device: choose_device(device).type for device in devices}
    return [
        ExecutionMode(name, device, backend, precision)  # type: ignore[arg-type]
        for name, device, (backend, kind) in product(names, devices, PRECISIONS)
        for entry in [resolve(name)]
        if kinds[device] == kind and _runs(entry, backend)
        for precision in PRECISIONS[backend, kind]
        if precision == 'fp32' or not (entry.weightless or entry.foreign)
    ]


def _runs(entry: models.ModelSpec, backend: str) -> bool:
    """Return whether a backend may compute a model."""
    if entry.file is not None and entry.file.suffix == '.onnx':
        return backend == 'onnx'
    return backend == 'torch' or not (entry.weightless or entry.foreign)


def bench_describe(
    chosen: Sequence[ExecutionMode],
    batches: Sequence[int] = (1,),
    rounds: int = 20,
    threads: int | None = None,
    photographs: Sequence[NDArray[np.uint8]] = (),
) -> list[DescribeTiming]:
    """Measure ways beside each other: each round calls every one once.

    Other work on the machine then slows all of them alike, and their ratios stay valid.

    Args:
        chosen: The ways; the others of a model are compared with its first.
        batches: Numbers of images at a time.
        rounds: How often each is called.
        threads: Threads on the CPU; None for all.
        photographs: Images to measure agreement on, the first of them also time; without any,
            noise of 640x480 is described and there is no agreement.

    Raises:
        ModelError: A model is unknown, or cannot be computed in its first way.
        DeviceError: A device is absent.
    """
    frames = list(photographs) or [
        np.random.default_rng(seed).integers(0, 256, _FRAME, np.uint8)
        for seed in range(max(batches))
    ]
    with _weights([way.model for way in chosen]) as files:
        describers = _describers(chosen, threads, files)
        times = _times(describers, frames, batches, rounds)
        agreement = _agreements(describers, photographs)
        costs = {
            name: multiplications(_counted(name), *resolve(name).preprocessing.shape) / 1e9
            for name in {way.model for way in describers}
        }
        rows = []
        for way, describer in describers.items():
            first = _first(way, chosen)
            memory = _peak_memory(way, threads, files, frames[: max(batches)])
            trained = 'trained' if describer.model_info.trained else 'untrained'
            for batch in batches:
                taken = times[way, batch]
                median, p95 = np.percentile(taken, (50, 95))
                rows.append(
                    DescribeTiming(
                        model=way.model,
                        weights='random' if files[way.model] is not None else trained,
                        device=str(describer.device),
                        backend=way.backend,
                        precision=way.precision,
                        batch=batch,
                        median_ms=1e3 * median,
                        p95_ms=1e3 * p95,
                        images_per_s=batch / median,
                        speedup=float(np.median(times[first, batch] / taken)),
                        memory_mb=memory,
                        gmac=costs[way.model],
                        **agreement[way],
                    )
                )
    return rows


def _first(way: ExecutionMode, chosen: Sequence[ExecutionMode]) -> ExecutionMode:
    return next(other for other in chosen if other.model == way.model)


@contextmanager
def _weights(names: Sequence[str]) -> Iterator[dict[str, Path | None]]:
    """Give random weights to the models whose own are not on this machine."""
    with tempfile.TemporaryDirectory() as folder:
        files: dict[str, Path | None] = {}
        for name in names:
            entry = resolve(name)
            absent = entry.file is None
            files[name] = None
            if absent and not (entry.untrained or entry.weightless):
                files[name] = path = Path(folder) / f'{name}.safetensors'
                if not path.exists():
                    safetensors.torch.save_file(models.create(name).state_dict(), path)
        yield files


def _describer(
    way: ExecutionMode, threads: int | None, files: dict[str, Path | None]
) -> Describer:
    return Describer(
        way.model, way.device, files[way.model], threads, way.precision, backend=way.backend
    )


def _describers(
    chosen: Sequence[ExecutionMode], threads: int | None, files: dict[str, Path | None]
) -> dict[ExecutionMode, Describer]:
    """Leave out ways that a model refuses, other than its first."""

    def made(way: ExecutionMode) -> Describer | None:
        try:
            return _describer(way, threads, files)
        except ModelError as error:
            if way == _first(way, chosen):
                raise
            _log.warning('left out: %s', error)
            return None

    return {way: describer for way in chosen if (describer := made(way)) is not None}


def _times(
    describers: dict[ExecutionMode, Describer],
    frames: Sequence[NDArray[np.uint8]],
    batches: Sequence[int],
    rounds: int,
) -> dict[tuple[ExecutionMode, int], NDArray[np.float64]]:
    """Return the seconds of every call, (rounds,) for each way and batch."""
    taken: dict[tuple[ExecutionMode, int], list[float]] = {
        key: [] for key in product(describers, batches)
    }
    inputs = {batch: [frames[i % len(frames)] for i in range(batch)] for batch in batches}
    for step in range(-_WARM_UP, rounds):
        for (way, batch), seconds in taken.items():
            start = time.perf_counter()
            describers[way].describe(inputs[batch])
            if step >= 0:
                seconds.append(time.perf_counter() - start)
    return {key: np.array(seconds) for key, seconds in taken.items()}


def _agreements(
    describers: dict[ExecutionMode, Describer], photographs: Sequence[NDArray[np.uint8]]
) -> dict[ExecutionMode, dict[str, float | None]]:
    results = {}
    reference: dict[str, tuple[NDArray[np.float32], NDArray[np.uint8] | None]] = {}
    for way, describer in describers.items():
        found = _described(describer, photographs)
        results[way] = _agreement(found, reference.setdefault(way.model, found))
    return results


def _described(
    describer: Describer, photographs: Sequence[NDArray[np.uint8]]
) -> tuple[NDArray[np.float32], NDArray[np.uint8] | None]:
    """Return descriptors (N, D) and codes (N, bits)."""
    descriptions = describer.describe(photographs)
    descriptors = np.array([d.descriptor for d in descriptions], np.float32)
    codes = [d.code for d in descriptions if d.code is not None]
    return descriptors, np.unpackbits(np.array(codes), axis=1) if codes else None


def _agreement(
    found: tuple[NDArray[np.float32], NDArray[np.uint8] | None],
    expected: tuple[NDArray[np.float32], NDArray[np.uint8] | None],
) -> dict[str, float | None]:
    (descriptors, codes), (wanted, wanted_codes) = found, expected
    names = ('cosine_min', 'cosine_mean', 'bits_changed', 'first_changed', 'first_changed_mixed')
    if not len(descriptors):
        return dict.fromkeys(names)
    cosines = (descriptors * wanted).sum(1)
    bits = None
    if codes is not None and wanted_codes is not None:
        bits = 100 * float((codes != wanted_codes).mean())
    before = _most_similar(wanted, wanted)
    changed = [
        100 * float((_most_similar(descriptors, stored) != before).mean())
        for stored in (descriptors, wanted)
    ]
    return dict(
        zip(names, (float(cosines.min()), float(cosines.mean()), bits, *changed), strict=True)
    )


def _most_similar(queries: NDArray[np.float32], stored: NDArray[np.float32]) -> NDArray[np.intp]:
    """Return for each query (N, D) the nearest of the others (N, D)."""
    similarity = queries @ stored.T
    np.fill_diagonal(similarity, -np.inf)
    nearest: NDArray[np.intp] = similarity.argmax(1)
    return nearest


def _peak_memory(
    way: ExecutionMode,
    threads: int | None,
    files: dict[str, Path | None],
    frames: Sequence[NDArray[np.uint8]],
) -> float | None:
    """Return the most memory that a fresh process takes for a way, MB."""
    # Forked processes inherit the memory of this one.
    with multiprocessing.get_context('spawn').Pool(1) as pool:
        return pool.apply(_own_peak_memory, (way, threads, files, frames))


def _own_peak_memory(
    way: ExecutionMode,
    threads: int | None,
    files: dict[str, Path | None],
    frames: Sequence[NDArray[np.uint8]],
) -> float | None:
    describer = _describer(way, threads, files)
    describer.describe(frames)
    if describer.device.type == 'cuda':
        return torch.cuda.max_memory_allocated(describer.device) / 1e6
    # getrusage would also count the parent's memory at the start of this process.
    status = Path('/proc/self/status')
    lines = status.read_text('utf-8').splitlines() if status.exists() else []
    return next((int(line.split()[1]) * 1024 / 1e6 for line in lines if 'VmHWM' in line), None)


def _counted(name: str) -> nn.Module:
    """Return a network of which the products can be counted, those of its file or random ones."""
    entry = resolve(name)
    return load_network(entry)[0] if entry.file is not None else models.create(name)


def multiplications(net: nn.Module, height: int, width: int = 0) -> int:
    """Return the multiply-accumulate operations for one image of a side of ``size`` pixels.

    All matrix products count, those of attention included, and nothing else: papers often give
    less, because common counters leave attention out.

    Args:
        net: A network of `models.create` on the CPU; the counter does not see into the fused
            operations of its inference form. Its parameters ask for no gradients afterwards.
        height: Of the input in pixels.
        width: Of the input; 0 for a square.
    """
    counter = FlopCounterMode(display=False)
    net.requires_grad_(False)  # noqa: FBT003  else the counter asks for gradients
    # Only the plain form of attention consists of products that can be counted.
    with torch.inference_mode(), sdpa_kernel(SDPBackend.MATH), counter:
        net(torch.zeros(1, 3, height, width or height))
    return counter.get_total_flops() // 2
