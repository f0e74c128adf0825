"""Settings of the operator, and those that people change for a channel or a workspace.

environment  the operator's, from environment variables and `.env`
parley_toml  the file of accounts, models and tool servers
limits       limits of spending as people write them                pure
channel      those of a channel or a workspace                      pure
layers       default <- workspace <- channel                        pure
retention    the time from which the messages of a channel are kept
"""
