"""Settings of the operator, and those that people change for a channel or a workspace.

environment  the operator's, from environment variables and `.env`
live         the core's settings of a running process, which a reload replaces
variables    the variables of the process, of `.env`, and of files with secrets
parley_toml  the file of accounts, models and tool servers
problems     refused values in plain words                          pure
├ file_keys    unknown keys of the file, read as the nearest right ones   pure
├ forms        the form of a value in words                         pure
├ secret_key   the key of secrets of teams                          pure
├ names        unknown names of variables, and near misses          pure
├ nearest      the nearest known name                               pure
├ standards    languages, currencies, time zones                    pure
└ urls         addresses                                            pure
model_accounts  models and keys of a model account, as written     pure
limits       limits of spending as people write them                pure
channel      those of a channel or a workspace                      pure
layers       default <- workspace <- channel                        pure
retention    the time from which the messages of a channel are kept
"""
