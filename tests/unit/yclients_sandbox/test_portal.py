"""The portal makes the redirect that YClients makes."""

import base64
import hashlib
import hmac
import json
from html.parser import HTMLParser
from urllib.parse import parse_qs, urlsplit

import pytest
from starlette.testclient import TestClient

from sandbox.yclients.app import build_app
from sandbox.yclients.portal.salons import SALONS
from sandbox.yclients.world import Setup

TOKEN = "partner-token-of-the-test"
API = "http://127.0.0.1:3000"


@pytest.fixture
def portal() -> TestClient:
    app, _ = build_app(
        Setup(api_url=API, partner_token=TOKEN, application_id=77, salons=tuple(SALONS.values()))
    )
    return TestClient(app, base_url="http://127.0.0.1", follow_redirects=False)


@pytest.mark.parametrize("salon", SALONS.values(), ids=str)
def test_the_redirect_is_signed_over_the_decoded_data(portal: TestClient, salon: object) -> None:
    response = portal.get(f"/connect/{getattr(salon, 'salon_id', 0)}")
    assert response.status_code == 302
    url = urlsplit(response.headers["location"])
    query = parse_qs(url.query, strict_parsing=True)
    assert (f"{url.scheme}://{url.netloc}", url.path) == (API, "/auth/yclients/redirect")
    assert query["salon_id"] == [str(getattr(salon, "salon_id", 0))]
    raw = base64.urlsafe_b64decode(query["user_data"][0])
    assert json.loads(raw)["salon_name"] == getattr(salon, "title", "")
    expected = hmac.new(TOKEN.encode(), raw, hashlib.sha256).hexdigest()
    assert query["user_data_sign"] == [expected]


def test_the_data_uses_the_alphabet_that_decoders_get_wrong(portal: TestClient) -> None:
    samples = [
        parse_qs(urlsplit(portal.get(f"/connect/{salon_id}").headers["location"]).query)
        for salon_id in SALONS
    ]
    assert any(set(sample["user_data"][0]) & set("-_") for sample in samples)


def test_an_unknown_salon_is_not_connected(portal: TestClient) -> None:
    assert portal.get("/connect/9").status_code == 404


class Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.connect: list[str] = []
        self.resources: list[str] = []
        self.inline: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag == "a":
            self.connect.append(values.get("href") or "")
        if tag in ("link", "img", "script"):
            self.resources.append(values.get("href") or values.get("src") or "")
        self.inline += [name for name in values if name == "style" or name.startswith("on")]
        if tag == "style" or (tag == "script" and not values.get("src")):
            self.inline.append(tag)


def test_the_page_offers_every_salon_and_needs_nothing_from_elsewhere(portal: TestClient) -> None:
    response = portal.get("/")
    links = Links()
    links.feed(response.text)
    assert links.connect == [f"/connect/{salon_id}" for salon_id in SALONS]
    assert response.text.count("Подключить</a>") == len(SALONS)
    assert links.inline == []
    assert "unsafe-inline" not in response.headers["content-security-policy"]
    for resource in links.resources:
        assert portal.get(resource).status_code == 200


def test_a_foreign_host_name_is_refused(portal: TestClient) -> None:
    assert portal.get("/", headers={"host": "evil.example"}).status_code == 400
