"""What a line of the access log costs: our server with its log and without, asked for a playlist in turn."""

from collections.abc import Mapping
from dataclasses import replace

from benchmarks.product import streamserver
from benchmarks.progress import Progress
from benchmarks.serve.candidates import OURS, Ground, path_of
from benchmarks.serve.content import Resource
from benchmarks.serve.load import Generator, Question
from benchmarks.statistics import Summary, shuffled_rounds, summarize

MOST_MICROSECONDS = 8.0
"""What a line may cost."""
WAYS: Mapping[str, Mapping[str, str]] = {"with": {}, "without": {"access_log": "false"}}
"""The settings of the two."""
SEED = 4


def measure_log_cost(ground: Ground, generator: Generator, *, rounds: int) -> Summary:
    """Return the microseconds of processor time that a request takes more with the log than without."""
    question = Question(
        work="whole",
        path=path_of(OURS, ground.content, Resource.PLAYLIST),
        length=ground.content.lengths[Resource.PLAYLIST],
    )
    patient = replace(generator, is_awake=ground.cores.load.isdisjoint(ground.cores.server))
    costs: dict[str, dict[int, float]] = {way: {} for way in WAYS}
    progress = Progress(len(WAYS) * rounds)
    for number, title, way in shuffled_rounds({"access log": tuple(WAYS)}, rounds=rounds, seed=SEED):
        progress.step(f"round {number + 1} of {rounds} · {title} · {way}")
        log = ground.folder / f"log-{way}.log"
        library, cores = ground.content.library, ground.cores
        with streamserver(library, cores=cores.server, log=log, settings=WAYS[way]) as server:
            cell = patient.measure(server, question, cores=cores.load)
        costs[way][number] = cell.server_cpu_microseconds or 0.0
    progress.close()
    return summarize(costs["with"][number] - costs["without"][number] for number in costs["with"])
