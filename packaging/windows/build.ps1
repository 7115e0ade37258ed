# On Windows, in a copy of the source: builds the program and its installer. Needs Python 3.11+ and NSIS 3.
#   powershell -File packaging\windows\build.ps1 [-Join daig-join.toml] [-ReleaseKey release-key.pub]
# -Join: for a grid's download page the file that it serves at /daig-join.toml; then sign with --server.
param([string]$Join, [string]$ReleaseKey)
$ErrorActionPreference = "Stop"
Set-Location (Join-Path $PSScriptRoot "..\..")
if (-not (Test-Path .venv)) { py -3.11 -m venv .venv }
$python = ".venv\Scripts\python.exe"
& $python -m pip install -q -c constraints.txt -e ".[desktop,build]"
if ($LASTEXITCODE) { exit $LASTEXITCODE }
$more = @()
if ($Join) { $more += "--join", $Join }
if ($ReleaseKey) { $more += "--release-key", $ReleaseKey }
& $python packaging\bundle.py @more
if ($LASTEXITCODE) { exit $LASTEXITCODE }
$version = & $python -c "from volunteer.protocol.version import SOFTWARE; print(SOFTWARE)"
& makensis "-DVERSION=$version" packaging\windows\daig-volunteer.nsi
exit $LASTEXITCODE
