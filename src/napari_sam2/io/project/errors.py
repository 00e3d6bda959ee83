"""Errors of projects."""


class ProjectError(ValueError):
    """A project cannot be read, is damaged or does not fit."""


class ProjectInUseError(ProjectError):
    """Another window or program works on the project."""
