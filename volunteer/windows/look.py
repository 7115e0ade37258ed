"""How the windows look: the colours of the grid's web pages, light and dark, rounded, sized for the screen."""

import base64
import tkinter
from pathlib import Path
from tkinter import font, ttk
from typing import Any

from volunteer.control.menu import Picture
from volunteer.windows.palette import Palette
from volunteer.windows.shapes import Box, png
from volunteer.windows.sharpness import settle_scale

PICTURES = Path(__file__).with_name("pictures")


class Look:
    """Of one window. `px` turns the measures of a plain 96-dpi screen into this screen's pixels."""

    def __init__(self, root: tkinter.Tk, palette: Palette) -> None:
        self.root = root
        self.palette = palette
        self.scale = settle_scale(root)
        self._images: list[tkinter.PhotoImage] = []
        self._new_fonts: list[font.Font] = []
        self._style = ttk.Style(root)
        self._style.theme_use("clam")
        root.configure(background=palette.ground)
        self._fonts()
        self._plain()
        self._buttons()
        self._entries()
        self._switches()
        self._bar()
        self._tabs()

    def px(self, measure: float) -> int:
        return round(measure * self.scale)

    def picture(self, which: Picture) -> tkinter.PhotoImage:
        """64 units wide; the finer file where the screen is finer."""
        factor = 2 if self.scale > 1.25 else 1
        return self._kept(tkinter.PhotoImage(master=self.root, file=str(PICTURES / f"{which.value}-{64 * factor}.png")))

    def menu_colours(self) -> dict[str, Any]:
        """For a plain Tk menu, which knows no styles."""
        p = self.palette
        return {
            "background": p.card, "foreground": p.text, "activebackground": p.strong, "activeforeground": p.on_strong,
            "borderwidth": 1, "activeborderwidth": 0, "relief": "flat", "font": "TkDefaultFont",
        }  # fmt: skip

    def _fonts(self) -> None:
        base = font.nametofont("TkDefaultFont", self.root)
        family = base.actual("family")
        size = max(abs(base.actual("size")), 10)
        fixed = font.nametofont("TkFixedFont", self.root).actual("family")
        for name in ("TkDefaultFont", "TkTextFont", "TkMenuFont", "TkHeadingFont"):
            font.nametofont(name, self.root).configure(family=family, size=size)
        for name, a_family, a_size, bold in (
            ("DaigSmall", family, size - 1, False),
            ("DaigStrong", family, size, True),
            ("DaigTitle", family, size + 5, True),
            ("DaigNumber", family, size + 6, True),
            ("DaigCode", fixed, size + 18, True),
        ):
            self._new_fonts.append(font.Font(self.root, name=name, family=a_family, size=a_size))
            self._new_fonts[-1].configure(weight="bold" if bold else "normal")

    def _plain(self) -> None:
        p = self.palette
        style = self._style
        style.configure(".", background=p.ground, foreground=p.text, font="TkDefaultFont", borderwidth=0, focuscolor="")
        style.configure("TFrame", background=p.ground)
        for ground, prefix in ((p.ground, ""), (p.card, "Card.")):
            style.configure(f"{prefix}TLabel", background=ground, foreground=p.text)
            style.configure(f"{prefix}Muted.TLabel", background=ground, foreground=p.muted, font="DaigSmall")
            style.configure(f"{prefix}Strong.TLabel", background=ground, foreground=p.text, font="DaigStrong")
            style.configure(f"{prefix}Title.TLabel", background=ground, foreground=p.text, font="DaigTitle")
            style.configure(f"{prefix}Number.TLabel", background=ground, foreground=p.text, font="DaigNumber")
            style.configure(f"{prefix}Bad.TLabel", background=ground, foreground=p.bad, font="DaigSmall")
            style.configure(f"{prefix}Code.TLabel", background=ground, foreground=p.good, font="DaigCode")
        style.configure("Card.TFrame", background=p.card)
        style.configure("Line.TFrame", background=p.border)
        self._element("Card.box", 10, 26, {"": (p.card, p.border)})
        self._layout("Box.TFrame", [("Card.box", {"sticky": "nsew"})])
        for name, soft, colour in (
            ("Problem", p.bad_soft, p.bad), ("Remark", p.warn_soft, p.warn), ("Good", p.good_soft, p.good),
        ):  # fmt: skip
            self._element(f"{name}.box", 10, 26, {"": (soft, soft)})
            self._layout(f"{name}.TFrame", [(f"{name}.box", {"sticky": "nsew"})])
            style.configure(f"{name}.TLabel", background=soft, foreground=colour)

    def _buttons(self) -> None:
        p = self.palette
        strong = {
            "": (p.strong, p.strong), "disabled": (p.quiet_over, p.quiet_over), "focus": (p.strong, p.text),
            "pressed": (p.strong_down, p.strong_down), "active": (p.strong_over, p.strong_over),
        }  # fmt: skip
        quiet = {
            "": (p.ground, p.border), "disabled": (p.ground, p.border), "pressed": (p.border, p.border),
            "active": (p.quiet_over, p.border), "focus": (p.ground, p.strong_over),
        }  # fmt: skip
        link = {"": (p.ground, p.ground), "active": (p.quiet_over, p.quiet_over), "focus": (p.ground, p.strong_over)}
        for name, kind, boxes, colour in (
            ("Strong.TButton", "Button", strong, p.on_strong), ("TButton", "Button", quiet, p.text),
            ("Link.TButton", "Button", link, p.good), ("TMenubutton", "Menubutton", quiet, p.text),
        ):  # fmt: skip
            self._element(f"{name}.box", 7, 24, boxes)
            label = [(f"{kind}.label", {"sticky": "nsew"})]
            padding = [(f"{kind}.padding", {"sticky": "nsew", "children": label})]
            self._layout(name, [(f"{name}.box", {"sticky": "nsew", "children": padding})])
            self._style.configure(
                name, foreground=colour, padding=(self.px(14), self.px(9)), anchor="center", background=p.ground
            )
            self._calm(name)
        self._style.configure("Link.TButton", padding=(self.px(8), self.px(5)), width=0)

    def _entries(self) -> None:
        p = self.palette
        boxes = {"": (p.field, p.border), "invalid": (p.field, p.bad), "focus": (p.field, p.strong_over)}
        self._element("Field.box", 7, 24, boxes)
        inside = [("Entry.padding", {"sticky": "nsew", "children": [("Entry.textarea", {"sticky": "nsew"})]})]
        self._layout("TEntry", [("Field.box", {"sticky": "nsew", "children": inside})])
        self._style.configure(
            "TEntry", foreground=p.text, insertcolor=p.text, padding=(self.px(10), self.px(8)),
            selectbackground=p.strong, selectforeground=p.on_strong,
        )  # fmt: skip
        self._calm("TEntry")

    def _switches(self) -> None:
        """Yes or no as a switch, one of several as a round mark."""
        p, high = self.palette, self.px(20)
        wide = self.px(36)

        def switch(on: bool, ring: bool) -> tkinter.PhotoImage:
            colour = p.strong if on else p.muted
            knob = wide - high if on else 0
            edge = self.px(2)
            boxes = [Box(0, 0, wide, high, high, p.text if ring else colour)]
            boxes.append(Box(edge, edge, wide - edge, high - edge, high, colour) if ring else boxes[0])
            gap = self.px(3)
            boxes.append(Box(knob + gap, gap, knob + high - gap, high - gap, high, "#ffffff"))
            return self._drawn(wide, high, boxes)

        def mark(on: bool, ring: bool) -> tkinter.PhotoImage:
            edge = self.px(2)
            boxes = [Box(0, 0, high, high, high, p.text if ring else p.strong if on else p.muted)]
            boxes.append(Box(edge, edge, high - edge, high - edge, high, p.strong if on else p.field))
            if on:
                boxes.append(Box(high * 0.3, high * 0.3, high * 0.7, high * 0.7, high, "#ffffff"))
            return self._drawn(high + self.px(8), high, boxes)

        for style, draw in (("TCheckbutton", switch), ("TRadiobutton", mark)):
            name = style[1:]
            self._style.element_create(
                f"{name}.mark", "image", draw(False, False), ("selected", "focus", draw(True, True)),
                ("selected", draw(True, False)), ("focus", draw(False, True)), sticky="w",
            )  # fmt: skip
            label = (f"{name}.label", {"side": "left", "sticky": "nsew"})
            marked = [(f"{name}.mark", {"side": "left", "sticky": ""}), label]
            self._layout(style, [(f"{name}.padding", {"sticky": "nsew", "children": marked})])
            self._style.configure(style, background=p.ground, padding=(0, self.px(3)))
            self._style.configure(f"{name}.label", padding=(self.px(8), 0))
            self._calm(style)

    def _bar(self) -> None:
        p, high = self.palette, self.px(8)
        wide = self.px(24)
        for element, colour in (("trough", p.border), ("pbar", p.strong)):
            image = self._drawn(wide, high, [Box(0, 0, wide, high, high, colour)])
            self._style.element_create(f"Slim.{element}", "image", image, border=(high // 2, 0), padding=0, sticky="ew")
        self._layout(
            "Horizontal.TProgressbar",
            [("Slim.trough", {"sticky": "ew", "children": [("Slim.pbar", {"side": "left", "sticky": "ns"})]})],
        )
        self._style.configure("Horizontal.TProgressbar", background=p.card)

    def _tabs(self) -> None:
        """Words with a line below, thick under the one that is open."""
        p, side = self.palette, self.px(24)

        def tab(line: str, ring: bool) -> tkinter.PhotoImage:
            thick = self.px(3)
            boxes = [Box(0, 0, side, side, 0, p.quiet_over)] if ring else []
            return self._drawn(side, side, [*boxes, Box(0, side - thick, side, side, 0, line)])

        self._style.element_create(
            "Slim.tab", "image", tab(p.ground, False), ("selected", "focus", tab(p.strong, True)),
            ("selected", tab(p.strong, False)), ("active", tab(p.border, False)), border=self.px(4), padding=0,
            sticky="nsew",
        )  # fmt: skip
        label = [("Notebook.label", {"sticky": ""})]
        padding = [("Notebook.padding", {"sticky": "nsew", "children": label})]
        self._layout("TNotebook.Tab", [("Slim.tab", {"sticky": "nsew", "children": padding})])
        self._layout("TNotebook", [("Notebook.client", {"sticky": "nsew"})])
        self._style.configure(
            "TNotebook", background=p.ground, borderwidth=0, bordercolor=p.ground, lightcolor=p.ground,
            darkcolor=p.ground, tabmargins=0,
        )  # fmt: skip
        self._style.configure("TNotebook.Tab", padding=(self.px(14), self.px(8)), foreground=p.muted)
        self._style.map(
            "TNotebook.Tab", foreground=[("selected", p.text)], background=[], expand=[], padding=[], lightcolor=[],
        )  # fmt: skip

    def _calm(self, style: str) -> None:
        """The theme below has grounds of its own for these states; they would look out at the corners."""
        ground = self.palette.ground
        states = ("disabled", "pressed", "active", "readonly")
        self._style.map(
            style, background=[(state, ground) for state in states], foreground=[("disabled", self.palette.muted)]
        )

    def _layout(self, style: str, parts: list[Any]) -> None:
        self._style.layout(style, parts)

    def _element(self, name: str, radius: float, side: float, boxes: dict[str, tuple[str, str]]) -> None:
        """A rounded box that stretches: for each state, and for none, its ground and its edge."""
        r, s = self.px(radius), self.px(side)
        images = {
            state: self._bordered(s, r, *colours, 2 if state == "focus" else 1) for state, colours in boxes.items()
        }
        order = [state for state in ("disabled", "pressed", "invalid", "focus", "active") if state in images]
        self._style.element_create(
            name,
            "image",
            images[""],
            *((state, images[state]) for state in order),
            border=r + 1,
            padding=0,
            sticky="nsew",
        )

    def _bordered(self, side: int, radius: int, ground: str, edge: str, thickness: float) -> tkinter.PhotoImage:
        width = self.px(thickness)
        boxes = [
            Box(0, 0, side, side, radius, edge),
            Box(width, width, side - width, side - width, radius - width, ground),
        ]
        return self._drawn(side, side, boxes)

    def _drawn(self, width: int, height: int, boxes: list[Box]) -> tkinter.PhotoImage:
        data = base64.b64encode(png(width, height, boxes))
        return self._kept(tkinter.PhotoImage(master=self.root, data=data))

    def _kept(self, image: tkinter.PhotoImage) -> tkinter.PhotoImage:
        """Tk forgets images that Python does not hold."""
        self._images.append(image)
        return image
