"""The compiled engine. Its kernels are printed from the rules, so they can't be there before the build."""

import sys
import sysconfig
from pathlib import Path
from typing import Any

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

NATIVE = Path("autograd", "native")
STRICT = ["/O2", "/fp:strict"] if sys.platform == "win32" else ["-O2", "-std=c11", "-ffp-contract=off"]


class BuildEngine(build_ext):
    """Print the kernels, then compile."""

    def build_extension(self, ext: Any) -> None:
        """Build one extension; `optional` lets an install without a C compiler succeed."""
        sys.path.insert(0, str(Path(__file__).parent))
        from autograd.native import printer

        Path(self.build_temp).mkdir(parents=True, exist_ok=True)
        printer.main(Path(self.build_temp, "kernels.h"))
        ext.include_dirs += [str(NATIVE), self.build_temp]
        super().build_extension(ext)


engine = Extension(
    "autograd.native._engine",
    [str(NATIVE / "engine.c")],
    depends=[str(path) for path in (*NATIVE.glob("*.h"), *NATIVE.glob("*.py"), *NATIVE.parent.glob("*.py"))],
    extra_compile_args=STRICT,
    optional=True,
)
if sysconfig.get_config_var("Py_GIL_DISABLED"):
    print("chainrule: the compiled engine needs the GIL; this free-threaded Python gets the pure one", file=sys.stderr)
setup(
    ext_modules=[] if sysconfig.get_config_var("Py_GIL_DISABLED") else [engine],
    cmdclass={"build_ext": BuildEngine},
)
