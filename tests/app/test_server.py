"""The server without a browser: who is let in, what is given, and what stays on disk."""

import json
import urllib.error
import urllib.request

import pytest


def ask(address: str, *, method: str = "GET", data: bytes | None = None, **headers: str):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(address, data, named, method=method)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read(), dict(answer.headers)
    except urllib.error.HTTPError as error:
        return error.code, error.read(), dict(error.headers)


def test_what_is_uploaded_can_be_asked_for_in_parts_and_removed(server) -> None:
    status, body, _ = ask(f"{server.address}files?name=..%2F..%2Fx%20y.mp4", method="POST", data=bytes(range(100)))
    stored = json.loads(body)
    assert (status, stored["name"], stored["bytes"]) == (200, "x y.mp4", 100)
    address = f"{server.address}files/{stored['token']}"
    assert ask(address)[:2] == (200, bytes(range(100)))
    assert ask(address, Range="bytes=10-19")[:2] == (206, bytes(range(10, 20)))
    assert "attachment" in ask(f"{address}?download")[2]["content-disposition"]
    assert ask(address, method="DELETE")[0] == 204
    assert ask(address)[0] == 404


def test_too_large_is_refused_before_it_is_written(server) -> None:
    before = server.files()
    status, body, _ = ask(f"{server.address}files?name=x.mp4", method="POST", data=bytes(5_000_001))
    assert status == 413
    assert "x.mp4: is larger than 5 MB" in json.loads(body)["error"]
    assert server.files() <= before  # those of a page that was closed may have gone meanwhile


def test_only_this_page_may_ask(server) -> None:
    assert ask(f"{server.address}files?name=x", method="POST", data=b"x", Origin="http://elsewhere.example")[0] == 403
    assert ask(server.address, Host="elsewhere.example")[0] == 403
    for closed in ("gradio_api/upload", "gradio_api/file=/etc/passwd"):
        assert ask(server.address + closed)[0] == 404
    status, body, headers = ask(server.address)
    assert status == 200
    assert "default-src 'self'" in headers["content-security-policy"]
    assert str(server.folder) not in body.decode()


def test_a_password_keeps_others_out(start_server) -> None:
    server = start_server("--auth", "anna:a b")
    assert ask(server.address)[0] == 401
    assert ask(f"{server.address}files?name=x", method="POST", data=b"x")[0] == 401
    assert ask(server.address, Authorization="Basic YW5uYTp3cm9uZw==")[0] == 401
    assert ask(server.address, Authorization="Basic YW5uYTphIGI=")[0] == 200


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--host", "0.0.0.0"], "give --auth"),
        (["--auth", "anna"], "USER:PASSWORD"),
        (["--port", "70000"], "65535"),
        (["--max-seconds", "0"], "above 0"),
    ],
)
def test_wrong_usage(options, message, capsys) -> None:
    from ccstereo.cli.main import main

    with pytest.raises(SystemExit) as stop:
        main(["app", *options])
    assert stop.value.code == 2
    assert message in capsys.readouterr().err


def test_a_port_that_is_taken(server, capsys) -> None:
    from ccstereo.cli.main import main

    port = server.address.rpartition(":")[2].strip("/")
    assert main(["app", "--port", port]) == 1
    assert "--port 0 takes a free one" in capsys.readouterr().err
