#!/usr/bin/env bash
# See that the system has what a target needs: "demo" a Python with venv, "test" also a screen in memory
# and the libraries of Qt. On Debian and Ubuntu root gets them installed, others are told what to ask for.
set -euo pipefail

target=${1:-test}
python=${PYTHON:-python3}
packages=()

has_library() { { ldconfig -p 2>/dev/null || /sbin/ldconfig -p; } | grep -q "$1"; }
needs_library() { has_library "$1" || packages+=("$2"); }

command -v "$python" >/dev/null || packages+=(python3)
"$python" -c 'import ensurepip, venv' 2>/dev/null || packages+=(python3-venv)

if [ "$target" = test ] && [ "$(uname)" = Linux ]; then
    command -v Xvfb >/dev/null || packages+=(xvfb)
    command -v git >/dev/null || packages+=(git)
    needs_library libGL.so.1 libgl1
    needs_library libEGL.so.1 libegl1
    needs_library libdbus-1.so.3 libdbus-1-3
    needs_library libfontconfig.so.1 libfontconfig1
    needs_library libglib-2.0.so.0 libglib2.0-0
    needs_library libxkbcommon-x11.so.0 libxkbcommon-x11-0
    needs_library libxcb-cursor.so.0 libxcb-cursor0
    needs_library libxcb-icccm.so.4 libxcb-icccm4
    needs_library libxcb-keysyms.so.1 libxcb-keysyms1
    needs_library libxcb-shape.so.0 libxcb-shape0
fi

if [ ${#packages[@]} -eq 0 ]; then
    exit 0
elif ! command -v apt-get >/dev/null; then
    echo "Missing on this system: what Debian calls ${packages[*]}. Please install it and try again." >&2
    exit 1
elif [ "$(id -u)" -ne 0 ]; then
    echo "Some system packages are missing. Please run this and try again:" >&2
    echo "    sudo apt-get install --no-install-recommends ${packages[*]}" >&2
    exit 1
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends "${packages[@]}"
