#!/bin/sh
# On macOS, in a copy of the source: builds dist/DAIG Volunteer.app and a .dmg with it. Needs Python 3.11+.
#   packaging/macos/build.sh [JOIN_FILE] [RELEASE_KEY]
# JOIN_FILE: for a grid's download page the file that it serves at /daig-join.toml; then sign with --server.
# With DAIG_SIGN_AS="Developer ID Application: ..." the app is signed; without, each person must allow it once.
set -eu
cd "$(dirname "$0")/../.."
[ -d .venv ] || python3 -m venv .venv
.venv/bin/python -m pip install -q -c constraints.txt -e '.[desktop,build]'
.venv/bin/python packaging/bundle.py
app="dist/DAIG Volunteer.app"
version=$(.venv/bin/python -c 'from volunteer.protocol.version import SOFTWARE; print(SOFTWARE)')
[ -z "${1:-}" ] || cp "$1" "$app/Contents/MacOS/daig-join.toml"
[ -z "${2:-}" ] || cp "$2" "$app/Contents/MacOS/release-key.pub"
# What was laid into the app is covered by its signature, so that comes last.
codesign --force --deep --sign "${DAIG_SIGN_AS:--}" "$app"
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
cp -R "$app" "$stage/"
ln -s /Applications "$stage/Applications"
hdiutil create -volname "DAIG Volunteer" -srcfolder "$stage" -ov -format UDZO \
    "dist/daig-volunteer-$version-macos-$(uname -m).dmg"
