# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The base of all nodes: lifecycle, input, worker and reports."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.clock import Clock, ClockType
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.lifecycle import TransitionCallbackReturn

from vpr_ros.describe import Describer
from vpr_ros.geometry.mounts import parse_cameras, parse_extrinsics
from vpr_ros.geometry.pinhole import Intrinsics, Pinhole
from vpr_ros.inputs.frames import image_decoder
from vpr_ros.localize import local_detector
from vpr_ros.nodes.camera_inputs import CameraInputs
from vpr_ros.nodes.complaints import Complaints, reason_in
from vpr_ros.nodes.health import clock_fault
from vpr_ros.nodes.parameter_node import ParameterNode
from vpr_ros.nodes.subscriptions import TopicInput, camera_info
from vpr_ros.nodes.timing import RecentRate, StageTimes
from vpr_ros.nodes.worker import Jobs, NewestWorker, Worker

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lifecycle_msgs.srv import ChangeState
    from rclpy.lifecycle import LifecycleState
    from sensor_msgs.msg import CameraInfo

    from vpr_ros.geometry import Pose
    from vpr_ros.inputs.frames import Frame
    from vpr_ros.localize.verification.local_features import LocalDetector, LocalFeatureKind
    from vpr_ros.nodes.health import InputHealth

Item = TypeVar('Item')


class VprNode(ParameterNode, Generic[Item]):
    """A lifecycle node that describes images in a worker thread.

    Subclasses load models and maps in ``load``, release them in ``unload``, take frames in
    ``on_frame`` (executor thread, must be quick) and do the work in ``work`` (worker thread).

    Attributes:
        worker: Works on images; None while the node is not active.
        jobs: Does slow work other than images.
        answering: The services, which wait for ``jobs``.
        configured: Whether ``load`` has succeeded.
        hurried: Whether the process must end without finishing what waits.
        listening: Inputs beside images; ``stop`` ends them.
        refused: Messages that could not be used.
        trouble: Why the last of them could not.
        cameras: Names of the cameras; one empty name if there is only one.
        mounts: The optical frame of each camera in the base frame, by name, if known.
        times: Seconds of recent images by stage.
    """

    image_depth = 2
    """Images that the middleware keeps while the node is busy; old ones are of no use to most."""

    def __init__(self, name: str, **kwargs: Any) -> None:
        super().__init__(name, **kwargs)
        self._refuse_impossible_transitions()
        self._describers: dict[tuple[Any, ...], Describer] = {}
        self._detectors: dict[tuple[Any, ...], LocalDetector | None] = {}
        self._ticks: list[Any] = []
        self._inputs: CameraInputs | None = None
        self.listening: list[TopicInput] = []
        self.cameras: tuple[str, ...] = ()
        self.mounts: dict[str, Pose] = {}
        self.worker: Worker[Item] | None = None
        self.hurried = False
        self.jobs = Jobs(lambda: self.executor and self.executor.wake())
        self.answering = ReentrantCallbackGroup()
        self.configured = False
        self.refused = 0
        self.trouble = ''
        self._clockless = False
        self._complaints = Complaints(self.get_logger())
        self.times = StageTimes()
        self._processed_rate = RecentRate()
        self._diagnostics = self.create_publisher(DiagnosticArray, '/diagnostics', 10)

    # Subclasses provide these.

    def load(self) -> None:
        """Allocate everything that images need.

        Raises:
            VprError: Something is missing.
        """
        raise NotImplementedError

    def unload(self) -> None:
        """Release the resources of ``load``; called also after a failed ``load``."""
        raise NotImplementedError

    def on_frame(self, frame: Frame) -> None:
        """Take a received frame."""
        raise NotImplementedError

    def work(self, items: list[Item]) -> int:
        """Do the work on submitted items, one of each camera at most.

        Returns:
            How many of them could be used.
        """
        raise NotImplementedError

    def make_worker(self) -> Worker[Item]:
        """Return what calls ``work``; by default with the newest items only."""
        return NewestWorker(self.work, self.fail, len(self.cameras))

    @property
    def waiting(self) -> int:
        """Items that are finished before the node stops."""
        return 0

    def tick(self) -> None:
        """Do the work of every second."""

    def report(self) -> dict[str, str]:
        """Return further values for /diagnostics."""
        return {}

    # Lifecycle.

    def _refuse_impossible_transitions(self) -> None:
        """Answer requests for a transition that the state does not allow.

        rclpy lets the error escape from its service instead, which leaves the caller without an
        answer and would end the process.
        """
        service = self._service_change_state
        answer = service.callback

        def guarded(request: ChangeState.Request, response: ChangeState.Response) -> Any:
            try:
                return answer(request, response)
            except rclpy_implementation.RCLError as error:
                state = self._state_machine.current_state[1]
                text = f'transition refused: it is not valid while the node is {state} ({error})'
                self.get_logger().warning(text)
                response.success = False
                return response

        service.callback = guarded

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Take over all parameters and load network and map."""
        self.jobs.wait()
        if not self._begins(self._configure, self.unload):
            return TransitionCallbackReturn.FAILURE
        self.configured = True
        return super().on_configure(state)

    def _configure(self) -> None:
        self.parameters = self.read_parameters()
        self.cameras = parse_cameras(self.parameters.cameras)
        self.mounts = parse_extrinsics(self.parameters.camera_extrinsics, self.cameras)
        self.load()

    def _begins(self, begin: Callable[[], None], undo: Callable[[], None]) -> bool:
        """Begin something; where that fails say why, once for each reason, and undo it."""
        try:
            begin()
        except Exception as error:  # noqa: BLE001  rclpy would only say that a transition failed
            again = '; it tries again every few seconds' if self.parameters.autostart else ''
            self._complaints.of_start(error, again)
            self.attempt(undo)
            return False
        return True

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Start to listen."""
        if not self._begins(self.listen, self.stop):
            return TransitionCallbackReturn.FAILURE
        self._complaints.forget_start()
        return super().on_activate(state)

    def listen(self) -> None:
        """Start to listen and to work.

        Raises:
            VprError: It cannot listen to what the parameters ask for.
        """
        self.refused = 0
        self.times = StageTimes()
        self._processed_rate = RecentRate()
        self.worker = self.make_worker()
        self._inputs = CameraInputs(
            self, self.cameras, self.mounts, self.on_frame, self.fail, self.image_depth
        )
        self.get_logger().info(image_decoder().reason)
        # A steady clock: simulated time stands still without /clock.
        clock = Clock(clock_type=ClockType.STEADY_TIME)
        self._ticks = [self.create_timer(1.0, self._tick, clock=clock)]
        self.get_logger().info(f'listening to {" and ".join(self._inputs.topics)}')
        # A search for garbage in everything that the libraries have loaded takes 0.1 s.
        gc.collect()
        gc.freeze()

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop to listen; the frame in progress is finished."""
        self.stop()
        gc.unfreeze()
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Close the map."""
        self.jobs.wait()
        self.configured = False
        self.unload()
        return super().on_cleanup(state)

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop in any state and close the map."""
        self.configured = False
        self.stop()
        self.unload()
        return super().on_shutdown(state)

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Return to unconfigured after an unexpected error in a transition."""
        self.get_logger().error('a transition failed; the node is unconfigured now')
        self.stop()
        self.jobs.wait()
        self.configured = False
        self.unload()
        return super().on_error(state)

    def start(self) -> bool:
        """Configure and activate; return whether there is nothing left to do."""
        try:
            if self.trigger_configure() != TransitionCallbackReturn.SUCCESS:
                return False
            if self.trigger_activate() == TransitionCallbackReturn.SUCCESS:
                return True
            self.trigger_cleanup()  # The next attempt begins anew, with the parameters of then.
        except rclpy_implementation.RCLError:
            # A lifecycle manager has moved the node meanwhile: leave it to the manager.
            return True
        return False

    def stop(self) -> None:
        """Stop to listen; the item in progress is finished."""
        for timer in self._ticks:
            self.destroy_timer(timer)
        self._ticks = []
        for source in self.listening:
            source.destroy()
        self.listening = []
        if self._inputs is not None:
            self._inputs.destroy()
            self._inputs = None
        self.finish()
        if self.worker is not None:
            self.worker.stop()
            self.worker = None

    def finish(self) -> None:
        """Finish the items that are waited for, unless the node is ``hurried``."""

    # Input.

    def listen_to_intrinsics(self, received: Callable[[Pinhole], None]) -> None:
        """Deliver the intrinsics of the first camera, as its images are used, until ``stop``."""
        rectified = self.parameters.rectify

        def learn(info: CameraInfo) -> None:
            received(Pinhole.of(Intrinsics.of(info), rectified=rectified))

        self.listening.append(camera_info(self, self.cameras[0], learn, self.fail))

    def describer(self) -> Describer:
        """Return the network of the parameters; kept over a cleanup, since loading is slow.

        Raises:
            ModelError: Unknown network, or weights that are missing or damaged.
        """
        p = self.parameters
        key = (p.model, p.weights, p.device, p.threads, p.precision, p.backend)
        if key not in self._describers:
            self._describers = {
                key: Describer(
                    p.model,
                    device=p.device,
                    weights=p.weights or None,
                    threads=p.threads or None,
                    precision=p.precision,
                    backend=p.backend,
                )
            }
        return self._describers[key]

    def local_detector(self, kind: LocalFeatureKind) -> LocalDetector | None:
        """Return the detector of local features, None for ``none``; kept over a cleanup.

        Raises:
            ModelError: Weights that are missing or damaged.
        """
        key = kind, self.parameters.threads
        if key not in self._detectors:
            self._detectors = {key: local_detector(kind, self.parameters.threads or None)}
        return self._detectors[key]

    def readable(self, frames: Sequence[Frame]) -> list[Frame]:
        """Return the frames that can be decoded, and report the others."""
        return [frame for frame in frames if self.attempt(getattr, frame, 'rgb')]

    @property
    def received(self) -> int:
        """Images that have come since the node was activated."""
        return self._inputs.count if self._inputs else 0

    @property
    def silent(self) -> float:
        """Seconds since the last image of any camera, or since the node was activated."""
        return self._inputs.silent if self._inputs else 0.0

    def inputs(self) -> list[InputHealth]:
        """Return the health of each input."""
        return self._inputs.health if self._inputs else []

    # Reports.

    def faults(self) -> list[str]:
        """Return in words all that keeps the node from its work; empty where nothing does."""
        found = [clock_fault(self), *(health.fault() for health in self.inputs())]
        return [fault for fault in found if fault]

    def input_fault(self) -> str:
        """Return in words why no image can be answered; empty where there is no such reason."""
        if fault := clock_fault(self):
            return fault
        done = self.worker.processed if self.worker is not None else 0
        if self.refused and not done:
            return f'{self.refused} of {self.received} images refused: {self.trouble}'
        return next((fault for health in self.inputs() if (fault := health.fault())), '')

    def fail(self, error: Exception) -> None:
        """Report an error and go on; the same error only every few seconds."""
        self.refused += 1
        self.trouble = reason_in(error)
        self._complaints.of_message(error)

    def attempt(self, do: Callable[..., object], *arguments: object) -> bool:
        """Do something with one of several frames; report an error and return False."""
        try:
            do(*arguments)
        except Exception as error:  # noqa: BLE001  the other cameras' frames may be good
            self.fail(error)
            return False
        return True

    def _tick(self) -> None:
        for health in self.inputs():
            if news := health.news():
                if health.fault():
                    self.get_logger().warning(news)
                else:
                    self.get_logger().info(news)
        if (fault := clock_fault(self)) and not self._clockless:
            self.get_logger().warning(fault)
        self._clockless = bool(fault)
        self.tick()
        if self.worker is not None and self._inputs is not None:
            self._publish_diagnostics(self.worker, self._inputs)

    def _publish_diagnostics(self, worker: Worker[Item], images: CameraInputs) -> None:
        faults = self.faults()
        values = {
            'images received': str(images.count),
            'images processed': str(worker.processed),
            'images processed [Hz]': f'{self._processed_rate.read(worker.processed):.1f}',
            'images dropped for newer ones': str(worker.dropped),
            'images dropped by max_rate': str(images.rate.held),
            'messages refused': str(self.refused),
            'model': self.parameters.model,
            'device': ', '.join(str(one.device) for one in self._describers.values()),
            'backend': ', '.join(one.backend for one in self._describers.values()),
            **self.report(),
            **self.times.report(),
        }
        status = DiagnosticStatus(
            level=DiagnosticStatus.WARN if faults else DiagnosticStatus.OK,
            name=f'{self.get_fully_qualified_name()}: place recognition',
            message='; '.join(faults) or 'running',
            values=[KeyValue(key=key, value=value) for key, value in values.items()],
        )
        message = DiagnosticArray(status=[status, *(health.status() for health in self.inputs())])
        message.header.stamp = self.get_clock().now().to_msg()
        self._diagnostics.publish(message)
