"""Which engine serves: the reference (`value`), or the native one where it was built.

The environment variable AUTODIFF_ENGINE=python|native decides otherwise. The rest of the package takes
its `Value` from here; `name` says which engine it is.
"""

from __future__ import annotations

from autodiff.value import Value, apply, dot, name, restore, sum, topological_order

__all__ = ["Value", "apply", "dot", "name", "restore", "sum", "topological_order"]
