"""Which text stands on a page? PP-OCRv6 finds its lines, turns them and reads them (32 MB, ONNX), through RapidOCR."""

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from targets.serving.model_files import model_folder
from targets.workloads.contract import Infer, Payload, Phase, Wheel
from targets.workloads.tasks.files import body, edits, file_bytes

SAMPLES = Path(__file__).parent / "samples" / "ocr"
PACKAGED = {
    "det.onnx": "PP-OCRv6_det_small.onnx",
    "cls.onnx": "ch_ppocr_mobile_v2.0_cls_mobile.onnx",
    "rec.onnx": "PP-OCRv6_rec_small.onnx",
}
"""What finds lines, what says which way up they are, what reads them; and what each is called in the package."""
MIN_SIMILARITY = 0.95
"""Of the characters on a page that are no spaces, how many must be read right: 1 less the share of edits."""
MOST_CHARACTERS = 10_000


@cache
def texts() -> dict[str, list[str]]:
    """The lines on each page, by file name; tests/golden/make_pages.py drew them."""
    found: dict[str, list[str]] = json.loads((SAMPLES / "texts.json").read_text(encoding="utf-8"))
    return found


def characters(lines: Sequence[str]) -> str:
    """All that is printed on a page, from top to bottom, without spaces: how wide one is, nobody can see."""
    return "".join("".join(lines).split())


class Ocr:
    """PP-OCRv6 small through ONNX Runtime, with RapidOCR's own settings."""

    name = "ocr"
    summary = "OCR: PP-OCRv6 small through RapidOCR, 32 MB ONNX, pages of 4 to 18 lines"
    requirements = (
        "onnxruntime==1.31.1",
        "certifi==2026.10.19.post1",
        "charset-normalizer==3.5.3",
        "colorlog==6.12.0",
        "flatbuffers==25.12.19",
        "idna==3.20",
        "numpy==2.4.6",
        "omegaconf==2.4.0",
        "opencv-python-headless==5.0.0.93",
        "packaging==26.3",
        "pillow==13.0.0",
        "protobuf==7.36.2",
        "pyclipper==1.4.0",
        "pyyaml==6.0.4",
        "requests==2.34.2",
        "shapely==2.2.0",
        "six==1.17.0",
        "tqdm==4.70.1",
        "urllib3==2.8.0",
    )
    """What rapidocr imports; it comes as a model's package, since its wheel carries the models."""
    models = (Wheel("rapidocr", "3.10.0", ("2fc34e26cd0f48514804a94f8832283039c7334076bff60768b1fed9ad068050",)),)
    """One wheel for every machine."""
    model_files = tuple(PACKAGED)

    def load(self, phase: Phase, model_dir: Path | None, threads: int) -> Infer:
        """Phases imports and weights. It answers {"lines"}, from top to bottom."""
        with phase("imports"):
            from PIL import UnidentifiedImageError
            from rapidocr import RapidOCR

        with phase("weights"):
            packaged = model_dir is None
            names = tuple(PACKAGED.values()) if packaged else self.model_files
            folder = model_folder(self.models[0], "rapidocr/models", names, model_dir)
            det, cls, rec = (str(folder / name) for name in names)
            paths = {"Det.model_path": det, "Cls.model_path": cls, "Rec.model_path": rec}
            use = {"intra_op_num_threads": threads, "inter_op_num_threads": 1}
            engine = {f"EngineConfig.onnxruntime.{name}": value for name, value in use.items()}
            ocr = RapidOCR(params={"Global.log_level": "error", **engine, **paths})
            # It would read each when a page first needs it, and the first request would pay for the start.
            for load in (ocr._load_det_model, ocr._load_cls_model, ocr._load_rec_model):
                load()

        def infer(request: dict[str, Any]) -> dict[str, Any]:
            data = file_bytes(request)
            try:
                found = ocr(data)
            except (UnidentifiedImageError, OSError) as error:
                raise ValueError(f'"data" is no image ({error}): send a PNG') from error
            return {"lines": list(found.txts or ())}

        return infer

    def payloads(self) -> Sequence[Payload]:
        """One body per page."""
        return [Payload(name, body(SAMPLES / name)) for name in texts()]

    def check(self, payload: Payload, answer: Any, own_model: bool) -> str | None:
        """None when enough of the page was read; with a user's own model any lines."""
        if not isinstance(answer, dict) or set(answer) != {"lines"}:
            return f'answer is {type(answer).__name__}, not an object with just "lines"'
        lines = answer["lines"]
        if not isinstance(lines, list) or not lines or not all(isinstance(line, str) and line for line in lines):
            return f'"lines" is {type(lines).__name__}, not a list of texts'
        if sum(map(len, lines)) > MOST_CHARACTERS:
            return f'"lines" has more than {MOST_CHARACTERS:,} characters'
        if own_model:
            return None
        if payload.name not in texts():
            return f"it is not known what stands on {payload.name[:40]!a:.80}"
        printed = characters(texts()[payload.name])
        similarity = 1 - edits(printed, characters(lines)) / len(printed)
        return None if similarity >= MIN_SIMILARITY else f"{similarity:.0%} of it was read, under {MIN_SIMILARITY:.0%}"


WORKLOAD = Ocr()
