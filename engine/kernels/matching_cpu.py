"""What the matching engine asks of the processor directly: exact integer widths, a bit scan, a cache line in time.

An unsigned index also spares the test for a negative one, which counts from the end.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.core import cgutils
from numba.cpython.unsafe import numbers
from numba.extending import intrinsic

# To the type checker these are functions over plain numbers.
i64: Any = np.int64
u32: Any = np.uint32
u64: Any = np.uint64
trailing_zeros: Any = numbers.trailing_zeros
leading_zeros: Any = numbers.leading_zeros

_READ, _KEEP, _DATA = 0, 3, 1  # operands of llvm.prefetch


def _prefetch(typing_context: Any, array: Any, index: Any) -> Any:
    """prefetch(array, index), of one dimension: fetch the item's cache line and go on."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        view = context.make_array(array)(context, builder, arguments[0])
        item = cgutils.get_item_pointer(  # type: ignore[no-untyped-call]
            context, builder, array, view, [arguments[1]], wraparound=False, boundscheck=False
        )
        address = builder.bitcast(item, cgutils.voidptr_t)
        hints = [cgutils.int32_t(hint) for hint in (_READ, _KEEP, _DATA)]
        takes = ir.FunctionType(ir.VoidType(), [address.type, *(hint.type for hint in hints)])
        builder.call(
            builder.module.declare_intrinsic("llvm.prefetch", [address.type], takes), [address, *hints]
        )
        return context.get_dummy_value()

    return types.void(array, index), generate


prefetch: Any = intrinsic(_prefetch)
