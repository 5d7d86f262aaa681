"""What tests and measurements run: control planes, the product as a process, clients of its streams."""
