# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The losses, all in float32 whatever precision surrounds them."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import torch
from pytorch_metric_learning.losses import MultiSimilarityLoss
from pytorch_metric_learning.miners import MultiSimilarityMiner
from torch import Tensor, nn
from torch.nn import functional

if TYPE_CHECKING:
    from vpr_ros.training.recipe import DistillationLoss, HashLoss, MetricLoss

Pairs: TypeAlias = tuple[Tensor, Tensor, Tensor, Tensor]
"""Anchors and their positives, anchors and their negatives: rows of a batch."""


def distillation_loss(kind: DistillationLoss, student: Tensor, teacher: Tensor) -> Tensor:
    """Return the unlikeness of descriptors (B, D) to the teacher's (B, E), both of unit norm.

    The squared error is summed over the descriptor, where D²-VPR takes the mean: over 10752
    values that is below 4e-4, too little for half precision. Adam does not mind the factor.

    Args:
        kind: ``mse`` and ``cosine`` need D = E; ``relational`` compares the cosines between the
            images of the batch (B, B) instead (Park et al., CVPR 2019, section 3.2, on cosines).
        student: Output of the network.
        teacher: Without gradient.
    """
    student, teacher = student.float(), teacher.float()
    if kind.kind == 'mse':
        return (student - teacher).square().sum(1).mean()
    if kind.kind == 'cosine':
        return 1 - functional.cosine_similarity(student, teacher).mean()
    others = ~torch.eye(len(student), dtype=torch.bool, device=student.device)
    difference = student @ student.T - teacher @ teacher.T
    return difference[others].square().sum() / max(1, len(student) - 1)


class MultiSimilarity(nn.Module):
    """Multi-similarity loss over the pairs that its miner keeps (Wang et al., CVPR 2019)."""

    def __init__(self, config: MetricLoss) -> None:
        super().__init__()
        self.loss = MultiSimilarityLoss(config.alpha, config.beta, config.base)
        self.miner = MultiSimilarityMiner(config.margin)

    def forward(self, vectors: Tensor, places: Tensor) -> tuple[Tensor, Pairs]:
        """Return the loss of vectors (B, D), compared by cosine, and the pairs mined."""
        vectors = vectors.float()
        pairs: Pairs = self.miner(vectors.detach(), places)
        return self.loss(vectors, places, pairs), pairs


def similarity_tie(
    logits: Tensor, codes: Tensor, pairs: Pairs, *, likelihood: bool = False
) -> Tensor:
    """Return how much the signs change the similarity of pairs (SelaVPR++, section 3.4).

    Mean over the mined pairs of (⟨z_i, z_j⟩ - ⟨c_i, c_j⟩ / bits)², z of unit norm; zero where no
    pair was mined.

    Args:
        logits: (B, bits), of any norm.
        codes: (B, bits), -1 and 1.
        pairs: Those mined.
        likelihood: Compare the sigmoids of both, the likelihood that a pair is of one place, as
            locality-constrained hashing does (Zhu and Gao, IJCAI 2017).
    """
    first, second = torch.cat((pairs[0], pairs[2])), torch.cat((pairs[1], pairs[3]))
    if not len(first):
        return logits.sum() * 0
    z = functional.normalize(logits.float(), dim=1)
    codes = codes.float()
    floats = (z[first] * z[second]).sum(1)
    signs = (codes[first] * codes[second]).mean(1)
    if likelihood:
        floats, signs = floats.sigmoid(), signs.sigmoid()
    return (floats - signs).square().mean()


class Hashing(nn.Module):
    """Loss that makes codes of one place alike and codes of two places unlike."""

    def __init__(self, config: HashLoss, metric: MetricLoss) -> None:
        super().__init__()
        self.config = config
        self.similarity = MultiSimilarity(metric)

    def forward(self, logits: Tensor, codes: Tensor, places: Tensor) -> tuple[Tensor, Tensor]:
        """Return the multi-similarity loss and the tie, of logits and codes (B, bits).

        The codes pass their gradient on to the logits unchanged.
        """
        kind = self.config.kind
        through_signs = kind in ('similarity', 'ste')
        loss, pairs = self.similarity(codes if through_signs else logits, places)
        if kind in ('direct', 'ste'):
            return loss, logits.new_zeros(())
        signs = codes if through_signs else codes.detach()
        likelihood = kind == 'locality'
        return loss, similarity_tie(logits, signs, pairs, likelihood=likelihood)
