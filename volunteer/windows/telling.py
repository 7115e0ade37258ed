"""One sentence in a window of its own, for a start that failed: it needs no app, and no file that could be spoilt."""

import tkinter
from tkinter import ttk

from volunteer.control.menu import Picture
from volunteer.windows.darkness import prefers_dark
from volunteer.windows.look import Look
from volunteer.windows.palette import DARK, LIGHT
from volunteer.windows.sharpness import sharpen

TITLE = "DAIG could not start"
_WIDE, _MARGIN, _PICTURE = 420, 24, 64


def tell(sentence: str) -> bool:
    """Until the person closes it. False where no window can be shown."""
    sharpen()
    try:
        root = tkinter.Tk(className="daig-volunteer")
    except tkinter.TclError:
        return False
    # Its pictures are gone from the screen as soon as nobody holds it.
    look = Look(root, DARK if prefers_dark() else LIGHT)
    fill(root, look, sentence)
    root.mainloop()
    del look
    return True


def fill(root: tkinter.Tk, look: Look, sentence: str) -> None:
    """The window's contents; its button, Return and Escape close it."""
    root.title(TITLE)
    root.resizable(False, False)
    picture = look.picture(Picture.attention)
    root.iconphoto(True, picture)
    frame = ttk.Frame(root, padding=look.px(_MARGIN))
    frame.pack(fill="both", expand=True)
    ttk.Label(frame, image=picture).grid(row=0, column=0, rowspan=2, sticky="n", padx=(0, look.px(16)))
    ttk.Label(frame, text=TITLE, style="Title.TLabel").grid(row=0, column=1, sticky="w")
    said = ttk.Label(frame, text=sentence, wraplength=look.px(_WIDE), justify="left")
    said.grid(row=1, column=1, sticky="w", pady=(look.px(8), 0))
    close = ttk.Button(frame, text="Close", style="Strong.TButton", command=root.destroy)
    close.grid(row=2, column=1, sticky="e", pady=(look.px(20), 0))
    for key in ("<Return>", "<Escape>"):
        root.bind(key, lambda _event: root.destroy())
    close.focus_set()
