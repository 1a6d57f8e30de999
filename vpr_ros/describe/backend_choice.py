# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Chooses between torch and ONNX Runtime on the CPU: by a measurement, once for each machine."""

from __future__ import annotations

import fcntl
import importlib.util
import json
import logging
import re
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch

from vpr_ros.describe.optimise import inference_form
from vpr_ros.documents import DocumentError, read_json
from vpr_ros.errors import ModelError
from vpr_ros.models import weights_folder
from vpr_ros.models.weights_file import whole_file
from vpr_ros.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from torch import Tensor, nn

    from vpr_ros.describe.onnx_export import OnnxNetwork
    from vpr_ros.models.model_spec import ModelSpec
    from vpr_ros.types import ModelInfo

_MOST_PARAMETERS = 50_000_000
"""Larger networks gain little, and exporting them takes long and much disk."""
_CALLS = 5
"""Calls of each library whose shortest time counts."""
_KEPT = 4
"""Exports kept of one model: who tries many weights is not to fill the disk."""
_LARGEST_NOTE = 1 << 16
"""Bytes of an outcome that is kept."""

_log = logging.getLogger(__name__)


def faster_network(
    net: nn.Module,
    entry: ModelSpec,
    weights_id: str,
    info_of: Callable[[], ModelInfo],
    threads: int,
) -> OnnxNetwork | None:
    """Return a network for ONNX Runtime where that is faster than torch, else None.

    At first the network is exported, which compares the results, and its speed is compared with
    torch's. Export and outcome are kept in the user's weights folder; later starts read them.
    Whatever fails is said in the log, and torch computes.

    Args:
        net: In evaluation mode on the CPU, in float32.
        entry: Of the model.
        weights_id: Identity of its weights.
        info_of: Returns the model's identity, which takes a forward pass.
        threads: Threads to compute with.
    """
    if sum(value.numel() for value in net.parameters()) > _MOST_PARAMETERS:
        return None
    missing = [each for each in ('onnxruntime', 'onnx') if importlib.util.find_spec(each) is None]
    if missing:
        _log.info('computing with torch: %s is not installed', ' and '.join(missing))
        return None
    try:
        return _chosen(net, entry, weights_id, info_of, threads)
    except Exception as error:  # noqa: BLE001  the runtime, its files and the disk: torch needs none
        _log.warning('computing with torch, since ONNX Runtime cannot be used: %s', error)
        return None


def _chosen(
    net: nn.Module,
    entry: ModelSpec,
    weights_id: str,
    info_of: Callable[[], ModelInfo],
    threads: int,
) -> OnnxNetwork | None:
    # Takes long to import, and does not exist everywhere.
    from vpr_ros.describe import onnx_export as export  # noqa: PLC0415

    folder = weights_folder()
    path = folder / f'{entry.name}-{weights_id[:16]}-backend.json'
    versions = [VERSION, torch.__version__, export.RUNTIME_VERSION]
    outcome = _outcome(path, versions)
    if outcome == 'torch':
        return None
    if outcome == 'onnx':
        file = export.path_of(folder, entry.name, weights_id, 'fp32')
        kept = export.kept_network(file, threads)
        wanted = entry.name, weights_id, entry.preprocessing.id
        if kept and (kept.info.name, kept.info.weights_id, kept.info.preprocessing) == wanted:
            return kept
    # Nodes that are started together export one after the other: the second finds the first's.
    with _alone(folder / f'.{path.name}.lock'):
        if outcome is None and _outcome(path, versions) is not None:
            return _chosen(net, entry, weights_id, info_of, threads)
        _log.info('exporting %s for ONNX Runtime; later starts read the file', entry.name)
        try:
            network = export.cached_network(net, info_of(), entry, 'fp32', threads)
        except ModelError as error:
            _log.warning('computing with torch: %s', error)
            note = {'backend': 'torch', 'reason': str(error)}
        else:
            torch_ms, onnx_ms = _compared(inference_form(net), network, entry.preprocessing.shape)
            faster = 'onnx' if onnx_ms < torch_ms else 'torch'
            _log.info(
                'an image takes %.1f ms with torch and %.1f ms with ONNX Runtime: using %s',
                torch_ms,
                onnx_ms,
                faster,
            )
            note = {'backend': faster, 'torch_ms': f'{torch_ms:.2f}', 'onnx_ms': f'{onnx_ms:.2f}'}
        with whole_file(path) as unfinished:
            unfinished.write_text(json.dumps({'versions': versions, **note}), encoding='utf-8')
        _prune(folder, entry.name)
        return network if note['backend'] == 'onnx' else None


def _outcome(path: Path, versions: list[str]) -> str | None:
    """Return the library that was faster, None where these versions were not compared."""
    try:
        note = read_json(path, _LARGEST_NOTE)
    except DocumentError:
        return None
    known = isinstance(note, dict) and note.get('versions') == versions
    return note['backend'] if known and note.get('backend') in ('torch', 'onnx') else None


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Keep other processes waiting that ask for the same file; it stays."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open('w') as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@torch.inference_mode()
def _compared(
    plain: Callable[[Tensor], object],
    exported: Callable[[Tensor], object],
    shape: tuple[int, int],
) -> tuple[float, float]:
    """Return the milliseconds that one image takes by each: the least of calls by turns."""
    image = torch.zeros(1, 3, *shape)
    taken: tuple[list[float], list[float]] = [], []
    for _ in range(_CALLS + 1):
        for run, times in zip((plain, exported), taken, strict=True):
            start = time.perf_counter()
            run(image)
            times.append(1e3 * (time.perf_counter() - start))
    torch_ms, onnx_ms = (min(times[1:]) for times in taken)
    return torch_ms, onnx_ms


def _prune(folder: Path, name: str) -> None:
    """Remove all but the latest exports of a model."""
    pattern = re.compile(re.escape(name) + r'-[0-9a-f]{16}-(fp32|int8)\.onnx')
    exports = [path for path in folder.iterdir() if pattern.fullmatch(path.name)]
    for path in sorted(exports, key=lambda each: each.stat().st_mtime)[:-_KEPT]:
        path.unlink(missing_ok=True)
