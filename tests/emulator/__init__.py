"""A server that stands in for AWS in tests: it speaks ECR, and runs functions and tasks on this machine's engine."""
