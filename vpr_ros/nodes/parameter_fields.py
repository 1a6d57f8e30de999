# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Parameters as fields of dataclasses, and their rules.

This module does not import rclpy, so documentation can be made without ROS.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar, get_args, get_type_hints

_LONGEST = 4096
"""Characters of a text, as of a path."""

Value = bool | int | float | str
T = TypeVar('T')


@dataclass(frozen=True)
class Parameter:
    """One parameter of a node.

    Attributes:
        name: As in ROS.
        default: Its type is the parameter's type.
        description: The effect, in one sentence.
        unit: Empty for numbers without one.
        minimum: Smallest value allowed.
        maximum: Largest value allowed.
        choices: All values allowed, for text.
        dynamic: True if a change takes effect at once, False if at the next configure.
        fixed: True if it can only be given at the start.
    """

    name: str
    default: Value
    description: str
    unit: str = ''
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()
    dynamic: bool = False
    fixed: bool = False

    @property
    def type(self) -> str:
        """Name of the type, as in ROS."""
        names = {bool: 'bool', int: 'integer', float: 'double', str: 'string'}
        return names[type(self.default)]

    @property
    def range(self) -> str:
        """Values allowed, in words; empty if any value is."""
        if self.choices:
            return ', '.join(self.choices)
        low = '' if self.minimum is None else f'{self.minimum:g}'
        high = '' if self.maximum is None else f'{self.maximum:g}'
        if low and high:
            return f'{low} to {high}'
        return f'at least {low}' if low else f'at most {high}' if high else ''

    def fault(self, value: object) -> str | None:
        """Return the fault of a value in words, None if it has none."""
        wanted = type(self.default)
        # People write 1 for 1.0; YAML makes that an integer.
        number_for_float = wanted is float and type(value) is int
        if type(value) is not wanted and not number_for_float:
            return f'{self.name} must be of type {self.type}, not {type(value).__name__}'
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            below = self.minimum is not None and value < self.minimum
            above = self.maximum is not None and value > self.maximum
            if below or above or not math.isfinite(value):
                return f'{self.name} is {value} but must be {self.range or "finite"}'
        if isinstance(value, str) and not (value.isprintable() and len(value) <= _LONGEST):
            return f'{self.name} is {value!r:.99} but must be printable text, not too long'
        if self.choices and value not in self.choices:
            return f'{self.name} is "{value!s:.99}" but must be one of {self.range}'
        return None


def parameter(default: T, description: str, unit: str = '', **rules: Any) -> T:
    """Return a dataclass field that is a parameter, by the attributes of `Parameter`.

    The type of the field is the parameter's, or a Literal of the choices.
    """
    metadata = {'description': description, 'unit': unit, **rules}
    made: T = field(default=default, metadata=metadata)
    return made


def parameters_of(kind: type[Any]) -> tuple[Parameter, ...]:
    """Return the parameters that are the fields of a dataclass, in their order."""
    types = get_type_hints(kind)
    rows: list[tuple[str, Any, Any]] = [(f.name, f.default, f.metadata) for f in fields(kind)]
    return tuple(
        Parameter(name, default, **{'choices': get_args(types[name]), **rules})
        for name, default, rules in rows
    )
