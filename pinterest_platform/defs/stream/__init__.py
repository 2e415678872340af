"""`pinterest_stream` and `profile_popularity`: the streaming run, its sensor and its checks. The work is done in
`pinterest_platform.stream`.
"""
