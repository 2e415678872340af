"""What several tests share: suites, twins of the stores, builders of data, and servers."""
