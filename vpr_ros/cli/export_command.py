# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""``vpr export``: writes networks for other runtimes."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from vpr_ros.cli import options as opt
from vpr_ros.cli.console import say

_COMPARED = 20


def export(
    model: opt.ModelArgument,
    *,
    output: Annotated[
        Path,
        typer.Option('--output', '-o', callback=opt.check_folder, help='File to write (.onnx).'),
    ],
    weights: opt.Weights = None,
    opset: Annotated[
        int,
        typer.Option(min=17, max=18, help='ONNX operators; TensorRT fails on GridSample from 20.'),
    ] = 17,
    int8: Annotated[
        bool, typer.Option('--int8', help='Multiply in 8 bits; for one image at a time.')
    ] = False,
    images: Annotated[
        Path | None,
        typer.Option(
            help='Folder of photographs to check the results on; patterns, if not given.'
        ),
    ] = None,
    as_json: opt.AsJson = False,
) -> None:
    """Write a network as an ONNX file, once it gives the same results as torch.

    The file takes `images` (B, 3, S, S) float32, resized and normalised as its metadata say, with
    the batch open and the size fixed, and returns `descriptor` and, where there is one, `code`.
    """
    from vpr_ros.cli.localizing import photographs
    from vpr_ros.describe.loading import load_described, resolve
    from vpr_ros.describe.onnx_export import export_onnx
    from vpr_ros.models.weights_file import whole_file

    entry = resolve(model, weights)
    net, info = load_described(entry)
    contents, agreement = export_onnx(
        net,
        info,
        entry,
        opset=opset,
        precision='int8' if int8 else 'fp32',
        images=photographs(images, _COMPARED) if images else (),
    )
    with whole_file(output) as unfinished:
        unfinished.write_bytes(contents)
    answer = {'output': str(output), 'bytes': len(contents)} | asdict(agreement)
    say(
        as_json,
        answer,
        f'{output}: {len(contents) / 1e6:.1f} MB; over {agreement.images} images the descriptors'
        f' differ from torch by at most {agreement.difference:.1e} (cosine at least'
        f' {agreement.cosine:.6f}), the codes in {agreement.bits} bits',
    )
