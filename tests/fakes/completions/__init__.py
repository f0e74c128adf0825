"""A byte-exact fake of an OpenAI-compatible chat completions endpoint, on loopback.

- `replies`: what to answer, down to the byte (`Words`, `Whole`, `Status`, `Raw`, `Refused`)
- `server`: `FakeCompletions`, which plays replies and remembers what it was asked
- `reference`: what a request may look like
- `pictures`: which pictures an endpoint takes, and how vendors refuse the others
- `tools`: which requests with tools are refused, and `call_tools`, a model that calls tools by name
- `sounds`: what /audio/transcriptions takes
- `embeddings`: what /embeddings takes, and `hashed`, vectors of the words of a text
- `quirks`: every wire quirk we know, each with what a right client makes of it
- `statuses`: error responses as real endpoints send them, each with its failure class
"""

from .embeddings import hashed
from .pictures import VENDORS, PictureRules
from .quirks import QUIRKS, Expect, Quirk
from .reference import request_body_problems
from .replies import Citing, Raw, Refused, Reply, Status, Whole, Words, redirect
from .server import FakeCompletions, Received, closed_port_url, echo
from .statuses import STATUSES, StatusCase
from .tools import NO_TOOLS, ToolRules, call_tools

__all__ = [
    "NO_TOOLS",
    "QUIRKS",
    "STATUSES",
    "VENDORS",
    "Citing",
    "Expect",
    "FakeCompletions",
    "PictureRules",
    "Quirk",
    "Raw",
    "Received",
    "Refused",
    "Reply",
    "Status",
    "StatusCase",
    "ToolRules",
    "Whole",
    "Words",
    "call_tools",
    "closed_port_url",
    "echo",
    "hashed",
    "redirect",
    "request_body_problems",
]
