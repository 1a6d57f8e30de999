# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Time of day, weather and season of a scene, and the light that follows from them."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from vpr_ros.errors import VprError

if TYPE_CHECKING:
    from numpy.typing import NDArray

Time = Literal['morning', 'day', 'evening', 'night']
Weather = Literal['clear', 'overcast', 'rain', 'fog']
Season = Literal['spring', 'summer', 'autumn', 'winter']


class ConditionsError(VprError):
    """A name of conditions that the synthetic town does not know."""


@dataclass(frozen=True)
class Conditions:
    """The conditions that differ between two visits to the same place.

    Attributes:
        time: Position and colour of the sun, lit windows, lamps.
        weather: Sky, wetness, visibility.
        season: Foliage; winter brings snow.
        traffic: Share of parking bays taken, and density of moving cars and people, [0, 1].
    """

    time: Time = 'day'
    weather: Weather = 'clear'
    season: Season = 'summer'
    traffic: float = 0.5

    @staticmethod
    def named(name: str) -> Conditions:
        """Build from words joined by dashes, for example ``day`` or ``evening-rain-autumn``.

        Raises:
            ConditionsError: A word is unknown, or two words contradict each other.
        """
        chosen: dict[str, str] = {}
        for word in name.split('-'):
            field = _FIELD_OF_WORD.get(word)
            if field is None:
                msg = (
                    f'unknown conditions {word!r} in {name!r}; known: {", ".join(_FIELD_OF_WORD)}'
                )
                raise ConditionsError(msg)
            if field in chosen:
                msg = f'{name!r} gives the {field} twice: {chosen[field]!r} and {word!r}'
                raise ConditionsError(msg)
            chosen[field] = word
        return Conditions(**chosen)  # type: ignore[arg-type]

    @staticmethod
    def random(rng: np.random.Generator) -> Conditions:
        """Draw conditions uniformly over all combinations, with any traffic."""
        words = {f: str(rng.choice(get_args(kind))) for f, kind in _WORDS.items()}
        return Conditions(**words, traffic=float(rng.uniform(0.1, 0.9)))  # type: ignore[arg-type]

    @property
    def name(self) -> str:
        """The words that `named` would need; the defaults of weather and season are left out."""
        defaults = {f.name: f.default for f in fields(self)}
        extra = [w for f in ('weather', 'season') if (w := getattr(self, f)) != defaults[f]]
        return '-'.join([self.time, *extra])

    @property
    def snow(self) -> bool:
        """Whether snow lies on roofs, sills and the ground."""
        return self.season == 'winter'

    @property
    def wet(self) -> bool:
        """Whether the ground mirrors and everything is darker."""
        return self.weather == 'rain'

    @property
    def light(self) -> Light:
        """The light of this time and weather."""
        sun, sky = _SUN[self.time], _SKY[self.time]
        share = {'clear': 1.0, 'overcast': 0.0, 'rain': 0.0, 'fog': 0.06}[self.weather]
        azimuth, elevation, colour = sun
        # Clouds scatter a part of the sunlight into the sky and take its colour away.
        ambient = np.array(sky)
        if self.weather != 'clear':
            grey = ambient.mean() + 0.22 * np.mean(colour) * np.sin(elevation)
            dim = {'overcast': 1.1, 'rain': 0.8, 'fog': 1.1}[self.weather]
            ambient = dim * (0.35 * ambient + 0.65 * grey * np.array([0.97, 1.0, 1.04]))
        lamps = {'morning': 0.0, 'day': 0.0, 'evening': 0.8, 'night': 1.0}[self.time]
        return Light(
            direction=np.array(
                [
                    np.cos(elevation) * np.cos(azimuth),
                    np.cos(elevation) * np.sin(azimuth),
                    np.sin(elevation),
                ]
            ),
            sun=share * np.array(colour),
            ambient=ambient,
            lamps=lamps,
            lit_windows={'morning': 0.04, 'day': 0.0, 'evening': 0.35, 'night': 0.3}[self.time],
            visibility={'clear': 900.0, 'overcast': 600.0, 'rain': 150.0, 'fog': 38.0}[
                self.weather
            ],
            noise={'morning': 1.5, 'day': 1.2, 'evening': 3.0, 'night': 5.0}[self.time],
        )


@dataclass(frozen=True, eq=False)
class Light:
    """Light of a scene; colours are linear RGB, 1 being a white wall in full daylight.

    Attributes:
        direction: (3,) unit vector towards the sun, map frame.
        sun: (3,) colour of direct light.
        ambient: (3,) colour of the light of the sky.
        lamps: Strength of street lamps, [0, 1].
        lit_windows: Share of windows with light behind them.
        visibility: Distance at which fog leaves 1/e of an object, metres.
        noise: Standard deviation of the sensor noise, grey levels.
    """

    direction: NDArray[np.float64]
    sun: NDArray[np.float64]
    ambient: NDArray[np.float64]
    lamps: float
    lit_windows: float
    visibility: float
    noise: float


_SUN = {
    'morning': (np.deg2rad(15.0), np.deg2rad(24.0), (1.05, 0.85, 0.62)),
    'day': (np.deg2rad(-65.0), np.deg2rad(50.0), (1.15, 1.08, 0.96)),
    'evening': (np.deg2rad(195.0), np.deg2rad(9.0), (0.62, 0.33, 0.14)),
    'night': (np.deg2rad(120.0), np.deg2rad(40.0), (0.006, 0.008, 0.014)),
}
"""Azimuth from east and elevation, radians, and colour; at night it is the moon."""

_SKY = {
    'morning': (0.36, 0.40, 0.50),
    'day': (0.42, 0.49, 0.60),
    'evening': (0.17, 0.16, 0.22),
    'night': (0.012, 0.016, 0.030),
}

_WORDS = {'time': Time, 'weather': Weather, 'season': Season}
_FIELD_OF_WORD = {word: field for field, kind in _WORDS.items() for word in get_args(kind)}
