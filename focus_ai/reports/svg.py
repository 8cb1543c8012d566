"""Small charts as SVG text: stacked daily bars with a line, and horizontal bars. No script, no network, no library.

Values are Decimals and become tenths of a pixel only at the end. Colours are CSS variables of the page, so that a
chart follows its light or dark scheme; every mark has a `<title>` that tells its exact value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from html import escape

WIDTH, HEIGHT = 860, 260
LEFT, RIGHT, TOP, BOTTOM = 64, 12, 12, 34
COLOURS = 8
Shown = Callable[[Decimal], str]


@dataclass(frozen=True)
class Series:
    """One colour of a chart: a name and a value per label."""

    name: str
    values: Sequence[Decimal]
    colour: str


def colour(number: int) -> str:
    """The CSS colour of the n-th series; the rest has its own."""
    return f"var(--c{number})" if number < COLOURS else "var(--rest)"


def ceiling(value: Decimal) -> Decimal:
    """A round number at or above a value: 1, 2, 2.5 or 5 times a power of ten."""
    if value <= 0:
        return Decimal(1)
    step = Decimal(10) ** (value.adjusted())
    for factor in (Decimal(1), Decimal(2), Decimal("2.5"), Decimal(5), Decimal(10)):
        if step * factor >= value:
            return step * factor
    return step * 10


def stacked(labels: Sequence[str], series: Sequence[Series], line: Series | None, title: str, shown: Shown) -> str:
    """Bars per label, one colour per series, and a line over them. Negative values are drawn as nothing."""
    width, height = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
    sums = [sum((max(s.values[i], Decimal(0)) for s in series), Decimal(0)) for i in range(len(labels))]
    top = ceiling(max([*sums, *(line.values if line else ())], default=Decimal(0)))
    step = Decimal(width) / max(len(labels), 1)
    bar = max(step * Decimal("0.76"), Decimal(1))
    parts = [_axis(top, height, shown), _days(labels, step, height)]
    for index, label in enumerate(labels):
        x, y = LEFT + step * index + (step - bar) / 2, Decimal(TOP + height)
        for one in series:
            value = one.values[index]
            if value > 0:
                tall = height * value / top
                y -= tall
                parts.append(
                    f'<rect x="{_px(x)}" y="{_px(y)}" width="{_px(bar)}" height="{_px(tall)}" fill="{one.colour}">'
                    f"<title>{escape(label)}, {escape(one.name)}: {shown(value)}</title></rect>"
                )
    if line and labels:
        points = " ".join(
            f"{_px(LEFT + step * i + step / 2)},{_px(TOP + height - height * max(v, Decimal(0)) / top)}"
            for i, v in enumerate(line.values)
        )
        parts.append(f'<polyline class="line" points="{points}"><title>{escape(line.name)}</title></polyline>')
    return _svg(parts, title, HEIGHT)


def bars(rows: Sequence[tuple[str, Decimal, str]], title: str, marks: Mapping[str, Decimal] | None = None) -> str:
    """Horizontal bars of (name, value, text behind the bar); negative values point left. `marks`: a line per name."""
    line, label = 26, 190
    values = [value for _, value, _ in rows] + list((marks or {}).values())
    low, high = min([*values, Decimal(0)]), max([*values, Decimal(0)])
    span = high - low or Decimal(1)
    room = Decimal(WIDTH - label - 170)
    zero = label + room * -low / span
    parts = []
    for number, (name, value, text) in enumerate(rows):
        y = number * line + 4
        long = room * abs(value) / span
        x = zero if value >= 0 else zero - long
        sign = "minus" if value < 0 else "plus"
        parts.append(
            f'<text class="label" x="{label - 8}" y="{y + 13}" text-anchor="end">{escape(_short(name))}</text>'
            f'<rect class="{sign}" x="{_px(x)}" y="{y}" width="{_px(max(long, Decimal(1)))}" height="18">'
            f"<title>{escape(name)}: {escape(text)}</title></rect>"
        )
        end = max(zero, x + long)
        if marks and name in marks:
            at = zero + room * marks[name] / span
            end = max(end, at)
            parts.append(f'<line class="mark" x1="{_px(at)}" x2="{_px(at)}" y1="{y - 3}" y2="{y + 21}"></line>')
        parts.append(f'<text class="value" x="{_px(end + 8)}" y="{y + 13}">{escape(text)}</text>')
    return _svg(parts, title, max(len(rows), 1) * line + 8)


def _axis(top: Decimal, height: int, shown: Shown) -> str:
    found = []
    for quarter in range(5):
        value = top * quarter / 4
        y = _px(Decimal(TOP + height) - Decimal(height) * quarter / 4)
        found.append(
            f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}"></line>'
            f'<text class="tick" x="{LEFT - 6}" y="{y}" dy="4" text-anchor="end">{shown(value)}</text>'
        )
    return "".join(found)


def _days(labels: Sequence[str], step: Decimal, height: int) -> str:
    every = max(1, int((Decimal(len(labels)) / 10).to_integral_value(ROUND_CEILING)))
    return "".join(
        f'<text class="tick" x="{_px(LEFT + step * i + step / 2)}" y="{TOP + height + 18}" text-anchor="middle">'
        f"{escape(label[5:] if len(label) == 10 else label)}</text>"
        for i, label in enumerate(labels) if i % every == 0
    )  # fmt: skip


def _svg(parts: Sequence[str], title: str, height: int) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(title)}" '
        f'preserveAspectRatio="xMinYMin meet">{"".join(parts)}</svg>'
    )


def _short(name: str) -> str:
    return name if len(name) <= 28 else f"{name[:27]}…"


def _px(value: Decimal) -> str:
    return f"{value.quantize(Decimal('0.1'))}"
