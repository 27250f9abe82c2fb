import psycopg
import pytest

from tests.servers import postgres, processes


def connect(url):
    return psycopg.connect(url.replace("postgresql+psycopg", "postgresql"))


def migrate(url):
    with connect(url) as connection:
        connection.execute("CREATE TABLE migrated (at timestamptz)")


def tables(url):
    with connect(url) as connection:
        rows = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
    return [name for (name,) in rows]


def test_each_test_gets_an_empty_database(postgres_url):
    assert tables(postgres_url) == []


def test_what_is_written_to_one_database_is_not_seen_in_another(postgres_server, postgres_url):
    migrate(postgres_url)

    assert tables(postgres_url) == ["migrated"]
    assert tables(postgres_server.create_database()) == []


def test_a_prepared_database_is_a_copy_of_one_that_was_prepared_once(postgres_server):
    prepared = []

    def prepare(url):
        prepared.append(url)
        migrate(url)

    copies = [postgres_server.create_database(prepare) for _ in range(2)]

    assert len(prepared) == 1
    assert [tables(copy) for copy in copies] == [["migrated"], ["migrated"]]


def test_a_database_can_be_dropped_under_a_connected_client(postgres_server):
    url = postgres_server.create_database()
    client = connect(url)
    postgres_server.drop_database(url)

    with client, pytest.raises(psycopg.OperationalError):
        client.execute("SELECT 1")


def test_a_missing_server_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setattr(postgres, "Path", lambda _: tmp_path)

    with pytest.raises(processes.ServerUnavailable, match=r"run \./scripts/setup --tests"):
        postgres.newest_binaries()
