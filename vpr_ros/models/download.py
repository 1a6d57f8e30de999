# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Resumable downloads of large files over HTTP, checked by their digest."""

from __future__ import annotations

import fcntl
import hashlib
import http.client
import logging
import os
import re
import shutil
import socket
import time
import urllib.error
import urllib.request
from http import HTTPStatus
from typing import IO, TYPE_CHECKING

from vpr_ros.errors import VprError
from vpr_ros.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path
    from typing import TypeAlias

    Progress: TypeAlias = Callable[[int, int], None]
    """Told how many bytes are there, and of how many (0 where the server does not say)."""

_log = logging.getLogger(__name__)

_TIMEOUT = 30.0  # seconds without a single byte
_TRIES = 4  # in a row that bring nothing
_BLOCK = 1 << 20
_RANGE = re.compile(r'bytes (\d+)-\d+/(\d+)')


class DownloadError(VprError):
    """A file that could not be downloaded; the next attempt continues the partial file."""


def download(
    urls: Sequence[str],
    target: Path,
    *,
    sha256: str,
    size: int,
    progress: Progress | None = None,
    pause: float = 1.0,
) -> None:
    """Download a file, going on where an earlier attempt broke off.

    While it is incomplete it is called `target` with ``.part`` appended; only what has the right
    digest gets its name.

    Args:
        urls: Where the same bytes are, tried in this order.
        target: Where they go; the folder must exist.
        sha256: Hex digest of the whole; empty where it is not known.
        size: About how many bytes; a server may send twice as many at most.
        progress: Told how far it is.
        pause: Seconds before a connection is tried again; doubled as long as nothing comes.

    Raises:
        DownloadError: No server gave the file, the file has another digest, there is no
            room for it, or another process is downloading it.
        OSError: The file cannot be written.
    """
    part = target.with_name(target.name + '.part')
    with part.open('ab') as file:
        _lock(file, part)
        _check_room(part, size)
        reasons = []
        waiting = list(urls)
        while waiting:
            url = waiting.pop(0)
            resumed = file.tell() > 0
            try:
                _fill(file, url, 2 * size, progress, pause)
            except DownloadError as error:
                reasons.append(f'{url}: {error}')
                continue
            file.flush()
            os.fsync(file.fileno())
            found = file_digest(part)
            if sha256 in ('', found):
                part.replace(target)
                return
            _empty(file)
            if resumed:  # perhaps only the beginning was bad
                waiting.insert(0, url)
            else:
                reasons.append(f'{url}: the file has the sha256 {found}, not {sha256}')
        kept = file.tell()
        if not kept:
            part.unlink()
    msg = f'{target.name} could not be downloaded: ' + '; '.join(reasons)
    if kept:
        msg += f'. {_megabytes(kept)} are kept, and the next attempt goes on from there'
    raise DownloadError(msg)


def file_digest(path: Path) -> str:
    """Return the sha256 (hex) of a file's bytes."""
    digest = hashlib.sha256()
    with path.open('rb') as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


class _PassingError(Exception):
    """A failure after which the next connection may do better."""


def _fill(file: IO[bytes], url: str, limit: int, progress: Progress | None, pause: float) -> None:
    """Append the missing bytes; connect again as long as that brings any.

    Raises:
        DownloadError: The server refuses, or cannot be reached.
    """
    idle = 0
    while True:
        before = file.tell()
        try:
            if _receive(file, url, limit, progress):
                return
            reason = 'the connection broke off'
        except _PassingError as error:
            reason = str(error)
        idle = 0 if file.tell() > before else idle + 1
        if idle == _TRIES:
            raise DownloadError(reason)
        _log.info('%s: %s; trying again', url, reason)
        time.sleep(pause * 2**idle)


def _receive(file: IO[bytes], url: str, limit: int, progress: Progress | None) -> bool:
    """Append the bytes of one connection; return whether the file is complete.

    Raises:
        DownloadError: The server refuses, cannot be reached, or sends something else.
        _PassingError: The connection failed.
    """
    start = file.tell()
    headers = {'User-Agent': f'vpr_ros/{VERSION}'}
    if start:
        headers['Range'] = f'bytes={start}-'
    try:
        request = urllib.request.Request(url, headers=headers)  # noqa: S310  from our table
        response = urllib.request.urlopen(request, timeout=_TIMEOUT)  # noqa: S310
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and start:
            return True  # nothing is missing; the digest tells whether it is right
        passing = error.code >= 500 or error.code == HTTPStatus.TOO_MANY_REQUESTS
        msg = f'the server answers {error.code} {error.reason}'
        raise (_PassingError if passing else DownloadError)(msg) from error
    except OSError as error:
        # A server that was reached before may be reached again; any other is given up.
        raise (_PassingError if start else DownloadError)(_words(error)) from error
    with response:
        total = _total(file, response)
        for block in _blocks(response):
            file.write(block)
            if file.tell() > limit:
                _empty(file)
                msg = f'the server sends more than {_megabytes(limit)}'
                raise DownloadError(msg)
            if progress is not None:
                progress(file.tell(), total)
    return not total or file.tell() >= total


def _total(file: IO[bytes], response: http.client.HTTPResponse) -> int:
    """Return how long the whole file is, 0 if unknown; empty ours if it comes from the start."""
    if response.status == HTTPStatus.PARTIAL_CONTENT:
        match = _RANGE.match(response.headers.get('Content-Range', ''))
        if match is None or int(match[1]) != file.tell():
            msg = 'the server sends another part of the file than it was asked for'
            raise DownloadError(msg)
        return int(match[2])
    _empty(file)  # it cannot send parts
    return int(response.headers.get('Content-Length', 0))


def _blocks(response: http.client.HTTPResponse) -> Iterator[bytes]:
    try:
        while block := response.read1(_BLOCK):
            yield block
    except (OSError, http.client.HTTPException) as error:
        raise _PassingError(_words(error)) from error


def _words(error: BaseException) -> str:
    """Return the error of a connection in words."""
    cause = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(cause, TimeoutError):
        return f'nothing came for {_TIMEOUT:.0f} seconds'
    if isinstance(cause, socket.gaierror):
        return 'its address cannot be found; is there a network?'
    if isinstance(cause, OSError) and cause.strerror:
        return cause.strerror
    return str(cause) or type(cause).__name__


def _lock(file: IO[bytes], part: Path) -> None:
    """Claim the incomplete file until it is closed."""
    msg = f'{part} is being downloaded by another process'
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise DownloadError(msg) from error
    if not part.exists() or not os.path.samestat(os.fstat(file.fileno()), part.stat()):
        raise DownloadError(msg)  # it was, and is complete now


def _check_room(part: Path, size: int) -> None:
    missing = size - part.stat().st_size
    free = shutil.disk_usage(part.parent).free
    if missing > free:
        msg = (
            f'{_megabytes(missing)} are still to come, but {part.parent} has room for '
            f'{_megabytes(free)}: free some, or name another folder in VPR_WEIGHTS'
        )
        raise DownloadError(msg)


def _empty(file: IO[bytes]) -> None:
    file.seek(0)
    file.truncate()


def _megabytes(count: int) -> str:
    return f'{count / 1e6:.1f} MB'
