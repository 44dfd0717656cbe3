"""Migrations on an empty database, on old tables with data, twice, at once, and half-way."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from psycopg.rows import dict_row

from shared.db_migrations import LOCK_KEY, MIGRATIONS, MigrationError, apply_migrations
from tests.support.pgbouncer import pgbouncer_for
from tests.support.processes import Starter
from tests.support.waiting import PATIENCE_S

STATUSES = (
    "pending_whatsapp",
    "activating",
    "active",
    "activation_failed",
    "frozen",
    "uninstalled",
)
ALL = sorted(path.stem for path in MIGRATIONS.glob("*.sql"))

DOCUMENTED_TABLES = """
CREATE TABLE companies (
    id serial PRIMARY KEY, yclients_id integer UNIQUE, company_id integer NOT NULL,
    title varchar(255), phone varchar(50), email varchar(255), address text, timezone varchar(50),
    api_key varchar(255), whatsapp_connected boolean, whatsapp_phone varchar(50),
    whatsapp_connected_at timestamptz,
    integration_status varchar(50) DEFAULT 'pending_whatsapp'
        CHECK (integration_status IN ('pending_whatsapp', 'active')),
    connected_at timestamptz, disconnected_at timestamptz,
    marketplace_user_id varchar(50), marketplace_user_name varchar(255),
    marketplace_user_phone varchar(50), marketplace_user_email varchar(255),
    created_at timestamptz DEFAULT now(), updated_at timestamptz DEFAULT now()
);
CREATE TABLE marketplace_events (
    id serial PRIMARY KEY, company_id integer REFERENCES companies (id), salon_id integer,
    event_type varchar(50) NOT NULL, event_data jsonb DEFAULT '{}', created_at timestamptz
);
CREATE TABLE whatsapp_auth (company_id text PRIMARY KEY, creds jsonb NOT NULL);
CREATE TABLE whatsapp_keys (company_id text, key_type text, key_id text, value jsonb);
INSERT INTO companies (yclients_id, company_id, title, whatsapp_phone, integration_status)
VALUES (1001, 1001, 'Ромашка', '79990000001', 'active');
INSERT INTO marketplace_events (company_id, salon_id, event_type, event_data)
VALUES (1, 1001, 'registration_started', '{"source": "old"}');
INSERT INTO whatsapp_auth VALUES ('company_1001', '{"me": {}}');
INSERT INTO whatsapp_keys VALUES ('company_1001', 'session', '1', '{}');
"""


def run(url: str, statement: str, *values: object) -> list[dict[str, object]]:
    with psycopg.connect(url, row_factory=dict_row) as connection:
        cursor = connection.execute(statement.encode(), values)
        return cursor.fetchall() if cursor.description else []


def tables(url: str) -> set[str]:
    rows = run(url, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    return {str(row["tablename"]) for row in rows}


def columns(url: str, table: str) -> set[str]:
    names = "SELECT column_name FROM information_schema.columns WHERE table_name = %s"
    return {str(row["column_name"]) for row in run(url, names, table)}


def test_an_empty_database_gets_our_tables_and_not_the_old_ones(empty_database_url: str) -> None:
    assert apply_migrations(empty_database_url) == ALL
    ours = {name for name in tables(empty_database_url) if not name.startswith(("_yoyo", "yoyo"))}
    assert ours >= {"companies", "marketplace_events", "whatsapp_sessions"}
    assert not ours & {"whatsapp_auth", "whatsapp_keys"}


def test_a_second_run_changes_nothing(empty_database_url: str) -> None:
    apply_migrations(empty_database_url)
    run(empty_database_url, "INSERT INTO companies (yclients_id) VALUES (1)")
    assert apply_migrations(empty_database_url) == []
    assert len(run(empty_database_url, "SELECT id FROM companies")) == 1


def test_the_documented_old_tables_keep_their_data_and_get_what_is_new(
    empty_database_url: str,
) -> None:
    run(empty_database_url, DOCUMENTED_TABLES)
    assert apply_migrations(empty_database_url) == ALL
    [company] = run(empty_database_url, "SELECT * FROM companies")
    assert company["title"] == "Ромашка"
    assert company["whatsapp_phone"] == "79990000001"
    assert company["integration_status"] == "active"
    assert company["installation"] == 0
    [event] = run(empty_database_url, "SELECT * FROM marketplace_events")
    assert event["event_data"] == {"source": "old"}
    assert run(empty_database_url, "SELECT creds FROM whatsapp_auth") == [{"creds": {"me": {}}}]
    assert len(run(empty_database_url, "SELECT key_id FROM whatsapp_keys")) == 1


def test_old_tables_end_with_the_columns_of_new_ones(
    empty_database_url: str, database_url: str
) -> None:
    run(empty_database_url, "CREATE TABLE companies (id serial PRIMARY KEY, yclients_id integer)")
    run(empty_database_url, "CREATE TABLE marketplace_events (id serial PRIMARY KEY)")
    apply_migrations(empty_database_url)
    for table in ("companies", "marketplace_events"):
        assert columns(empty_database_url, table) == columns(database_url, table)


OLD_STATUS_COLUMNS = {
    "none": "title text",
    "short varchar": "integration_status varchar(16)",
    "narrow check": "integration_status varchar(50) CHECK (integration_status = 'active')",
    "enum": "integration_status old_status DEFAULT 'active'",
}


@pytest.mark.parametrize("column", OLD_STATUS_COLUMNS.values(), ids=OLD_STATUS_COLUMNS.keys())
def test_every_status_can_be_written_whatever_the_old_column_was(
    empty_database_url: str, column: str
) -> None:
    run(empty_database_url, "CREATE TYPE old_status AS ENUM ('pending_whatsapp', 'active')")
    run(
        empty_database_url,
        f"CREATE TABLE companies (id serial PRIMARY KEY, yclients_id integer, {column})",
    )
    if column.startswith("integration"):
        run(empty_database_url, "INSERT INTO companies VALUES (99, 1, 'active')")
    apply_migrations(empty_database_url)
    for status in STATUSES:
        run(
            empty_database_url,
            "INSERT INTO companies (yclients_id, integration_status) VALUES (1001, %s) "
            "ON CONFLICT (yclients_id) DO UPDATE SET integration_status = excluded"
            ".integration_status",
            status,
        )
    with pytest.raises((psycopg.DataError, psycopg.IntegrityError)):
        run(empty_database_url, "UPDATE companies SET integration_status = 'unheard_of'")


def test_an_old_row_with_an_unknown_status_stays(empty_database_url: str) -> None:
    run(
        empty_database_url,
        DOCUMENTED_TABLES.replace(
            "CHECK (integration_status IN ('pending_whatsapp', 'active'))", ""
        ),
    )
    run(empty_database_url, "UPDATE companies SET integration_status = 'legacy'")
    apply_migrations(empty_database_url)
    [company] = run(empty_database_url, "SELECT integration_status FROM companies")
    assert company == {"integration_status": "legacy"}


def test_a_session_id_of_another_form_is_refused(database_url: str) -> None:
    with pytest.raises(psycopg.errors.CheckViolation):
        run(
            database_url,
            "INSERT INTO whatsapp_sessions (session_id, state) VALUES ('company_01', 'linked')",
        )


def test_processes_that_start_together_apply_each_migration_once(empty_database_url: str) -> None:
    together = threading.Barrier(4)

    def migrate() -> list[str]:
        together.wait(PATIENCE_S)
        return apply_migrations(empty_database_url)

    with ThreadPoolExecutor(4) as pool:
        results = [future.result() for future in [pool.submit(migrate) for _ in range(4)]]
    assert sorted(results) == [[], [], [], ALL]


def test_waiting_for_another_migrator_has_a_deadline(empty_database_url: str) -> None:
    with psycopg.connect(empty_database_url) as other:
        other.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK_KEY,))
        with pytest.raises(MigrationError, match="lock timeout"):
            apply_migrations(empty_database_url, timeout_s=0.2)
    assert apply_migrations(empty_database_url) == ALL


def test_a_pooler_is_refused_and_nothing_changed(empty_database_url: str) -> None:
    with pgbouncer_for(empty_database_url) as pgbouncer:
        server = pgbouncer.start()
        try:
            with pytest.raises(MigrationError, match="DATABASE_URL names a pooler"):
                apply_migrations(pgbouncer.url)
        finally:
            server.stop()
    assert tables(empty_database_url) == set()


def test_what_a_killed_migrator_left_does_not_stop_the_next(empty_database_url: str) -> None:
    apply_migrations(empty_database_url)
    run(empty_database_url, "INSERT INTO yoyo_lock (locked, ctime, pid) VALUES (1, now(), 1)")
    run(empty_database_url, "DELETE FROM _yoyo_migration")
    assert apply_migrations(empty_database_url, timeout_s=5) == ALL


def test_a_migration_that_fails_is_undone_whole_and_named(
    empty_database_url: str, tmp_path: Path
) -> None:
    (tmp_path / "0001_fine.sql").write_text("CREATE TABLE fine (id integer);")
    (tmp_path / "0002_broken.sql").write_text(
        "CREATE TABLE half (id integer); ALTER TABLE nowhere ADD COLUMN id integer;"
    )
    with pytest.raises(MigrationError, match='0002_broken: relation "nowhere" does not exist'):
        apply_migrations(empty_database_url, folder=tmp_path)
    assert "fine" in tables(empty_database_url)
    assert "half" not in tables(empty_database_url)


def test_an_unreachable_database_is_one_line_without_the_password() -> None:
    with pytest.raises(MigrationError) as caught:
        apply_migrations("postgresql://postgres:hidden@127.0.0.1:9/postgres")
    assert "\n" not in str(caught.value)
    assert "hidden" not in str(caught.value)


def test_the_command_says_what_it_did(start_process: Starter, empty_database_url: str) -> None:
    for expected in (", ".join(ALL), "nothing to do"):
        process = start_process("shared.db_migrations", {"DATABASE_URL": empty_database_url})
        assert process.wait_exit() == 0
        assert process.log == f"migrations: {expected}\n"


def test_the_command_fails_in_one_line(start_process: Starter) -> None:
    url = "postgresql://postgres@127.0.0.1:9/postgres"
    process = start_process("shared.db_migrations", {"DATABASE_URL": url})
    assert process.wait_exit() == 1
    assert process.log.startswith("migrations: connection failed")
    assert process.log.count("\n") == 1
