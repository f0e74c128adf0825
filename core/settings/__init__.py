"""Settings: what the operator sets, and what people set for a channel or a workspace.

environment  the operator's, from environment variables and `.env`
channel      those of a channel: default <- workspace <- channel    pure
"""
