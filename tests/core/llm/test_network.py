"""The way to an endpoint as the environment has it: it works, or one line names the variable at fault."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.clock import SystemClock
from core.errors import SettingsError
from core.llm import check_ways
from core.llm.client import CompletionsClient
from core.llm.network import create_tls, proxy_for
from core.ports.model import Request
from core.settings.urls import base_url, completions_url
from core.values.conversation import text_message
from core.values.deltas import Ended
from tests.fakes.completions import FakeCompletions

PUBLIC = "https://api.example.com/v1"
LOOPBACK = "http://127.0.0.1:8000/v1"
PROXY = "http://127.0.0.1:7890"


@pytest.mark.parametrize(
    ("url", "environment", "proxy"),
    [
        (PUBLIC, {}, None),
        (PUBLIC, {"NO_PROXY": "localhost,fd00::/8"}, None),
        (PUBLIC, {"HTTPS_PROXY": PROXY}, PROXY),
        (PUBLIC, {"https_proxy": PROXY, "HTTPS_PROXY": "http://other:1"}, PROXY),
        (PUBLIC, {"HTTP_PROXY": PROXY}, None),
        (PUBLIC, {"all_proxy": PROXY}, PROXY),
        (PUBLIC, {"ALL_PROXY": "socks://127.0.0.1:7891/", "https_proxy": PROXY}, PROXY),
        (PUBLIC, {"HTTPS_PROXY": "127.0.0.1:7890"}, PROXY),
        (PUBLIC, {"HTTPS_PROXY": "  "}, None),
        (PUBLIC, {"HTTPS_PROXY": PROXY, "NO_PROXY": "fd00::/8,[::1]:80, 10.0.0.0/8"}, PROXY),
        (PUBLIC, {"HTTPS_PROXY": PROXY, "NO_PROXY": "example.com"}, None),
        (PUBLIC, {"HTTPS_PROXY": PROXY, "no_proxy": ".example.com"}, None),
        (PUBLIC, {"HTTPS_PROXY": PROXY, "NO_PROXY": "*.example.com"}, None),
        (PUBLIC, {"HTTPS_PROXY": PROXY, "NO_PROXY": "ample.com"}, PROXY),
        (PUBLIC, {"HTTPS_PROXY": PROXY, "NO_PROXY": "api.example.com:443"}, None),
        (PUBLIC, {"HTTPS_PROXY": PROXY, "NO_PROXY": "api.example.com:8443"}, PROXY),
        (PUBLIC, {"HTTPS_PROXY": PROXY, "NO_PROXY": "*"}, None),
        (LOOPBACK, {"HTTP_PROXY": PROXY, "NO_PROXY": "127.0.0.0/8"}, None),
        (LOOPBACK, {"HTTP_PROXY": PROXY, "NO_PROXY": "127.0.0.1"}, None),
        ("http://[fd00::5]/v1", {"HTTP_PROXY": PROXY, "NO_PROXY": "fd00::/8"}, None),
        ("http://[fd00::5]/v1", {"HTTP_PROXY": PROXY, "NO_PROXY": "[fd00::5]"}, None),
        ("http://[fd00::5]/v1", {"HTTP_PROXY": PROXY, "NO_PROXY": "fe80::/10"}, PROXY),
    ],
)
def test_proxies_are_read_as_curl_reads_them(url: str, environment: dict[str, str], proxy: str | None) -> None:
    assert proxy_for(url, environment) == proxy


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("all_proxy", "socks://127.0.0.1:7891/"),
        ("ALL_PROXY", "socks5://user:hunter2@127.0.0.1:7891"),
        ("HTTPS_PROXY", "http://127.0.0.1:notaport"),
        ("HTTPS_PROXY", "http://127.0.0.1\x7f:7890"),
        ("https_proxy", "http://127.0.0.1:99999"),
        ("HTTPS_PROXY", "ftp://user:hunter2@127.0.0.1:21"),
        ("HTTPS_PROXY", "http://"),
        ("HTTPS_PROXY", "http://[::1"),
        ("HTTPS_PROXY", "http://a b"),
    ],
)
def test_a_proxy_that_can_not_be_used_is_one_line_without_its_value(name: str, value: str) -> None:
    with pytest.raises(SettingsError) as caught:
        proxy_for(PUBLIC, {name: value})
    assert str(caught.value).startswith(f"{name}: ")
    assert "\n" not in str(caught.value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("name", ["SSL_CERT_FILE", "SSL_CERT_DIR"])
def test_certificates_that_are_not_there_are_one_line(name: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=f"^{name}: .*is not there") as caught:
        create_tls({name: str(tmp_path / "none")})
    assert "\n" not in str(caught.value)


def test_a_file_that_holds_no_certificate_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "ca.pem"
    file.write_text("no certificate")
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    with pytest.raises(SettingsError, match=r"^SSL_CERT_FILE: can't be used"):
        create_tls({"SSL_CERT_FILE": str(file)})


def test_without_an_endpoint_nothing_is_checked() -> None:
    broken = {"ALL_PROXY": "socks://127.0.0.1:1", "SSL_CERT_FILE": "/nowhere"}
    check_ways([], broken)
    with pytest.raises(SettingsError) as caught:
        check_ways([PUBLIC, LOOPBACK], broken | {"HTTP_PROXY": "ftp://one", "SSL_CERT_DIR": "/nowhere"})
    assert sorted(line.partition(":")[0] for line in caught.value.lines) == [
        *("ALL_PROXY", "HTTP_PROXY", "SSL_CERT_DIR", "SSL_CERT_FILE")
    ]


@pytest.mark.parametrize(
    ("given", "posted_to"),
    [
        (
            "https://host/openai/v1/?api-version=preview",
            "https://host/openai/v1/chat/completions?api-version=preview",
        ),
        ("https://host/v1?a=1&b=2/", "https://host/v1/chat/completions?a=1&b=2"),
        ("https://host", "https://host/chat/completions"),
        ("https://host/v1///", "https://host/v1/chat/completions"),
        ("http://[::1]:8000/v1", "http://[::1]:8000/v1/chat/completions"),
    ],
)
def test_the_query_of_a_base_url_comes_last(given: str, posted_to: str) -> None:
    assert completions_url(base_url(given)) == posted_to
    assert base_url(base_url(given)) == base_url(given)


@pytest.mark.parametrize(
    "url",
    [
        "host/v1",
        "https://",
        "https://host/v1#top",
        "https://a:b@host",
        "http://host:port",
        "http://[::1",
        "http://a b/v1",
        "https://host/v1/chat/completions",
        "https://host/v1/chat/completions/?api-version=preview",
        "https://host/v1?api_key=hunter2",
        "https://host/v1?preview",
    ],
)
def test_a_base_url_that_can_not_be_one_is_refused(url: str) -> None:
    with pytest.raises(ValueError):
        base_url(url)


async def test_extra_headers_and_the_query_reach_the_endpoint() -> None:
    async with FakeCompletions() as fake:
        url = f"{fake.base_url}?api-version=preview"
        headers = {"X-Team": "parley", "accept-encoding": "gzip"}
        client = CompletionsClient(url, "sk-test", SystemClock(), headers=headers)
        deltas = [delta async for delta in client.stream(Request((text_message("user", "Hi"),), "test-model"))]
        await client.close()
        [request] = fake.requests
    assert isinstance(deltas[-1], Ended)
    assert request.path == "/v1/chat/completions?api-version=preview"
    assert request.headers["x-team"] == "parley"
    assert request.headers["accept-encoding"] == "identity"
