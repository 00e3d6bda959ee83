"""Sizes along all axes of volumes over time, (T, Z, Y, X)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from napari_sam2.io.scale import (
    ImageScale,
    Origin,
    Step,
    moved_origin,
    origins_in,
    scale_of_steps,
)


@dataclass(frozen=True)
class VolumeScale:
    """Pixel size, distance of planes and frame interval; unknown values are None.

    Parameters
    ----------
    pixel_size : (float, float), optional
        Height and width of a pixel, (y, x), in `unit`.
    unit : str
        Unit of lengths; see `ImageScale`.
    interval_s : float, optional
        Time from one volume to the next, in seconds.
    z_spacing : float, optional
        Distance from one plane to the next, in `unit`.
    origin : Origin, optional
        Position of the first voxel, with lengths in `unit`.

    Raises
    ------
    ValueError
        If a value is not positive, or the unit is unknown.
    """

    pixel_size: tuple[float, float] | None = None
    unit: str = "um"
    interval_s: float | None = None
    z_spacing: float | None = None
    origin: Origin | None = None

    def __post_init__(self) -> None:
        plane = ImageScale(self.pixel_size, self.unit, self.interval_s)
        ImageScale(None, self.unit, None, self.z_spacing, "z")  # checks the spacing
        object.__setattr__(self, "pixel_size", plane.pixel_size)
        object.__setattr__(self, "unit", plane.unit)

    @classmethod
    def of_steps(
        cls, steps: Mapping[str, Step], origins: Mapping[str, Step] | None = None
    ) -> VolumeScale:
        """The scale from the steps and positions along the axes that a file or a layer names."""
        movie, stack = scale_of_steps(steps, "t", origins), scale_of_steps(steps, "z", origins)
        lengths = movie if movie.pixel_size is not None else stack
        spacing = stack.z_spacing if stack.unit == lengths.unit else None
        return cls(lengths.pixel_size, lengths.unit, movie.interval_s, spacing, lengths.origin)

    @classmethod
    def of_planes(cls, scale: ImageScale) -> VolumeScale:
        """The scale of volumes whose planes, one after the other, have this scale."""
        return cls(scale.pixel_size, scale.unit, scale.interval_s, scale.z_spacing, scale.origin)

    @property
    def planes(self) -> ImageScale:
        """Scale of the planes of all volumes, one after the other."""
        return ImageScale(
            self.pixel_size, self.unit, self.interval_s, self.z_spacing, "tz", self.origin
        )

    @property
    def steps(self) -> Mapping[str, Step]:
        """Sizes and units by axis; unknown sizes are None."""
        return {**self.plane.steps, "z": (self.z_spacing, self.unit)}

    @property
    def origins(self) -> Mapping[str, Step]:
        """Position of the first voxel by axis, as `of_steps` takes it; empty if unknown."""
        return origins_in(self.unit, self.origin)

    def axes(self, ndim: int = 4) -> str:
        """Axes of an array of volumes over time."""
        return "TZYX"[-ndim:]

    def of_frames(self, first: int, every: int = 1) -> VolumeScale:
        """Scale of every so many volumes from the volume `first` on."""
        if self.interval_s is None:
            return self
        origin = moved_origin(self.origin, "t", first * self.interval_s)
        return replace(self, interval_s=every * self.interval_s, origin=origin)

    @property
    def plane(self) -> ImageScale:
        """Scale of one plane over time, (T, Y, X)."""
        return ImageScale(self.pixel_size, self.unit, self.interval_s, None, "t", self.origin)

    @property
    def physical_unit(self) -> str | None:
        """Unit of lengths; None where they are known in pixels only."""
        return self.plane.physical_unit

    @property
    def voxel_size(self) -> tuple[float, float, float] | None:
        """Depth, height and width of a voxel in `unit`; None where one of them is unknown."""
        if self.pixel_size is None or self.z_spacing is None or self.unit == "pixel":
            return None
        return (self.z_spacing, *self.pixel_size)
