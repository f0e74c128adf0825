"""The files of the site that `make docs` builds: pages and pictures under the paths that they have in the repository.

A link between two pages is therefore the same on the site as in the repository, also to a page outside `docs`.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files, InclusionLevel

TOP = Path(__file__).parents[1]
_FROM_OTHER_HOSTS = re.compile(r'<(?:script|link|img)\b[^>]*(?:src|href)="(https?://[^"]*)')
OTHERS = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", ".env.example", "deploy/**/*")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Move what is in `docs` to `docs/` of the site, beside the other files."""
    for file in list(files):
        path = Path(file.abs_src_path or "")
        if path.is_relative_to(config.docs_dir):
            files.remove(file)
    pages = [path for path in Path(config.docs_dir).iterdir() if path.suffix in (".md", ".svg", ".css")]
    others = [path for pattern in OTHERS for path in TOP.glob(pattern) if path.is_file()]
    for path in sorted({*pages, *others}):
        name = path.relative_to(TOP).as_posix()
        included = InclusionLevel.INCLUDED  # .env.example too, whose name begins with a dot
        files.append(File.generated(config, name, abs_src_path=str(path), inclusion=included))
    return files


def on_post_page(output: str, page: Any, config: MkDocsConfig) -> str:
    """Refuse a page that loads something from another host: the site is read without a network too."""
    if found := _FROM_OTHER_HOSTS.findall(output):
        raise PluginError(f"{page.file.src_uri} loads {', '.join(found)}")
    return output
