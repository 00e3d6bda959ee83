"""What can be wrong with a saved annotation."""


class SessionError(ValueError):
    """A saved annotation cannot be read, is damaged or does not fit."""


class SessionInUseError(SessionError):
    """Another window or program works on the saved annotation."""
