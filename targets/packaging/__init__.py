"""From a workload to something that starts: one image with two entry points, or one folder of packages."""
