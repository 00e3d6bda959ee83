"""Optics: the image that the microscope and its camera make of a specimen."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, shift, zoom

from .motion import log_uniform
from .textures import FloatArray, add_spots, band_noise, smooth_field

_MARGIN = 24  # pixels of background kept around the image, for a stage that moves
_WORST_NOISE = 0.8  # of a pixel, in standard deviations of the picture


@dataclass(frozen=True)
class Microscope:
    """Settings of one clip.

    Attributes
    ----------
    blur : float
        Standard deviation of the point spread function in pixels, in focus.
    defocus : float
        How much the blur wanders over the clip, in pixels.
    halo : float
        Strength of the phase halo, 0 to 1.
    halo_width : float
        Standard deviation of the halo in pixels.
    ring : float
        Amplitude transmitted by the phase ring, 0 to 1.
    haze : float
        Light from out of focus, relative to the light in focus.
    background : float
        Light where there is nothing, relative to a cell (fluorescence).
    shear : float
        Direction of the shear in radians (DIC).
    uneven : float
        Relative unevenness of the illumination.
    bleaching : float
        Share of the light lost in a frame.
    flicker : float
        Standard deviation of the light between frames.
    photons : float
        Electrons at full brightness.
    read_noise : float
        Electrons.
    """

    blur: float
    defocus: float
    halo: float
    halo_width: float
    ring: float
    haze: float
    background: float
    shear: float
    uneven: float
    bleaching: float
    flicker: float
    photons: float
    read_noise: float


def draw_microscope(optics: str, rng: np.random.Generator) -> Microscope:
    """Settings for one clip.

    Parameters
    ----------
    optics : str
        A key of `OPTICS`.
    rng : numpy.random.Generator
        Source of chance.

    Returns
    -------
    Microscope
    """
    fluorescent = optics == "fluorescence"
    return Microscope(
        blur=log_uniform((0.45, 1.8), rng),
        defocus=rng.uniform(0, 0.8) * rng.choice((0, 0, 1)),
        halo=rng.uniform(0.5, 1.2),
        halo_width=log_uniform((2.5, 14.0), rng),
        ring=rng.uniform(0.35, 0.7),
        haze=rng.uniform(0, 0.5),
        background=log_uniform((0.02, 0.5), rng),
        shear=rng.uniform(0, 2 * np.pi),
        uneven=rng.uniform(0, 0.3) * rng.choice((0, 1, 1)),
        bleaching=rng.uniform(0, 0.05) if fluorescent else 0.0,
        flicker=rng.uniform(0, 0.04),
        photons=log_uniform((30, 3000) if fluorescent else (1000, 20000), rng),
        read_noise=rng.uniform(0.5, 6.0),
    )


def draw_background(
    optics: str,
    strength: float,
    stage: NDArray[np.float64],
    shape: tuple[int, int],
    rng: np.random.Generator,
) -> FloatArray:
    """Matter that is no cell: dirt on the glass, specks, slow waves; it moves with the stage.

    Parameters
    ----------
    optics : str
        A key of `OPTICS`.
    strength : float
        Of the cells; faint cells lie on a clean background, else they could not be seen.
    stage : (T, 2) float64
        Position of the stage, (y, x) pixels.
    shape : (int, int)
        (Y, X).
    rng : numpy.random.Generator
        Source of chance.

    Returns
    -------
    (T, Y, X) float32
        Phase in radians, or brightness, to be added to that of the cells.
    """
    size = (shape[0] + 2 * _MARGIN, shape[1] + 2 * _MARGIN)
    plate = 0.04 * rng.uniform() * smooth_field(size, int(rng.integers(3, 10)), rng)
    plate += 0.03 * rng.uniform() ** 2 * band_noise(size, 1.0, 3.0, rng)
    _add_specks(plate, 0.12 if optics == "fluorescence" else 0.35, rng)
    if optics == "fluorescence":
        plate = np.maximum(plate, 0)
    else:
        _add_rings(plate, int(rng.integers(0, 3)), rng)
    plate *= min(1.0, 2 * strength)
    inner = (slice(_MARGIN, -_MARGIN), slice(_MARGIN, -_MARGIN))
    if not np.any(np.abs(np.diff(stage, axis=0)) > 0.05):
        return np.broadcast_to(plate[inner], (len(stage), *shape))
    return np.stack([shift(plate, place, order=1, mode="mirror")[inner] for place in stage])


def form_image(
    optics: str, matter: FloatArray, microscope: Microscope, rng: np.random.Generator
) -> FloatArray:
    """Light on the camera.

    Parameters
    ----------
    optics : str
        A key of `OPTICS`.
    matter : (T, Y, X) float32
        Phase in radians, or brightness.
    microscope : Microscope
        Settings.
    rng : numpy.random.Generator
        Source of chance, for focus and flicker.

    Returns
    -------
    (T, Y, X) float32
        Not negative; about 1 is full brightness.
    """
    frames = len(matter)
    focus = np.cumsum(rng.standard_normal(frames)) * microscope.defocus / max(frames, 2) ** 0.5
    blurs = microscope.blur + np.abs(focus)
    light = np.stack([OPTICS[optics](matter[t], blurs[t], microscope) for t in range(frames)])
    shading = 1 + microscope.uneven * smooth_field(matter.shape[1:], 2, rng)
    fade = (1 - microscope.bleaching) ** np.arange(frames)
    fade = fade * (1 + microscope.flicker * rng.standard_normal(frames))
    return np.maximum(light * shading * fade[:, None, None].astype(np.float32), 0)


def expose(
    light: FloatArray, microscope: Microscope, rng: np.random.Generator
) -> NDArray[np.uint8]:
    """The camera: shot noise, read noise, and a stretch to 8 bits.

    Shot noise is taken as normal, which holds for the photon counts used here.

    Parameters
    ----------
    light : (T, Y, X) float32
        Not negative.
    microscope : Microscope
        Photons and read noise.
    rng : numpy.random.Generator
        Source of chance.

    Returns
    -------
    (T, Y, X) uint8
        The stretch is the same for all frames.
    """
    electrons = light * np.float32(max(microscope.photons, _least_photons(light)))
    spread = np.sqrt(electrons + np.float32(microscope.read_noise**2))
    electrons += spread * rng.standard_normal(light.shape, dtype=np.float32)
    sparse = electrons[:, ::3, ::3]
    low, high = np.percentile(sparse, (rng.uniform(0.02, 1.0), 100 - log_uniform((0.02, 3.0), rng)))
    dark, bright = rng.uniform(0, 50), rng.uniform(140, 255)
    scale = (bright - dark) / max(high - low, 1e-3)
    return np.clip((electrons - low) * scale + dark, 0, 255).astype(np.uint8)


def _least_photons(light: FloatArray) -> float:
    """Light at which the shot noise of a pixel is no more than the contrast of the picture.

    The brightest and darkest pixels do not count, so that a round cell cannot hide flat ones.
    """
    sparse = light[0, ::2, ::2]
    contrast = np.clip(sparse, *np.percentile(sparse, (1, 96))).std()
    return float(sparse.mean() / max(contrast, 1e-3) ** 2 / _WORST_NOISE**2)


def _phase(matter: FloatArray, blur: float, microscope: Microscope) -> FloatArray:
    """Positive phase contrast: thin is dark, thick is bright, and a halo surrounds it."""
    sharp = gaussian_filter(matter, blur, truncate=3.0)
    phase = sharp - microscope.halo * _wide_blur(matter, microscope.halo_width)
    ring = microscope.ring
    light = ring**2 + 2 * (1 - np.cos(phase) - ring * np.sin(phase))
    return np.asarray(np.clip(light, 0, 3.0 * ring), dtype=np.float32)


def _dic(matter: FloatArray, blur: float, microscope: Microscope) -> FloatArray:
    sharp = gaussian_filter(matter, blur, truncate=3.0)
    along_y, along_x = np.gradient(sharp)
    slope = np.cos(microscope.shear) * along_x + np.sin(microscope.shear) * along_y
    return np.asarray(np.clip(0.5 + 1.5 * slope, 0, 1.5), dtype=np.float32)


def _brightfield(matter: FloatArray, blur: float, microscope: Microscope) -> FloatArray:
    """Out of focus by a little: a cell acts as a lens, with some absorption."""
    sharp = gaussian_filter(matter, blur, truncate=3.0)
    wide = gaussian_filter(matter, 1.5 * blur + 1.0, truncate=3.0)
    side = 1.0 if np.cos(microscope.shear) > 0 else -1.0
    lens = side * (sharp - wide) * (1 + microscope.halo)
    absorbed = 0.25 * microscope.haze * sharp
    return np.asarray(np.clip(0.6 + lens - absorbed, 0, 2.0), dtype=np.float32)


def _fluorescence(matter: FloatArray, blur: float, microscope: Microscope) -> FloatArray:
    sharp = gaussian_filter(matter, blur, truncate=3.0)
    haze = microscope.haze * _wide_blur(matter, 2 + microscope.halo_width)
    return np.asarray(sharp + haze + microscope.background, dtype=np.float32)


OPTICS: dict[str, Callable[[FloatArray, float, Microscope], FloatArray]] = {
    "phase": _phase,
    "fluorescence": _fluorescence,
    "dic": _dic,
    "brightfield": _brightfield,
}


def _wide_blur(image: FloatArray, width: float) -> FloatArray:
    """Gaussian blur; a wide one is computed at half resolution."""
    if width < 4 or image.shape[0] % 2 or image.shape[1] % 2:
        return np.asarray(gaussian_filter(image, width, truncate=2.5))
    half = image.reshape(image.shape[0] // 2, 2, image.shape[1] // 2, 2).mean(axis=(1, 3))
    blurred = gaussian_filter(half, width / 2, truncate=2.5)
    return np.asarray(zoom(blurred, 2, order=1, mode="nearest", grid_mode=True))


def _add_specks(plate: FloatArray, height: float, rng: np.random.Generator) -> None:
    count = int(rng.choice((0, 5, 25, 60)) * rng.uniform())
    centres = rng.uniform(0, 1, (count, 2)) * plate.shape
    sizes = rng.uniform(0.6, 2.0, count)
    heights = height * rng.uniform(0.2, 1.5, count) * rng.choice((-1, 1, 1), count)
    add_spots(plate, centres, sizes, heights)


def _add_rings(plate: FloatArray, count: int, rng: np.random.Generator) -> None:
    """Dust far out of focus shows as faint rings."""
    y, x = np.ogrid[: plate.shape[0], : plate.shape[1]]
    for _ in range(count):
        centre = rng.uniform(0, 1, 2) * plate.shape
        distance = np.hypot(y - centre[0], x - centre[1]).astype(np.float32)
        radius, width = rng.uniform(4, 30), rng.uniform(1.5, 6)
        plate += rng.uniform(-0.03, 0.05) * np.exp(-(((distance - radius) / width) ** 2))
