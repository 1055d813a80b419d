"""When requests leave, and how they are sent: the only code that imports locust or gevent."""

import pkgutil

__path__ = pkgutil.extend_path(__path__, __name__)  # a sender of one's own may lie in another folder
