"""How numba compiles what only kernels call: once, together with the kernel.

By itself numba optimises a function, and makes machine code of it, and does so again for all that
it calls in each function that calls it: with calls five deep that takes three times as long.
"""

from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import CompilerBase, DefaultPassBuilder
from numba.core.compiler_machinery import register_pass
from numba.core.typed_passes import NativeLowering


class PartLibrary(JITCodeLibrary):
    """Code as it was lowered, which awaits the kernel that it becomes a part of."""

    def _optimize_final_module(self) -> None:
        pass

    def _finalize_final_module(self) -> None:
        self._finalized = True


@register_pass(mutates_CFG=True, analysis_only=False)
class PartLowering(NativeLowering):
    """Lowering into a `PartLibrary`; the function cannot be called from Python."""

    _name = "part_lowering"

    def run_pass(self, state) -> bool:
        state.library = PartLibrary(state.targetctx.codegen(), state.func_id.func_qualname)
        state.flags.no_compile = True
        super().run_pass(state)
        nothing = [].append  # stands for the compiled function: numba wants a built-in one
        state["cr"] = state["cr"]._replace(cfunc=nothing)
        state.targetctx.insert_user_function(nothing, state["cr"].fndesc, [state.library])
        return True


class PartCompiler(CompilerBase):
    """Numba's compiler with this lowering."""

    def define_pipelines(self) -> list:
        passes = DefaultPassBuilder.define_nopython_pipeline(self.state)
        passes.add_pass_after(PartLowering, NativeLowering)
        passes.passes = [one for one in passes.passes if one[0] is not NativeLowering]
        passes.finalize()
        return [passes]
