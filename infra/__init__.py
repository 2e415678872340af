"""What runs the platform: the local stack, its command line, containers, monitoring and the servers' configuration."""
