"""The named methods: each is a short file here and one line in `METHODS`.

A method is a function ``method(training, **options) -> History`` that trains
``training.student``, see `eegkd.distillation.Training`. Its keyword options are what
`DistilledClassifier(method_options=...)` takes.
"""

from eegkd.methods.kd import kd
from eegkd.methods.none import none
from eegkd.methods.sk_kd import sk_kd

#: Methods by name. Each is called as ``method(training, **options)``.
METHODS = {"none": none, "kd": kd, "sk_kd": sk_kd}

__all__ = ["METHODS", "kd", "none", "sk_kd"]
