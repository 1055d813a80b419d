"""What the driver says of this machine's GPUs (NVML): facts of them, and how they are used while a trial runs."""
