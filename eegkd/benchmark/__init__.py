"""Compare methods: a grid of jobs, a store that survives, conclusions.

`benchmark` makes the jobs (`grid`), sends them to processes or a cluster (`engine`),
where each is worked through (`work`), and writes every outcome at once (`store`).
`Results` reads the store and says what follows.
"""

from eegkd.benchmark.plan import read_plan
from eegkd.benchmark.results import Results
from eegkd.benchmark.run import benchmark, load_results
from eegkd.benchmark.sweep import augmentation_sweep

__all__ = ["Results", "augmentation_sweep", "benchmark", "load_results", "read_plan"]
