"""The native engine: the class of `autodiff.value`, node for node and bit for bit, in C; and the tape of Programs.

`value.pyx` is the class, `nodes.pxi` how nodes are made and freed, `rows.pxi` how the rows of the op table are called,
`walks.pxi` the backward pass, `blocks.h` their memory. The tape is `tape.h` and `tape_steps.h`, which `tape.pyx` gives
arrays; it is an extension of its own, and needs nothing of the engine. `generate` writes the rows for the build.
"""
