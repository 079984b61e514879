"""Which source stands where in a scene."""
