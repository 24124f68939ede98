"""Released weights: what the index may say, and that a fetch keeps nothing but what was asked for."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from training import weights
from training.core import download
from training.core.errors import DataError, WeightsError
from training.core.paths import CONFIG
from training.core.registry import DETECTORS
from training.networks import zoo
from training.released import INDEX, Released, fetch, fetched, read_index, verify

CONTENT = bytes(range(256)) * 400
SHA256 = hashlib.sha256(CONTENT).hexdigest()
BROKEN = 30_000


class Server(BaseHTTPRequestHandler):
    """Sends CONTENT: ``/whole`` from where it is asked to, ``/plain`` always all, ``/broken`` breaks off."""

    asked: list[tuple[str, str | None]]

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        self.asked.append((self.path, wanted))
        begin = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and self.path != "/plain" else 0
        if self.path == "/none":
            return self.send_error(404)
        if begin >= len(CONTENT):
            return self.send_error(416)
        self.send_response(206 if begin else 200)
        self.send_header("Content-Length", str(len(CONTENT) - begin))
        self.end_headers()
        self.wfile.write(CONTENT[begin : BROKEN if self.path == "/broken" else None])
        return None

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[Callable[[str], str]]:
    """``server("/whole")``: an address; ``server.asked``: what was asked for so far."""
    kind = type("Own", (Server,), {"asked": []})
    running = ThreadingHTTPServer(("127.0.0.1", 0), kind)
    threading.Thread(target=running.serve_forever, daemon=True).start()

    def address(path: str) -> str:
        return f"http://127.0.0.1:{running.server_port}{path}"

    address.asked = kind.asked
    yield address
    running.shutdown()


def entry(address: str | None, **rest: object) -> Released:
    given = {"file": "net.pth", "address": address, "sha256": SHA256, "size": len(CONTENT), "licence": "MIT"}
    return Released(**given | {"noncommercial": False, "detector": None, "protocol": None, "about": "a test"} | rest)


def test_a_fetch_is_checked_recorded_and_not_done_twice(server: Callable, tmp_path: Path) -> None:
    path = fetch("net", entry(server("/whole")), tmp_path)
    assert path.read_bytes() == CONTENT and verify("net", entry(None), tmp_path) == "as told"
    known = fetched(tmp_path)["net"]
    assert (known["sha256"], known["sha256_was_known"], known["acknowledged"]) == (SHA256, True, None)
    fetch("net", entry(server("/whole")), tmp_path)
    assert server.asked == [("/whole", None)]


def test_a_fetch_that_broke_off_goes_on_where_it_was(server: Callable, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=rf"/broken: cannot be fetched .*; {BROKEN} bytes are kept, the same command"):
        fetch("net", entry(server("/broken")), tmp_path)
    assert not (tmp_path / "net.pth").exists() and not fetched(tmp_path)
    assert fetch("net", entry(server("/whole")), tmp_path).read_bytes() == CONTENT
    assert server.asked[-1] == ("/whole", f"bytes={BROKEN}-")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["fetched.json", "net.pth"]


@pytest.mark.parametrize("path", ["/plain", "/whole"])
def test_a_server_may_send_all_again_or_have_no_more(path: str, server: Callable, tmp_path: Path) -> None:
    (tmp_path / "net.pth.part").write_bytes(CONTENT if path == "/whole" else CONTENT[:BROKEN])
    assert fetch("net", entry(server(path)), tmp_path).read_bytes() == CONTENT


@pytest.mark.parametrize(
    "wrong", [{"sha256": "0" * 64, "size": None}, {"sha256": None, "size": 7}], ids=["hash", "size"]
)
def test_another_file_is_refused_and_not_kept(wrong: dict, server: Callable, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"it is refused"):
        fetch("net", entry(server("/whole"), **wrong), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_hash_is_recorded_and_compared_from_then_on(server: Callable, tmp_path: Path) -> None:
    open_entry = entry(server("/whole"), sha256=None, size=None)
    path = fetch("net", open_entry, tmp_path)
    assert fetched(tmp_path)["net"]["sha256_was_known"] is False
    assert verify("net", open_entry, tmp_path) == "as first fetched"
    path.write_bytes(b"another")
    with pytest.raises(DataError, match="its SHA-256 is"):
        verify("net", open_entry, tmp_path)
    with pytest.raises(DataError, match="its SHA-256 is"):
        fetch("net", open_entry, tmp_path)
    assert "no hash is known" in verify("other", open_entry, tmp_path)


def test_non_commercial_terms_are_acknowledged_once_and_recorded(server: Callable, tmp_path: Path) -> None:
    bound = entry(server("/whole"), licence="CC BY-NC 4.0", noncommercial=True)
    with pytest.raises(WeightsError, match=r"net: CC BY-NC 4.0; fetch it with --acknowledge"):
        fetch("net", bound, tmp_path)
    assert server.asked == []
    path = fetch("net", bound, tmp_path, acknowledged=True)
    assert fetched(tmp_path)["net"]["acknowledged"]
    path.unlink()
    assert fetch("net", bound, tmp_path).is_file()


def test_offline_and_wrong_addresses_are_explained(server: Callable, tmp_path: Path) -> None:
    for address in (server("/none"), "http://127.0.0.1:9/none"):
        with pytest.raises(
            DataError, match=r"net: http.*/none: cannot be fetched .*offline, put the file into .*net.pth"
        ):
            fetch("net", entry(address), tmp_path)
    with pytest.raises(WeightsError, match="net: has no address to fetch it from; a test"):
        fetch("net", entry(None), tmp_path)


def test_the_command_lists_fetches_and_verifies(
    server: Callable, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    index = tmp_path / "index.json"
    tree = {"good": vars(entry(server("/whole"))), "bad": vars(entry(None, file="bad.pth", noncommercial=True))}
    index.write_text(json.dumps({"weights": tree}))
    words = ["--index", str(index), "--output", str(tmp_path)]
    assert weights.main(["list", *words]) == 0
    assert weights.main(["fetch", "good", *words]) == 0
    assert weights.main(["verify", *words]) == 0
    assert capsys.readouterr().out.endswith("good: as told\n")
    assert weights.main(["verify", "bad", *words]) == 1
    (tmp_path / "net.pth").write_bytes(b"another")
    assert weights.main(["verify", *words]) == 1
    assert "good: problem: " in capsys.readouterr().out
    with pytest.raises(WeightsError, match="unknown weights 'god'; did you mean 'good'"):
        weights.main(["fetch", "god", *words])
    with pytest.raises(SystemExit):
        weights.main(["fetch", *words])


@pytest.mark.parametrize(
    "change", [{"file": "../net.pth"}, {"file": "/net.pth"}, {"colour": 1}, {"size": "big"}], ids=str
)
def test_damaged_indexes_are_refused(change: dict, tmp_path: Path) -> None:
    (tmp_path / "index.json").write_text(json.dumps({"weights": {"net": vars(entry(None)) | change}}))
    with pytest.raises(WeightsError, match=r"index\.json"):
        read_index(tmp_path / "index.json")


def test_the_index_names_what_there_is() -> None:
    protocols = {path.stem for path in (CONFIG / "protocol").glob("*.yaml")}
    for name, one in read_index(INDEX).items():
        assert one.detector is None or one.detector in DETECTORS.names()
        assert (one.detector is None) == (one.protocol is None) and (one.protocol is None or one.protocol in protocols)
        assert one.sha256 is None or (len(one.sha256) == 64 and int(one.sha256, 16))
        assert one.address is None or one.address.startswith(("https://", "http://"))
        assert one.sha256 is not None or one.address is not None
        if not one.file.endswith(".dat") and one.detector is None:
            assert name in zoo.BACKBONES and Path(one.file).stem == name  # where a backbone looks for it
        assert one.noncommercial or "NC" not in one.licence


def test_a_checked_file_is_the_one_that_was_hashed(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(CONTENT)
    assert download.checked(tmp_path / "file", SHA256, len(CONTENT)) == SHA256
