"""A byte-exact fake of an OpenAI-compatible chat completions endpoint, on loopback.

- `replies`: what to answer, down to the byte (`Words`, `Whole`, `Status`, `Raw`, `Refused`)
- `server`: `FakeCompletions`, which plays replies and remembers what it was asked
- `reference`: what a request may look like
- `pictures`: which pictures an endpoint takes, and how vendors refuse the others
- `sounds`: what /audio/transcriptions takes
- `quirks`: every wire quirk we know, each with what a right client makes of it
- `statuses`: error responses as real endpoints send them, each with its failure class
"""

from .pictures import VENDORS, PictureRules
from .quirks import QUIRKS, Expect, Quirk
from .reference import request_body_problems
from .replies import Raw, Refused, Reply, Status, Whole, Words, redirect
from .server import FakeCompletions, Received, closed_port_url, echo
from .statuses import STATUSES, StatusCase

__all__ = [
    "QUIRKS",
    "STATUSES",
    "VENDORS",
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
    "Whole",
    "Words",
    "closed_port_url",
    "echo",
    "redirect",
    "request_body_problems",
]
