"""This machine as a platform: containers of a local engine, and plain processes where there is none."""

import pkgutil

__path__ = pkgutil.extend_path(__path__, __name__)
