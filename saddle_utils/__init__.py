"""Saddle to saddle: networks that learn one effective unit at a time, from small weights.

A companion to "Saddle-to-Saddle Dynamics Explains A Simplicity Bias Across Neural Network
Architectures" (arXiv 2512.20607).  The names offered here are listed in `__init__.pyi`; each is
imported when it is first used, so that `import saddle_utils` takes no time and torch is loaded only
by what needs it.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
