"""What can be wrong with a recording, each said in one sentence that names what would work."""

from __future__ import annotations


class StoreError(Exception):
    """A recording that cannot be used; `str()` is the sentence a person reads."""

    for_people = True


class NotARecording(StoreError):
    """The file is no recording of microtui, or there is no such file."""


class NewerRecording(StoreError):
    """The file was written by a later microtui than this one."""


class BadRecording(StoreError):
    """The file is ours, but a part of it is damaged or was made to do harm."""


class BeingWritten(StoreError):
    """Another microtui is writing this recording now."""


class NoSuchSession(StoreError):
    """No recording, or more than one, goes by the given name."""


class CannotExport(StoreError):
    """The format, the table or the part that it needs is not there."""
