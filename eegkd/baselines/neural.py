"""Neural baselines: every decoder of the library, without a teacher."""

from __future__ import annotations

import inspect
from typing import Any

from eegkd.baselines.baseline import Baseline, Reading, Steps
from eegkd.data.paradigms import PARADIGMS
from eegkd.decoders import DECODERS
from eegkd.estimators import DecoderClassifier

_COMMON = {"decoder", *inspect.signature(Baseline.__call__).parameters}
DECODER_OPTIONS = tuple(
    name for name in DecoderClassifier().get_params() if name not in _COMMON
)


def _without_teacher(decoder: str) -> Baseline:
    """Return the baseline of one decoder."""

    def build(reading: Reading, random_state: int = 0, **options: Any) -> Steps:
        classifier = DecoderClassifier(
            decoder=decoder, random_state=random_state, **reading, **options
        )
        return [("decoder", classifier)]

    build.__name__ = decoder
    build.__doc__ = f"""The network {decoder} on the montage's electrodes, no teacher.

    Options are those of `DecoderClassifier`, such as ``max_epochs`` and ``lr``.

    References
    ----------
    .. [1] The paper that the documentation of ``{DECODERS[decoder].module}.{decoder}``
           names.
    """
    return Baseline(decoder, build, tuple(PARADIGMS), more_options=DECODER_OPTIONS)


NEURAL = tuple(map(_without_teacher, DECODERS))
