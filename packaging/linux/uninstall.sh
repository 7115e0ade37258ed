#!/bin/sh
# Removes what install.sh installed, and what can be fetched again. With --purge also the settings, the token and what
# waits to be delivered.
set -eu
lib=$HOME/.local/lib/daig-volunteer
data=${XDG_DATA_HOME:-$HOME/.local/share}
config=${XDG_CONFIG_HOME:-$HOME/.config}

systemctl --user disable --now daig-volunteer 2>/dev/null || true
# One that runs delivers what it has and ends.
"$lib/daig-volunteer" quit >/dev/null 2>&1 || true

rm -f "$HOME/.local/bin/daig-volunteer" "$data/applications/daig-volunteer.desktop"
rm -f "$config/autostart/daig-volunteer.desktop" "$config/systemd/user/daig-volunteer.service"
rm -f "$data"/icons/hicolor/*/apps/daig-volunteer.png "$data"/icons/hicolor/scalable/apps/daig-volunteer.svg
rm -rf "$lib" "$lib.new" "$lib.old"
systemctl --user daemon-reload 2>/dev/null || true
# Gigabytes, and of no use to anybody without the program.
rm -rf "${XDG_CACHE_HOME:-$HOME/.cache}/daig"
if [ "${1:-}" = --purge ]; then
    rm -rf "$config/daig" "${XDG_STATE_HOME:-$HOME/.local/state}/daig"
fi
echo "Removed."
