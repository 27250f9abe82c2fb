"""Request Tracker as a desk that is reached by its REST API, described by the shipped preset."""

import pytest

from tests.integration.portals.describing import Talk, rest_desk
from tests.servers.roundup import PASSWORD as ROUNDUP_PASSWORD

RT = """
    preset: request-tracker
    url: {url}/REST/2.0
    auth: {{kind: basic, username: {user}, password: "${{PASSWORD}}"}}
    ours: [{user}]
    settings: {{queue: {queue}, web: "{url}"}}
"""


ROUNDUP = """
    preset: roundup
    url: {url}/rest/data
    auth: {{kind: basic, username: {user}, password: "${{PASSWORD}}"}}
    ours: [{user}]
    settings: {{user: {user}, web: "{url}"}}
"""


@pytest.fixture
def roundup_talk(tmp_path, roundup):
    """An engagement with Roundup."""
    text = ROUNDUP.format(url=roundup.url, user=roundup.user)
    desk = rest_desk(tmp_path, text, PASSWORD=ROUNDUP_PASSWORD)
    yield Talk(desk)
    desk.close()


@pytest.fixture
def queue(request_tracker):
    return request_tracker.new_queue()


@pytest.fixture(scope="session")
def rt_user(request_tracker):
    return request_tracker.new_user()


@pytest.fixture
def rt_yaml(request_tracker, rt_user, queue):
    return RT.format(url=request_tracker.url, user=rt_user, queue=queue.name)


@pytest.fixture
def talk(tmp_path, rt_yaml):
    """An engagement with Request Tracker."""
    desk = rest_desk(tmp_path, rt_yaml)
    yield Talk(desk)
    desk.close()
