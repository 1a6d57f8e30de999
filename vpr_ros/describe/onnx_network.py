# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""An exported network, run by ONNX Runtime."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import onnxruntime
import torch

from vpr_ros.errors import ModelError
from vpr_ros.models import ModelOutput
from vpr_ros.types import ModelInfo

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

INPUT = 'images'
METADATA = 'vpr_ros'
"""Entry of the file's metadata: a JSON object of `ModelInfo`, ``version`` and ``precision``."""


class OnnxNetwork:
    """A network from a file of `export.export_onnx`, on the CPU.

    Args:
        source: The file, or its contents.
        threads: Threads to compute with.

    Attributes:
        info: What the network is.
        version: Version of the package that exported it.
        precision: What it computes with.

    Raises:
        ModelError: The file is damaged or was not exported by this package.
    """

    def __init__(self, source: str | Path | bytes, threads: int) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        # Threads that spin while they wait slow everything else on a robot down.
        options.add_session_config_entry('session.intra_op.allow_spinning', '0')
        options.log_severity_level = 3
        try:
            self._session = onnxruntime.InferenceSession(
                source if isinstance(source, bytes) else str(source),
                options,
                providers=['CPUExecutionProvider'],
            )
            about = json.loads(self._session.get_modelmeta().custom_metadata_map[METADATA])
            self.version, self.precision = about.pop('version'), about.pop('precision')
            self.info = ModelInfo(**about)
        except Exception as error:  # whatever protobuf, the runtime or JSON make of hostile bytes
            what = 'the exported network' if isinstance(source, bytes) else source
            msg = f'{what} cannot be used: it is damaged or not of `vpr export` ({error})'
            raise ModelError(msg) from error
        self._outputs = [output.name for output in self._session.get_outputs()]

    def __call__(self, images: Tensor) -> ModelOutput:
        """Describe images (B, 3, S, S)."""
        values = self._session.run(self._outputs, {INPUT: images.contiguous().numpy()})
        named = dict(zip(self._outputs, map(torch.from_numpy, values), strict=True))
        return ModelOutput(**named)
