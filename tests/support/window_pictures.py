"""`python -m tests.support.window_pictures` draws anew what the windows show: they have no Pillow of their own."""

from pathlib import Path

from volunteer.tray.pictures import save_all

if __name__ == "__main__":
    save_all(Path(__file__).parents[2] / "volunteer" / "windows" / "pictures", (64, 128))
