"""Makes the recordings of transcribe from its texts: espeak-ng speaks, PyAV writes WAVs of 16 kHz in 4 bits a sample.

Run by hand, in an environment of its own that has av==18.1.0, on a machine with Debian's espeak-ng (1.51).
"""

import io
import json
import subprocess
from pathlib import Path
from typing import Any

SAMPLES = Path(__file__).parents[2] / "targets" / "workloads" / "samples" / "transcribe"
RATE_HZ = 16_000
VOICE = ("espeak-ng", "-v", "en-us", "-s", "135", "--stdout")


def spoken(text: str) -> bytes:
    """A WAV in the synthesiser's own rate."""
    return subprocess.run([*VOICE, text], capture_output=True, check=True).stdout


def write(wav: bytes, path: Path) -> None:
    """The same in RATE_HZ and IMA ADPCM, a quarter as large."""
    import av  # type: ignore[import-not-found]

    with (
        av.open(io.BytesIO(wav)) as source,
        av.open(str(path), "w", format="wav", options={"fflags": "+bitexact"}) as out,
    ):
        stream: Any = out.add_stream("adpcm_ima_wav", rate=RATE_HZ, layout="mono")
        resampler = av.AudioResampler("s16p", "mono", RATE_HZ, frame_size=stream.codec_context.frame_size)
        for frame in (*source.decode(audio=0), None):
            for part in resampler.resample(frame):
                out.mux(stream.encode(part))
        out.mux(stream.encode(None))


def main() -> None:
    """Rewrite the recordings from texts.json."""
    for name, text in json.loads((SAMPLES / "texts.json").read_text(encoding="utf-8")).items():
        write(spoken(text), SAMPLES / name)


if __name__ == "__main__":
    main()
