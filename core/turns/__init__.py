"""A stored turn becomes an answer.

queue        turns of a place run one at a time, in order
runner       one turn from end to end
running      the answers that are being written, and what interrupts them
checkpoints  partial answers, stored once a second
recovery     open turns that no queue has
"""
