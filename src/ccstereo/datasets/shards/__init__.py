"""A prepared set as tar shards that training streams."""
