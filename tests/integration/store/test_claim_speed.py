"""A claim costs what is still to be done, not what was ever done."""

import pytest
from sqlalchemy import text

from bridge.store import claims
from tests.stores.samples import START

FINISHED, WAITING = 20_000, 2_000
FILL = (
    "INSERT INTO outbox (id, kind, recipient, lane, payload, status, created_at, finished_at, next_attempt_at) "
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :rows) "
    "SELECT :prefix || i, 'write', 'servicenow', 'case/' || (i % 500), '{}', :status, 0, :finished_at, :due FROM n"
)


@pytest.fixture
def grown(store):
    """A store that has run for long, and whose database has not yet looked at its tables again."""
    with store.transaction() as work:
        for prefix, rows, status, finished_at, due in (
            ("done", FINISHED, "done", 0, None),
            ("waiting", WAITING, "pending", None, 0),
        ):
            values = {"prefix": prefix, "rows": rows, "status": status, "finished_at": finished_at, "due": due}
            work._execute(text(FILL), values)
    return store


def test_a_claim_reads_no_table_from_end_to_end(grown):
    statement = claims._CANDIDATE.params(now=START).compile(grown._engine, compile_kwargs={"literal_binds": True})
    explain = {"sqlite": "EXPLAIN QUERY PLAN ", "postgresql": "EXPLAIN "}[grown._engine.dialect.name]
    with grown.transaction() as work:
        plan = "\n".join(str(row) for row in work._execute(text(explain + str(statement).replace("::", "\\:\\:"))))
    assert "outbox_due" in plan
    assert "outbox_unfinished" in plan
    assert "outbox_one_worker_per_lane" in plan
    assert "Seq Scan" not in plan
    assert "SCAN " not in plan
    assert "TEMP B-TREE" not in plan
