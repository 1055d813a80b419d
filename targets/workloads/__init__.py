"""One file per model; importing one is cheap, only load() imports what is heavy."""

import pkgutil

__path__ = pkgutil.extend_path(__path__, __name__)
