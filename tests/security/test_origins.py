"""Who may talk to the server: hosts, origins, the metrics, and the headers of every answer."""

import asyncio

import pytest
from streamlit import config

from pages.shared.origins import Guard

OWN = "localhost:8501"


def ask(kind="http", method="GET", path="/", host=OWN, origin=None):
    """(status, headers) of an answer; a WebSocket's status is 101 or 403."""
    headers = [(b"host", host.encode())] if host else []
    headers += [(b"origin", origin.encode())] if origin else []
    scope = {"type": kind, "method": method, "path": path, "headers": headers}
    sent = []

    async def app(scope, receive, send):
        if kind == "websocket":
            await send({"type": "websocket.accept"})
        else:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b""})

    async def send(message):
        sent.append(message)

    asyncio.run(Guard(app)(scope, None, send))
    if kind == "websocket":
        return (101 if sent[0]["type"] == "websocket.accept" else 403), {}
    return sent[0]["status"], dict(sent[0]["headers"])


@pytest.fixture
def listed(monkeypatch):
    """Lists names and origins in the configuration."""
    read = config.get_option

    def listing(**options):
        given = {f"server.{name}": value for name, value in options.items()}
        monkeypatch.setattr(config, "get_option", lambda key: given.get(key) or read(key))

    return listing


@pytest.mark.parametrize("how", [{"kind": "websocket"}, {"method": "PUT"}, {"method": "DELETE"}])
@pytest.mark.parametrize(
    ("host", "origin", "allowed"),
    [
        (OWN, f"http://{OWN}", True),
        ("127.0.0.1:8501", "http://127.0.0.1:8501", True),
        ("[::1]:8501", "http://[::1]:8501", True),
        ("10.0.0.7:8501", "https://10.0.0.7:8501", True),
        (OWN, "http://localhost:9999", False),  # another page on this machine
        (OWN, "http://127.0.0.1:8501", False),
        (OWN, "http://evil.example", False),
        (OWN, "null", False),
        (OWN, None, False),
        ("evil.example:8501", "http://evil.example:8501", False),  # a name that was led here
        ("", "http://", False),
    ],
)
def test_only_pages_of_this_server_may_change_something(how, host, origin, allowed):
    status, _ = ask(host=host, origin=origin, **how)
    assert (status in (101, 200)) == allowed


def test_reading_needs_a_known_host_and_no_origin():
    assert ask()[0] == 200
    assert ask(host="evil.example")[0] == 403


def test_names_and_origins_of_the_configuration_are_known(listed):
    listed(allowedHosts=["*.ward.example"], corsAllowedOrigins=["https://front.example"])
    assert ask(host="pc1.ward.example")[0] == 200
    assert ask(host="ward.example.evil")[0] == 403
    assert ask("websocket", host=OWN, origin="https://front.example")[0] == 101


def test_the_metrics_are_closed():
    assert ask(path="/_stcore/metrics")[0] == 404
    assert ask(path="/base/_stcore/metrics/")[0] == 404


def test_every_answer_has_the_headers():
    _, headers = ask()
    policy = headers[b"content-security-policy"].decode()
    assert "frame-ancestors 'none'" in policy
    assert "unsafe-eval'" not in policy.replace("wasm-unsafe-eval'", "")
    assert headers[b"x-content-type-options"] == b"nosniff"
