"""A prepared set as tar shards, which training reads from a disk, a web server or an object store.

Why our own, and how little of it: shards are plain WebDataset archives with an index of where every file begins, so a
reader fetches the bytes of a window and nothing else, over fsspec, which knows local files, HTTP, S3 and others. With
any item at hand at any time a sharded set is a `PreparedSet` like any other: order, processes, workers and resumption
are those of the ordinary loader, and need no code here. Three libraries were looked at in November 2026. `webdataset`
reads archives forwards through a pipe, cannot reopen it where it broke, and keeps no position in a pass.
`mosaicml-streaming` and `litdata` resume, but in formats of their own, and bring 70 and 30 packages, among them SDKs of
clouds and, through torchvision, a PyTorch that this package does not allow yet.
"""
