from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.program import free_port
from tests.fakes.mcp import HttpServers


@pytest.fixture(scope="package")
def fine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HttpServers]:
    """Servers that no test kills."""
    servers = HttpServers(tmp_path_factory.mktemp("mcp"), free_port())
    servers.start()
    servers.wait()
    yield servers
    servers.kill()


@pytest.fixture
def written(fine: HttpServers) -> Path:
    """The file of writing calls, empty."""
    fine.file.write_text("")
    return fine.file
