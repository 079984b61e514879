"""From a dry sound and its direction to two ears: heads and rooms."""
