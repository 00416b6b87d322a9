"""Makes Schemathesis send real images where the API expects an image."""

from pathlib import Path

import schemathesis
from hypothesis import strategies as st

SAMPLES = Path(__file__).resolve().parent.parent / "samples"
IMAGES = [(SAMPLES / name).read_bytes() for name in ("3.png", "two_lines.png", "7.jpeg")]

schemathesis.openapi.media_type("image/*", st.sampled_from(IMAGES))
