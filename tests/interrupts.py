"""Ctrl-C at a line, or an instruction, of one's choice: what tests of interrupts share."""

import sys
from collections.abc import Callable, Collection
from typing import Any


def interrupted_at(place: int, files: Collection[str], action: Callable[[], Any], kind: str = "line") -> bool:
    """Run ``action``, with Ctrl-C before the given line that it executes in ``files``; whether it came that far.

    ``kind``: "line", or "opcode" for the instructions of which lines are made.
    """
    before_it = iter(range(place))

    def trace(frame: Any, event: str, _: Any) -> Any:
        if frame.f_code.co_filename not in files:
            return None
        frame.f_trace_opcodes = kind == "opcode"
        if event == kind and next(before_it, None) is None:
            sys.settrace(None)  # one Ctrl-C; putting things back is not disturbed
            raise KeyboardInterrupt
        return trace

    before = sys.gettrace()
    if kind == "opcode":  # Python 3.12 looks for such a frame when tracing begins
        sys._getframe().f_trace_opcodes = True
    sys.settrace(trace)
    try:
        action()
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(before)
    return False
