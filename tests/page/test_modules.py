"""The page's modules, tested by Node's own runner."""

import subprocess
from pathlib import Path

from tests.page import NODE

HERE = Path(__file__).parent


def test_the_modules_that_need_no_page() -> None:
    files = [str(path) for path in HERE.glob("*.test.mjs")]
    run = subprocess.run([NODE, "--test", *files], capture_output=True, text=True, timeout=300, check=False)
    assert run.returncode == 0, run.stdout[-4000:] + run.stderr[-1000:]
