# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The options ``--predictions`` and ``--pictures`` of ``vpr evaluate dataset``, and their kin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer

from vpr_ros.cli import options as opt
from vpr_ros.cli.console import echo
from vpr_ros.evaluation.datasets import MSLS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from vpr_ros.evaluation.dataset_search import Ranking
    from vpr_ros.evaluation.datasets import Dataset
    from vpr_ros.types import ModelInfo


_ENDINGS = ('.json', '.csv', '.txt')


@dataclass(frozen=True)
class PredictionsFile:
    """What is to be written of the images found.

    Attributes:
        path: The file; None for none.
        pictures: The folder of a picture for each query; None for none.
        top: Images of each query.
        by: Name of the search method.
        wrong_only: Leave out queries whose first image is correct.
        labelled: Whether it is known which are correct.
    """

    path: Path | None
    pictures: Path | None
    top: int
    by: str
    wrong_only: bool
    labelled: bool

    @property
    def wanted(self) -> bool:
        """Whether anything is to be written."""
        return self.path is not None or self.pictures is not None

    def check(self, context: typer.Context) -> None:
        """Refuse options that do not go together, before any work is done."""
        why = 'without --predictions or --pictures'
        opt.refuse_idle(context, why, 'top', 'by', 'wrong_only', when=not self.wanted)
        labels = ['tolerance', 'angle', 'wrong_only', 'output', 'report']
        if context.params.get('form') != MSLS:  # any images will do, but that is a tree of its own
            labels.append('form')
        opt.refuse_idle(context, 'with --no-labels', *labels, when=not self.labelled)
        if not self.wanted and not self.labelled:
            msg = '--no-labels leaves nothing to print: give --predictions FILE'
            raise typer.BadParameter(msg)
        if self.path is not None and self.path.suffix not in _ENDINGS:
            msg = f'--predictions {self.path} must end in {", ".join(_ENDINGS)}'
            raise typer.BadParameter(msg)

    def check_method(self, methods: Sequence[str]) -> None:
        """Refuse a search method that is none of these, before any work is done."""
        if self.by not in methods:
            msg = f'--by {self.by} is none of the search methods: {", ".join(methods)}'
            raise typer.BadParameter(msg)

    def write(
        self,
        data: Dataset,
        model: ModelInfo,
        progress: Callable[[int, int], None],
        rankings: dict[str, Ranking],
    ) -> None:
        """Write the file and the pictures, where they are wanted."""
        from vpr_ros.evaluation.prediction_pictures import save_pictures
        from vpr_ros.evaluation.predictions import DatasetPredictions

        if not self.wanted:
            return
        ranking = rankings[self.by]
        found = DatasetPredictions(
            data, model, self.by, ranking, self.top, self.labelled, self.wrong_only
        )
        if self.path is not None:
            echo(f'{self.path}: {found.save(self.path)} queries', err=True)
        if self.pictures is not None:
            count = save_pictures(found, self.pictures, progress)
            echo(f'{self.pictures}: {count} pictures', err=True)
