"""The Web API: one small function a method, found by name in METHODS.

Each method's page is https://docs.slack.dev/reference/methods/<name>/; errors are named as there. What is not
documented says where it was met.
"""

from . import agents, chat, conversations, files, search, streams, views
from .table import METHODS, Method

__all__ = ["METHODS", "Method", "agents", "chat", "conversations", "files", "search", "streams", "views"]
