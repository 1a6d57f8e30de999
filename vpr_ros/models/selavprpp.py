# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""SelaVPR++ (arXiv:2502.16601): a frozen DINOv2 with side networks for descriptor and code."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

from torch import nn
from torch.nn import functional

from vpr_ros.models.adapters import GlobalAdaptationBlock, TokenAdapter, VanillaAdapter
from vpr_ros.models.boq import BoQConfig, QueryAggregator
from vpr_ros.models.model_spec import (
    ModelOutput,
    ModelSpec,
    Preprocessing,
    PublishedWeights,
    sign_code,
)
from vpr_ros.models.pooling import Aggregation
from vpr_ros.models.salad import SaladConfig, TransportAggregation
from vpr_ros.models.vit import (
    VIT_B,
    VIT_L,
    MultiConvAdapter,
    VisionTransformer,
    ViTConfig,
    tokens_to_map,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor

Branches = Literal['both', 'float', 'hash']
AdapterKind = Literal['multi-conv', 'vanilla', 'alternating']
AggregationKind = Literal['gem', 'salad', 'boq']
_CHOICES = {
    'branches': get_args(Branches),
    'adapter': get_args(AdapterKind),
    'aggregation': get_args(AggregationKind),
}
_BOQ_WIDTH = 384
_MOST_GRID = 256


@dataclass(frozen=True)
class SelaVPRppConfig:
    """Configuration of a SelaVPR++ network; the defaults are the published base network.

    Attributes:
        vit: The frozen backbone.
        descriptor_dim: Length of the float descriptor with GeM.
        code_bits: Bits of the hash code.
        adapters: Blocks followed by an adapter of the side network: ``all``, ``every-K`` or
            ``last-N``; for the paper's comparison also ``in-block``, inside every block instead,
            which both branches share, and ``none``.
        adapter: ``multi-conv``, or ``vanilla`` for two linear layers only, for comparison; inside
            blocks these are one behind the attention and one beside the MLP, as in SelaVPR.
            ``alternating`` ones have linear layers over the channels and over the tokens in turn.
        grid: Side of the patch grid that alternating adapters are for; others take any.
        aggregation: Of the float branch: ``gem`` between two linear layers, or that of ``salad``
            (8448 values) or ``boq`` (12288).
        branches: ``both``, or only the ``float`` or the ``hash`` one. With the hash branch
            alone the descriptor is the code before its signs are taken.
    """

    vit: ViTConfig = VIT_B
    descriptor_dim: int = 2048
    code_bits: int = 512
    adapters: str = 'all'
    adapter: AdapterKind = 'multi-conv'
    grid: int = 16
    aggregation: AggregationKind = 'gem'
    branches: Branches = 'both'

    def __post_init__(self) -> None:
        for name, kinds in _CHOICES.items():
            if getattr(self, name) not in kinds:
                *others, last = map(repr, kinds)
                given = getattr(self, name)
                msg = f'{name} must be {", ".join(others)} or {last}, not {given!r}'
                raise ValueError(msg)
        if self.adapters == 'in-block' and self.adapter == 'alternating':
            msg = 'adapters inside blocks are multi-conv or vanilla ones'
            raise ValueError(msg)
        if not 1 <= self.grid <= _MOST_GRID:
            msg = f'grid must be 1 to {_MOST_GRID}, not {self.grid}'
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


class SideTunedBackbone(VisionTransformer):
    """DINOv2 and one or two side networks over its blocks' outputs."""

    def __init__(self, config: SelaVPRppConfig) -> None:
        vit, within = config.vit, config.adapters == 'in-block'
        vanilla = config.adapter == 'vanilla'
        super().__init__(vit, MultiConvAdapter if within and not vanilla else None)
        if within and vanilla:
            blocks = (GlobalAdaptationBlock(vit.width, vit.heads) for _ in range(vit.depth))
            self.blocks = nn.ModuleList(blocks)
        self.start = config.side_start
        self.adapted = config.adapted_blocks()
        self.branches = 1 + (config.branches == 'both')
        self.norm = nn.LayerNorm(vit.width, eps=1e-6)
        if self.adapted and config.branches != 'hash':
            self.adapters = self._side_network(config)
        if self.adapted and config.branches != 'float':
            self.adapters_hashing = self._side_network(config)

    def _side_network(self, config: SelaVPRppConfig) -> nn.ModuleList:
        return nn.ModuleList(_side_adapter(config, number) for number in range(len(self.adapted)))

    def forward(self, images: Tensor) -> list[Tensor]:
        """Map images (B, 3, S, S) to the normalised tokens (B, 1 + N, D) of each branch."""
        tokens = self.embed(images)
        outputs = list(itertools.chain([tokens], self.block_outputs(tokens)))
        if not self.adapted:
            return [self.norm(outputs[-1])] * self.branches
        names = ('adapters', 'adapters_hashing')
        sides = [getattr(self, name) for name in names if hasattr(self, name)]
        return [self.norm(self._run_side(side, outputs)) for side in sides]

    def _run_side(self, adapters: nn.ModuleList, outputs: Sequence[Tensor]) -> Tensor:
        side = outputs[self.start]
        for adapter, block in zip(adapters, self.adapted, strict=True):
            side = side + adapter(side + outputs[block])
        return side


def _side_adapter(config: SelaVPRppConfig, number: int) -> nn.Module:
    """Return the adapter of a side network with this number, from 0."""
    if config.adapter == 'multi-conv':
        return MultiConvAdapter(config.vit.width)
    if config.adapter == 'alternating' and number % 2:
        return TokenAdapter(1 + config.grid**2)
    return VanillaAdapter(config.vit.width)


class SelaVPRpp(nn.Module):
    """Descriptor and code from two side networks; parameter names are the published ones."""

    def __init__(self, config: SelaVPRppConfig) -> None:
        super().__init__()
        width = config.vit.width
        self.config = config
        self.backbone = SideTunedBackbone(config)
        if config.branches != 'hash':
            self.aggregation = _aggregation(config)
            if config.aggregation == 'gem':
                self.linear1 = nn.Linear(width, width)
                self.linear2 = nn.Linear(width, config.descriptor_dim)
        if config.branches != 'float':
            self.aggregation_hashing = Aggregation()
            self.linear3 = nn.Linear(width, width)
            self.linear4 = nn.Linear(width, config.code_bits)

    def forward(self, images: Tensor) -> ModelOutput:
        """Describe images (B, 3, S, S), float32, ImageNet-normalised RGB."""
        tokens = self.backbone(images)
        if self.config.branches == 'float':
            return ModelOutput(self._describe(tokens[0]))
        logits = self._hash(tokens[-1])
        if self.config.branches == 'hash':
            return ModelOutput(logits, sign_code(logits), logits)
        return ModelOutput(self._describe(tokens[0]), sign_code(logits), logits)

    def _describe(self, tokens: Tensor) -> Tensor:
        if self.config.aggregation == 'gem':
            pooled = self.linear2(self.aggregation(self.linear1(tokens[:, 1:])))
        elif self.config.aggregation == 'salad':
            pooled = self.aggregation(tokens)
        else:
            pooled = self.aggregation(tokens_to_map(tokens))
        return functional.normalize(pooled.float(), dim=-1)

    def _hash(self, tokens: Tensor) -> Tensor:
        pooled = self.linear4(self.aggregation_hashing(self.linear3(tokens[:, 1:])))
        return functional.normalize(pooled.float(), dim=-1)


def _aggregation(config: SelaVPRppConfig) -> nn.Module:
    """Return what turns the tokens of the float branch into one vector."""
    if config.aggregation == 'salad':
        return TransportAggregation(SaladConfig(config.vit))
    if config.aggregation == 'boq':
        return QueryAggregator(BoQConfig(None, config.vit, _BOQ_WIDTH), config.vit.width)
    return Aggregation()


def _make(**options: Any) -> SelaVPRpp:
    return SelaVPRpp(SelaVPRppConfig(**options))


def _infer(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
    """Return the options of a published file: some hold one branch only, or another head."""
    heads = {'aggregation.dust_bin': 'salad', 'aggregation.proj_c.bias': 'boq'}
    others = [kind for key, kind in heads.items() if key in shapes]
    options: dict[str, Any] = {'aggregation': others[0]} if others else {}
    if not any(key.startswith('linear4.') for key in shapes):
        options['branches'] = 'float'
    elif not others and 'linear2.bias' not in shapes:
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
