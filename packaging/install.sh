#!/bin/sh
# Installs instant-lsp for this user from the folder that this script lies in: no network, no root.
#
#   ./install.sh                 the server, the Neovim plugin, and the VS Code extension where there is a VS Code
#   ./install.sh --no-editors    the server alone
#   ./install.sh --python PATH   with this Python instead of the first one that fits
#   ./install.sh --remove        takes it all away again; settings, audit trail and figures stay
#
# Run again it repairs what is missing, and of another version it upgrades. The server lies in a private environment under
# ~/.local/share/instant-lsp, and its command is linked into ~/.local/bin.

set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
home=${XDG_DATA_HOME:-$HOME/.local/share}
base=$home/instant-lsp
command=$HOME/.local/bin/instant-lsp
plugin=$home/nvim/site/pack/instant-lsp/start/instant-lsp
python=
editors=yes
remove=no

say() { printf '%s\n' "$*"; }

fail() {
    printf 'install.sh: %s\n' "$*" >&2
    exit 1
}

check_sums() {
    if command -v sha256sum >/dev/null 2>&1; then
        (cd "$here" && sha256sum -c SHA256SUMS) >/dev/null 2>&1
    elif command -v shasum >/dev/null 2>&1; then
        (cd "$here" && shasum -a 256 -c SHA256SUMS) >/dev/null 2>&1
    else
        fail "neither sha256sum nor shasum is here, so the files cannot be checked"
    fi || fail "files are damaged, changed or missing (SHA256SUMS): unpack the archive anew, and check its own hash"
}

# Whether a Python is of a version that the wheels are for.
fits() {
    "$1" -c 'import sys
versions = [tuple(map(int, line.split("."))) for line in open(sys.argv[1])]
sys.exit(sys.version_info[:2] not in versions or sys.maxsize < 2**32)' "$here/PYTHONS" 2>/dev/null
}

find_python() {
    versions=$(tr '\n' ' ' <"$here/PYTHONS")
    if [ -n "$python" ]; then
        fits "$python" || fail "$python is none of Python $versions(64 bit), which this archive is for"
        return
    fi
    for candidate in python3 $(sed 's/^/python/' "$here/PYTHONS"); do
        if found=$(command -v "$candidate") && fits "$found"; then
            python=$found
            return
        fi
    done
    fail "no Python of version $versions(64 bit) was found; --python PATH names one"
}

# The environment counts as complete when it has the hashes of what it was made from.
install_server() {
    version=$(cat "$here/VERSION")
    place=$base/$version
    if cmp -s "$here/SHA256SUMS" "$place/SHA256SUMS" && "$place/bin/instant-lsp" --version >/dev/null 2>&1; then
        say "The server is there: $place"
    else
        find_python
        rm -rf "$place"
        mkdir -p "$base"
        # Without pip, since some systems' Pythons cannot bring it; it is run out of its wheel.
        "$python" -I -m venv --without-pip "$place" || fail "$python makes no environments; on Debian install python3-venv"
        set -- "$here"/wheels/pip-*.whl
        "$place/bin/python" "$1/pip" --isolated install --quiet --disable-pip-version-check --no-cache-dir --no-index \
            --find-links "$here/wheels" --no-deps --require-hashes --requirement "$here/requirements.txt" ||
            fail "the wheels could not be installed"
        "$place/bin/instant-lsp" --version >/dev/null || fail "the server does not start"
        cp "$here/SHA256SUMS" "$place/SHA256SUMS"
        say "Installed the server: $place"
    fi
    mkdir -p "$(dirname -- "$command")"
    ln -s "$place/bin/instant-lsp" "$command.new.$$"
    mv -f "$command.new.$$" "$command"
    case ":$PATH:" in
    *":$(dirname -- "$command"):"*) ;;
    *) say "Put $(dirname -- "$command") on your PATH: editors look for instant-lsp there." ;;
    esac
}

install_model() {
    for model in "$here"/model/*.gguf; do
        [ -f "$model" ] || continue
        models=$("$place/bin/python" -I -c 'from lsp_server.endpoint.models import cache_folder; print(cache_folder())')
        mkdir -p "$models"
        cmp -s "$model" "$models/$(basename -- "$model")" || cp "$model" "$models/"
        say "Installed the model: $models/$(basename -- "$model")"
    done
}

install_plugin() {
    mkdir -p "$(dirname -- "$plugin")"
    rm -rf "$plugin.new.$$"
    cp -R "$here/nvim" "$plugin.new.$$"
    rm -rf "$plugin"
    mv "$plugin.new.$$" "$plugin"
    if command -v nvim >/dev/null 2>&1; then
        nvim -u NONE -i NONE --headless -c "silent! helptags $plugin/doc" -c quit >/dev/null 2>&1 || true
    fi
    say "Installed the Neovim plugin: $plugin"
}

install_extension() {
    for editor in code code-insiders codium code-server; do
        command -v "$editor" >/dev/null 2>&1 || continue
        if "$editor" --install-extension "$here/vscode/instant-lsp.vsix" --force >/dev/null 2>&1; then
            say "Installed the extension into $editor."
        else
            say "$editor did not take the extension; install $here/vscode/instant-lsp.vsix in it by hand."
        fi
    done
}

remove_all() {
    for editor in code code-insiders codium code-server; do
        command -v "$editor" >/dev/null 2>&1 || continue
        "$editor" --uninstall-extension instant-lsp.instant-lsp >/dev/null 2>&1 || true
    done
    rm -rf "$base" "$plugin"
    rmdir -p "$(dirname -- "$plugin")" 2>/dev/null || true
    if [ -L "$command" ] && [ ! -e "$command" ]; then
        rm -f "$command"
    fi
    say "Removed instant-lsp."
}

while [ $# -gt 0 ]; do
    case $1 in
    --no-editors) editors=no ;;
    --remove) remove=yes ;;
    --python)
        [ $# -ge 2 ] || fail "--python needs a path"
        python=$2
        shift
        ;;
    -h | --help)
        sed -n '2,11s/^# \{0,1\}//p' "$0"
        exit 0
        ;;
    *) fail "what is $1? --help tells what there is" ;;
    esac
    shift
done

if [ "$remove" = yes ]; then
    remove_all
    exit 0
fi
check_sums
install_server
install_model
if [ "$editors" = yes ]; then
    install_plugin
    install_extension
fi
say "Done. Next: instant-lsp settings tells how your endpoint is set."
