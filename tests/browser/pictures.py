"""`python -m tests.browser.pictures`: takes the pictures of the README and of the landing page anew."""

import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from tests.browser.stage import build
from tests.support.browsing import SCHEMES, Watch, Windows, launch
from tests.support.still_grid import StillGrid

FOLDER = Path(__file__).parents[2] / "server" / "web" / "static" / "pictures"
HEIGHT = 860
COLOURS = 128


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, StillGrid(Path(folder)) as grid, sync_playwright() as playwright:
        stage = build(grid)
        browser = launch(playwright)
        windows = Windows(browser, Watch(grid.address))
        for scheme in SCHEMES:
            with windows.open(scheme=scheme, person=stage.owner) as page:
                page.goto(f"/projects/{stage.numbers['running']}")
                _take(page, FOLDER / f"project-{scheme}.png")
        with windows.open() as page:
            page.goto("/")
            _take(page, FOLDER / "landing.png")
        browser.close()


def _take(page: Page, path: Path) -> None:
    """The upper part of the page, in few colours: a tenth of the bytes."""
    page.wait_for_timeout(1500)
    path.parent.mkdir(exist_ok=True)
    page.set_viewport_size({"width": 1280, "height": HEIGHT})
    page.screenshot(path=path)
    with Image.open(path) as picture:
        picture.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)


if __name__ == "__main__":
    main()
