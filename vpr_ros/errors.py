# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Errors a user can cause and mend; their text says what was wrong and what to do."""

from __future__ import annotations

import reprlib

from vpr_ros.printable import printable

_LONGEST = 2000
"""Characters of a message; what was read from a file, and is told in it, may have any length."""


class VprError(Exception):
    """Base of every error whose message is meant for the user, not for a traceback."""

    def __str__(self) -> str:
        text = super().__str__()
        return printable(text if len(text) <= _LONGEST else f'{text[:_LONGEST]} …')


def reason_of(error: Exception) -> str:
    """Return why a file cannot be read, without its path, for the message of a `VprError`."""
    if isinstance(error, UnicodeDecodeError):
        return 'it is no text'
    if isinstance(error, RecursionError):
        return 'it is nested too deeply'
    return getattr(error, 'strerror', None) or str(error)


class _Short(reprlib.Repr):
    def __init__(self) -> None:
        super().__init__()
        self.maxlevel = 2
        self.maxdict = self.maxlist = self.maxtuple = self.maxset = self.maxfrozenset = 4
        self.maxstring = self.maxother = 80

    def repr_int(self, x: int, level: int) -> str:  # noqa: ARG002
        # Python refuses to write out numbers that are much longer.
        return repr(x) if x.bit_length() <= 128 else 'a number of more than 38 digits'


shown = _Short().repr
"""Return a value that was read, of any kind, size and depth, as a message can show it."""


class ImageError(VprError):
    """An image that cannot be turned into RGB pixels, or that a network fails on."""


class MessageError(VprError):
    """A serialised message that is damaged or not of the type it is said to be."""


class ParameterError(VprError):
    """Values of parameters that a node cannot be configured with."""


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


class FleetError(VprError):
    """A server of maps that cannot be used, and the base of the particular reasons below."""


class FleetUnreachableError(FleetError):
    """The server cannot be reached, broke off, or did not answer in time; it may do so later."""


class FleetContentsError(FleetError):
    """Rows on the server that make no sense; other sessions there are not concerned."""


class FleetBusyError(FleetError):
    """A session is being changed by another connection; it may be free later."""


class FleetAccessError(FleetError):
    """The role may not do what was asked for."""


class BagError(VprError):
    """A bag that cannot be read, or lacks the topics that were asked for."""
