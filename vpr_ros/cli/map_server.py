# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""``vpr map push``, ``pull`` and ``sessions``: maps on a Qdrant server."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from vpr_ros.cli.options import AsJson, MapPath, Sessions
from vpr_ros.errors import VprError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vpr_ros.fleet import RemoteMap

Collection = Annotated[
    str, typer.Argument(metavar='COLLECTION', help='Name of the map on the server.')
]
Url = Annotated[str, typer.Option(envvar='QDRANT_URL', help='Of the Qdrant server.')]
Key = Annotated[
    str | None,
    typer.Option(envvar='QDRANT_API_KEY', help='Better given in the environment than here.'),
]
_URL = 'http://localhost:6333'
_SECONDS = 60


def push(
    path: MapPath,
    collection: Collection,
    *,
    session: Sessions = None,
    url: Url = _URL,
    api_key: Key = None,
) -> None:
    """Add sessions of a map to a map on a server, which the first push makes."""
    from vpr_ros.cli.progress import progress_bar
    from vpr_ros.maps import PlaceMap

    with (
        _remote(url, api_key, collection) as remote,
        PlaceMap.open(path, memory_budget=0) as place_map,
        progress_bar(f'pushing {path.name}') as progress,
    ):
        pushed = remote.push(place_map, session, progress)
    for here, there in pushed.items():
        typer.echo(f'session {here} of {path} is session {there} of {collection}')


def pull(
    collection: Collection,
    path: MapPath,
    *,
    session: Sessions = None,
    url: Url = _URL,
    api_key: Key = None,
) -> None:
    """Add sessions of a map on a server to a map, which is made if there is none."""
    from vpr_ros.cli.progress import progress_bar

    with (
        _remote(url, api_key, collection) as remote,
        progress_bar(f'pulling {collection}') as progress,
    ):
        pulled = remote.pull(path, session, progress)
    for there, here in pulled.items():
        typer.echo(f'session {there} of {collection} is session {here} of {path}')


def sessions(
    collection: Collection,
    *,
    url: Url = _URL,
    api_key: Key = None,
    as_json: AsJson = False,
) -> None:
    """List the sessions of a map on a server."""
    with _remote(url, api_key, collection) as remote:
        found = remote.session_list()
    if as_json:
        typer.echo(json.dumps([asdict(each) for each in found], indent=2))
        return
    for each in found:
        typer.echo(f'session {each.id} {each.name!r}: {each.places} places ({each.uid})')


@contextmanager
def _remote(url: str, api_key: str | None, collection: str) -> Iterator[RemoteMap]:
    try:
        from qdrant_client import QdrantClient
    except ImportError as error:
        msg = (
            'maps on a server need the Python package qdrant-client, which is not installed: '
            "pip install 'vpr_ros[server]'"
        )
        raise VprError(msg) from error
    from vpr_ros.fleet import RemoteMap

    client = QdrantClient(url=url, api_key=api_key, timeout=_SECONDS, check_compatibility=False)
    try:
        yield RemoteMap(client, collection)
    finally:
        client.close()
