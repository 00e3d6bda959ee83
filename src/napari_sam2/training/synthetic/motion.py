"""Motion of synthetic cells: position and shape by frame, growth, contact, division."""

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from .cell_kinds import CellKind, Range
from .shapes import Shape, draw_shape, move_shape, round_up

MAX_CELLS = 70
_DIVISION_FRAMES = 2  # a cell rounds up over this many frames before it divides


@dataclass(frozen=True, eq=False)
class Pose:
    """One cell on one frame.

    Attributes
    ----------
    cell_id : int
        The same over all frames.
    position : (float, float)
        Centre (y, x) in pixels.
    angle : float
        Direction of the long axis in radians, from x towards y.
    radius : float
        Of the disc of equal area, in pixels.
    shape : Shape
        Outline in radii.
    rounding : float
        0 spread, 1 rounded up.
    strength : float
        Relative brightness or optical thickness.
    look : int
        Number that picks the cell's inner texture.
    """

    cell_id: int
    position: tuple[float, float]
    angle: float
    radius: float
    shape: Shape
    rounding: float
    strength: float
    look: int


@dataclass(frozen=True)
class Behaviour:
    """Parameters that all cells of a clip share, drawn once.

    Attributes
    ----------
    diameter, speed, growth, restlessness, roughness, size_spread
        As in `CellKind`, one number each.
    persistence : float
        Share of the velocity that is kept from frame to frame.
    contact : float
        Distance that cells keep, in sums of their radii.
    drift : (float, float)
        Movement of the stage in a frame, (y, x) pixels.
    jitter : float
        Standard deviation of the stage between frames, in pixels.
    strength_spread : float
        Standard deviation of the log of the strength between cells.
    """

    diameter: float
    speed: float
    growth: float
    restlessness: float
    roughness: float
    size_spread: float
    persistence: float
    contact: float
    drift: tuple[float, float]
    jitter: float
    strength_spread: float


@dataclass(eq=False)
class _Cell:
    cell_id: int
    position: NDArray[np.float64]
    velocity: NDArray[np.float64]
    angle: float
    radius: float
    shape: Shape
    strength: float
    look: int
    rounding: float = 0.0
    stays_round: bool = False
    countdown: int | None = None  # frames until it divides
    bud_goal: float | None = None  # radius at which a bud stops growing


@dataclass(eq=False)
class Story:
    """All poses of a clip.

    Attributes
    ----------
    poses : list of list of Pose
        One list a frame.
    parents : dict of int to int
        Daughter to mother; the mother has no pose from the daughter's first frame on.
    stage : (T, 2) float64
        Position of the stage on each frame, (y, x) pixels; already part of the poses.
    """

    poses: list[list[Pose]]
    parents: dict[int, int]
    stage: NDArray[np.float64]
    kind: CellKind = field(repr=False)


def draw_behaviour(kind: CellKind, shape: tuple[int, int], rng: np.random.Generator) -> Behaviour:
    """Draw the parameters that the cells of a clip share.

    Parameters
    ----------
    kind : CellKind
        Ranges to draw from.
    shape : (int, int)
        Size of the image (Y, X); no cell is wider than half of the shorter side on average.
    rng : numpy.random.Generator
        Source of chance.

    Returns
    -------
    Behaviour
    """
    largest = max(kind.diameter[0] + 1, min(kind.diameter[1], min(shape) / 2))
    drift_speed = rng.choice((0.0, 0.3, 2.0)) * rng.uniform()
    direction = rng.uniform(0, 2 * np.pi)
    return Behaviour(
        diameter=log_uniform((kind.diameter[0], largest), rng),
        speed=log_uniform(kind.speed, rng),
        growth=rng.uniform(*kind.growth),
        restlessness=rng.uniform(*kind.restlessness),
        roughness=rng.uniform(*kind.roughness),
        size_spread=rng.uniform(*kind.size_spread),
        persistence=rng.uniform(0.2, 0.95),
        contact=rng.uniform(0.65, 1.1),
        drift=(drift_speed * np.sin(direction), drift_speed * np.cos(direction)),
        jitter=float(rng.choice((0.0, 0.2, 1.0))),
        strength_spread=rng.uniform(*kind.strength_spread),
    )


def simulate(
    kind: CellKind,
    behaviour: Behaviour,
    shape: tuple[int, int],
    frames: int,
    rng: np.random.Generator,
) -> Story:
    """Let cells live for some frames.

    Parameters
    ----------
    kind : CellKind
        Ranges to draw from.
    behaviour : Behaviour
        Parameters that the cells share.
    shape : (int, int)
        Size of the image (Y, X). Cells also live outside of it and may come in.
    frames : int
        Number of frames.
    rng : numpy.random.Generator
        Source of chance.

    Returns
    -------
    Story
    """
    world = _World(kind, behaviour, shape, rng)
    stage = _walk_stage(behaviour, frames, rng)
    poses = []
    for t in range(frames):
        if t > 0:
            world.step()
        poses.append([_pose(cell, kind, stage[t]) for cell in world.cells])
    return Story(poses, world.parents, stage, kind)


class _World:
    def __init__(
        self,
        kind: CellKind,
        behaviour: Behaviour,
        shape: tuple[int, int],
        rng: np.random.Generator,
    ) -> None:
        self.kind, self.behaviour, self.rng = kind, behaviour, rng
        self.cells: list[_Cell] = []
        self.parents: dict[int, int] = {}
        self._next_id = 1
        margin = behaviour.diameter
        self._low = np.array([-margin, -margin])
        self._high = np.array([shape[0] + margin, shape[1] + margin])
        self._settle()

    def step(self) -> None:
        for cell in list(self.cells):
            self._live(cell)
        self._push_apart(rounds=2)

    def _settle(self) -> None:
        size = self._high - self._low
        cell_area = np.pi * self.behaviour.diameter**2 / 4
        wanted = self.rng.uniform(*self.kind.coverage) * np.prod(size) / cell_area
        count = int(np.clip(round(wanted), 1, MAX_CELLS))
        clustering = self.rng.uniform(*self.kind.clustering)
        rounded = self.rng.uniform(*self.kind.rounded)
        for _ in range(count):
            self._add_founder(clustering, rounded)
        self._push_apart(rounds=25)
        self._bring_one_in(size)

    def _bring_one_in(self, size: NDArray[np.float64]) -> None:
        """Move all cells so that a random one is inside the image: no clip is empty."""
        chosen = self.cells[self.rng.integers(len(self.cells))].position
        goal = self._low + size * self.rng.uniform(0.35, 0.65, 2)
        for cell in self.cells:
            wrapped = (cell.position + goal - chosen - self._low) % size
            cell.position = self._low + wrapped

    def _add_founder(self, clustering: float, rounded: float) -> None:
        position = self.rng.uniform(self._low, self._high)
        if self.cells and self.rng.uniform() < clustering:
            neighbour = self.cells[self.rng.integers(len(self.cells))].position
            step = self.behaviour.diameter * self.rng.normal(0, 0.8, 2)
            position = np.clip(neighbour + step, self._low, self._high)
        spread = self.behaviour.size_spread * self.rng.standard_normal()
        cell = self._new_cell(position, self.behaviour.diameter / 2 * np.exp(spread))
        if self.rng.uniform() < rounded:
            cell.rounding, cell.stays_round = self.rng.uniform(0.7, 1.0), True
        self._plan_division(cell)

    def _new_cell(self, position: NDArray[np.float64], radius: float) -> _Cell:
        speed = self.behaviour.speed * self.behaviour.diameter
        cell = _Cell(
            cell_id=self._next_id,
            position=position,
            velocity=speed * self.rng.standard_normal(2),
            angle=self.rng.uniform(0, 2 * np.pi),
            radius=float(radius),
            shape=draw_shape(self.kind, self.behaviour.roughness, self.rng),
            strength=float(np.exp(self.behaviour.strength_spread * self.rng.standard_normal())),
            look=int(self.rng.integers(1 << 16)),
        )
        self._next_id += 1
        self.cells.append(cell)
        return cell

    def _live(self, cell: _Cell) -> None:
        behaviour, rng = self.behaviour, self.rng
        if cell.countdown == 0:
            self._divide(cell)
            return
        keep = behaviour.persistence
        speed = behaviour.speed * behaviour.diameter
        push = np.sqrt(1 - keep**2) * speed * rng.standard_normal(2)
        cell.velocity = keep * cell.velocity + push
        cell.position = cell.position + cell.velocity
        cell.angle += 0.5 * behaviour.restlessness * rng.standard_normal()
        cell.radius *= np.sqrt(1 + behaviour.growth)
        cell.strength *= np.exp(0.03 * rng.standard_normal())
        cell.shape = move_shape(
            cell.shape, self.kind, behaviour.roughness, behaviour.restlessness, rng
        )
        self._grow_bud(cell)
        self._change_rounding(cell)

    def _change_rounding(self, cell: _Cell) -> None:
        if cell.countdown is not None:
            cell.countdown -= 1
            cell.rounding = min(1.0, cell.rounding + 1 / _DIVISION_FRAMES)
        elif not cell.stays_round:
            cell.rounding = max(0.0, cell.rounding - self.rng.uniform(0.1, 0.5))
            self._plan_division(cell)
        if self.rng.uniform() < self.kind.budding and cell.bud_goal is None:
            self._bud(cell)

    def _plan_division(self, cell: _Cell) -> None:
        if self.rng.uniform() < self.kind.division:
            cell.countdown = _DIVISION_FRAMES

    def _divide(self, mother: _Cell) -> None:
        self.cells.remove(mother)
        splits = self.kind.content == "walled"
        reach = 0.5 * np.sqrt(mother.shape.aspect) if splits else 0.75
        seen = _rounded_radius(mother, self.kind)
        axis = np.array([np.sin(mother.angle), np.cos(mother.angle)])
        if self.kind.mitotic_aspect > 1.5:  # a plate divides across its long axis
            axis = axis[::-1] * (-1, 1)
        for side in (-1, 1):
            daughter = self._new_cell(mother.position + side * reach * seen * axis, mother.radius)
            daughter.velocity = mother.velocity + side * 0.1 * seen * axis
            daughter.strength, daughter.look = mother.strength, mother.look + side
            if splits:
                _be_half(daughter, mother)
            else:
                daughter.radius *= 0.79 * np.exp(0.03 * self.rng.standard_normal())
                daughter.rounding = 0.8
            self.parents[daughter.cell_id] = mother.cell_id

    def _bud(self, mother: _Cell) -> None:
        direction = self.rng.uniform(0, 2 * np.pi)
        reach = 1.05 * mother.radius
        offset = reach * np.array([np.sin(direction), np.cos(direction)])
        bud = self._new_cell(mother.position + offset, 0.3 * mother.radius)
        bud.bud_goal = 0.8 * mother.radius
        bud.velocity = mother.velocity.copy()
        bud.strength = mother.strength

    def _grow_bud(self, cell: _Cell) -> None:
        if cell.bud_goal is not None:
            cell.radius += 0.15 * (cell.bud_goal - cell.radius)

    def _push_apart(self, rounds: int) -> None:
        if len(self.cells) < 2:
            return
        position = np.array([cell.position for cell in self.cells])
        radius = np.array([_rounded_radius(cell, self.kind) for cell in self.cells])
        wanted = self.behaviour.contact * (radius[:, None] + radius)
        for _ in range(rounds):
            apart = position[:, None] - position
            distance = np.linalg.norm(apart, axis=-1) + np.eye(len(radius)) + 1e-6
            overlap = np.maximum(wanted - distance, 0) * (1 - np.eye(len(radius)))
            position = position + 0.25 * np.sum(apart * (overlap / distance)[..., None], axis=1)
        for cell, place in zip(self.cells, position, strict=True):
            cell.position = place


def log_uniform(limits: Range, rng: np.random.Generator) -> float:
    """A number between two positive limits, each factor as likely."""
    return float(np.exp(rng.uniform(np.log(limits[0]), np.log(limits[1]))))


def _be_half(daughter: _Cell, mother: _Cell) -> None:
    """Half of a rod: as wide as the mother, half as long."""
    daughter.angle = mother.angle
    daughter.radius = mother.radius * 0.7
    daughter.shape = replace(mother.shape, aspect=max(1.2, mother.shape.aspect / 2))


def _rounded_radius(cell: _Cell, kind: CellKind) -> float:
    return cell.radius * (1 - cell.rounding * (1 - kind.mitotic_size))


def _pose(cell: _Cell, kind: CellKind, stage: NDArray[np.float64]) -> Pose:
    place = cell.position + stage
    aspect = kind.mitotic_aspect if cell.countdown is not None else 1.05
    if kind.content == "walled":  # a wall keeps its shape
        shape, radius, rounding = cell.shape, cell.radius, 0.0
    else:
        shape = round_up(cell.shape, cell.rounding, aspect)
        radius, rounding = _rounded_radius(cell, kind), cell.rounding
    gain = 1 + rounding * (kind.mitotic_strength - 1)
    return Pose(
        cell_id=cell.cell_id,
        position=(float(place[0]), float(place[1])),
        angle=cell.angle,
        radius=radius,
        shape=shape,
        rounding=rounding,
        strength=cell.strength * gain,
        look=cell.look,
    )


def _walk_stage(behaviour: Behaviour, frames: int, rng: np.random.Generator) -> NDArray[np.float64]:
    steady = np.arange(frames)[:, None] * np.array(behaviour.drift)
    return np.asarray(steady + behaviour.jitter * rng.standard_normal((frames, 2)))
