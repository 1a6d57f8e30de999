# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Progress of a training where there is no terminal to draw a bar on."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from lightning.pytorch import Callback

if TYPE_CHECKING:
    from collections.abc import Callable

    from lightning.pytorch import LightningModule, Trainer


class ProgressLines(Callback):
    """Tells step, speed and figures as lines of text.

    Args:
        every: Steps between lines.
        tell: Takes a line.
    """

    def __init__(self, every: int, tell: Callable[[str], None]) -> None:
        self._every = every
        self._tell = tell
        self._since = (0, 0.0)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:  # noqa: ARG002
        """Start the clock."""
        self._since = trainer.global_step, time.monotonic()

    def on_train_batch_end(self, trainer: Trainer, *_: Any) -> None:
        """Tell how it goes."""
        step = trainer.global_step
        waits = step % self._every and step != trainer.max_steps
        if waits or not trainer.is_global_zero:
            return
        first, then = self._since
        now = time.monotonic()
        speed = (step - first) / max(now - then, 1e-9)
        self._since = step, now
        figures = _text(trainer, 'loss')
        self._tell(f'step {step}/{trainer.max_steps}  {speed:.2f} steps/s  {figures}')

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:  # noqa: ARG002
        """Tell what was measured."""
        if trainer.is_global_zero:
            self._tell(f'step {trainer.global_step}  {_text(trainer, "validation")}')


def _text(trainer: Trainer, prefix: str) -> str:
    figures = trainer.callback_metrics.items()
    return '  '.join(
        f'{name.removeprefix("validation/")} {float(value):.4g}'
        for name, value in figures
        if name.startswith(prefix)
    )
