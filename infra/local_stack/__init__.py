"""The local stack: real servers as plain processes on 127.0.0.1, started, checked and stopped without root or Docker.

The servers' configuration files are in one folder per server next to this package, such as `infra/kafka`.
"""
