# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""``vpr weights``: lists, fetches and converts the weights of the networks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vpr_ros.cli import options as opt
from vpr_ros.cli.console import console, echo, print_json, progress_bar, say, table_of
from vpr_ros.errors import ModelError

if TYPE_CHECKING:
    from vpr_ros.models import PublishedWeights

app = typer.Typer(no_args_is_help=True)

Name = Annotated[
    str,
    typer.Argument(
        metavar='NAME', callback=opt.check_network, help='One of those that `list` shows.'
    ),
]
Force = Annotated[bool, typer.Option('--force', help='Replace weights that are already there.')]


@app.command('list')
def list_weights(*, as_json: opt.AsJson = False) -> None:
    """Show which weights there are, under which licence, and which are on this machine."""
    from vpr_ros import models

    entries = _entries()
    if as_json:
        print_json({'folder': str(models.weights_folder()), 'weights': entries})
        return
    left = 'name', 'licence', 'sha256', 'source', 'on this machine'
    headers = left[0], 'size', *left[1:]
    table = table_of(*headers, left=left, box=None, header_style='bold')
    for entry in entries:
        size = '' if entry['size'] is None else f'{entry["size"] / 1e6:.0f} MB'
        digest = (entry['sha256'] or '')[:12]
        facts = entry['name'], size, entry['licence'], digest, entry['source'], entry['state']
        table.add_row(*facts, style='green' if entry['path'] else '')
    out = console()
    out.print(table)
    out.print(
        f'\nThey are looked for in the package, then in {models.weights_folder()} (another folder:'
        ' VPR_WEIGHTS), as NAME.safetensors.'
    )


@app.command()
def fetch(name: Name, *, force: Force = False, as_json: opt.AsJson = False) -> None:
    """Download published weights, check them and convert them.

    A download that breaks off goes on from there the next time.
    """
    from rich.progress import DownloadColumn, TimeRemainingColumn, TransferSpeedColumn

    from vpr_ros import models
    from vpr_ros.models.download import DownloadError, download
    from vpr_ros.models.weights_file import convert, converted_path

    file, target = models.registration(name).weights, converted_path(name)
    if file is None:
        msg = f'there is nothing to fetch for {name}: ' + _of_the_package(name)
        raise ModelError(msg)
    if target.exists() and not force:
        answer = {'path': str(target), 'fetched': False}
        say(as_json, answer, f'{target} is already there (--force fetches it again)')
        return
    if not file.urls:
        msg = (
            f'the authors of {name} offer its weights to browsers only. Open\n    {file.page}\n'
            f'download {file.file} (about {file.size / 1e6:.0f} MB; licence: {file.licence}), then'
            f' run\n    vpr weights convert ~/Downloads/{file.file} {name}'
        )
        raise ModelError(msg)
    target.parent.mkdir(parents=True, exist_ok=True)
    original = target.with_name(file.file)
    try:
        columns = DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn()
        with progress_bar(file.file, *columns) as progress:
            download(file.urls, original, sha256=file.sha256, size=file.size, progress=progress)
    except DownloadError as error:
        msg = f'{error}. Got by other means, `vpr weights convert FILE {name}` takes it'
        raise DownloadError(msg) from error
    try:
        convert(original, name)
    except ModelError:  # of another file, which only a digest would have told before
        original.unlink()
        raise
    original.unlink()
    answer = {'path': str(target), 'fetched': True}
    say(as_json, answer, f'{target} ({file.licence}, from {file.source})')


@app.command('convert')
def convert_weights(
    path: Annotated[Path, typer.Argument(metavar='FILE', help='.pth, .pt, .ckpt, .safetensors')],
    name: Name,
    *,
    output: Annotated[
        Path | None,
        typer.Option(
            '--output', '-o', callback=opt.check_folder, help='Instead of the weights folder.'
        ),
    ] = None,
    force: Force = False,
    as_json: opt.AsJson = False,
) -> None:
    """Turn a published weights file, or one of your own, into safetensors.

    Nothing in the file is executed. It must hold exactly the weights of the network, under
    their published names.
    """
    from vpr_ros import models
    from vpr_ros.models.weights_file import convert, converted_path

    target = output or converted_path(name)
    if target.exists() and not force:
        msg = f'{target} is already there; --force replaces it'
        raise ModelError(msg)
    convert(path, name, target)
    say(as_json, {'path': str(target)}, str(target))
    if output is None and name in models.names() and models.find_weights(name) != target:
        note = f'The package has weights of {name}: name this file to use it instead.'
        echo(note, err=True)


@app.command()
def show(
    model: opt.ModelArgument, *, weights: opt.Weights = None, as_json: opt.AsJson = False
) -> None:
    """Load a model, check it, and show what its file says about it."""
    from vpr_ros.describe.loading import card_for, load_described, resolve

    entry = resolve(model, weights)
    _, info = load_described(entry)
    card = card_for(entry)
    told = card.said() if card else {}
    # Only the card of a network of others names the output of its codes.
    codes = told.get('codes') if entry.foreign else None
    answer = told | {
        'name': info.name,
        'model': entry.registered,
        'file': None if entry.file is None else str(entry.file),
        'weights_id': info.weights_id,
        'preprocessing': info.preprocessing,
        'descriptor_dim': info.descriptor_dim,
        'codes': codes or ('network' if info.code_bits else 'itq'),
        'code_bits': info.code_bits,
    }
    if as_json:
        print_json(answer)
        return
    out = console()
    for key, value in answer.items():
        text = value if isinstance(value, str) else json.dumps(value)
        out.print(f'{key}: {text}', markup=False, highlight=False, soft_wrap=True)


@app.command()
def project(
    model: opt.ModelArgument,
    *,
    pca: Annotated[Path, typer.Option('--pca', help='File of `vpr train pca` with this model.')],
    dim: Annotated[int, typer.Option('--dim', min=1, help='Length of the shortened descriptors.')],
    weights: opt.Weights = None,
    output: Annotated[
        Path | None,
        typer.Option(
            '--output',
            '-o',
            callback=opt.check_folder,
            help='File to write (.safetensors); NAME-DIM in the weights folder, if not given.',
        ),
    ] = None,
    force: Force = False,
    as_json: opt.AsJson = False,
) -> None:
    """Make a model of its own whose descriptors are shortened by principal components."""
    from vpr_ros.describe.loading import resolve
    from vpr_ros.models.weights_file import converted_path
    from vpr_ros.training.pca import project_model

    target = output or converted_path(f'{resolve(model, weights).name}-{dim}')
    if target.exists() and not force:
        msg = f'{target} is already there; --force replaces it'
        raise ModelError(msg)
    card = project_model(model, weights, pca, dim, target)
    lengths = card.projection or (0, dim)
    answer = {'path': str(target), 'name': card.name, 'from': lengths[0], 'to': lengths[1]}
    use = card.name if output is None else target
    say(
        as_json,
        answer,
        f'{target}: {lengths[0]} to {lengths[1]} values; use it with --model {use}',
    )


def _entries() -> list[dict[str, Any]]:
    """Return a description of the weights of every model and backbone, and of the user's own."""
    from vpr_ros import models

    entries: list[dict[str, Any]] = []
    for name in models.registered():
        if models.registration(name).weightless:
            continue
        found, file = models.find_weights(name), models.registration(name).weights
        state, origin = _state(name, found, file)
        entries.append(
            {
                'name': name,
                'file': file.file if file else None,
                'size': file.size if file else None,
                'sha256': file.sha256 or None if file else None,
                'licence': file.licence if file else 'Apache-2.0',
                'source': file.source if file else 'vpr_ros',
                'urls': list(file.urls) if file else [],
                'path': None if found is None else str(found),
                'state': state,
                'origin': origin,
            }
        )
    return entries + [_own_entry(path) for path in _own_files()]


def _own_files() -> list[Path]:
    """Return the files in the weights folder that are models by names of their own."""
    from vpr_ros import models

    found = (models.weights_folder().glob(f'*{ending}') for ending in ('.safetensors', '.yaml'))
    registered = models.registered()
    return sorted(path for paths in found for path in paths if path.stem not in registered)


def _own_entry(path: Path) -> dict[str, Any]:
    from vpr_ros.describe.loading import card_for, resolve

    entry: dict[str, Any] = {'name': path.stem, 'file': path.name, 'size': path.stat().st_size}
    empty: dict[str, Any] = {
        'sha256': None,
        'licence': '',
        'source': '',
        'urls': [],
        'path': str(path),
    }
    try:
        card = card_for(resolve(str(path)))
    except ModelError as error:
        return entry | empty | {'state': f'cannot be used: {error}', 'origin': {}}
    told = {} if card is None else {'licence': card.licence, 'source': card.source}
    origin = {} if card is None else card.origin()
    return entry | empty | told | {'state': 'yes, your own', 'origin': origin}


def _state(
    name: str, found: Path | None, file: PublishedWeights | None
) -> tuple[str, dict[str, str]]:
    """Return whether weights are there, and the notes in their file."""
    from vpr_ros.models.weights_file import converted_path, described_by

    if found is None:
        if file is None:
            return 'no, random ones stand in', {}
        return ('no' if file.urls else 'no, and by browser only'), {}
    try:
        card = described_by(found)
    except ModelError:
        return 'damaged: fetch it again with --force', {}
    notes = card.origin() if card else {}
    return ('yes' if found == converted_path(name) else 'yes, in the package'), notes


def _of_the_package(name: str) -> str:
    from vpr_ros import models

    if models.registration(name).weightless:
        return 'it is a formula without weights'
    if models.find_weights(name) is not None:
        return 'its weights come with the package'
    return 'it was never trained, and works with random weights for now'
