# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Errors a user can cause and mend; their text says what was wrong and what to do."""


class VprError(Exception):
    """Base of every error whose message is meant for the user, not for a traceback."""


def reason_of(error: Exception) -> str:
    """Return why a file cannot be read, without its path, for the message of a `VprError`."""
    if isinstance(error, UnicodeDecodeError):
        return 'it is no text'
    return getattr(error, 'strerror', None) or str(error)


class ImageError(VprError):
    """An image message or file that cannot be turned into RGB pixels."""


class MessageError(VprError):
    """A serialised message that is damaged or not of the type it is said to be."""


class ModelError(VprError):
    """An unknown model, or weights that are missing, damaged or made for another network."""


class MapError(VprError):
    """A place map that cannot be used, and the base of the particular reasons below."""


class MapMissingError(MapError):
    """There is no file, or no folder for it."""


class MapDamagedError(MapError):
    """The file is truncated, altered or no place map at all."""


class MapNewerError(MapError):
    """The file was written by a newer version of this software."""


class MapModelError(MapError):
    """Maps, or a map and a network, whose descriptions cannot be compared."""


class MapInUseError(MapError):
    """Another process, or another part of this one, is writing the map."""


class MapExistsError(MapError):
    """The thing to create or add exists already."""


class MapFrameError(MapError):
    """Maps whose poses cannot be related to each other."""


class MapSpaceError(MapError):
    """The disk is full, or failed."""


class MapAccessError(MapError):
    """A file that may not be read or written, or lies where maps are not allowed to lie."""


class BagError(VprError):
    """A bag that cannot be read, or lacks the topics that were asked for."""
