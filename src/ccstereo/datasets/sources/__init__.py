"""Where prepared sets come from: one file a data set."""
