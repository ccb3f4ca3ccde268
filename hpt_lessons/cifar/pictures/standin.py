"""Generated pictures that stand in for CIFAR-10 when it cannot be had.

Ten kinds of things in colour on 32x32 pixels: five shapes, each striped or chequered. Where they lie, how large, tilted
and bright they are, their colours, what is behind them and in front of them, all that is left to chance. Each kind has
favourite colours, as frogs have, and is often seen without them. No pixel, no colour, no pattern and no outline alone
tells the kind; some pictures are so dark or so covered that nobody could tell. So a network has to learn features from
examples, and the learning rate, the widths, the number of pictures, augmentation and clean labels matter as
they do with photographs. `python -m hpt_lessons.cifar.pictures.standin_check` measures that they do.

What they are not: a benchmark. An accuracy on these pictures says nothing about photographs; it may be compared with
other accuracies on these pictures.

The same seed gives the same bytes on every machine and with every numpy from 2.0 on:
- Chance is the raw output of PCG64, which numpy promises to keep (NEP 19), not that of the methods of `Generator`,
  which it may improve.
- From there on there are only operations whose float32 result IEEE 754 prescribes to the last bit, one element at a
  time: + - * /, square root, absolute value, minimum, maximum, comparison, rounding down. There is no sine and no
  exponential, which differ between mathematical libraries (directions come from a rational parametrisation of the
  circle), and no sum over an axis and no matrix product, in which the order of the terms depends on the processor.
"""

import numpy as np

SHAPES = ("disc", "ring", "square", "triangle", "cross")
PATTERNS = ("striped", "chequered")
CLASSES = tuple(f"{pattern} {shape}" for shape in SHAPES for pattern in PATTERNS)

SIDE = 32

# Red, green and blue of what things and backdrops are mixed from: fruit, leaves, water, earth, stone.
_COLOURS = np.array(
    [
        (214, 69, 65), (242, 140, 56), (247, 202, 84), (120, 168, 72),
        (46, 112, 82), (62, 166, 176), (58, 112, 186), (44, 62, 110),
        (126, 84, 160), (206, 110, 160), (142, 96, 62), (92, 66, 52),
        (232, 222, 200), (184, 178, 168), (110, 112, 116), (42, 42, 48),
    ],
    dtype=np.float32,
)  # fmt: skip
# The four favourites of the first kind; those of the others lie 3 (things) or 5 (backdrops) places on for each kind.
_OF_THINGS, _OF_BACKDROPS = np.array([0, 1, 5, 9]), np.array([2, 6, 7, 12])

_BLOCK = 500  # pictures drawn at once, 50 of each kind: they fit the processor's cache
_CHOICES = 64  # 64-bit random numbers for what is in one picture, and one byte of noise for each of its values:
_NOISE = SIDE * SIDE * 3 // 8

# Distances of the pixels from the middle of the picture, to the right and down.
_X, _Y = np.meshgrid(*2 * [np.arange(SIDE, dtype=np.float32) - np.float32((SIDE - 1) / 2)])


def generate(
    seed: int = 0, train: int = 10_000, test: int = 2_000
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Pictures and labels for training, then pictures and labels for testing.

    Pictures are uint8 (n, 32, 32, 3), labels int64 (n,), which count through `CLASSES`. Ten pictures in a row, from the
    first on, show each kind once. The first n training pictures are the same whatever `train` is, and the test pictures
    do not depend on it. Raises ValueError for a negative number.
    """
    for name, value in {"seed": seed, "train": train, "test": test}.items():
        if value < 0:
            raise ValueError(f"generated pictures, {name!r}: {value} is negative. Use 0 or a larger whole number.")
    return *_pictures(seed, 0, train), *_pictures(seed, 1, test)


def _pictures(seed: int, part: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The first `count` pictures, and their labels, of part 0 (training) or 1 (test)."""
    stream = np.random.PCG64(np.random.SeedSequence([seed, part]))
    images, labels = np.empty((count, SIDE, SIDE, 3), np.uint8), np.empty(count, np.int64)
    for start in range(0, count, _BLOCK):
        # A whole block of random numbers even for half a block of pictures: none may depend on how many follow it.
        bits = stream.random_raw(_BLOCK * (1 + _CHOICES + _NOISE)).reshape(_BLOCK, -1)
        kinds = np.argsort(bits[:, 0].reshape(-1, len(CLASSES)), axis=1, kind="stable").ravel()[: count - start]
        labels[start : start + _BLOCK] = kinds
        for kind in range(len(CLASSES)):
            rows = np.flatnonzero(kinds == kind)
            images[start + rows] = _draw(kind, _Chance(bits[rows, 1:]))
    return images, labels


class _Chance:
    """What is left to chance, drawn for n pictures at a time; every number has the shape (n, 1, 1)."""

    def __init__(self, bits: np.ndarray) -> None:
        # 24 bits are all that a float32 can hold.
        self._numbers = iter((bits[:, :_CHOICES] >> np.uint64(40)).astype(np.float32).T * np.float32(2**-24))
        self._noise = bits[:, _CHOICES:]

    def between(self, low: float, high: float) -> np.ndarray:
        """Any number from low to high, all equally likely."""
        return (next(self._numbers) * (high - low) + low)[:, None, None]

    def direction(self, tilt: float) -> tuple[np.ndarray, np.ndarray]:
        """Cosine and sine of an angle to either side, the tangent of its half at most `tilt`: 1 is a right angle."""
        t = self.between(-tilt, tilt)
        return (1 - t * t) / (1 + t * t), 2 * t / (1 + t * t)

    def colour(self, favourites: np.ndarray, loyalty: float) -> list[np.ndarray]:
        """Red, green and blue, near a favourite with probability `loyalty`, else near any of the colours."""
        some, favourite = self._index(len(_COLOURS)), favourites[self._index(len(favourites))]
        base = _COLOURS[np.where(next(self._numbers) < loyalty, favourite, some)]
        return [base[:, channel, None, None] + self.between(-25, 25) for channel in range(3)]

    def noise(self) -> np.ndarray:
        """Whole numbers from -15 to 15, small ones more likely: the difference of the two halves of a byte."""
        byte = self._noise.astype("<u8").view(np.uint8).reshape(-1, 3, SIDE, SIDE)
        return (byte >> 4).astype(np.float32) - (byte & 15).astype(np.float32)

    def _index(self, count: int) -> np.ndarray:
        return (next(self._numbers) * count).astype(np.int64)


def _draw(kind: int, chance: _Chance) -> np.ndarray:
    """Pictures of one kind, uint8 (n, 32, 32, 3): a backdrop, the thing, a bar before it, light, and noise."""
    shape, pattern = divmod(kind, len(PATTERNS))
    cover = _outline(SHAPES[shape], chance) * (1 - _bar(chance))
    mixture = _pattern(PATTERNS[pattern], chance) * chance.between(0.25, 1)
    favourites = (_OF_THINGS + 3 * kind) % len(_COLOURS)
    dyes = [chance.colour(favourites, 0.4) for _ in range(2)]
    backdrop = _backdrop((_OF_BACKDROPS + 5 * kind) % len(_COLOURS), chance)
    light, noise, grain = _light(chance), chance.noise(), chance.between(0.3, 1.5)

    images = np.empty((len(light), SIDE, SIDE, 3), np.uint8)
    for channel, (one, other, behind) in enumerate(zip(*dyes, backdrop, strict=True)):
        seen = _mix(behind, _mix(one, other, mixture), cover) * light + noise[:, channel] * grain
        images[..., channel] = np.clip(seen, 0, 255)  # and rounded down
    return images


def _outline(shape: str, chance: _Chance) -> np.ndarray:
    """How much of each pixel the thing covers, 0 to 1."""
    radius, stretch = chance.between(11, 14), chance.between(0.8, 1.2)
    cosine, sine = chance.direction(tilt=0.18)
    right, down = _X - chance.between(-4.5, 4.5), _Y - chance.between(-4.5, 4.5)
    x, y = (cosine * right + sine * down) / radius * stretch, (cosine * down - sine * right) / radius / stretch
    return _covered(_DEPTHS[shape](x, y) * radius)


# How deep inside a shape of radius 1 a point lies, negative outside.
_DEPTHS = {
    "disc": lambda x, y: 0.9 - np.sqrt(x * x + y * y),
    "ring": lambda x, y: 0.28 - np.abs(np.sqrt(x * x + y * y) - 0.7),
    "square": lambda x, y: 0.8 - np.maximum(np.abs(x), np.abs(y)),
    "triangle": lambda x, y: np.minimum(0.6 - y, 0.5 + 0.5 * y - 0.866 * np.abs(x)),
    "cross": lambda x, y: np.minimum(
        0.95 - np.maximum(np.abs(x), np.abs(y)), 0.3 - np.minimum(np.abs(x), np.abs(y))
    ),
}  # fmt: skip


def _pattern(pattern: str, chance: _Chance) -> np.ndarray:
    """0 where one colour is, 1 where the other is, between them at the edges of stripes or squares."""
    (cosine, sine), pitch = chance.direction(tilt=0.15), chance.between(0.12, 0.16)
    across = _wave((cosine * _X + sine * _Y) * pitch + chance.between(0, 1))
    if pattern == "striped":
        return np.clip(4 * across - 1.5, 0, 1)
    along = _wave((cosine * _Y - sine * _X) * pitch + chance.between(0, 1))
    return np.clip(4 * (across + along) - 3.9, 0, 1)


def _backdrop(favourites: np.ndarray, chance: _Chance) -> list[np.ndarray]:
    """Red, green and blue behind the thing: one colour that turns into another, and a pattern of either sort in it."""
    slope = (chance.between(-1, 1) * _X + chance.between(-1, 1) * _Y) * (1 / 40) + 0.5
    striped = chance.between(0, 1) < 0.5
    pattern = np.where(striped, _pattern("striped", chance), _pattern("chequered", chance))
    mixture = np.clip(slope + (pattern - 0.5) * chance.between(0, 0.3), 0, 1)
    one, other = (chance.colour(favourites, 0.3) for _ in range(2))
    return [_mix(a, b, mixture) for a, b in zip(one, other, strict=True)]


def _bar(chance: _Chance) -> np.ndarray:
    """How much of the thing a bar hides that looks like the backdrop; in every second picture or so there is none."""
    (cosine, sine), width = chance.direction(tilt=1), chance.between(-3, 1.5)
    return _covered(width - np.abs(cosine * _X + sine * _Y - chance.between(-10, 10)))


def _light(chance: _Chance) -> np.ndarray:
    """How bright it is, and brighter towards one side."""
    return chance.between(0.7, 1.1) + (chance.between(-1, 1) * _X + chance.between(-1, 1) * _Y) * (1 / 50)


def _covered(depth: np.ndarray) -> np.ndarray:
    """How much of a pixel is covered when its middle lies so many pixels inside an edge."""
    return np.clip(depth + 0.5, 0, 1)


def _mix(one: np.ndarray, other: np.ndarray, share: np.ndarray) -> np.ndarray:
    return one + (other - one) * share


def _wave(phase: np.ndarray) -> np.ndarray:
    """A wave of straight lines between 0 and 1 with period 1."""
    return np.abs(2 * (phase - np.floor(phase)) - 1)
