"""A bad setting stops the process with one line that names the variable and hides the value."""

import pytest

from api_service.settings import ApiSettings
from shared.settings import EXIT_CONFIGURATION, CommonSettings, load_settings
from whatsapp_service.gateway.store_url import without_idle_connections
from whatsapp_service.settings import WhatsAppSettings

STRONG = "5f2c9d0a7be1384610aa4c77de90b3f2"
GOOD = {
    "ENVIRONMENT": "production",
    "DATABASE_URL": "postgresql://ai:pw@db/x",
    "REDIS_URL": "redis://cache/0",
    "JWT_SECRET": STRONG,
    "YCLIENTS_PARTNER_TOKEN": "tk3v9x0qpl2mz8ry1c7d",
    "YCLIENTS_APP_ID": "77",
    "ENCRYPTION_KEYS": "0123456789abcdefghijklmnopqrstuv",
    "PUBLIC_URL": "https://connect.example.com",
}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for model in (ApiSettings, WhatsAppSettings):
        for name in model.model_fields:
            monkeypatch.delenv(name.upper(), raising=False)
    for name, value in GOOD.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


@pytest.mark.usefixtures("environment")
def test_good_settings_are_read() -> None:
    assert load_settings(ApiSettings).jwt_secret.get_secret_value() == STRONG
    assert load_settings(WhatsAppSettings).production


@pytest.mark.parametrize(
    ("model", "variable", "value"),
    [
        (ApiSettings, "JWT_SECRET", None),
        (ApiSettings, "JWT_SECRET", "short"),
        (ApiSettings, "JWT_SECRET", "ab" * 16),
        (ApiSettings, "YCLIENTS_PARTNER_TOKEN", None),
        (ApiSettings, "PUBLIC_URL", "connect.example.com/x"),
        (ApiSettings, "API_PORT", "70000"),
        (ApiSettings, "CORS_ORIGINS", "https://a.example,nonsense"),
        (WhatsAppSettings, "DATABASE_URL", None),
        (WhatsAppSettings, "DATABASE_URL", "mysql://secretpassword@db/x"),
        (WhatsAppSettings, "DATABASE_URL", "postgres://u:secretpassword@db:54x32/x"),
        (WhatsAppSettings, "DATABASE_URL", "postgres://u:secretpassword@db:0/x"),
        (WhatsAppSettings, "DATABASE_URL", "postgres://u:secretpassword@db:5432,e:99999/x"),
        (WhatsAppSettings, "DATABASE_URL", "postgres://u:secretpassword@db/x?no_such_option=1"),
        (WhatsAppSettings, "DATABASE_URL", "postgres://u:secretpassword%@db/x"),
        (WhatsAppSettings, "REDIS_URL", "secretpassword"),
        (WhatsAppSettings, "REDIS_URL", "redis://:secretpassword@cache:port/0"),
        (WhatsAppSettings, "REDIS_URL", "redis://:secretpassword@cache:99999/0"),
        (WhatsAppSettings, "REDIS_URL", "redis://:secretpassword@cache/0?socket_timeout=soon"),
        (WhatsAppSettings, "REDIS_URL", "redis://:secretpassword@cache/0?no_such_option=1"),
        (WhatsAppSettings, "WHATSAPP_STORE_URL", "postgres://u:secretpassword@db:port/x"),
        (ApiSettings, "SENTRY_DSN", "secretpassword"),
        (ApiSettings, "SENTRY_DSN", "https://secretpassword@sentry.example.com"),
        (ApiSettings, "SENTRY_DSN", "https://secretpassword@sentry.example.com:port/1"),
        (WhatsAppSettings, "WHATSAPP_STORE_URL", "sqlite:///secretpassword"),
        (WhatsAppSettings, "WHATSAPP_STORE_SCHEMA_URL", "sqlite:///secretpassword"),
        (WhatsAppSettings, "WHATSAPP_PROXY_URL", "socks4://user:secretpassword@proxy"),
        (WhatsAppSettings, "ENVIRONMENT", "staging"),
        (WhatsAppSettings, "LOG_LEVEL", "loud"),
        (WhatsAppSettings, "LINKER_CAPACITY", "0"),
    ],
)
def test_a_bad_one_is_named_in_one_line(
    model: type[CommonSettings],
    variable: str,
    value: str | None,
    environment: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if value is None:
        environment.delenv(variable)
    else:
        environment.setenv(variable, value)

    with pytest.raises(SystemExit) as stopped:
        load_settings(model)

    [line] = capsys.readouterr().err.splitlines()
    assert stopped.value.code == EXIT_CONFIGURATION
    assert line.startswith("configuration: ")
    assert variable in line
    assert "secretpassword" not in line


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("DATABASE_URL", "postgres://u:p@db:5432,db2:5433/x?target_session_attrs=read-write"),
        ("DATABASE_URL", "postgres:///x?host=/run/postgresql"),
        ("DATABASE_URL", "postgresql://u:p@[::1]:5432/x?options=-c%20search_path%3Da"),
        ("REDIS_URL", "rediss://user:p%40ss@[::1]:6380/2?socket_timeout=3"),
        ("REDIS_URL", "unix:///run/redis.sock?db=1"),
        ("SENTRY_DSN", "https://key@sentry.example.com/1"),
        ("LOG_LEVEL", "WARNING"),
        ("LOG_FORMAT", "JSON"),
    ],
)
def test_every_usual_way_of_writing_a_setting_is_read(
    environment: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    environment.setenv(variable, value)

    settings = load_settings(WhatsAppSettings)

    assert settings.log_level == ("warning" if variable == "LOG_LEVEL" else "info")
    assert settings.log_format == "json"


def test_outside_production_secrets_may_be_absent(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("ENVIRONMENT", "development")
    environment.delenv("JWT_SECRET")

    assert "JWT_SECRET" in load_settings(ApiSettings).missing


@pytest.mark.parametrize(
    ("database_url", "store_url", "expected"),
    [
        ("postgresql://u:p@h/d", "", "postgres://u:p@h/d?sslmode=disable"),
        ("postgresql://u:p@h/d?sslmode=require", "", "postgres://u:p@h/d?sslmode=require"),
        (
            "postgres://u@h/d?connect_timeout=3",
            "",
            "postgres://u@h/d?connect_timeout=3&sslmode=disable",
        ),
        ("postgresql://u@h/d", "postgresql://u@o/e", "postgres://u@o/e?sslmode=disable"),
        (
            "postgresql://u@h/d",
            "postgresql://u@o/e?binary_parameters=no",
            "postgres://u@o/e?sslmode=disable",
        ),
        (
            "postgresql://u@h/d?sslmode=prefer&channel_binding=require&keepalives=1&options=-c%20a",
            "",
            "postgres://u@h/d?sslmode=disable&options=-c%20a",
        ),
    ],
)
def test_the_librarys_store_url(
    database_url: str, store_url: str, expected: str, environment: pytest.MonkeyPatch
) -> None:
    environment.setenv("DATABASE_URL", database_url)
    environment.setenv("WHATSAPP_STORE_URL", store_url)

    settings = load_settings(WhatsAppSettings)

    asked = "binary_parameters=yes"
    assert settings.store_url.replace(f"?{asked}&", "?").replace(f"&{asked}", "") == expected
    assert asked in settings.store_url
    assert settings.store_schema_url == settings.store_url


def test_straight_to_postgres_idle_connections_end_as_the_operator_says_or_after_5_min(
    environment: pytest.MonkeyPatch,
) -> None:
    environment.setenv("DATABASE_URL", "postgresql://u@h/d")
    environment.setenv("WHATSAPP_STORE_URL", "postgresql://u@h/d?idle_session_timeout=9000")
    own = load_settings(WhatsAppSettings)
    assert "idle_session_timeout=9000" in without_idle_connections(own.store_url)
    assert "idle_session_timeout" not in own.credentials_url
    bare = without_idle_connections("postgres://u@h/d?sslmode=disable")
    assert bare == "postgres://u@h/d?idle_session_timeout=300000&sslmode=disable"


def test_the_store_behind_pgbouncer_and_where_its_tables_are_made(
    environment: pytest.MonkeyPatch,
) -> None:
    """Our own pool is not told what only the library knows."""
    environment.setenv("DATABASE_URL", "postgresql://u@h/d")
    environment.setenv(
        "WHATSAPP_STORE_URL", "postgresql://u@b:6432/d?binary_parameters=yes&sslmode=prefer"
    )
    environment.setenv("WHATSAPP_STORE_SCHEMA_URL", "postgresql://u@h/d?sslmode=require")

    settings = load_settings(WhatsAppSettings)

    assert settings.credentials_url == "postgresql://u@b:6432/d?sslmode=prefer"
    assert settings.store_url == ("postgres://u@b:6432/d?binary_parameters=yes&sslmode=disable")
    assert settings.store_schema_url == ("postgres://u@h/d?sslmode=require&binary_parameters=yes")
