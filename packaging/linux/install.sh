#!/bin/sh
# Installs DAIG Volunteer for this person alone, without root, below ~/.local. Run a newer one's to upgrade.
#   ./install.sh                 with a menu entry; start it from there or with ~/.local/bin/daig-volunteer
#   ./install.sh --headless      as a service of this person's, for a machine without a desktop (systemd)
#   ./install.sh --join FILE     for the grid of that join file; a daig-join.toml beside this script is taken by itself
set -eu
here=$(cd "$(dirname "$0")" && pwd)
headless=no
join=
while [ $# -gt 0 ]; do
    case $1 in
    --headless) headless=yes ;;
    --join)
        [ $# -gt 1 ] || { echo "install.sh: --join needs a file." >&2; exit 2; }
        join=$2
        shift
        ;;
    *)
        sed -n '2,5s/^# *//p' "$0"
        exit 2
        ;;
    esac
    shift
done
[ -n "$join" ] || [ ! -e "$here/daig-join.toml" ] || join=$here/daig-join.toml
[ -z "$join" ] || [ -r "$join" ] || { echo "install.sh: $join cannot be read." >&2; exit 1; }

lib=$HOME/.local/lib/daig-volunteer
bin=$HOME/.local/bin
data=${XDG_DATA_HOME:-$HOME/.local/share}
config=${XDG_CONFIG_HOME:-$HOME/.config}
mkdir -p "$HOME/.local/lib" "$bin" "$data/applications" "$data/icons"

# The new program stands complete beside the old one before it takes its place; one that runs goes on.
# An upgrade that was cut off between the two may have left the old one, with its join file, under its other name only.
[ -e "$lib" ] || [ ! -e "$lib.old" ] || mv "$lib.old" "$lib"
rm -rf "$lib.new" "$lib.old"
cp -R "$here/daig-volunteer" "$lib.new"
if [ -n "$join" ]; then
    (umask 077 && cp "$join" "$lib.new/daig-join.toml")
elif [ -e "$lib/daig-join.toml" ] && [ ! -e "$lib.new/daig-join.toml" ]; then
    cp -p "$lib/daig-join.toml" "$lib.new/"
fi
cp "$here/uninstall.sh" "$lib.new/"
[ ! -e "$lib" ] || mv "$lib" "$lib.old"
mv "$lib.new" "$lib"
rm -rf "$lib.old"

ln -sf "$lib/daig-volunteer" "$bin/daig-volunteer"
cp -R "$here/share/icons/hicolor" "$data/icons/"
sed "s|^Exec=daig-volunteer|Exec=\"$lib/daig-volunteer\"|" "$here/share/daig-volunteer.desktop" \
    >"$data/applications/daig-volunteer.desktop"
mkdir -p "$config/systemd/user"
sed "s|^ExecStart=/usr/bin/daig-volunteer|ExecStart=\"$lib/daig-volunteer\"|" "$here/share/daig-volunteer.service" \
    >"$config/systemd/user/daig-volunteer.service"

"$lib/daig-volunteer" --version
if [ $headless = yes ]; then
    systemctl --user daemon-reload
    systemctl --user enable daig-volunteer
    # One that runs is still the old program.
    systemctl --user restart daig-volunteer
    echo "It works as a service of yours; \`loginctl enable-linger\` keeps it working after you log out."
else
    echo "Installed. Start it from the menu (DAIG Volunteer), or with $bin/daig-volunteer"
fi
echo "To remove it: $lib/uninstall.sh"
