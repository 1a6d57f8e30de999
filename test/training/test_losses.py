# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest
import torch

from vpr_ros.models.model_spec import sign_code
from vpr_ros.training.losses import (
    Hashing,
    MultiSimilarity,
    distillation_loss,
    similarity_tie,
)
from vpr_ros.training.recipe import DistillationLoss, HashLoss, MetricLoss


@pytest.fixture
def vectors():
    """Vectors of four places, three of each, near enough to be mixed up."""
    rng = np.random.default_rng(5)
    places = np.repeat([7, 3, 11, 4], 3)
    centres = {place: rng.normal(size=6) for place in set(places.tolist())}
    return np.array([centres[p] + rng.normal(size=6) for p in places], np.float32), places


def _unit(values):
    return values / np.linalg.norm(values, axis=1, keepdims=True)


def _mined(vectors, places, margin):
    """Pairs by the words of the paper: harder than the hardest of the other kind, by a margin."""
    s = _unit(vectors) @ _unit(vectors).T
    count = len(places)
    positives, negatives = set(), set()
    for a in range(count):
        same = [j for j in range(count) if places[j] == places[a] and j != a]
        others = [j for j in range(count) if places[j] != places[a]]
        positives |= {(a, p) for p in same if s[a, p] - margin < max(s[a, n] for n in others)}
        negatives |= {(a, n) for n in others if s[a, n] + margin > min(s[a, p] for p in same)}
    return s, positives, negatives


def _loss(s, positives, negatives, alpha, beta, base):
    total = 0.0
    for a in range(len(s)):
        near = [np.exp(-alpha * (s[a, p] - base)) for i, p in positives if i == a]
        far = [np.exp(beta * (s[a, n] - base)) for i, n in negatives if i == a]
        total += np.log1p(sum(near)) / alpha + np.log1p(sum(far)) / beta
    return total / len(s)


def _rows(first, second):
    return set(zip(first.tolist(), second.tolist(), strict=True))


def test_multi_similarity_loss_and_miner_agree_with_a_computation_by_hand(vectors):
    values, places = vectors
    loss, pairs = MultiSimilarity(MetricLoss())(torch.tensor(values), torch.tensor(places))
    s, positives, negatives = _mined(values, places, 0.1)
    assert _rows(pairs[0], pairs[1]) == positives
    assert _rows(pairs[2], pairs[3]) == negatives
    assert 0 < len(positives) < 24, 'the miner has something to leave out'
    assert loss.item() == pytest.approx(_loss(s, positives, negatives, 1, 50, 0), rel=1e-5)


def test_an_anchor_without_mined_pairs_counts_as_zero(vectors):
    values = torch.eye(6).repeat_interleave(2, 0)
    loss, pairs = MultiSimilarity(MetricLoss())(values, torch.arange(6).repeat_interleave(2))
    assert not any(len(rows) for rows in pairs)
    assert loss.item() == 0


def test_the_similarity_tie_is_its_formula(vectors):
    values, places = vectors
    logits = torch.tensor(values)
    codes = torch.where(logits >= 0, 1.0, -1.0)
    _, pairs = MultiSimilarity(MetricLoss())(codes, torch.tensor(places))
    z, c = _unit(values), np.where(values >= 0, 1, -1)
    mined = [*zip(pairs[0], pairs[1], strict=True), *zip(pairs[2], pairs[3], strict=True)]
    by_hand = np.mean([(z[i] @ z[j] - c[i] @ c[j] / 6) ** 2 for i, j in mined])
    assert similarity_tie(logits, codes, pairs).item() == pytest.approx(by_hand, rel=1e-5)


def test_the_locality_constraint_compares_likelihoods_of_pairs(vectors):
    values, places = vectors
    logits, labels = torch.tensor(values, requires_grad=True), torch.tensor(places)
    codes = sign_code(logits)
    loss, tie = Hashing(HashLoss(kind='locality'), MetricLoss())(logits, codes, labels)
    expected, pairs = MultiSimilarity(MetricLoss())(logits, labels)
    assert loss.item() == expected.item(), 'the metric loss is that of the floats'
    z, c = _unit(values), np.where(values >= 0, 1, -1)
    mined = [*zip(pairs[0], pairs[1], strict=True), *zip(pairs[2], pairs[3], strict=True)]
    likely = [[1 / (1 + np.exp(-s)) for s in (z[i] @ z[j], c[i] @ c[j] / 6)] for i, j in mined]
    assert tie.item() == pytest.approx(np.mean([(p - q) ** 2 for p, q in likely]), rel=1e-5)


def test_the_five_rows_of_the_paper_move_the_network_each_in_its_own_way(vectors):
    values, places = vectors
    logits, labels = torch.tensor(values, requires_grad=True), torch.tensor(places)
    gradients = {}
    for kind in ('direct', 'locality', 'similarity-floats', 'ste', 'similarity'):
        loss, tie = Hashing(HashLoss(kind=kind), MetricLoss())(logits, sign_code(logits), labels)
        (gradients[kind],) = torch.autograd.grad(loss + tie, logits)
    rows = list(gradients.values())
    assert all(not torch.allclose(a, b) for i, a in enumerate(rows) for b in rows[:i])


@pytest.mark.parametrize('kind', ['similarity', 'similarity-floats', 'locality', 'ste', 'direct'])
def test_batches_without_pairs_have_finite_losses_and_gradients(kind):
    logits = torch.eye(8, requires_grad=True)
    hashing = Hashing(HashLoss(kind=kind), MetricLoss())
    loss, tie = hashing(logits, sign_code(logits), torch.arange(8))
    (loss + tie).backward()
    assert torch.isfinite(loss + tie)
    assert torch.isfinite(logits.grad).all()


def test_the_gradient_passes_the_sign_unchanged():
    logits = torch.tensor([[-2.0, -0.1, 0.0, 0.1, 2.0]], requires_grad=True)
    code = sign_code(logits)
    assert code.tolist() == [[-1, -1, 1, 1, 1]]
    upstream = torch.tensor([[1.0, 2.0, 3.0, 4.0, 5.0]])
    code.backward(upstream)
    assert torch.equal(logits.grad, upstream)


def test_direct_hashing_looks_at_the_floats_alone(vectors):
    values, places = vectors
    logits, labels = torch.tensor(values), torch.tensor(places)
    hashing = Hashing(HashLoss(kind='direct'), MetricLoss())
    loss, tie = hashing(logits, torch.ones_like(logits), labels)
    assert loss.item() == MultiSimilarity(MetricLoss())(logits, labels)[0].item()
    assert tie.item() == 0


def test_distillation_losses_are_zero_for_a_perfect_student_and_known_otherwise():
    teacher = torch.eye(3)
    student = torch.eye(3)[[0, 1, 1]]
    for kind in ('mse', 'cosine', 'relational'):
        assert distillation_loss(DistillationLoss(kind), teacher, teacher).item() == 0
    assert distillation_loss(DistillationLoss('mse'), student, teacher).item() == pytest.approx(
        2 / 3
    )
    assert distillation_loss(DistillationLoss('cosine'), student, teacher).item() == pytest.approx(
        1 / 3
    )
    # Images two and three are taken for one: two entries of the matrix are wrong by one.
    relational = distillation_loss(DistillationLoss('relational'), student, teacher)
    assert relational.item() == pytest.approx(2 / 2)


def test_relational_distillation_does_not_mind_the_length_or_a_rotation():
    rng = torch.Generator().manual_seed(2)
    student = torch.nn.functional.normalize(torch.randn(5, 4, generator=rng), dim=1)
    rotation = torch.linalg.qr(torch.randn(9, 9, generator=rng))[0]
    teacher = torch.nn.functional.pad(student, (0, 5)) @ rotation
    loss = distillation_loss(DistillationLoss('relational'), student, teacher)
    assert loss.item() == pytest.approx(0, abs=1e-10)


def test_mse_is_large_enough_for_half_precision():
    """The mean over 10752 values would be below the steps of float16 next to one."""
    rng = torch.Generator().manual_seed(2)
    a, b = torch.nn.functional.normalize(torch.randn(2, 4, 10752, generator=rng), dim=2)
    assert distillation_loss(DistillationLoss('mse'), a, b).item() > 1


def test_without_straight_through_codes_only_the_floats_are_pulled(vectors):
    values, places = vectors
    logits, labels = torch.tensor(values, requires_grad=True), torch.tensor(places)
    codes = sign_code(logits)
    kind = Hashing(HashLoss(kind='similarity-floats'), MetricLoss())
    loss, tie = kind(logits, codes, labels)
    expected, pairs = MultiSimilarity(MetricLoss())(logits, labels)
    assert loss.item() == expected.item()
    assert tie.item() == similarity_tie(logits, codes, pairs).item()
    (found,) = torch.autograd.grad(tie, logits)
    (wanted,) = torch.autograd.grad(similarity_tie(logits, codes.detach(), pairs), logits)
    assert torch.equal(found, wanted)
