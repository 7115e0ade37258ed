"""Changes a GTK menu where it stands. pystray would build it anew, which closes it under the person's hand.

Goes by pystray's `_menu_handle`, which its AppIndicator and GTK icons have; where that is not so, it says no.
"""

from typing import Any

from volunteer.control.menu import Item


def renew_in_place(icon: Any, items: tuple[Item, ...]) -> bool:
    """Whether the icon's menu has these items and now says what they say. Call it in GTK's own thread."""
    handle = getattr(icon, "_menu_handle", None)
    return handle is not None and _renew(handle, items)


def _renew(menu: Any, items: tuple[Item, ...]) -> bool:
    widgets = menu.get_children()
    if len(widgets) != len(items):
        return False
    return all(_renew_one(widget, item) for widget, item in zip(widgets, items, strict=True))


def _renew_one(widget: Any, item: Item) -> bool:
    from gi.repository import GLib, Gtk

    if not item.text:
        return isinstance(widget, Gtk.SeparatorMenuItem)
    if isinstance(widget, Gtk.CheckMenuItem) != (item.checked is not None):
        return False
    if item.checked is not None and widget.get_active() != item.checked:
        # To set the mark is, for GTK, to choose the item.
        return False
    label = widget.get_child()
    if label.get_text() != item.text:
        if item.default:
            label.set_markup(f"<b>{GLib.markup_escape_text(item.text)}</b>")
        else:
            widget.set_label(item.text)
    if widget.get_sensitive() != item.enabled:
        widget.set_sensitive(item.enabled)
    below = widget.get_submenu()
    return _renew(below, item.below) if item.below and below is not None else not item.below
