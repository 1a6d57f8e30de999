# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
import torch

from vpr_ros.training.resume_points import WholeCheckpoints


def test_a_checkpoint_that_cannot_be_finished_leaves_the_last_one(tmp_path, monkeypatch):
    path = tmp_path / 'checkpoints' / 'last.ckpt'
    WholeCheckpoints().save_checkpoint({'step': 1}, path)

    def stop_half_way(_checkpoint, file):
        file.write(b'PK')
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(torch, 'save', stop_half_way)
        with pytest.raises(KeyboardInterrupt):
            WholeCheckpoints().save_checkpoint({'step': 2}, path)
    assert torch.load(path, weights_only=True) == {'step': 1}
    WholeCheckpoints().save_checkpoint({'step': 3}, path)
    assert torch.load(path, weights_only=True) == {'step': 3}
    assert [p.name for p in path.parent.iterdir()] == ['last.ckpt']
