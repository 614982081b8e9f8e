"""Fetching a model by its hub's name, from a hub on this machine: what is asked for, what works without it later."""

from __future__ import annotations

import http.server
import json
import os
import subprocess
import sys
import threading
from hashlib import sha256
from pathlib import Path

import pytest

from engine.sentiment.local_options import installed
from tests.sentiment import tiny

if not installed():
    pytest.skip("the models extra is not installed", allow_module_level=True)

SCRIPT = """
import json, os
from engine.sentiment.local import OutOfReach, load
from engine.sentiment.local_options import LocalOptions
found = []
for name in ("me/tiny", "me/none", "me/tiny", "me/other"):
    try:
        tier = load(LocalOptions(model=name, doubt="none"))
        found.append([tier.model, float(tier.predict_batch(["going to zero"]).polarity[0])])
    except ValueError as error:
        found.append([type(error).__name__, str(error)])
    if len(found) == 2:
        print(flush=True)
        input()
print(json.dumps(found))
"""


class Hub(http.server.ThreadingHTTPServer):
    """One repository, me/tiny: a folder's files and a pickle that nobody should want."""

    commit = "c" * 40

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), Answers)
        self.files = {path.name: path.read_bytes() for path in folder.iterdir()} | {
            "pytorch_model.bin": b"pickle"
        }
        self.asked: set[str] = set()

    def answer(self, path: str) -> bytes | None:
        self.asked.add(path.rpartition("/")[2])
        if not path.startswith(("/api/models/me/tiny/", "/me/tiny/resolve/")):
            return None
        if "/tree/" in path:
            listed = [
                {"type": "file", "path": name, "size": len(blob), "oid": "0" * 40}
                for name, blob in self.files.items()
            ]
            return json.dumps(listed).encode()
        if path.startswith("/api/"):
            siblings = [{"rfilename": name} for name in self.files]
            return json.dumps({"id": "me/tiny", "sha": self.commit, "siblings": siblings}).encode()
        return self.files.get(path.rpartition("/")[2])


class Answers(http.server.BaseHTTPRequestHandler):
    server: Hub

    def do_GET(self) -> None:
        blob = self.server.answer(self.path)
        self.send_response(200 if blob is not None else 404)
        if blob is None:
            self.send_header("X-Error-Code", "RepoNotFound")
        self.send_header("X-Repo-Commit", self.server.commit)
        self.send_header("ETag", f'"{sha256(blob or b"").hexdigest()}"')
        self.send_header("Content-Length", str(len(blob or b"")))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(blob or b"")

    do_HEAD = do_GET

    def log_message(self, *_: object) -> None:
        """Nothing: pytest's output is no log."""


def test_a_hubs_model_is_fetched_once_and_without_its_pickle(tmp_path: Path) -> None:
    folder = tiny.make(tmp_path / "tiny")
    hub = Hub(folder)
    threading.Thread(target=hub.serve_forever, daemon=True).start()
    own = {
        "HF_ENDPOINT": f"http://127.0.0.1:{hub.server_port}",
        "HF_HOME": str(tmp_path / "hub"),
        "HF_HUB_OFFLINE": "0",
    }
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT],
        env=os.environ | own,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        hub.shutdown()
        hub.server_close()
        out, _ = child.communicate("\n", timeout=60)
    first, none, again, other = json.loads(out)
    assert first[0].startswith("tiny@")
    assert again == first, "without the hub the model is still here"
    assert none[0] == "BadModel"
    assert "what the hub calls one, found me/none" in none[1]
    assert other[0] == "OutOfReach"
    assert "me/other is not on this machine" in other[1]
    assert "model.safetensors" in hub.asked
    assert "pytorch_model.bin" not in hub.asked
