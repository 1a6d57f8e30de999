# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the ``metadata.yaml`` of a bag says is in it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePath

from vpr_ros.documents import DocumentError, read_yaml
from vpr_ros.errors import BagError, reason_of

NAME = 'metadata.yaml'
_LARGEST = 1 << 24
"""Bytes; those of recordings in thousands of files are smaller."""


@dataclass(frozen=True)
class BagMetadata:
    """What a recorder noted of its bag.

    Attributes:
        files: Names of the files.
        counts: Messages by topic.
    """

    files: tuple[str, ...]
    counts: dict[str, int]


def read_metadata(folder: Path) -> BagMetadata | None:
    """Read the metadata of a bag; None where there are none.

    Raises:
        BagError: They cannot be read.
    """
    path = folder / NAME
    if not path.exists():
        return None
    try:
        content = read_yaml(path, _LARGEST)
        content = content['rosbag2_bagfile_information']
        files = tuple(PurePath(str(name)).name for name in content['relative_file_paths'])
        topics = content['topics_with_message_count']
        counts = {
            str(topic['topic_metadata']['name']): int(topic['message_count']) for topic in topics
        }
    except KeyError as error:
        msg = f'{path} is damaged: it has no {error.args[0]}'
        raise BagError(msg) from error
    except DocumentError as error:
        msg = f'{path} cannot be read: {reason_of(error)}'
        raise BagError(msg) from error
    except (TypeError, ValueError, OverflowError, AttributeError) as error:
        msg = f'{path} is damaged: {type(error).__name__}'
        raise BagError(msg) from error
    return BagMetadata(files, counts)
