# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Services: every request is answered with a result."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from rclpy.qos import QoSProfile

from vpr_ros import errors
from vpr_ros.errors import VprError
from vpr_ros.nodes.complaints import REPEAT, reason_in
from vpr_ros.nodes.worker import PAUSE, BusyError

if TYPE_CHECKING:
    from collections.abc import Callable

    from vpr_ros.nodes.node import VprNode

_RESULTS: dict[type[VprError], str] = {
    errors.ImageError: 'BAD_IMAGE',
    errors.MessageError: 'BAD_IMAGE',
    errors.MapAccessError: 'NOT_ALLOWED',
    errors.MapDamagedError: 'DAMAGED',
    errors.MapExistsError: 'EXISTS',
    errors.MapFrameError: 'FRAME_MISMATCH',
    errors.MapInUseError: 'IN_USE',
    errors.MapMissingError: 'NOT_FOUND',
    errors.MapModelError: 'MODEL_MISMATCH',
    errors.MapNewerError: 'NEWER_FORMAT',
    errors.MapSpaceError: 'NO_SPACE',
}

_QUEUE = QoSProfile(depth=2000)
"""Requests and answers that the middleware keeps; with its usual ten, bursts go unanswered."""


class RefusedError(VprError):
    """A request that the node cannot fulfil in its present state.

    Args:
        message: What is wrong and what to do.
        result: The constant of the response, without RESULT_.
    """

    def __init__(self, message: str, result: str) -> None:
        super().__init__(message)
        self.result = result


def serve(
    node: VprNode[Any],
    service: Any,
    name: str,
    answer: Callable[[Any, Any], None],
    first: Callable[[Any], None] = lambda _request: None,
) -> None:
    """Offer the service ``~/name``, whose requests are answered in the thread of the node's jobs.

    ``answer`` fills the response, or raises. ``first`` is called with the request at once, in the
    executor thread.
    """

    async def callback(request: Any, response: Any) -> Any:
        if hasattr(response, 'success'):
            response.success = True
        try:
            first(request)
            await node.jobs.submit(lambda: answer(request, response))
        except Exception as error:  # noqa: BLE001  the client must get an answer, always
            node.get_logger().warning(f'{name}: {error}', throttle_duration_sec=REPEAT)
            if not isinstance(error, VprError):
                node.fail(error)
            _refuse(response, error)
            if isinstance(error, BusyError):
                time.sleep(PAUSE)
        return response

    # In a group that lets others run: in that of the node all messages would wait for the answer.
    node.create_service(
        service, f'~/{name}', callback, qos_profile=_QUEUE, callback_group=node.answering
    )


def _refuse(response: Any, error: Exception) -> None:
    response.message = reason_in(error)
    if hasattr(response, 'success'):
        response.success = False
        return
    known = (name for kind, name in _RESULTS.items() if isinstance(error, kind))
    name = error.result if isinstance(error, RefusedError) else next(known, 'FAILED')
    response.result = getattr(type(response), f'RESULT_{name}', type(response).RESULT_FAILED)
