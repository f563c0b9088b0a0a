"""Why a deploy did not come about; every text is one for its user."""

from __future__ import annotations


class DeployError(Exception):
    """A deploy that cannot be, or was put back. `reasons` are the faults that were found, one a line."""

    def __init__(self, message: str, reasons: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.reasons = reasons


class Busy(DeployError):
    """Another deploy has the target."""


class ManagerError(DeployError):
    """Asterisk's manager interface refuses, or cannot be reached."""


class FolderError(DeployError):
    """The target's files cannot be read or written."""
