"""When requests leave, and how they are sent: the only code that imports locust or gevent."""
