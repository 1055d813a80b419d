"""This machine as a platform: containers of a local engine, and plain processes where there is none."""
