"""Settings of the instance that a test may change while it runs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Settings:
    """All durations in seconds, all sizes in bytes."""

    #: How long the server works for a client that has gone (the platform's transaction quota for tables).
    time_limit: float = 60.0
    #: How long a batch may take before the rest comes back unserviced.
    batch_limit: float = 30.0
    #: What one part of a batch may send and get.
    batch_max_input: int = 5_242_880
    batch_max_output: int = 10_485_760
    max_body: int = 10_485_760
    max_attachment: int = 1_073_741_824
    max_uri: int = 16_384
    #: Requests that the node works on at once, and that may wait for it (the semaphore set API_INT).
    semaphore_threads: int = 4
    semaphore_queue: int = 50
    #: Requests that may wait for one session, and how long its transaction may run before they are dropped.
    session_queue: int = 10
    session_patience: float = 30.0
    #: Answer everything with the page of a hibernating instance.
    hibernating: bool = False
    #: Compress answers when the client accepts it, as real instances do; off, since it costs time on one machine.
    gzip: bool = False
    #: Send answers in chunks, as real instances do, without telling their length before.
    chunked: bool = False
