"""A decoder is a network behind a view: names, taps, building, saving.

`build_decoder` turns a name, a factory or a ready network into a
`Decoder`, whose `Output` holds logits, the features at its taps and the embedding
that its last layer reads. The names and their taps stand in
``eegkd/decoders/table.py``.
"""

from eegkd.decoders.build import build_decoder
from eegkd.decoders.decoder import Decoder, Output
from eegkd.decoders.table import (
    DECODERS,
    LEFT_OUT,
    DecoderSpec,
    Tap,
    list_decoders,
)

__all__ = [
    "DECODERS",
    "LEFT_OUT",
    "Decoder",
    "DecoderSpec",
    "Output",
    "Tap",
    "build_decoder",
    "list_decoders",
]
