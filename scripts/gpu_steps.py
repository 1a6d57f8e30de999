# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The measurements of `on_gpu.py`, each in a process of its own."""

from __future__ import annotations

import argparse
import copy
import hashlib
import json
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / 'scripts')]

import numpy as np  # noqa: E402
import safetensors.torch  # noqa: E402
import torch  # noqa: E402
from published_code import AUTHORS, authors_network  # noqa: E402

from vpr_ros import models  # noqa: E402
from vpr_ros.describe import Describer  # noqa: E402
from vpr_ros.describe.optimise import CudaNetwork, inference_form  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from torch import Tensor, nn

    from vpr_ros.models import ModelOutput

    Run = Callable[[Tensor], ModelOutput]
    Call = Callable[[int], object]

_COMPARED = 4
"""Images on which the results are compared."""
_SECONDS = 5.0
"""To measure one number of images at most."""
_WARM_UP = 3
_PRECISIONS = {'cpu': ('fp32', 'bf16'), 'cuda': ('fp32', 'bf16', 'fp16')}


def pictures(count: int) -> list[np.ndarray]:
    """Return pictures of 640x480 with something to see."""
    import cv2  # noqa: PLC0415

    rng = np.random.default_rng(0)
    coarse = (rng.integers(0, 256, (9, 12, 3), np.uint8) for _ in range(count))
    return [cv2.resize(picture, (640, 480), interpolation=cv2.INTER_CUBIC) for picture in coarse]


def measured_network(
    name: str, device: str, batches: list[int], rounds: int, published: Path | None
) -> dict[str, Any]:
    """Time the forms of a network beside each other, and compare their results.

    Each round calls every form once: a GPU that others use slows all of them alike. Images are on
    the device and results come to the host. Where the weights are not here they are random.

    Returns:
        ``forms``, one for each form and number of images, the first is what the others are
        compared with in speed; results are compared with the plain network on the CPU.
    """
    from vpr_ros.describe.loading import load_network, resolve  # noqa: PLC0415
    from vpr_ros.describe.preprocess import preprocess  # noqa: PLC0415

    entry = resolve(name)
    trained = entry.file is not None
    net = load_network(entry)[0] if trained else models.create(name)
    frames = pictures(max(*batches, _COMPARED))
    images = preprocess(frames, entry.preprocessing)
    missing: dict[str, str] = {}
    if device == 'cpu':
        missing['CUDA graphs, fp16'] = 'they need a CUDA device'
    with torch.inference_mode(), tempfile.TemporaryDirectory() as folder:
        expected = net(images[:_COMPARED])
        runs = dict(_forms(name, net, device, published, missing))
        if not trained:
            entry = replace(entry, file=Path(folder) / f'{name}.safetensors')
            safetensors.torch.save_file(net.state_dict(), str(entry.file))
        describer = Describer(name, device, entry.file, backend='torch')
        inputs = images.to(device)
        memory = {form: _memory(run, inputs[: max(batches)]) for form, run in runs.items()}
        agreement = {
            form: _agreement(run(inputs[:_COMPARED]), expected) for form, run in runs.items()
        }
        calls: dict[str, Call] = {form: _on(run, inputs) for form, run in runs.items()}
        calls['fp32, with preprocessing'] = lambda count: describer.describe(frames[:count])
        forms = []
        for batch in batches:
            times = _times(calls, batch, rounds)
            first = next(iter(times.values()))
            forms += [
                {
                    'form': form,
                    'batch': batch,
                    'rounds': len(taken),
                    'median_ms': 1e3 * float(np.median(taken)),
                    'p95_ms': 1e3 * float(np.percentile(taken, 95)),
                    'speed': float(np.median(first / taken)),
                    'memory_mb': memory.get(form),
                    **agreement.get(form, {}),
                }
                for form, taken in times.items()
            ]
    side = 'x'.join(map(str, entry.preprocessing.shape))
    weights = 'trained' if trained else 'random'
    return {'input': side, 'weights': weights, 'forms': forms, 'missing': missing}


def _forms(
    name: str, net: nn.Module, device: str, folder: Path | None, missing: dict[str, str]
) -> Iterator[tuple[str, Run]]:
    """Yield what can be run here, the authors' code first; note what cannot."""

    def on_host(module: nn.Module) -> Run:
        return lambda images: module(images).map(lambda values: values.cpu())

    if name in AUTHORS:
        try:
            if folder is None:
                msg = 'no folder of their repositories was given (--published)'
                raise FileNotFoundError(msg)
            theirs = authors_network(name, net, folder).to(device)
        except (ImportError, OSError, RuntimeError) as error:
            missing[f"{name} beside its authors' code"] = str(error)
        else:
            output = AUTHORS[name].output
            yield (
                'published code',
                lambda images: output(theirs(images)).map(lambda values: values.cpu()),
            )
    yield 'plain network', on_host(copy.deepcopy(net).to(device))
    if device == 'cuda':
        yield 'fp32, without graph', on_host(inference_form(net, 'fp32', device))
    for precision in _PRECISIONS[device]:
        if device == 'cuda':
            yield precision, CudaNetwork(net, torch.device(device), precision)
        else:
            yield precision, on_host(inference_form(net, precision))


def _on(run: Run, images: Tensor) -> Call:
    return lambda count: run(images[:count])


def _memory(run: Run, images: Tensor) -> float | None:
    """Return the most memory on the GPU while a form runs, MB, beside what was there before."""
    if images.device.type == 'cpu':
        return None
    before = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    run(images)
    return (torch.cuda.max_memory_allocated() - before) / 1e6


def _agreement(found: ModelOutput, expected: ModelOutput) -> dict[str, float | None]:
    cosines = torch.cosine_similarity(found.descriptor.float(), expected.descriptor)
    bits = None
    if found.code is not None and expected.code is not None:
        bits = 100 * float(((found.code > 0) != (expected.code > 0)).float().mean())
    return {
        'difference': float((found.descriptor - expected.descriptor).abs().max()),
        'cosine': float(cosines.min()),
        'bits_changed': bits,
    }


def _times(calls: dict[str, Call], batch: int, rounds: int) -> dict[str, np.ndarray]:
    """Return the seconds of each call in every round."""
    taken: dict[str, list[float]] = {form: [] for form in calls}
    end = time.perf_counter() + _SECONDS
    for step in range(-_WARM_UP, rounds):
        if step > 0 and time.perf_counter() > end:
            break
        for form, call in calls.items():
            start = time.perf_counter()
            call(batch)  # with its results on the host
            if step >= 0:
                taken[form].append(time.perf_counter() - start)
    return {form: np.array(seconds) for form, seconds in taken.items()}


def distributed(device: str, folder: Path, *, quick: bool) -> dict[str, Any]:
    """Train a few steps by two processes that share one device, and compare them.

    NCCL takes no two processes on one card, so they talk by gloo. Lightning starts this script
    again for the second.
    """
    import lightning.pytorch as pl  # noqa: PLC0415
    from lightning.pytorch.accelerators import AcceleratorRegistry, CUDAAccelerator  # noqa: PLC0415
    from lightning.pytorch.strategies import DDPStrategy, StrategyRegistry  # noqa: PLC0415

    from vpr_ros.training.recipe import (  # noqa: PLC0415
        DataRecipe,
        HashLoss,
        LossRecipe,
        MetricLoss,
        ModelRecipe,
        OptimiserRecipe,
        Recipe,
        RunRecipe,
    )
    from vpr_ros.training.session import train  # noqa: PLC0415

    class OneCard(CUDAAccelerator):
        """As many processes as are asked for, all on the first card."""

        @staticmethod
        def parse_devices(devices: Any) -> list[int]:
            return [0] * int(devices)

    class Watched(pl.Callback):
        """Remembers what a process saw, and compares in the end."""

        def __init__(self) -> None:
            self.losses: list[float] = []
            self.times: list[float] = []
            self.start = ''
            self.all: list[Any] = []

        def on_fit_start(self, _trainer: Any, module: Any) -> None:
            self.start = _digest(module.net)

        def on_train_batch_end(self, _t: Any, _m: Any, outputs: Any, *_: Any) -> None:
            self.losses.append(float(outputs['loss']))
            self.times.append(time.perf_counter())

        def on_fit_end(self, trainer: Any, module: Any) -> None:
            own = {
                'device': str(trainer.strategy.root_device),
                'before': self.start,
                'after': _digest(module.net),
                'losses': self.losses,
            }
            self.all = [own] * trainer.world_size
            torch.distributed.all_gather_object(self.all, own)

    AcceleratorRegistry.register('one-card', OneCard)
    StrategyRegistry.register(
        'gloo', DDPStrategy, process_group_backend='gloo', find_unused_parameters=True
    )
    (folder / 'pictures').mkdir(parents=True, exist_ok=True)
    if not (folder / 'pictures' / '15.png').exists():
        import cv2  # noqa: PLC0415

        for number, picture in enumerate(pictures(16)):
            cv2.imwrite(str(folder / 'pictures' / f'{number:02d}.png'), picture)
    small = {'width': 32, 'depth': 4, 'heads': 2, 'patch': 16, 'native_grid': 2}
    options = {'vit': small, 'taps': [1, 2, 3, 4]} if quick else {}
    recipe = Recipe(
        'finetune',
        ModelRecipe('d2vpr', size=32 if quick else 0, options={**options, 'code_bits': 64}),
        DataRecipe(
            ({'kind': 'photos', 'folder': str(folder / 'pictures'), 'crops': 3},),
            places=4 if quick else 16,
            views=2 if quick else 4,
            workers=0,
        ),
        LossRecipe(metric=MetricLoss(), hash=HashLoss()),
        RunRecipe(
            steps=3 if quick else 10,
            precision='32' if device == 'cpu' else '16-mixed',
            accelerator='cpu' if device == 'cpu' else 'one-card',  # type: ignore[arg-type]
            devices=2,
            strategy='gloo',
            threads=1 if device == 'cpu' else 0,
        ),
        OptimiserRecipe(learning_rate=1e-3),
    )
    watched = Watched()
    train(recipe, folder / 'run', resume=True, callbacks=[watched])
    one, other = watched.all
    steps = np.diff(watched.times)
    return {
        'devices': [one['device'], other['device']],
        'precision': recipe.run.precision,
        'network': 'd2vpr, a small one' if quick else 'd2vpr',
        'images_of_each': recipe.data.places * recipe.data.views,
        'weights_equal': one['before'] == other['before'] and one['after'] == other['after'],
        'weights_changed': one['before'] != one['after'],
        'batches_differ': one['losses'] != other['losses'],
        'losses_finite': bool(np.isfinite(one['losses'] + other['losses']).all()),
        'step_ms': 1e3 * float(np.median(steps)),
        'missing': {},
    }


def training_cost(device: str, *, quick: bool) -> dict[str, Any]:
    """Measure memory and time of a training step, for each way of tuning of SelaVPR++'s paper."""
    from vpr_ros.models.selavprpp import SelaVPRppConfig  # noqa: PLC0415
    from vpr_ros.training.memory import measure, network, tuning_modes  # noqa: PLC0415

    batch, size, steps = (4, 56, 1) if quick else (64, 224, 3)
    cases = (('selavprpp-base', '32'), ('selavprpp-large', '16-mixed'))
    rows = []
    missing: dict[str, str] = {}
    for model, precision in cases[:1] if quick else cases:
        config = SelaVPRppConfig(**models.spec(model).options)
        for mode in tuning_modes(config.vit.depth)[-1 if quick else 0 :]:
            net = network(mode, model, torch.device(device))
            try:
                cost = measure(mode, net, batch, size, precision, steps)  # type: ignore[arg-type]
            except torch.OutOfMemoryError:
                missing[f'{mode.name} of {model}'] = f'{batch} images need more memory'
                continue
            rows.append(
                {
                    'model': model,
                    'precision': precision,
                    'tuning': mode.name,
                    'trained_mb': cost.trained / 1e6,
                    'peak_mb': cost.peak / 1e6 or None,
                    'step_ms': 1e3 * cost.seconds,
                }
            )
    return {'images': batch, 'size': size, 'rows': rows, 'missing': missing}


def _digest(net: nn.Module) -> str:
    """Return the sha256 of what is trained; statistics of a batch may differ on CPUs."""
    digest = hashlib.sha256()
    for value in net.parameters():
        digest.update(value.detach().cpu().numpy().tobytes())
    return digest.hexdigest()


def main() -> None:
    """Take one measurement and write it to a file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('step', choices=('network', 'distributed', 'training'))
    parser.add_argument('--model')
    parser.add_argument('--device', required=True)
    parser.add_argument('--quick', action='store_true')
    parser.add_argument('--published', type=Path)
    parser.add_argument('--result', type=Path, required=True)
    wanted = parser.parse_args()
    if wanted.step == 'network':
        batches, rounds = ([1, 2], 3) if wanted.quick else ([1, 32], 50)
        published = wanted.published
        result = measured_network(wanted.model, wanted.device, batches, rounds, published)
    elif wanted.step == 'training':
        result = training_cost(wanted.device, quick=wanted.quick)
    else:
        folder = wanted.result.with_suffix('.training')
        result = distributed(wanted.device, folder, quick=wanted.quick)
    wanted.result.write_text(json.dumps(result))


if __name__ == '__main__':
    main()
