# SPDX-FileCopyrightText: 2026 The vpr_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Errors a user can cause and mend; their text says what was wrong and what to do."""


class VprError(Exception):
    """Base of every error whose message is meant for the user, not for a traceback."""


class ImageError(VprError):
    """An image message or file that cannot be turned into RGB pixels."""


class MessageError(VprError):
    """A serialised message that is damaged or not of the type it is said to be."""


class ModelError(VprError):
    """An unknown model, or weights that are missing, damaged or made for another network."""


class MapError(VprError):
    """A place map that is missing, damaged, foreign, newer, in use or made with another model."""


class BagError(VprError):
    """A bag that cannot be read, or lacks the topics that were asked for."""
