"""The peer's end of the bench's protocol (src/protocol.ts): requests on standard input, answers on descriptor 3."""

import json
import os
import resource
import sys
import time
from collections.abc import Callable

STARTED = time.perf_counter()


def configure(argument: str) -> dict:
    """The task from the command line; threads are set before torch is imported, as OpenMP wants it."""
    task = json.loads(argument)
    for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[variable] = str(task["threads"])
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    os.environ["HF_HUB_OFFLINE"] = "1"
    return task


def serve(
    task: dict,
    unit: Callable[[], dict[str, float]],
    versions: dict[str, str],
    loaded: tuple[float, int],
    remarks: tuple[str, ...] = (),
) -> None:
    """Warms up, then answers requests until the input ends. `unit` does one unit to its end."""
    with os.fdopen(3, "w", buffering=1) as answers:

        def answer(**message) -> None:
            answers.write(json.dumps(message) + "\n")

        try:
            load_seconds, baseline = loaded
            first, values = do_units(unit, 1)
            warm = [do_units(unit, 1)[0] for _ in range(task["warmup"])]
            answer(
                kind="ready",
                loadSeconds=load_seconds,
                firstSeconds=first,
                values=values,
                unitSeconds=min(warm) if warm else first,
                baselineBytes=baseline,
                threads=task["threads"],
                versions=versions,
                remarks=remarks,
            )
            for line in sys.stdin:
                request = json.loads(line)
                if request["kind"] == "end":
                    answer(kind="end", peakBytes=peak_bytes(), cudaBytes=cuda_bytes())
                    return
                seconds, values = do_units(unit, request["units"])
                answer(kind="round", seconds=seconds, values=values)
        except Exception as error:  # said once, to the bench; the process then ends
            answer(kind="failed", message=f"{type(error).__name__}: {error}")


def do_units(unit: Callable[[], dict[str, float]], units: int) -> tuple[float, dict[str, float]]:
    """Seconds that the units took, and what the last one measured of itself."""
    start = time.perf_counter()
    values: dict[str, float] = {}
    for _ in range(units):
        values = unit()
    return time.perf_counter() - start, values


def loaded_now() -> tuple[float, int]:
    """Seconds since this module was imported, and the resident memory now."""
    return time.perf_counter() - STARTED, resident_bytes()


def resident_bytes() -> int:
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def cuda_bytes() -> int:
    """Resident part of the CUDA libraries: torch's wheel loads them, a build for processors alone would not."""
    resident, counts = 0, False
    with open("/proc/self/smaps") as mappings:
        for line in mappings:
            if "-" in line.split(":", 1)[0].split(" ", 1)[0]:
                path = line.rsplit(" ", 1)[-1]
                counts = "/nvidia/" in path or "_cuda" in path or "nvshmem" in path or "nvrtc" in path
            elif counts and line.startswith("Rss:"):
                resident += int(line.split()[1]) * 1024
    return resident
