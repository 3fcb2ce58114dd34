"""Neural baselines: every decoder of the library, without a teacher."""

from __future__ import annotations

from typing import Any

from eegkd.baselines.registry import Factory, Steps, baseline
from eegkd.data.paradigms import PARADIGMS
from eegkd.decoders import DECODERS
from eegkd.estimators import DecoderClassifier

_COMMON = {
    "montage",
    "decoder",
    "on_missing",
    "reference",
    "ch_names",
    "sfreq",
    "units",
    "random_state",
}
DECODER_OPTIONS = tuple(
    name for name in DecoderClassifier().get_params() if name not in _COMMON
)


def _without_teacher(decoder: str) -> Factory:
    """Return the factory of one decoder."""

    def steps(reading: dict[str, Any], random_state: int, **options: Any) -> Steps:
        classifier = DecoderClassifier(
            decoder=decoder, random_state=random_state, **reading, **options
        )
        return [("decoder", classifier)]

    steps.__name__ = decoder
    steps.__doc__ = f"""braindecode's {decoder} on the montage's electrodes, no teacher.

    Options are those of `DecoderClassifier`, such as ``max_epochs`` and ``lr``.

    References
    ----------
    .. [1] The paper that the documentation of ``braindecode.models.{decoder}`` names.
    """
    return baseline(*PARADIGMS, uses_seed=True, options=DECODER_OPTIONS)(steps)


NEURAL: dict[str, Factory] = {name: _without_teacher(name) for name in DECODERS}
