"""What the model is given for a turn.

context   the thread of a turn, read from the platform once and from the store after that
prompt    the messages of an answer      pure
summary   the messages of a summary      pure
tokens    the length of a text for a model, estimated without its tokenizer   pure
"""
