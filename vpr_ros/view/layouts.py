# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the viewer opens on."""

from __future__ import annotations

from typing import Any

import rerun.blueprint as rrb

from vpr_ros.view import entities as at

_HIGH, _WORDY, _USUAL, _LOW = 3.0, 2.6, 1.5, 1.0
"""Shares of the height."""


def of_map(*, posed: bool, placed: bool, pictured: bool) -> Any:
    """Return the layout of a map.

    Args:
        posed: Whether places have poses.
        placed: Whether places have positions on Earth.
        pictured: Whether there are pictures.
    """
    here = ['+ /world', '+ /world/place/**']
    weak = [*here, '+ /world/health/**', '+ /world/map/ways/**']
    side = []
    if pictured:
        own = rrb.Spatial2DView(origin=at.PLACE_PICTURE.path, name='Place')
        other = rrb.Spatial2DView(origin=at.PLACE_LOOK_ALIKE.path, name='Most similar elsewhere')
        side.append((_HIGH, rrb.Horizontal(own, other)))
    side += [
        (_LOW, rrb.TextDocumentView(origin=at.PLACE_ABOUT.path, name='This place')),
        (_USUAL, rrb.TimeSeriesView(origin='plots/similarity', name='Similarity')),
        (_USUAL, rrb.TimeSeriesView(origin=at.DISTINCTNESS_PLOT.path, name='Distinctness')),
    ]
    maps = []
    if posed:
        sessions = [*here, '+ /world/map/**']
        maps = [
            rrb.Spatial3DView(origin=at.WORLD, contents=weak, name='Weak spots'),
            rrb.Spatial3DView(origin=at.WORLD, contents=sessions, name='Sessions'),
        ]
    return _page([*maps, *_earth(placed=placed), _words('The map')], side, 'place')


def of_drive(*, posed: bool, placed: bool, pictured: bool, errors: bool, ranks: int) -> Any:
    """Return the layout of a drive, of single images, or of a traverse with loops.

    Args:
        posed: Whether there are poses.
        placed: Whether there are positions on Earth.
        pictured: Whether there are pictures of the frames.
        errors: Whether the truth is known.
        ranks: Candidates whose pictures are shown.
    """
    side = _pictures(pictured=pictured, ranks=ranks)
    side += [
        (_WORDY, rrb.TextDocumentView(origin=at.QUERY_ABOUT.path, name='Answer')),
        (_LOW, rrb.StateTimelineView(origin=at.QUERY_STATUS.path, name='Status')),
        (_USUAL, rrb.TimeSeriesView(origin='plots/scores', name='Probability and similarity')),
    ]
    if errors:
        side.append((_USUAL, rrb.TimeSeriesView(origin='plots/error', name='Metres off')))
    maps = [*_world(posed=posed), *_earth(placed=placed), _words('Figures')]
    return _page(maps, side, 'frame')


def of_wrong_answers(*, posed: bool, placed: bool, answers: bool, pictured: bool) -> Any:
    """Return the layout of a stress test.

    Args:
        posed: Whether places have poses.
        placed: Whether places have positions on Earth.
        answers: Whether there is any wrong answer.
        pictured: Whether there are pictures of the places.
    """
    views = [_words('Figures'), *_world(posed=posed), *_earth(placed=placed)]
    side = []
    if answers:
        side = _pictures(pictured=True, ranks=int(pictured))
        side += [
            (_WORDY, rrb.TextDocumentView(origin=at.QUERY_ABOUT.path, name='Wrong answer')),
            (_USUAL, rrb.TimeSeriesView(origin='plots/scores', name='Probability')),
            (_USUAL, rrb.TimeSeriesView(origin='plots/error', name='Metres off')),
        ]
    return _page(views, side, 'answer')


def _world(*, posed: bool) -> list[Any]:
    return [rrb.Spatial3DView(origin=at.WORLD, name='Map')] if posed else []


def _earth(*, placed: bool) -> list[Any]:
    background = rrb.MapProvider.OpenStreetMap  # others need a key
    view = rrb.MapView(origin=at.EARTH, name='On Earth', background=background)
    return [view] if placed else []


def _words(name: str) -> Any:
    return rrb.TextDocumentView(origin=at.ABOUT.path, name=name)


def _pictures(*, pictured: bool, ranks: int) -> list[tuple[float, Any]]:
    """Return the pictures of a frame, and of the places found for it, side by side."""
    names = {at.QUERY_PICTURE.path: 'Image'} if pictured else {}
    for rank in range(1, ranks + 1):
        names[at.CANDIDATE_PICTURE.of(str(rank)).path] = f'Candidate {rank}'
    views = [rrb.Spatial2DView(origin=path, name=name) for path, name in names.items()]
    return [(_HIGH, rrb.Grid(*views, grid_columns=min(2, len(views))))] if views else []


def _page(left: list[Any], right: list[tuple[float, Any]], line: str) -> Any:
    """Return tabs on the left, views of these heights on the right, and a time line below."""
    parts = [rrb.Tabs(*left)]
    if right:
        shares, views = zip(*right, strict=True)
        parts.append(rrb.Vertical(*views, row_shares=shares))
    return rrb.Blueprint(
        rrb.Horizontal(*parts),
        rrb.BlueprintPanel(state='collapsed'),
        rrb.SelectionPanel(state='collapsed'),
        rrb.TimePanel(state='collapsed', timeline=line),
    )
