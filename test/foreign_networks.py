# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A small network of others, as an ONNX and as a TorchScript file with its card."""

import warnings

import torch
import yaml
from torch import nn

CARD = {
    'model': 'onnx',
    'name': 'theirs',
    'preprocessing': {'height': 24, 'width': 32, 'fit': 'crop', 'mean': [0.5] * 3, 'std': [1] * 3},
    'descriptor_dim': 16,
    'licence': 'MIT',
}


class Theirs(nn.Module):
    """A network whose descriptors are not of unit norm, with the logits of a code."""

    def __init__(self, kind=''):
        super().__init__()
        torch.manual_seed(1)
        self.kind = kind
        self.stem = nn.Conv2d(3, 16, 3, stride=2)
        self.head = nn.Linear(16, 24)

    def forward(self, images):
        found = 3 * torch.relu(self.stem(images)).amax(dim=(2, 3))
        if self.kind == 'batch':
            found = found - found.mean(0)
        if self.kind == 'constant':
            found = found * 0 + 1
        if self.kind == 'nan':
            found = (found - 100).sqrt()
        return found.reshape(images.shape[0], -1, 1, 1), self.logits(found)

    def logits(self, found):
        given = self.head(found)
        if self.kind == 'code of the batch':
            given = given - given.mean(0)
        if self.kind == 'constant code':
            given = given * 0 + 1
        if self.kind == 'code without numbers':
            given = (given - 100).sqrt()
        if self.kind == 'one code':
            given = given[:1]
        return given[:, :0] if self.kind == 'no code' else given


def write_card(path, **changes):
    path.with_suffix('.yaml').write_text(yaml.safe_dump({**CARD, **changes}))
    return str(path)


def onnx_file(path, kind='', batch=True, **changes):
    axes = {'pixels': {0: 'n'}} if batch else None
    example = torch.randn(2 if batch else 1, 3, 24, 32)
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        names = {'input_names': ['pixels'], 'output_names': ['feature', 'logits']}
        options = {'dynamo': False, 'dynamic_axes': axes, 'opset_version': 17, **names}
        torch.onnx.export(Theirs(kind).eval(), (example,), path, **options)
    return write_card(path, **changes)


def script_file(path, net=None):
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        torch.jit.trace(net or Theirs(), torch.randn(2, 3, 24, 32)).save(path)
    return write_card(path, model='torchscript')


class _OddInRed(nn.Module):
    """A network that does something else on pictures as red as can be, white ones too."""

    def __init__(self, kind: str):
        super().__init__()
        torch.manual_seed(0)
        self.kind = kind
        self.stem = nn.Conv2d(3, 16, 3, stride=2)

    def forward(self, images):
        found = self.stem(images).relu().amax(dim=[2, 3])
        if bool((images[:, 0].mean() > 0.45).item()):
            if self.kind == 'nan':
                found = found * float('nan')
            if self.kind == 'shorter':
                found = found[:, :8]
            if self.kind == 'two':
                found = torch.cat([found, found])
            if self.kind == 'none':
                found = found[:0]
            if self.kind == 'error':
                found = found.reshape(3, 7)
        return found


def odd_file(path, kind):
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        torch.jit.script(_OddInRed(kind)).save(path)
    return write_card(path, model='torchscript')
