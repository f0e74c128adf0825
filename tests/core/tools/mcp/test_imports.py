"""The modules that are imported where no server is configured."""

import subprocess
import sys


def test_the_sdk_is_not_imported_with_the_program() -> None:
    script = "import sys, bots.app, bots.programs; print({'mcp', 'mcp_types', 'httpx2'} & {*sys.modules})"
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "set()"
