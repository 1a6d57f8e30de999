# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Networks of others, from an ONNX or TorchScript file and its model card.

The card is a YAML file of the same name beside it, see `models.model_card.ModelCard`. Both kinds
of file are graphs of numerical operations; a TorchScript file that asks for others is refused.
"""

from __future__ import annotations

import hashlib
import re
import warnings
import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from vpr_ros.describe.onnx_extra import onnx_extra
from vpr_ros.errors import ImageError, ModelError
from vpr_ros.models import ModelOutput, ModelSpec
from vpr_ros.models.download import file_digest
from vpr_ros.models.model_spec import sign_code

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from vpr_ros.models.model_card import ModelCard

SUFFIXES = {'.onnx': 'onnx', '.pt': 'torchscript', '.ts': 'torchscript'}
"""Kinds of files by their endings."""
_ALIKE = 1e-3
"""Cosines that differ by less are those of one descriptor."""


def foreign_spec(card: ModelCard, path: Path) -> ModelSpec:
    """Return the model of a file and its card; the file is read when the network is made.

    Raises:
        ModelError: The card lacks something.
    """
    if card.preprocessing is None or not card.descriptor_dim or not card.licence:
        missing = 'preprocessing', 'descriptor_dim', 'licence'
        msg = f'{path}: its card must say {", ".join(missing)}'
        raise ModelError(msg)
    for name in ('options', 'projection', 'projection_bits'):
        if getattr(card, name):
            msg = f'{path}: {name} of its card belongs to networks of vpr_ros: leave it out'
            raise ModelError(msg)
    preprocessing = card.preprocessing

    def make() -> ForeignNetwork:
        return ForeignNetwork(path, card, preprocessing.shape)

    return ModelSpec(card.name or path.stem, make, preprocessing, file=path, foreign=True)


class ForeignNetwork(nn.Module):
    """A network of others, checked on two pictures when it is loaded.

    It computes with the threads of torch, see `runtime.configure_threads`, in ONNX Runtime too.

    Args:
        path: An ONNX or TorchScript file.
        card: Its card.
        shape: Height and width of its input.

    Attributes:
        codes: The output whose signs are the code; empty for none.

    Raises:
        ModelError: The file is damaged or asks for more than numbers, or does not do what the
            card says: the length differs, values are not finite, all pictures are alike, or a
            descriptor or a code depends on the other images of its batch.
    """

    def __init__(self, path: Path, card: ModelCard, shape: tuple[int, int]) -> None:
        super().__init__()
        self._path, self._dim = path, card.descriptor_dim
        self._bits = 0  # of codes, as the first ones have
        self.codes = '' if card.codes in ('itq', 'network') else card.codes
        run = _onnx(path) if card.model == 'onnx' else _script(path)
        if isinstance(run, nn.Module):
            self.script = run
        self._run = run
        generator = torch.Generator().manual_seed(0)
        coarse = torch.randn(2, 3, 7, 7, generator=generator)
        pictures = functional.interpolate(coarse, size=shape, mode='bilinear')
        try:
            self._check(card, pictures)
        except Exception as error:  # of the libraries, on a graph that does not fit
            msg = f'{path} does not do what its card says: {_first_line(error)}'
            raise ModelError(msg) from error

    def forward(self, images: Tensor) -> ModelOutput:
        """Describe images (B, 3, H, W), normalised as the card says.

        Raises:
            ImageError: The network fails on them, or gives something else than it did at first.
        """
        try:
            output = self._outputs(images)
            parts = (
                ('descriptors', output.descriptor, self._dim),
                ('codes', output.code, self._bits),
            )
            for what, values, length in parts:
                if values is not None:
                    _require_shape(what, values, len(images), length)
        except Exception as error:  # of the libraries, in operations that depend on the values
            msg = f'{self._path} fails on an image: {_last_line(error)}'
            raise ImageError(msg) from error
        return output

    def _outputs(self, images: Tensor) -> ModelOutput:
        outputs = self._run(images)
        if not isinstance(outputs, dict):
            several = outputs if isinstance(outputs, (tuple, list)) else [outputs]
            outputs = {str(number): value for number, value in enumerate(several)}
        found: dict[str, Tensor] = outputs
        others = [value for name, value in found.items() if name != self.codes]
        if not others or (self.codes and self.codes not in found):
            msg = f'its outputs are {", ".join(found)}: there must be one of descriptors'
            msg += f', and {self.codes!r} for codes' if self.codes else ''
            raise ModelError(msg)
        descriptor = others[0]
        descriptor = functional.normalize(descriptor.float().flatten(1), dim=-1)
        if not self.codes:
            return ModelOutput(descriptor)
        logits = found[self.codes].float().flatten(1)
        return ModelOutput(descriptor, sign_code(logits), logits)

    @torch.no_grad()
    def _check(self, card: ModelCard, pictures: Tensor) -> None:
        together = self._outputs(pictures)
        apart = ModelOutput.joined([self._outputs(picture[None]) for picture in pictures])
        _require_shape('descriptors', together.descriptor, 2, self._dim)
        found = together.descriptor
        if together.code is not None:
            self._bits = together.code.shape[1]
            _require_shape('codes', together.code, 2, self._bits)
            _check_codes(card, together, apart)
        elif card.code_bits:
            msg = f'code_bits are {card.code_bits}, and no output is named for codes'
            raise ModelError(msg)
        if not torch.isfinite(found).all() or not found.any(1).all():
            msg = 'descriptors are zero, or not finite'
            raise ModelError(msg)
        if float((found * apart.descriptor).sum(1).min()) < 1 - _ALIKE:
            msg = 'the descriptor of an image depends on the others of its batch'
            raise ModelError(msg)
        if float(found[0] @ found[1]) > 1 - 1e-6:
            msg = 'two different pictures have the same descriptor'
            raise ModelError(msg)


def _require_shape(what: str, values: Tensor, count: int, length: int) -> None:
    if len(values) != count:
        msg = f'{count} images have {len(values)} {what}'
        raise ModelError(msg)
    if values.shape[1] != length:
        msg = f'{what} have the length {values.shape[1]}, not {length}'
        raise ModelError(msg)


def _check_codes(card: ModelCard, together: ModelOutput, apart: ModelOutput) -> None:
    logits, alone = together.logits, apart.logits
    if logits is None or alone is None:
        return
    bits = logits.shape[1]
    if alone.shape != logits.shape or not bits or bits % 8:
        msg = f'codes have {bits} bits: there must be a multiple of 8, of every image as many'
        raise ModelError(msg)
    if card.code_bits not in (0, bits):
        msg = f'codes have {bits} bits, not {card.code_bits}'
        raise ModelError(msg)
    if not torch.isfinite(logits).all() or not torch.isfinite(alone).all():
        msg = f'the output {card.codes} for codes is not finite'
        raise ModelError(msg)
    if float((logits - alone).abs().max()) > _ALIKE * float(logits.abs().max()):
        msg = 'the code of an image depends on the others of its batch'
        raise ModelError(msg)
    if torch.equal(*logits):
        msg = 'two different pictures have the same code'
        raise ModelError(msg)


def foreign_digest(path: Path, codes: str = '') -> str:
    """Return the sha256 (hex) of a network of others, with the weights that lie beside its file.

    Args:
        path: Its file.
        codes: The output of its codes: another one makes another network of it.

    Raises:
        ModelError: It is an ONNX file, and the package for these is missing.
    """
    own = file_digest(path)
    beside = _files_beside(path) if SUFFIXES[path.suffix] == 'onnx' else []
    parts = [own, *(file_digest(file) for file in beside), *([codes] if codes else [])]
    return own if len(parts) == 1 else hashlib.sha256(' '.join(parts).encode()).hexdigest()


def _files_beside(path: Path) -> list[Path]:
    """Return the files with weights of an ONNX network that was saved in several."""
    with onnx_extra(path):
        import onnx  # noqa: PLC0415
    found: set[str] = set()
    waiting: list[Any] = [onnx.load(path, load_external_data=False).graph]
    while waiting:
        graph = waiting.pop()
        attributes = [each for node in graph.node for each in node.attribute]
        tensors = [*graph.initializer, *(a.t for a in attributes), *_each(attributes, 'tensors')]
        waiting += [a.g for a in attributes if a.HasField('g')] + _each(attributes, 'graphs')
        entries = [entry for tensor in tensors for entry in tensor.external_data]
        found |= {entry.value for entry in entries if entry.key == 'location'}
    return sorted(path.parent / name for name in found)


def _each(attributes: Iterable[Any], name: str) -> list[Any]:
    return [value for attribute in attributes for value in getattr(attribute, name)]


def _onnx(path: Path) -> Callable[[Tensor], dict[str, Tensor]]:
    """Return a function that computes the outputs of an ONNX file by their names."""
    with onnx_extra(path):
        from vpr_ros.describe.onnx_export import cpu_session  # noqa: PLC0415
    try:
        session = cpu_session(path, torch.get_num_threads())
    except Exception as error:
        msg = f'{path} cannot be used as an ONNX network: {_first_line(error)}'
        raise ModelError(msg) from error
    inputs, names = session.get_inputs(), [output.name for output in session.get_outputs()]
    if len(inputs) != 1 or len(inputs[0].shape) != 4:
        msg = f'{path} must take one batch of images (B, 3, H, W) and nothing else'
        raise ModelError(msg)
    name, one_by_one = inputs[0].name, inputs[0].shape[0] == 1

    def run(images: Tensor) -> dict[str, Tensor]:
        pixels = images.contiguous().numpy()
        batches = [image[None] for image in pixels] if one_by_one else [pixels]
        values = [session.run(names, {name: batch}) for batch in batches]
        joined = [torch.from_numpy(np.concatenate(parts)) for parts in zip(*values, strict=True)]
        return dict(zip(names, joined, strict=True))

    return run


_ON_LOAD = re.compile(r'\b(__setstate__|__getstate__|classes)\b')
"""Names in TorchScript of what runs while it is loaded."""
_REFUSED = {'aten::save', 'aten::from_file', 'aten::warn', 'prim::Print', 'prim::PythonOp'}
"""Operations on more than tensors, of the sets that are allowed."""
_MOST_CODE = 1 << 24


def _script(path: Path) -> nn.Module:
    """Return the module of a TorchScript file, once its code was looked through."""
    try:
        _look_through(path)
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            load: Any = torch.jit.load
            module: Any = load(path, map_location='cpu')
        _require_numbers(module.inlined_graph)
        return module.eval()  # type: ignore[no-any-return]
    except Exception as error:
        msg = f'{path} cannot be used as a TorchScript network: {_first_line(error)}'
        raise ModelError(msg) from error


def _look_through(path: Path) -> None:
    """Refuse an archive that unpacks to too much, or whose code would run while it is loaded."""
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
        code = [entry for entry in entries if '/code/' in entry.filename]
        if any(e.compress_type and e.file_size > _MOST_CODE for e in entries):
            msg = 'it unpacks to far more than it holds'
            raise ModelError(msg)
        if not code or sum(entry.file_size for entry in code) > _MOST_CODE:
            msg = 'it holds no TorchScript'
            raise ModelError(msg)
        for entry in code:
            if found := _ON_LOAD.search(archive.read(entry).decode('utf-8', 'replace')):
                msg = f'its code asks for more than numbers: {found[0]}'
                raise ModelError(msg)


def _require_numbers(graph: Any) -> None:
    """Refuse a graph of TorchScript with operations on files or of others."""
    for node in graph.nodes():
        kind = node.kind()
        if kind in _REFUSED or not kind.startswith(('aten::', 'prim::')):
            msg = f'its code asks for more than numbers: {kind}'
            raise ModelError(msg)
        for block in node.blocks():
            _require_numbers(block)


def _first_line(error: Exception) -> str:
    return str(error).strip().partition('\n')[0] or type(error).__name__


def _last_line(error: Exception) -> str:
    """Return the reason of an error that TorchScript raised in a network: it stands last."""
    return str(error).strip().rpartition('\n')[2] or type(error).__name__
