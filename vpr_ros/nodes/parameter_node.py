# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A lifecycle node that declares and checks its parameters and keeps them as a snapshot."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from rcl_interfaces.msg import (
    FloatingPointRange,
    IntegerRange,
    ParameterDescriptor,
    SetParametersResult,
)
from rclpy.exceptions import InvalidParameterTypeException, InvalidParameterValueException
from rclpy.lifecycle import LifecycleNode

from vpr_ros.errors import ParameterError
from vpr_ros.nodes.parameter_fields import parameters_of
from vpr_ros.nodes.parameters import NODES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rclpy.parameter import Parameter as RosParameter

    from vpr_ros.nodes.parameter_fields import Parameter
    from vpr_ros.nodes.parameters import NodeParameters


class ParameterNode(LifecycleNode):  # type: ignore[misc]  # rclpy is not typed
    """Base of all nodes.

    A value given at the start that cannot be used leaves the node as it is, with the default in
    its place: the node cannot be configured until the parameter is set. Ended, a launch file would
    start it again, with the same value, for ever.

    Args:
        name: The node's name and its key in the table of parameters.

    Attributes:
        parameters: The values in use. Another object replaces it when the node is configured or a
            dynamic parameter changes.
        checks: Further checks of new values, by the parameter's name; they return the fault.
    """

    parameters: NodeParameters

    def __init__(self, name: str, **kwargs: Any) -> None:
        super().__init__(name, **kwargs)
        self.parameters = NODES[name]()
        self._declared = False
        self._refused: dict[str, str] = {}
        self.checks: dict[str, Callable[[Any], str | None]] = {}
        self._table = {known.name: known for known in parameters_of(NODES[name])}
        if hasattr(self, 'add_post_set_parameters_callback'):
            self.add_post_set_parameters_callback(self._apply)
        else:  # In Humble. The newest callback is called first, so this one follows the check.
            self.add_on_set_parameters_callback(self._apply)
        self.add_on_set_parameters_callback(self._check)
        for known in self._table.values():
            self._declare(known)
        self.parameters = self._values()
        self._declared = True

    def _declare(self, known: Parameter) -> None:
        try:
            self.declare_parameter(known.name, known.default, _descriptor(known))
        except (InvalidParameterTypeException, InvalidParameterValueException) as error:
            text = str(error)
            if isinstance(error, InvalidParameterTypeException):
                text += '; text that looks like a number is written with quotes, \'"2026"\''
            self.declare_parameter(
                known.name, known.default, _descriptor(known), ignore_override=True
            )
            self._refused[known.name] = text

    def read_parameters(self) -> NodeParameters:
        """Return all parameters as they are set now.

        Raises:
            ParameterError: Some were given values at the start that are of no use, and none since.
        """
        if self._refused:
            raise ParameterError('; '.join(self._refused.values()))
        return self._values()

    def _values(self) -> NodeParameters:
        values = {name: self._typed(name, self.get_parameter(name).value) for name in self._table}
        return replace(self.parameters, **values)

    def _typed(self, name: str, value: Any) -> Any:
        return type(self._table[name].default)(value)

    def _check(self, parameters: Sequence[RosParameter]) -> SetParametersResult:
        for new in parameters:
            known, check = self._table.get(new.name), self.checks.get(new.name)
            fault = known.fault(new.value) if known else None
            if not fault and check is not None:
                fault = check(new.value)
            if fault:
                return SetParametersResult(successful=False, reason=fault)
        late = [new.name for new in parameters if self._waits(new.name)]
        if not late:
            return SetParametersResult(successful=True)
        text = f'{", ".join(late)}: takes effect when the node is configured again'
        self.get_logger().info(f'{text} (lifecycle: cleanup, configure, activate)')
        return SetParametersResult(successful=True, reason=text)

    def _waits(self, name: str) -> bool:
        """Tell whether a change of a parameter waits for the next configure."""
        return self._declared and name in self._table and not self._table[name].dynamic

    def _apply(self, parameters: Sequence[RosParameter]) -> SetParametersResult:
        """Take over dynamic parameters; the others wait for the next configure."""
        for new in parameters:
            self._refused.pop(new.name, None)
        values = {
            new.name: self._typed(new.name, new.value)
            for new in parameters
            if new.name in self._table and self._table[new.name].dynamic
        }
        if values:
            self.parameters = replace(self.parameters, **values)
        return SetParametersResult(successful=True)


def _descriptor(known: Parameter) -> ParameterDescriptor:
    descriptor = ParameterDescriptor(
        description=known.description + (f' [{known.unit}]' if known.unit else ''),
        additional_constraints=known.range,
        # An integer for a float is converted, not refused.
        dynamic_typing=isinstance(known.default, float),
        read_only=known.fixed,
    )
    low = -1e308 if known.minimum is None else known.minimum
    high = 1e308 if known.maximum is None else known.maximum
    if isinstance(known.default, float):
        descriptor.floating_point_range = [
            FloatingPointRange(from_value=float(low), to_value=float(high))
        ]
    elif type(known.default) is int:
        descriptor.integer_range = [
            IntegerRange(from_value=int(max(low, -(2**31))), to_value=int(min(high, 2**31)))
        ]
    return descriptor
