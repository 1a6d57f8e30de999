# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Networks as ONNX files: exported, checked against torch, kept, and run by ONNX Runtime."""

from __future__ import annotations

import io
import json
import logging
import tempfile
import warnings
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import onnxruntime
import torch
from torch import nn
from torch.nn import functional

from vpr_ros.describe.preprocess import preprocess
from vpr_ros.describe.runtime import available_cpus
from vpr_ros.documents import json_of
from vpr_ros.errors import ModelError
from vpr_ros.models import ModelOutput, weights_folder
from vpr_ros.models.model_card import ModelCard, card_of
from vpr_ros.models.weights_file import whole_file
from vpr_ros.parsing import parse
from vpr_ros.types import ModelInfo
from vpr_ros.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    import onnx
    from numpy.typing import NDArray
    from torch import Tensor

    from vpr_ros.models import ModelSpec

INPUT = 'images'
METADATA = 'vpr_ros'
"""Entry of the file's metadata: a JSON object of `ModelInfo`, ``version``, ``precision`` and
``card``."""
RUNTIME_VERSION: str = onnxruntime.__version__


class OnnxNetwork(nn.Module):
    """A network from a file of `export_onnx`, on the CPU.

    Args:
        source: The file, or its contents.
        threads: Threads to compute with.

    Attributes:
        info: The model's identity.
        card: Its model card, JSON; empty in files of earlier versions.
        version: Version of the package that exported it.
        precision: Its number format.

    Raises:
        ModelError: The file is damaged or was not exported by this package.
    """

    def __init__(self, source: str | Path | bytes, threads: int) -> None:
        super().__init__()
        try:
            self._session = cpu_session(source, threads)
            about = json_of(self._session.get_modelmeta().custom_metadata_map[METADATA])
            self.version, self.precision = about.pop('version'), about.pop('precision')
            self.card = str(about.pop('card', ''))
            self.info = parse(ModelInfo, about)
        except Exception as error:  # whatever protobuf, the runtime or JSON make of hostile bytes
            what = 'the exported network' if isinstance(source, bytes) else source
            msg = f'{what} cannot be used: it is damaged or not of `vpr export` ({error})'
            raise ModelError(msg) from error
        self._outputs = [output.name for output in self._session.get_outputs()]

    def forward(self, images: Tensor) -> ModelOutput:
        """Describe images (B, 3, H, W)."""
        values = self._session.run(self._outputs, {INPUT: images.contiguous().numpy()})
        named = dict(zip(self._outputs, map(torch.from_numpy, values), strict=True))
        return ModelOutput(**named)


def cpu_session(source: str | Path | bytes, threads: int) -> onnxruntime.InferenceSession:
    """Return a session of ONNX Runtime on the CPU for a file or its contents."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    # Threads that spin while they wait slow everything else on a robot down.
    options.add_session_config_entry('session.intra_op.allow_spinning', '0')
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(
        source if isinstance(source, bytes) else str(source),
        options,
        providers=['CPUExecutionProvider'],
    )


OnnxPrecision = Literal['fp32', 'int8']
OPSETS = (17, 18)
"""Versions of ONNX operators offered; TensorRT computes GridSample wrongly from version 20 on."""

_MOST_DIFFERENCE = 1e-5
_LEAST_COSINE = 0.9995  # photographs come out twice as far from 1 as patterns, and reach 0.999
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Agreement:
    """How an exported network compares with torch in float32.

    Attributes:
        images: Number of images compared.
        difference: Largest difference of a descriptor's entries.
        cosine: Smallest cosine of two descriptors of one image.
        bits: Number of code bits that differ, of those images together.
    """

    images: int
    difference: float
    cosine: float
    bits: int


def export_onnx(
    net: nn.Module,
    info: ModelInfo,
    entry: ModelSpec,
    *,
    opset: int = 17,
    precision: OnnxPrecision = 'fp32',
    images: Sequence[NDArray[np.uint8]] = (),
) -> tuple[bytes, Agreement]:
    """Return a network as the contents of an ONNX file, and how it agrees with torch.

    The file takes ``images`` (B, 3, height, width), normalised, with B open; the outputs are
    those of `models.ModelOutput`. Its metadata identify it, see `METADATA`. The
    positional embedding is fixed for the size.

    Args:
        net: A network of `models.create`, in evaluation mode on the CPU.
        info: The model's identity, written into the file.
        entry: The model, with the preprocessing of its input.
        opset: One of `OPSETS`.
        precision: ``int8`` rounds the weights of linear layers to 8 bits, and what is multiplied
            with them, image by image, when it runs: use it with one image at a time.
        images: RGB photographs to compare the results on; patterns where there are none.

    Raises:
        ModelError: The network cannot be exported, or the file's results differ from torch's by
            more than 1e-5 (fp32) or reach a cosine below 0.9995 (int8).
    """
    # Only to export; what is kept runs without, and starts sooner.
    import onnx  # noqa: PLC0415

    if entry.foreign or not any(True for _ in net.parameters()):
        msg = f'{info.name} is no network with weights of ours: there is nothing to export'
        raise ModelError(msg)
    if opset not in OPSETS:
        msg = f'opset must be one of {", ".join(map(str, OPSETS))}, not {opset}'
        raise ModelError(msg)
    batch = preprocess(list(images) or _patterns(), entry.preprocessing)
    model = _traced(net, batch[:2], opset)
    if precision == 'int8':
        model = _quantised(model)
    card = card_of(entry, net, ModelCard(entry.registered, entry.name)).text()
    about = {**asdict(info), 'version': VERSION, 'precision': precision, 'card': card}
    onnx.helper.set_model_props(model, {METADATA: json.dumps(about)})
    contents = model.SerializeToString()
    agreement = _compared(net, OnnxNetwork(contents, available_cpus()), batch)
    if precision == 'fp32' and not agreement.difference <= _MOST_DIFFERENCE:
        found, limit = f'differ by {agreement.difference:.1e}', f'{_MOST_DIFFERENCE:.0e}'
    elif not agreement.cosine >= _LEAST_COSINE:
        found, limit = f'reach a cosine of {agreement.cosine:.5f}', f'{_LEAST_COSINE}'
    else:
        return contents, agreement
    msg = (
        f'{info.name} was not exported in {precision}: descriptors of ONNX Runtime and torch '
        f'{found}, and the limit is {limit}'
    )
    raise ModelError(msg)


def cached_network(
    net: nn.Module,
    info: ModelInfo,
    entry: ModelSpec,
    precision: OnnxPrecision,
    threads: int,
) -> OnnxNetwork:
    """Return a network for ONNX Runtime; an export is kept in the user's weights folder.

    Raises:
        ModelError: The network cannot be exported, see `export_onnx`.
    """
    path = path_of(weights_folder(), info.name, info.weights_id, precision)
    kept = kept_network(path, threads)
    if kept is not None and kept.info == info:
        return kept
    contents, _ = export_onnx(net, info, entry, precision=precision)
    keep_export(path, contents)
    return OnnxNetwork(contents, threads)


def keep_export(path: Path, contents: bytes) -> None:
    """Write an exported network for the next start; where that fails, say so and go on."""
    try:
        with whole_file(path) as unfinished:
            unfinished.write_bytes(contents)
    except OSError as error:
        _log.warning('the exported network cannot be kept for the next start: %s', error)


def path_of(folder: Path, name: str, weights_id: str, precision: OnnxPrecision) -> Path:
    """Return where `cached_network` keeps an export."""
    return folder / f'{name}-{weights_id[:16]}-{precision}.onnx'


def kept_network(path: Path, threads: int) -> OnnxNetwork | None:
    """Return an export of this version of the package; None where there is none that is sound."""
    if not path.is_file():
        return None
    try:
        kept = OnnxNetwork(path, threads)
    except ModelError as error:
        _log.warning('%s; exporting it anew', error)
        return None
    return kept if kept.version == VERSION else None


class _Named(nn.Module):
    """A network as a function of tensors to tensors."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        return tuple(value for value in self.net(images) if value is not None)


def _traced(net: nn.Module, batch: Tensor, opset: int) -> onnx.ModelProto:
    with torch.inference_mode():
        output: ModelOutput = net(batch)  # resamples the positional embedding, once for all
    import onnx  # noqa: PLC0415

    names = [name for name, value in output._asdict().items() if value is not None]
    axes = {name: {0: 'batch'} for name in (INPUT, *names)}
    try:
        contents = traced_file(_Named(net).eval(), batch, opset, INPUT, names, axes)
    except Exception as error:
        reason = str(error).strip().splitlines()[0]
        msg = f'{type(net).__name__} cannot be exported to ONNX: {reason}'
        raise ModelError(msg) from error
    return onnx.load_from_string(contents)


def traced_file(
    net: nn.Module,
    batch: Tensor,
    opset: int,
    input_name: str,
    output_names: Sequence[str],
    axes: Mapping[str, Mapping[int, str]],
) -> bytes:
    """Return a network as an ONNX file; the exporter raises errors of many kinds.

    Args:
        net: Maps one tensor to tensors.
        batch: An input.
        opset: Version of the operators.
        input_name: In the file.
        output_names: In the file, in their order.
        axes: Those of any length, with their names, by the name of the tensor.
    """
    file = io.BytesIO()
    # The tracing exporter: it takes the embedding as it is, and needs no further package.
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter('ignore')
        torch.onnx.export(
            net,
            (batch,),
            file,  # type: ignore[arg-type]
            dynamo=False,
            opset_version=opset,
            input_names=[input_name],
            output_names=list(output_names),
            dynamic_axes=axes,
        )
    return file.getvalue()


def _quantised(model: onnx.ModelProto) -> onnx.ModelProto:
    import onnx  # noqa: PLC0415
    from onnxruntime.quantization import QuantType, quantize_dynamic  # noqa: PLC0415

    # Without this mark the quantiser warns that its own preparation, which changes nothing
    # here, is missing.
    onnx.helper.set_model_props(model, {'onnx.quant.pre_process': 'onnxruntime.quant'})
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / 'int8.onnx'
        options = {'per_channel': True, 'weight_type': QuantType.QInt8}
        quantize_dynamic(model, path, op_types_to_quantize=['MatMul'], **options)
        return onnx.load(path)


@torch.inference_mode()
def _compared(net: nn.Module, exported: OnnxNetwork, batch: Tensor) -> Agreement:
    """Compare images one by one, and in float32 also all at once, which must not matter."""
    expected: ModelOutput = net(batch)
    found = ModelOutput.joined([exported(image[None]) for image in batch])
    differences = [found.descriptor - expected.descriptor]
    if exported.precision == 'fp32':
        differences.append(exported(batch).descriptor - expected.descriptor)
    cosines = functional.cosine_similarity(found.descriptor, expected.descriptor)
    bits = 0
    if found.code is not None and expected.code is not None:
        bits = int((found.code != expected.code).sum())
    difference = max(float(values.abs().max()) for values in differences)
    return Agreement(len(batch), difference, float(cosines.min()), bits)


def _patterns() -> list[NDArray[np.uint8]]:
    """Return pictures with detail at every scale, as photographs have it."""
    generator = torch.Generator().manual_seed(0)
    pictures = torch.zeros(4, 3, 256, 256)
    for level in range(1, 8):
        noise = torch.randn(4, 3, 1 << level, 1 << level, generator=generator)
        pictures += functional.interpolate(noise, size=(256, 256), mode='bilinear') / level
    levels = (pictures * 40 + 128).clamp(0, 255).byte().permute(0, 2, 3, 1)
    return list(levels.numpy())
