# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Unpacks compressed files and messages, as far as the disk and reason allow."""

from __future__ import annotations

import bz2
import gzip
import lzma
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import lz4.frame
from rosbags.rosbag2.storage_mcap import zstd  # of Python or its backport

from vpr_ros.errors import BagError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

ZSTD = b'\x28\xb5\x2f\xfd'
"""The first bytes of everything that zstd has compressed; no CDR message begins so."""

_OPENERS: Mapping[bytes, Callable[..., Any]] = {
    ZSTD: zstd.open,
    b'\x1f\x8b': gzip.open,
    b'BZh': bz2.open,
    b'\xfd7zXZ\0': lzma.open,
    b'\x04\x22\x4d\x18': lz4.frame.open,
}
SUFFIXES = frozenset({'.zstd', '.zst', '.gz', '.bz2', '.xz', '.lz4'})
"""Endings of the names of compressed files."""

_PIECE = 2**22
_RATIO = 200
"""A recording shrinks by less; more is a file made to fill the disk."""
_ALWAYS = 2**30
"""Bytes that a file may unpack to whatever its ratio, on the disk."""
_ALWAYS_IN_MEMORY = 2**28
"""Bytes that a chunk or message may unpack to whatever its ratio: 89 megapixels of one colour."""
_RATIO_IN_MEMORY = 10
"""How much more that may be where more is packed."""
_SPARE = 2**28
"""Bytes of the disk that are left free."""


class TemporaryFolder:
    """A temporary folder for a copy of a bag that has to be changed to be read.

    Attributes:
        path: The folder.
    """

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix='vpr_bag_')
        self.path = Path(self._folder.name)

    def require(self, size: int, what: Path) -> None:
        """Check that so many more bytes may be written here for a file.

        Raises:
            BagError: The disk has not the room.
        """
        if size > shutil.disk_usage(self.path).free - _SPARE:
            msg = (
                f'{what} has to be unpacked or copied to be read, and {self.path.parent} has not '
                'the room: free some, or name another folder in the environment variable TMPDIR'
            )
            raise BagError(msg)

    def copy(self, path: Path) -> Path:
        """Copy a file into the folder.

        Raises:
            BagError: There is no room.
        """
        self.require(path.stat().st_size, path)
        return Path(shutil.copyfile(path, self.path / path.name))

    def close(self) -> None:
        """Delete the folder and what is in it."""
        self._folder.cleanup()


def is_packed(begin: bytes) -> bool:
    """Tell by its first bytes whether a file is compressed."""
    return begin.startswith(tuple(_OPENERS))


def unpack(path: Path, folder: TemporaryFolder) -> Path:
    """Unpack a compressed file into a folder; one that was cut off gives what is whole.

    Args:
        path: A file that ``is_packed``.
        folder: Takes the file.

    Raises:
        BagError: It cannot be unpacked, or to more than it may, or there is no room.
    """
    with path.open('rb') as file:
        begin = file.read(8)
    opener = next(open_ for magic, open_ in _OPENERS.items() if begin.startswith(magic))
    target = folder.path / (path.stem if path.suffix in SUFFIXES else path.name)
    limit = max(_ALWAYS, _RATIO * path.stat().st_size)
    written = 0
    with path.open('rb') as packed, target.open('wb') as out:
        stream = opener(packed, 'rb')
        while piece := _piece(stream, path, written):
            written += len(piece)
            if written > limit:
                msg = (
                    f'{path} unpacks to more than {limit / 1e9:.1f} GB, which no recording does: '
                    'unpack it by hand if it is to be trusted'
                )
                raise BagError(msg)
            folder.require(len(piece), path)
            out.write(piece)
    return target


def _piece(stream: Any, path: Path, written: int) -> bytes:
    try:
        # Not ``read``, which loses what it has unpacked where the file was cut off.
        return cast('bytes', stream.read1(_PIECE))
    except (EOFError, OSError, RuntimeError, zstd.ZstdError, lzma.LZMAError) as error:
        if not written:
            msg = f'{path} cannot be unpacked: {error}'
            raise BagError(msg) from error
        return b''


def unpack_message(raw: bytes) -> bytes:
    """Unpack a message that zstd has compressed.

    Raises:
        ValueError: It is damaged, or unpacks to more than any message.
    """
    return _bounded(zstd.ZstdDecompressor(), raw, unpacked_limit(len(raw)))


def unpack_zstd(data: bytes, size: int) -> bytes:
    """Unpack zstd to a number of bytes at most, whatever the data claim.

    Raises:
        ValueError: It is damaged, or larger, or so large that no recording is.
    """
    return _bounded(zstd.ZstdDecompressor(), data, _required(size, data))


def unpack_lz4(data: bytes, size: int) -> bytes:
    """Unpack lz4 to a number of bytes at most, whatever the data claim.

    Raises:
        ValueError: It is damaged, or larger, or so large that no recording is.
    """
    return _bounded(lz4.frame.LZ4FrameDecompressor(), data, _required(size, data))


def unpack_beginning(data: bytes, compression: str, size: int) -> bytes:
    """Return as much of a chunk of MCAP as data that were cut off hold, whatever they claim.

    Raises:
        ValueError: They are damaged, or the chunk would be so large that no recording is.
        KeyError: The compression is not known.
    """
    if not compression:
        return data
    unpacker = {'zstd': zstd.ZstdDecompressor, 'lz4': lz4.frame.LZ4FrameDecompressor}[compression]
    return _bounded(unpacker(), data, _required(size, data), whole=False)


def unpack_ros1_bz2(data: bytes) -> bytes:
    """Unpack a chunk of a ROS 1 bag, whose reader does not tell what the chunk claims.

    Raises:
        ValueError: It is damaged, or so large that no recording is.
    """
    return _bounded(bz2.BZ2Decompressor(), data, unpacked_limit(len(data)))


def unpack_ros1_lz4(data: bytes) -> bytes:
    """Unpack a chunk of a ROS 1 bag, whose reader does not tell what the chunk claims.

    Raises:
        ValueError: It is damaged, or so large that no recording is.
    """
    return _bounded(lz4.frame.LZ4FrameDecompressor(), data, unpacked_limit(len(data)))


def unpacked_limit(packed: int) -> int:
    """Return how many bytes a chunk or message may unpack to that takes so many packed."""
    return max(_ALWAYS_IN_MEMORY, _RATIO_IN_MEMORY * packed)


def _required(size: int, data: bytes) -> int:
    """Return the size that packed data claim.

    Raises:
        ValueError: It is so large that no recording is.
    """
    if size > (limit := unpacked_limit(len(data))):
        msg = f'{len(data)} bytes claim to unpack to {size}, more than {limit} are not believed'
        raise ValueError(msg)
    return size


def _bounded(unpacker: Any, data: bytes, limit: int, *, whole: bool = True) -> bytes:
    """Unpack data, piece by piece: no memory is taken for what only is claimed.

    Args:
        unpacker: Of its compression.
        data: Packed.
        limit: Bytes that they may unpack to.
        whole: Whether it is an error that they end too early.
    """
    pieces, size = [], 0
    packed = bytes(data)
    while not unpacker.eof:
        try:
            piece = unpacker.decompress(packed, max_length=min(_PIECE, limit + 1 - size))
        except (zstd.ZstdError, RuntimeError, OSError) as error:
            raise ValueError(str(error)) from error
        pieces.append(piece)
        size += len(piece)
        if size > limit:
            msg = f'more is compressed than the {limit} bytes that it claims, or any recording has'
            raise ValueError(msg)
        if not piece and not packed:
            if not whole:
                break
            msg = 'the compressed data end too early'
            raise ValueError(msg)
        packed = b''
    return pieces[0] if len(pieces) == 1 else b''.join(pieces)
