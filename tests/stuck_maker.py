"""A process that was to make an export and never comes to it."""

import time

if __name__ == "__main__":
    time.sleep(600)
