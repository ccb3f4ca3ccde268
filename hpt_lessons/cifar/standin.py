"""Generated pictures that stand in for CIFAR-10 when it cannot be had.

Ten kinds of things, 32x32 pixels in colour: five shapes, each striped or spotted, anywhere in the picture, of any size,
direction, and colour, before a patterned background, lit from one side, partly covered, and noisy. Neither the shape nor
the pattern nor the colours alone tell the kind, so a network has to learn features, and it has to learn them from few and
noisy examples: the learning rate, the widths, the number of pictures, augmentation, and the quality of the labels matter
as they do on photographs. `python -m hpt_lessons.cifar.standin_check` measures that this is so.

What it is not: a benchmark. An accuracy on these pictures says nothing about photographs, and may only be
compared with other accuracies on these pictures.

The same seed gives the same bytes on every machine and with every numpy version:
- the random bits are the raw output of PCG64, which numpy promises never to change (NEP 19), not the output of
  `Generator` methods, which it may improve;
- from there on only operations whose result IEEE 754 prescribes to the last bit: + - * / sqrt, comparisons and rounding
  down, one element at a time, in float32. No sine or exponential (mathematical libraries differ in the last bit; directions come from a
  rational parametrisation of the circle instead), no sums over axes and no matrix products (the order of
  summation depends on the processor).
"""

import numpy as np

SHAPES = ("disc", "ring", "square", "triangle", "cross")
PATTERNS = ("striped", "spotted")
CLASSES = tuple(f"{pattern} {shape}" for shape in SHAPES for pattern in PATTERNS)

SIDE = 32
_BLOCK = 500  # pictures made at once: what fits the processor's cache
_DRAWS = 96  # 64-bit random numbers for the composition of one picture
_NOISE = SIDE * SIDE * 3 // 8  # and for its noise, one byte a value

# Earth, water, leaves, fruit: red, green, and blue of the colours that things and backgrounds are mixed from.
_COLOURS = np.array(
    [
        (214, 69, 65), (242, 140, 56), (247, 202, 84), (120, 168, 72), (46, 112, 82), (62, 166, 176),
        (58, 112, 186), (44, 62, 110), (126, 84, 160), (206, 110, 160), (142, 96, 62), (92, 66, 52),
        (232, 222, 200), (184, 178, 168), (110, 112, 116), (42, 42, 48),
    ],
    dtype=np.float32,
)  # fmt: skip


def generate(
    seed: int = 0, train: int = 10_000, test: int = 2_000
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Pictures and labels for training, then pictures and labels for testing.

    Pictures are uint8 (n, 32, 32, 3), labels int64 (n,), numbers of `CLASSES`. Every ten consecutive pictures hold one of
    each class. The first n pictures are the same whatever `train` is; the test pictures do not depend on `train` at all.
    """
    return *_pictures(seed, 0, train), *_pictures(seed, 1, test)


def _pictures(seed: int, part: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """`count` pictures of one part (0: training, 1: test), made block by block."""
    stream = np.random.PCG64(np.random.SeedSequence((seed, part)))
    images, labels = np.empty((count, SIDE, SIDE, 3), np.uint8), np.empty(count, np.int64)
    for start in range(0, count, _BLOCK):
        bits = stream.random_raw(_BLOCK * (1 + _DRAWS + _NOISE)).reshape(_BLOCK, -1)[: count - start]
        kinds = _shuffled_classes(bits[:, 0], stream)
        for kind in range(len(CLASSES)):
            (rows,) = np.nonzero(kinds == kind)
            images[start + rows] = _draw(kind, bits[rows, 1 : 1 + _DRAWS], bits[rows, 1 + _DRAWS :])
        labels[start : start + len(kinds)] = kinds
    return images, labels


def _shuffled_classes(bits, stream):
    full = np.concatenate([bits, np.arange(-len(bits) % 10, dtype=np.uint64)])
    return np.argsort(full.reshape(-1, 10), axis=1, kind="stable").ravel()[: len(bits)]


class _Draws:
    """Uniform random numbers, one for each of n pictures at a time."""

    def __init__(self, bits: np.ndarray) -> None:
        self._columns = iter(((bits >> np.uint64(40)).astype(np.float32) * np.float32(2**-24)).T)

    def uniform(self, low: float = 0.0, high: float = 1.0) -> np.ndarray:
        """(n, 1, 1) numbers, equally likely between low and high."""
        return (next(self._columns) * (high - low) + low)[:, None, None]

    def sign(self) -> np.ndarray:
        return np.where(self.uniform() < 0.5, np.float32(-1), np.float32(1))

    def direction(self) -> tuple[np.ndarray, np.ndarray]:
        """Cosine and sine of an angle, from the rational parametrisation of the circle: ((1-t²), 2t) / (1+t²)."""
        t = self.uniform(-1, 1)
        scale = self.sign() / (1 + t * t)
        return (1 - t * t) * scale, 2 * t * scale

    def colour(self, jitter: float = 25.0) -> list[np.ndarray]:
        """Red, green, and blue of a colour near one of the list."""
        base = _COLOURS[(self.uniform()[:, 0, 0] * len(_COLOURS)).astype(np.int64)]
        return [base[:, c, None, None] + self.uniform(-jitter, jitter) for c in range(3)]


_X, _Y = np.meshgrid(np.arange(SIDE, dtype=np.float32) - 15.5, np.arange(SIDE, dtype=np.float32) - 15.5)


def _draw(kind: int, bits: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Pictures of one kind, uint8 (n, 32, 32, 3)."""
    draws = _Draws(bits)
    shape, pattern = divmod(kind, len(PATTERNS))
    backdrop = _backdrop(draws)
    x, y, size = _frame(draws)
    cover = _soft(_inside(shape, x, y) * size)
    weight = _PATTERNS[pattern](draws) * draws.uniform(0.35, 1.0)
    fruit, paint = draws.colour(), draws.colour()
    hidden = _bar(draws)
    cover = cover * (1 - hidden)
    light = _light(draws)
    grain = draws.uniform(0.5, 3)
    noise = noise.astype("<u8").view(np.uint8).reshape(-1, SIDE, SIDE, 3)
    noise = (noise >> 4).astype(np.float32) - (noise & 15).astype(np.float32)
    image = np.empty((len(bits), SIDE, SIDE, 3), np.uint8)
    for c in range(3):
        thing = fruit[c] + (paint[c] - fruit[c]) * weight
        value = backdrop[c] + (thing - backdrop[c]) * cover
        value = value * light + noise[..., c] * grain
        image[..., c] = np.clip(value, 0, 255)
    return image


def _frame(draws):
    """Coordinates turned, moved, and scaled to a thing of radius 1, and its radius in pixels."""
    size = draws.uniform(7, 13)
    (cosine, sine), stretch = draws.direction(), draws.uniform(0.8, 1.25)
    dx, dy = _X - draws.uniform(-6, 6), _Y - draws.uniform(-6, 6)
    return (cosine * dx + sine * dy) / size * stretch, (cosine * dy - sine * dx) / size / stretch, size


def _inside(shape: int, x, y):
    """How far inside the shape a point lies, in radii; negative outside."""
    name = SHAPES[shape]
    if name == "disc":
        return 0.9 - np.sqrt(x * x + y * y)
    if name == "ring":
        return 0.28 - np.abs(np.sqrt(x * x + y * y) - 0.7)
    ax, ay = np.abs(x), np.abs(y)
    if name == "square":
        return 0.8 - np.maximum(ax, ay)
    if name == "triangle":
        return np.minimum(0.55 + y, 0.55 - 0.5 * y - 0.866 * ax)
    return np.maximum(np.minimum(0.3 - ax, 1 - ay), np.minimum(0.3 - ay, 1 - ax))


def _soft(distance):
    """From a distance to an edge in pixels to how much of the pixel is covered, 0..1."""
    return np.clip(distance + 0.5, 0, 1)


def _wave(phase):
    """A triangle wave between 0 and 1 with period 1."""
    return np.abs(2 * (phase - np.floor(phase)) - 1)


def _stripes(draws):
    (cosine, sine), pitch = draws.direction(), draws.uniform(0.15, 0.3)
    wave = _wave((cosine * _X + sine * _Y) * pitch + draws.uniform())
    return np.clip((wave - 0.5) * 4 + 0.5, 0, 1)


def _spots(draws):
    (cosine, sine), pitch = draws.direction(), draws.uniform(0.15, 0.3)
    u = _wave((cosine * _X + sine * _Y) * pitch + draws.uniform())
    v = _wave((cosine * _Y - sine * _X) * pitch + draws.uniform())
    return np.clip((u + v - 1.1) * 4 + 0.5, 0, 1)


_PATTERNS = (_stripes, _spots)


def _backdrop(draws):
    """Two colours, mixed by a slope and by a pattern of either sort."""
    slope = (draws.uniform(-1, 1) * _X + draws.uniform(-1, 1) * _Y) * (1 / 40) + 0.5
    either = np.where(draws.uniform() < 0.5, _stripes(draws), _spots(draws))
    mix = np.clip(slope + (either - 0.5) * draws.uniform(0, 0.6), 0, 1)
    near, far = draws.colour(), draws.colour()
    return [n + (f - n) * mix for n, f in zip(near, far, strict=True)]


def _bar(draws):
    """Something in front: a bar across the picture, in every second one."""
    (cosine, sine), width = draws.direction(), draws.uniform(-3, 3)
    return _soft(width - np.abs(cosine * _X + sine * _Y - draws.uniform(-10, 10)))


def _light(draws):
    """Brightness, brighter towards one side."""
    return draws.uniform(0.6, 1.1) + (draws.uniform(-1, 1) * _X + draws.uniform(-1, 1) * _Y) * (1 / 60)
