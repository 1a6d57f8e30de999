# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""SelaVPR++ (arXiv:2502.16601): a frozen DINOv2 with side networks for descriptor and code."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from torch import nn
from torch.nn import functional

from vpr_ros.models.model_spec import (
    ModelOutput,
    ModelSpec,
    Preprocessing,
    PublishedWeights,
    sign_code,
)
from vpr_ros.models.pooling import Aggregation
from vpr_ros.models.vit import VIT_B, VIT_L, MultiConvAdapter, VisionTransformer, ViTConfig

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor

Branches = Literal['both', 'float', 'hash']


@dataclass(frozen=True)
class SelaVPRppConfig:
    """Configuration of a SelaVPR++ network; the defaults are the published base network.

    Attributes:
        vit: The frozen backbone.
        descriptor_dim: Length of the float descriptor.
        code_bits: Bits of the hash code.
        adapters: Blocks followed by an adapter of the side network: ``all``, ``every-K`` or
            ``last-N``; for the paper's comparison also ``in-block``, inside every block instead,
            which both branches share, and ``none``.
        adapter: ``multi-conv``, or ``vanilla`` for two linear layers only, for comparison.
        branches: ``both``, or only the ``float`` or the ``hash`` one. With the hash branch
            alone the descriptor is the code before its signs are taken.
    """

    vit: ViTConfig = VIT_B
    descriptor_dim: int = 2048
    code_bits: int = 512
    adapters: str = 'all'
    adapter: Literal['multi-conv', 'vanilla'] = 'multi-conv'
    branches: Branches = 'both'

    def __post_init__(self) -> None:
        if self.branches not in ('both', 'float', 'hash'):
            msg = f"branches must be 'both', 'float' or 'hash', not {self.branches!r}"
            raise ValueError(msg)
        if self.adapter not in ('multi-conv', 'vanilla'):
            msg = f"adapter must be 'multi-conv' or 'vanilla', not {self.adapter!r}"
            raise ValueError(msg)
        if self.adapters == 'in-block' and self.adapter != 'multi-conv':
            msg = 'adapters inside blocks are multi-conv ones'
            raise ValueError(msg)
        self.adapted_blocks()

    def adapted_blocks(self) -> list[int]:
        """Return the blocks (1-based) whose outputs enter the side network.

        Raises:
            ValueError: ``adapters`` is not understood or names no block.
        """
        depth = self.vit.depth
        kind, _, text = self.adapters.partition('-')
        number = int(text) if text.isdecimal() else 0
        if self.adapters in ('in-block', 'none'):
            return []
        if self.adapters == 'all':
            return list(range(1, depth + 1))
        if kind == 'every' and 1 <= number <= depth:
            return list(range(number, depth + 1, number))
        if kind == 'last' and 1 <= number <= depth:
            return list(range(depth - number + 1, depth + 1))
        msg = (
            f"adapters must be 'all', 'every-K' or 'last-N' of {depth}, 'in-block' or 'none', "
            f'not {self.adapters!r}'
        )
        raise ValueError(msg)

    @property
    def side_start(self) -> int:
        """Block (1-based) whose output starts the side network; 0 for the embedding."""
        return self.adapted_blocks()[0] - 1 if self.adapters.startswith('last') else 0


class VanillaAdapter(nn.Module):
    """Bottleneck of two linear layers."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.D_fc1 = nn.Linear(width, width // 2)
        self.D_fc2 = nn.Linear(width // 2, width)

    def forward(self, tokens: Tensor) -> Tensor:
        """Map tokens (B, T, D) to the same shape."""
        return self.D_fc2(functional.relu(self.D_fc1(tokens)))  # type: ignore[no-any-return]


class SideTunedBackbone(VisionTransformer):
    """DINOv2 and one or two side networks over its blocks' outputs."""

    def __init__(self, config: SelaVPRppConfig) -> None:
        super().__init__(config.vit, MultiConvAdapter if config.adapters == 'in-block' else None)
        self.start = config.side_start
        self.adapted = config.adapted_blocks()
        self.branches = 1 + (config.branches == 'both')
        self.norm = nn.LayerNorm(config.vit.width, eps=1e-6)
        if self.adapted and config.branches != 'hash':
            self.adapters = self._side_network(config)
        if self.adapted and config.branches != 'float':
            self.adapters_hashing = self._side_network(config)

    def _side_network(self, config: SelaVPRppConfig) -> nn.ModuleList:
        kind = MultiConvAdapter if config.adapter == 'multi-conv' else VanillaAdapter
        return nn.ModuleList(kind(config.vit.width) for _ in self.adapted)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Map images (B, 3, S, S) to the normalised patch tokens (B, N, D) of each branch."""
        tokens = self.embed(images)
        outputs = list(itertools.chain([tokens], self.block_outputs(tokens)))
        if not self.adapted:
            return [self.norm(outputs[-1])[:, 1:]] * self.branches
        names = ('adapters', 'adapters_hashing')
        sides = [getattr(self, name) for name in names if hasattr(self, name)]
        return [self.norm(self._run_side(side, outputs))[:, 1:] for side in sides]

    def _run_side(self, adapters: nn.ModuleList, outputs: Sequence[Tensor]) -> Tensor:
        side = outputs[self.start]
        for adapter, block in zip(adapters, self.adapted, strict=True):
            side = side + adapter(side + outputs[block])
        return side


class SelaVPRpp(nn.Module):
    """Descriptor and code from two side networks; parameter names are the published ones."""

    def __init__(self, config: SelaVPRppConfig) -> None:
        super().__init__()
        width = config.vit.width
        self.config = config
        self.backbone = SideTunedBackbone(config)
        if config.branches != 'hash':
            self.aggregation = Aggregation()
            self.linear1 = nn.Linear(width, width)
            self.linear2 = nn.Linear(width, config.descriptor_dim)
        if config.branches != 'float':
            self.aggregation_hashing = Aggregation()
            self.linear3 = nn.Linear(width, width)
            self.linear4 = nn.Linear(width, config.code_bits)

    def forward(self, images: Tensor) -> ModelOutput:
        """Describe images (B, 3, S, S), float32, ImageNet-normalised RGB."""
        features = self.backbone(images)
        if self.config.branches == 'float':
            return ModelOutput(self._describe(features[0]))
        logits = self._hash(features[-1])
        if self.config.branches == 'hash':
            return ModelOutput(logits, sign_code(logits), logits)
        return ModelOutput(self._describe(features[0]), sign_code(logits), logits)

    def _describe(self, features: Tensor) -> Tensor:
        pooled = self.linear2(self.aggregation(self.linear1(features)))
        return functional.normalize(pooled.float(), dim=-1)

    def _hash(self, features: Tensor) -> Tensor:
        pooled = self.linear4(self.aggregation_hashing(self.linear3(features)))
        return functional.normalize(pooled.float(), dim=-1)


def _make(**options: Any) -> SelaVPRpp:
    return SelaVPRpp(SelaVPRppConfig(**options))


def _infer(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
    """Return the options of a published file: some hold one branch only."""
    options: dict[str, Any] = {}
    if not any(key.startswith('linear4.') for key in shapes):
        options['branches'] = 'float'
    elif not any(key.startswith('linear2.') for key in shapes):
        options['branches'] = 'hash'
    for option, key in (('descriptor_dim', 'linear2.bias'), ('code_bits', 'linear4.bias')):
        if key in shapes:
            options[option] = shapes[key][0]
    return options


_SOURCE = 'https://github.com/Lu-Feng/SelaVPRplusplus'
_FOLDERS = (
    'https://huggingface.co/fenglu96/SelaVPRplusplus/resolve/main',
    f'{_SOURCE}/releases/download/SelaVPR%2B%2B',
)


def _published(file: str, size: int, sha256: str) -> PublishedWeights:
    urls = tuple(f'{folder}/{file}' for folder in _FOLDERS)
    return PublishedWeights(file, _SOURCE, 'MIT', size, sha256, urls)


# Hugging Face states the digests.
MODELS = (
    ModelSpec(
        'selavprpp-base',
        _make,
        Preprocessing(322),
        weights=_published(
            'SelaVPRplusplus_base_rerank.pth',
            513_995_711,
            'da31138202b9a746916588ecd97499a56bae304e61444a50d6f34761377cdcbf',
        ),
        infer=_infer,
    ),
    ModelSpec(
        'selavprpp-large',
        _make,
        Preprocessing(322),
        options={'vit': VIT_L, 'descriptor_dim': 4096, 'adapters': 'last-16'},
        weights=_published(
            'SelaVPRplusplus_large_rerank.pth',
            1_605_319_807,
            'b055346fe0ac14e48689502da2c60113c9dd4018c4fb7a10fbd48d1662e69f8a',
        ),
        infer=_infer,
    ),
)
