"""The mailboxes through which the threads of the compiled pool hand over tasks (`thread_pool.py`)."""

MAX_WORKERS = 63
"""As many as a word has bits but one: those that have a task are noted in a word. The caller runs further bands."""

FREE, RESERVED, POSTED, RUNNING, DONE = range(5)
TASK = 9  # words: an address, a plan, four arrays, the band's first row, last row and number
MAILBOX = 16  # words: the state, a task and padding, so that no two workers write to one cache line
