# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Types of houses in the synthetic town: sizes, colours and parts, drawn at random."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from vpr_ros.simulation.paint import shade

if TYPE_CHECKING:
    import numpy as np

    from vpr_ros.simulation.paint import Colour

Wall = Literal['brick', 'plaster', 'stone', 'timber', 'concrete']
Top = Literal['eaves', 'gable', 'stepped', 'bell', 'flat']
Ground = Literal['home', 'shop', 'garage', 'arcade']

_BRICK = [
    (150, 74, 56),
    (124, 62, 48),
    (172, 100, 72),
    (108, 74, 62),
    (186, 148, 104),
    (92, 66, 60),
]
_PLASTER = [
    (232, 220, 190), (226, 186, 120), (206, 128, 98), (188, 206, 196), (170, 190, 214),
    (240, 236, 226), (216, 168, 160), (176, 192, 142), (222, 204, 120), (150, 168, 190),
]  # fmt: skip
_STONE = [(190, 180, 160), (168, 164, 158), (206, 192, 160)]
_CONCRETE = [(176, 176, 174), (150, 154, 160), (200, 196, 188), (112, 122, 128)]
_TRIM = [
    (244, 242, 234),
    (232, 224, 204),
    (60, 66, 62),
    (96, 58, 44),
    (40, 62, 84),
    (240, 240, 240),
]
_DOOR = [(110, 34, 30), (30, 66, 54), (28, 48, 90), (92, 62, 40), (46, 46, 50), (176, 132, 40)]
_ROOF = [(146, 72, 52), (112, 58, 48), (78, 80, 86), (96, 86, 80), (60, 66, 76)]
_AWNING = [(176, 44, 40), (36, 96, 72), (36, 70, 128), (206, 150, 40), (120, 48, 96)]
_SIGNS = (
    'BAKERY', 'CAFE LUNA', 'BOOKS', 'PHARMACY', 'FLORA', 'BICYCLES', 'HOTEL MIRA', 'TABAC',
    'BAR 21', 'SHOES', 'GROCER', 'OPTIK', 'BANK', 'RECORDS', 'PIZZA', 'TEA HOUSE', 'BARBER',
    'TAILOR', 'FISH', 'ATELIER', 'TOYS', 'MUSEUM', 'CINEMA', 'SALON', 'WINE', 'CHEESE', 'POST',
    'KEYS', 'PIANOS', 'RADIO',
)  # fmt: skip


@dataclass(frozen=True)
class House:
    """A type of house; equal houses look alike wherever they stand. Lengths in metres."""

    wall: Wall
    top: Top
    ground: Ground
    width: float
    storeys: int
    storey: float
    bays: int
    window: tuple[float, float]
    panes: tuple[int, int]
    colour: Colour
    trim: Colour
    door: Colour
    roof: Colour
    accent: Colour
    sign: str
    shutters: bool
    arched: bool
    balconies: int
    seed: int

    @property
    def eaves(self) -> float:
        """Height of the walls, metres."""
        return self.storeys * self.storey + 0.6

    @property
    def rise(self) -> float:
        """Height of the roof or gable above the walls, metres."""
        return {
            'eaves': 2.6,
            'gable': 0.52 * self.width,
            'stepped': 0.55 * self.width,
            'bell': 0.45 * self.width,
            'flat': 0.0,
        }[self.top]

    @staticmethod
    def random(rng: np.random.Generator, style: Wall | None = None) -> House:
        """Draw a house, of one kind of wall or of any."""
        kinds: tuple[Wall, ...] = ('brick', 'plaster', 'stone', 'timber', 'concrete')
        wall = style or kinds[rng.choice(5, p=[0.34, 0.34, 0.12, 0.10, 0.10])]
        tops: dict[Wall, tuple[Top, ...]] = {
            'brick': ('eaves', 'gable', 'stepped', 'bell', 'flat'),
            'plaster': ('eaves', 'eaves', 'gable', 'bell', 'flat'),
            'stone': ('eaves', 'flat', 'stepped'),
            'timber': ('gable', 'gable', 'eaves'),
            'concrete': ('flat',),
        }
        top = tops[wall][rng.integers(len(tops[wall]))]
        width = float(rng.uniform(5.2, 8.0) if top in ('gable', 'stepped', 'bell') else
                      rng.uniform(6.0, 11.5))  # fmt: skip
        if wall == 'concrete':
            width += 3.0
        bay = float(rng.uniform(1.7, 2.7))
        grounds: tuple[Ground, ...] = ('home', 'shop', 'garage', 'arcade')
        shares = [0.42, 0.4, 0.1, 0.08]
        palette: dict[Wall, list[tuple[int, int, int]]] = {
            'brick': _BRICK,
            'plaster': _PLASTER,
            'stone': _STONE,
            'timber': _PLASTER[:1] + _PLASTER[5:6] + _PLASTER[1:2],
            'concrete': _CONCRETE,
        }
        jitter = rng.uniform(0.9, 1.08)
        return House(
            wall=wall,
            top=top,
            ground=grounds[rng.choice(4, p=shares)],
            width=round(width, 1),
            storeys=int(rng.integers(2, 5)) + (wall == 'concrete'),
            storey=float(rng.uniform(2.75, 3.5)),
            bays=max(2, int(width / bay)),
            window=(float(rng.uniform(0.42, 0.6)), float(rng.uniform(0.46, 0.68))),
            panes=(int(rng.integers(1, 4)), int(rng.integers(1, 5))),
            colour=shade(_pick(rng, palette[wall]), float(jitter)),
            trim=_pick(rng, _TRIM),
            door=_pick(rng, _DOOR),
            roof=_pick(rng, _ROOF),
            accent=_pick(rng, _AWNING),
            sign=_SIGNS[rng.integers(len(_SIGNS))],
            shutters=bool(wall == 'plaster' and rng.random() < 0.5),
            arched=bool(wall in ('stone', 'brick') and rng.random() < 0.35),
            balconies=int(rng.integers(1, 4)) if rng.random() < 0.35 else 0,
            seed=int(rng.integers(2**31)),
        )

    def neighbour(self, rng: np.random.Generator) -> House:
        """Return a house of the same terrace: another door, and perhaps another colour."""
        colour = shade(self.colour, float(rng.uniform(0.92, 1.08)))
        return replace(self, door=_pick(rng, _DOOR), colour=colour, seed=int(rng.integers(2**31)))


def _pick(rng: np.random.Generator, colours: list[tuple[int, int, int]]) -> Colour:
    r, g, b = colours[rng.integers(len(colours))]
    return float(r), float(g), float(b)
