"""The service: APScheduler ticks, the steps do the work, SIGTERM drains.

Of several replicas one pulls each source and one collects from each far side (leadership by the store); every replica
applies and dispatches, because cases and lanes are guarded one by one.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from typing import Any

import structlog
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from bridge.domain.errors import BridgeError, StoreNotWritable
from bridge.ports import Collector, Store, Watch
from bridge.sync.cycle import Cycle, steps
from bridge.sync.replicas import Replica
from bridge.sync.surroundings import Surroundings

log = structlog.get_logger()

#: Seconds that a watch has to take leave of its server.
_GOODBYE = 2.0


class Service:
    """Runs until it is told to stop, then finishes what is under way."""

    def __init__(
        self,
        around: Surroundings,
        *,
        tick: float,
        collect_every: float,
        replica: Replica,
        watches: Sequence[Watch] = (),
    ) -> None:
        self._around = around
        self._cycle = Cycle(around)
        self._tick = tick
        self._collect_every = collect_every
        self._replica = replica
        self._watches = watches
        self._bells = {collector.name: threading.Event() for collector in around.collectors}
        self._stopping = threading.Event()
        self._failures: list[StoreNotWritable] = []

    def stop(self) -> None:
        """Ask the service to drain and end."""
        self._stopping.set()

    def run(self) -> None:
        """Block until stopped; raises `StoreNotWritable` if the store's disk made it stop."""
        # Before anything is called: the others learn of this one at their next tick, this one of them now.
        for step in (self._replica.beat, self._replica.share):
            self._guarded("start", step)()
        scheduler = self._scheduler()
        scheduler.start()
        collecting = [
            threading.Thread(target=self._collect, args=(one,), name=f"collect/{one.name}")
            for one in self._around.collectors
        ]
        watching = [
            threading.Thread(target=one.watch, args=(self._ring, self._stopping), daemon=True) for one in self._watches
        ]
        for thread in (*collecting, *watching):
            thread.start()
        log.info("service_started", worker=self._around.worker, jobs=[job.id for job in scheduler.get_jobs()])
        self._stopping.wait()
        log.info("service_draining")
        scheduler.shutdown(wait=True)
        self._ring()
        for thread in collecting:
            thread.join()
        for thread in watching:
            # One that still speaks to its server has nothing under way that could be lost.
            thread.join(_GOODBYE)
        self._leave()
        log.info("service_stopped")
        if self._failures:
            raise self._failures[0]

    def run_with_signals(self, beside: AbstractContextManager[object] | None = None) -> None:
        """As `run`, ended by SIGTERM or SIGINT; a second one ends it at once, which loses nothing.

        What runs `beside` it, with threads of its own, is begun and ended with it.

        A handler would run in the main thread, and a main thread that is just going to sleep never notices it. So the
        signals are blocked, before any thread is started that would inherit anything else, and waited for.
        """
        stops = {signal.SIGTERM, signal.SIGINT}
        signal.pthread_sigmask(signal.SIG_BLOCK, stops)
        threading.Thread(target=self._obey, args=(stops,), name="signals", daemon=True).start()
        with beside or nullcontext():
            self.run()

    def _obey(self, stops: set[signal.Signals]) -> None:
        signal.sigwait(stops)
        self.stop()
        again = signal.Signals(signal.sigwait(stops))
        log.warning("service_ended_undrained", signal=again.name)
        os._exit(128 + again)

    def _scheduler(self) -> BackgroundScheduler:
        jobs: dict[str, tuple[float, Callable[[], Any]]] = {
            **{name: (every, self._led(name, do)) for name, (every, do) in steps(self._cycle, self._around).items()},
            "collect": (self._collect_every, self._ring),
            "work": (self._tick, lambda: self._cycle.work(stop=self._stopping.is_set)),
            "beat": (self._replica.every.total_seconds(), self._replica.beat),
            "share": (self._tick, self._replica.share),
        }
        scheduler = BackgroundScheduler(
            timezone="UTC",
            executors={"default": ThreadPoolExecutor(max(4, len(jobs)))},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        )
        for name, (every, do) in jobs.items():
            scheduler.add_job(
                self._guarded(name, do), "interval", seconds=every, id=name, next_run_time=_at_once(scheduler)
            )
        return scheduler

    def _ring(self) -> None:
        """There may be something to collect. What is told of during a pass makes another: it may have looked before."""
        for bell in self._bells.values():
            bell.set()

    def _collect(self, collector: Collector) -> None:
        """Collect from one far side whenever it rings, until stopped: no other waits for it."""
        name, bell = f"collect:{collector.name}", self._bells[collector.name]
        tick = self._guarded(name, self._led(name, lambda: self._cycle.collect([collector])))
        while not self._stopping.is_set():
            bell.wait()
            bell.clear()
            tick()

    def _leave(self) -> None:
        try:
            self._replica.leave()
        except BridgeError as error:
            log.warning("replica_left_unsaid", code=error.code, error=str(error))

    def _led(self, name: str, do: Callable[[], Any]) -> Callable[[], Any]:
        store: Store = self._around.store

        def tick() -> None:
            with store.leadership(name) as leads:
                if leads:
                    do()

        return tick

    def _guarded(self, name: str, do: Callable[[], Any]) -> Callable[[], None]:
        """A failing tick is logged and the next one tries again: the step's own transaction kept everything whole."""

        def tick() -> None:
            if self._stopping.is_set():
                return
            try:
                do()
            except StoreNotWritable as error:
                self._give_up(error)
            except BridgeError as error:
                log.warning("step_failed", step=name, code=error.code, error=str(error), retryable=error.retryable)
            except Exception as error:
                log.exception("step_failed", step=name, error=type(error).__name__)

        return tick

    def _give_up(self, error: StoreNotWritable) -> None:
        """Nothing can be decided nor sent without writing it down: end, and tell people in the one way that is left."""
        self._failures.append(error)
        self._stopping.set()
        if len(self._failures) > 1:
            return
        log.critical("store_not_writable", error=str(error))
        told = {"code": error.code, "text": str(error), "at": datetime.now(UTC).isoformat(timespec="seconds")}
        try:
            self._around.alerts.send(told)
        except BridgeError as failure:
            log.critical("alarm_undeliverable", code=error.code, error=str(failure))


def _at_once(scheduler: BackgroundScheduler) -> Any:  # noqa: ANN401 - APScheduler publishes no types
    return datetime.now(scheduler.timezone)
