"""The web page, `ccstereo app` (`pip install 'ccstereo[app]'`): videos in, binaural videos out, on this machine."""
