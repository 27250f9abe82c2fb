"""An instance that gives no count can hide that rows were cut off."""

import pytest

from bridge.connectors.servicenow import Connection
from bridge.ports import CheckStatus, Stream
from tests.pulling.connecting import connected
from tests.unit.connectors.servicenow.conftest import URL


@pytest.mark.parametrize("asserted, status", [(False, CheckStatus.FAILED), (True, CheckStatus.WARNING)])
def test_a_missing_count_fails_the_check_unless_it_is_asserted_that_nothing_is_hidden(edge, quiet, asserted, status):
    edge.answers(body={"result": []})
    source = connected(Connection(URL, sees_every_row=asserted), quiet)
    results = {result.name: result for result in source.check([Stream("cases", "incident")], {})}
    assert results["source cases: readable"].status is status
    assert "X-Total-Count" in results["source cases: readable"].detail
