# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""XFeat computed by torch or by ONNX Runtime."""

from __future__ import annotations

import importlib.util
import logging
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch

from vpr_ros import models
from vpr_ros.errors import ModelError
from vpr_ros.models.xfeat import STRIDE, XFeatMaps, XFeatNetwork, load_xfeat
from vpr_ros.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    from numpy.typing import NDArray

    XFeatRunner: TypeAlias = Callable[[NDArray[np.float32]], XFeatMaps]
    """Maps normalised grey pictures (B, 1, H, W) to `XFeatMaps`."""

XFeatBackend = Literal['auto', 'torch', 'onnx']

_INPUT = 'grey'
_MOST_DIFFERENCE = 1e-4
"""Of the values of ONNX Runtime and torch."""
_log = logging.getLogger(__name__)


def xfeat_runner(backend: XFeatBackend, threads: int) -> XFeatRunner:
    """Return the network as a function.

    Args:
        backend: ``onnx`` for ONNX Runtime, ``auto`` for it where it is installed, else ``torch``.
        threads: Of ONNX Runtime; those of torch are set for the whole process.

    Raises:
        ModelError: The weights are missing or damaged, or the backend is not installed.
    """
    network = load_xfeat()
    missing = [name for name in ('onnx', 'onnxruntime') if importlib.util.find_spec(name) is None]
    if backend == 'onnx' and missing:
        msg = f"the backend onnx needs {missing[0]}: pip install 'vpr_ros[onnx]'"
        raise ModelError(msg)
    if backend != 'torch' and not missing:
        try:
            return _onnx_runner(network, threads)
        except ModelError as error:
            if backend == 'onnx':
                raise
            _log.warning('XFeat runs in torch: %s', error)
    return _torch_runner(network)


def _torch_runner(network: XFeatNetwork) -> XFeatRunner:
    network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def run(grey: NDArray[np.float32]) -> XFeatMaps:
        with torch.inference_mode():
            maps: XFeatMaps = network(torch.from_numpy(grey))
        return maps

    return run


def _onnx_runner(network: XFeatNetwork, threads: int) -> XFeatRunner:
    """Return the network for ONNX Runtime, exported into the weights folder unless it is there.

    Raises:
        ModelError: It cannot be exported, or its results differ from torch's.
    """
    # It needs packages of an extra, as below.
    from vpr_ros.describe.onnx_export import keep_export  # noqa: PLC0415

    path = models.weights_folder() / f'xfeat-{VERSION}-{models.fingerprint(network)[:16]}.onnx'
    if path.is_file():
        try:
            return _checked(path.read_bytes(), network, threads)
        except ModelError as error:
            _log.warning('%s: %s; exporting it anew', path, error)
    contents = _exported(network)
    runner = _checked(contents, network, threads)
    keep_export(path, contents)
    return runner


def _checked(contents: bytes, network: XFeatNetwork, threads: int) -> XFeatRunner:
    """Return an exported network if its results are those of torch."""
    from vpr_ros.describe.onnx_export import cpu_session  # noqa: PLC0415

    grey = np.random.default_rng(0).standard_normal((2, 1, 2 * STRIDE, 3 * STRIDE), np.float32)
    try:
        session = cpu_session(contents, threads)

        def run(grey: NDArray[np.float32]) -> XFeatMaps:
            return XFeatMaps(*map(torch.from_numpy, session.run(None, {_INPUT: grey})))

        found = run(grey)
    except Exception as error:  # whatever protobuf or the runtime make of hostile bytes
        msg = f'ONNX Runtime refuses it ({str(error).partition(chr(10))[0]})'
        raise ModelError(msg) from error
    expected = _torch_runner(network)(grey)
    difference = max(float((a - b).abs().max()) for a, b in zip(found, expected, strict=True))
    if not difference <= _MOST_DIFFERENCE:
        msg = f'its results differ from those of torch by {difference:.1e}'
        raise ModelError(msg)
    return run


def _exported(network: XFeatNetwork) -> bytes:
    from vpr_ros.describe.onnx_export import traced_file  # noqa: PLC0415

    grey = torch.zeros(1, 1, 2 * STRIDE, 3 * STRIDE)
    axes = {_INPUT: {0: 'batch', 2: 'height', 3: 'width'}}
    try:
        return traced_file(network, grey, 17, _INPUT, XFeatMaps._fields, axes)
    except Exception as error:
        msg = f'XFeat cannot be exported to ONNX: {str(error).strip().partition(chr(10))[0]}'
        raise ModelError(msg) from error
