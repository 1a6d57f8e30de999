# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""``vpr map push``, ``pull`` and ``sessions``: maps on a Qdrant server."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from vpr_ros.cli import options as opt
from vpr_ros.cli.console import progress_bar, say
from vpr_ros.cli.map_edit import sessions_of
from vpr_ros.errors import VprError
from vpr_ros.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vpr_ros.fleet import RemoteMap


Collection = Annotated[
    str,
    typer.Argument(
        metavar='COLLECTION', callback=opt.check_not_map, help='Name of the map on the server.'
    ),
]
Url = Annotated[str, typer.Option(envvar='QDRANT_URL', help='Of the Qdrant server.')]
Key = Annotated[
    str | None,
    typer.Option(envvar='QDRANT_API_KEY', help='Better given in the environment than here.'),
]
_URL = 'http://localhost:6333'
_SECONDS = 60


def push(
    path: opt.MapPath,
    collection: Collection,
    *,
    session: opt.Sessions = None,
    url: Url = _URL,
    api_key: Key = None,
    as_json: opt.AsJson = False,
) -> None:
    """Add sessions of a map to a map on a server, which the first push makes."""
    from vpr_ros.maps import PlaceMap

    with (
        _remote(url, api_key, collection) as remote,
        PlaceMap.open(path, memory_budget=0) as place_map,
        progress_bar(f'pushing {path.name}') as progress,
    ):
        numbers = sessions_of(place_map, session, path) if session else None
        pushed = remote.push(place_map, numbers, progress)
    lines = [f'session {a} of {path} is session {b} of {collection}' for a, b in pushed.items()]
    say(as_json, {'pushed': pushed}, '\n'.join(lines))


def pull(
    path: opt.NewMapPath,
    collection: Collection,
    *,
    session: opt.Sessions = None,
    url: Url = _URL,
    api_key: Key = None,
    as_json: opt.AsJson = False,
) -> None:
    """Add sessions of a map on a server to a map, which is made if there is none."""
    with (
        _remote(url, api_key, collection) as remote,
        progress_bar(f'pulling {collection}') as progress,
    ):
        numbers = sessions_of(remote, session, collection) if session else None
        pulled = remote.pull(path, numbers, progress)
    lines = [f'session {a} of {collection} is session {b} of {path}' for a, b in pulled.items()]
    say(as_json, {'pulled': pulled}, '\n'.join(lines))


def sessions(
    collection: Collection,
    *,
    url: Url = _URL,
    api_key: Key = None,
    as_json: opt.AsJson = False,
) -> None:
    """List the sessions of a map on a server."""
    with _remote(url, api_key, collection) as remote:
        found = remote.session_list()
    lines = [
        f'session {one.id} {one.name!r}: {counted(one.places, "place")} ({one.uid})'
        for one in found
    ]
    say(as_json, [asdict(each) for each in found], '\n'.join(lines))


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
