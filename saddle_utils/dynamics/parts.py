"""Parts of kernels: compiled into the kernels that call them, and only there."""

from numba.core import compiler
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler_machinery import register_pass
from numba.core.typed_passes import NativeLowering


class PartLibrary(JITCodeLibrary):
    """The code of a part as it was lowered: neither optimised nor made machine code by itself."""

    def _optimize_final_module(self):
        pass

    def _finalize_final_module(self):
        self._finalized = True


@register_pass(mutates_CFG=True, analysis_only=False)
class PartLowering(NativeLowering):
    _name = "part_lowering"

    def run_pass(self, state):
        codegen = state.targetctx.codegen()
        state.library = PartLibrary(codegen, state.func_id.func_qualname)
        state.library.enable_object_caching()
        state.flags.no_compile = True
        super().run_pass(state)
        unique = [].append
        state["cr"] = state["cr"]._replace(cfunc=unique)
        state.targetctx.insert_user_function(unique, state["cr"].fndesc, [state.library])
        return True


class PartCompiler(compiler.CompilerBase):
    def define_pipelines(self):
        pm = compiler.DefaultPassBuilder.define_nopython_pipeline(self.state)
        pm.passes = [(PartLowering, d) if p is NativeLowering else (p, d) for p, d in pm.passes]
        pm.finalize()
        return [pm]
