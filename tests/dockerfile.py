"""Runs the steps of the Dockerfile without Docker: ``unshare --mount python -m tests.dockerfile ROOT``, as root.

ROOT is an unpacked base system, such as ``debootstrap --variant=minbase bookworm ROOT`` leaves. RUN, COPY, ENV, USER
and WORKDIR do there what they do in Docker; last comes the health check, as the image's user. What a machine needs to
reach package registries is brought in by ``--mount``, ``--copy`` and ``--env`` (certificates under a name of their own:
the image installs its own list); CUDA is not part of it. Seen to its end on Debian 12 and on Ubuntu 24.04.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parents[1]


@dataclass(frozen=True)
class Step:
    """One instruction of a Dockerfile."""

    word: str
    rest: str


def steps(text: str) -> list[Step]:
    """The instructions of a Dockerfile in order, continued lines joined, comments left out."""
    lines = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#")).replace("\\\n", " ")
    return [Step(*re.match(r"(\w+)\s+(.*)", line).groups()) for line in lines.splitlines() if line.strip()]


@dataclass
class Image:
    """A root folder in the making."""

    root: Path
    env: dict[str, str]
    arguments: dict[str, str] = field(default_factory=dict)
    user: str = "root"
    folder: str = "/"

    def do(self, step: Step) -> None:
        """Carry out one instruction."""
        getattr(self, f"_{step.word.lower()}")(step.rest)

    def run(self, *words: str) -> None:
        """A command inside, by the user and in the folder of this moment.

        Raises:
            CalledProcessError: it failed.
        """
        env = [f"{key}={value}" for key, value in {**self.env, "HOME": self._home()}.items()]
        inside = ["chroot", f"--userspec={self.user}", str(self.root), "env", "-i", *env]
        subprocess.run([*inside, "sh", "-c", 'cd "$0" && exec "$@"', self.folder, *words], check=True)

    def _home(self) -> str:
        return "/root" if self.user == "root" else f"/home/{self.user}"

    def _filled(self, text: str) -> str:
        known = {**self.arguments, **self.env}
        return re.sub(r"\$\{(\w+)\}", lambda found: known[found[1]], text)

    def _arg(self, rest: str) -> None:
        name, _, value = rest.partition("=")
        self.arguments.setdefault(name, value)

    def _from(self, rest: str) -> None:
        assert rest == "${BASE}", "the base must be an argument"

    def _run(self, rest: str) -> None:
        self.run("sh", "-c", self._filled(rest))

    def _user(self, rest: str) -> None:
        self.user = rest

    def _workdir(self, rest: str) -> None:
        self.folder = rest
        (self.root / rest.lstrip("/")).mkdir(parents=True, exist_ok=True)

    def _env(self, rest: str) -> None:
        for pair in self._filled(rest).split():
            name, _, value = pair.partition("=")
            self.env[name] = value

    def _copy(self, rest: str) -> None:
        assert rest == "--chown=assay . ."
        target = self.root / self.folder.lstrip("/")
        tracked = subprocess.run(["git", "archive", "HEAD"], cwd=HERE, check=True, capture_output=True).stdout
        subprocess.run(["tar", "-x", "-C", str(target)], input=tracked, check=True)
        subprocess.run(["chroot", str(self.root), "chown", "-R", self.user, self.folder], check=True)

    def _healthcheck(self, rest: str) -> None:
        self.arguments["HEALTHCHECK"] = rest.removeprefix("CMD ")

    def _cmd(self, rest: str) -> None:
        assert json.loads(rest)[0] == "python"


def main() -> None:
    """Run all steps, then the health check."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", type=Path)
    parser.add_argument("--mount", action="append", default=[], help="a folder of this machine to be seen there, too")
    parser.add_argument("--copy", action="append", default=[], help="a file of this machine to be copied there")
    parser.add_argument("--env", action="append", default=[], metavar="NAME=VALUE", help="a variable for all steps")
    args = parser.parse_args()
    for place in ("/proc", "/dev", *args.mount):
        (args.root / place.lstrip("/")).mkdir(parents=True, exist_ok=True)
        subprocess.run(["mount", "--rbind", place, str(args.root / place.lstrip("/"))], check=True)
    for file in ("/etc/resolv.conf", *args.copy):
        (args.root / file.lstrip("/")).parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["cp", "-rLT", file, str(args.root / file.lstrip("/"))], check=True)
    path = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
    image = Image(args.root, {**path, **dict(pair.split("=", 1) for pair in args.env)})
    for step in steps((HERE / "Dockerfile").read_text()):
        print(f"== {step.word} {step.rest}", flush=True)  # noqa: T201 - a program
        image.do(step)
    print(f"== health check as {image.user}", flush=True)  # noqa: T201
    image.run(*json.loads(image.arguments["HEALTHCHECK"]))


if __name__ == "__main__":
    main()
