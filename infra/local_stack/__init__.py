"""The local stack: real servers as plain processes on 127.0.0.1, started, checked and stopped without root or Docker.

Belongs here: artifacts, processes, health and the command line. Does not belong here: what the platform does with the
servers, and the configuration files themselves, which lie in a folder a server next to this package.
"""
