#!/usr/bin/env bash
# Installs aggregator from this folder as a service of systemd, or updates it.
#
#   sudo deploy/install.sh [--dry-run] [--root DIR]
#
# Safe to run again: what is as it should be is left alone; configuration and keys are never
# overwritten; a new version is built beside the old one and takes its place only when it is
# complete. A server that runs is then restarted, which drops nobody (docs/deploy.md).
#
#   --dry-run    says what it would do, and does nothing
#   --root DIR   puts everything below DIR and starts nothing: to look at it
#
# PYTHON=… names the Python to use: 3.11 or newer, with venv.
set -euo pipefail

SOURCE=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
PYTHON=${PYTHON:-python3}
UNITS=(aggregator.socket aggregator.service aggregator-backup.service aggregator-backup.timer)
DRY=
ROOT=

fail() { echo "install.sh: $*" >&2; exit 1; }
say() { echo "$*"; }
run() { if [[ $DRY ]]; then echo "would run: $*"; else "$@"; fi; }

usage() { sed -n '2,/^set /{/^#/s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}"; }

parse() {
    while (($#)); do
        case $1 in
            --dry-run) DRY=1 ;;
            --root) ROOT=${2:?--root wants a folder}; shift ;;
            --root=*) ROOT=${1#*=} ;;
            -h | --help) usage; exit 0 ;;
            *) usage >&2; fail "no such option: $1" ;;
        esac
        shift
    done
    ROOT=${ROOT%/}
}

require() {
    "$PYTHON" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
        fail "$PYTHON must be Python 3.11 or newer with venv (on Debian: apt install python3-venv)"
    [[ -f $SOURCE/requirements.lock ]] || fail "$SOURCE is not a copy of aggregator's sources"
    [[ $DRY || $ROOT ]] && return
    ((EUID == 0)) || fail "must be run as root"
    [[ -d /run/systemd/system ]] || fail "systemd does not run here (--root DIR only lays it out)"
}

# The same sources and the same Python are the same release, and are built once.
release_name() {
    {
        "$PYTHON" -c 'import sys; print(sys.version)'
        cd "$SOURCE"
        find requirements.lock pyproject.toml aggregator -type f ! -name '*.pyc' -print0 |
            LC_ALL=C sort -z | xargs -0 sha256sum
    } | sha256sum | cut -c1-12
}

stage() {
    [[ $DRY ]] && { STAGE="a copy of $SOURCE"; return; }
    STAGE=$(mktemp -d)
    trap 'rm -rf "$STAGE"' EXIT
    cp -r "$SOURCE/pyproject.toml" "$SOURCE/aggregator" "$STAGE"
}

# Built under its own name, for the paths inside cannot be moved; the mark is set last.
build() {
    local folder=$1
    [[ -e $folder/.complete ]] && { say "release $(basename "$folder") is built"; return; }
    say "building release $(basename "$folder")"
    run rm -rf "$folder"
    run mkdir -p "$(dirname "$folder")"
    run "$PYTHON" -m venv "$folder"
    run "$folder/bin/python" -m pip --disable-pip-version-check install --quiet --require-hashes \
        -r "$SOURCE/requirements.lock"
    stage # pip would leave its build files in the sources, and root would own them
    run "$folder/bin/python" -m pip --disable-pip-version-check install --quiet --no-deps \
        --no-build-isolation --no-index "$STAGE"
    run "$folder/bin/aggregator" --version
    run touch "$folder/.complete"
}

# In one step: whoever starts meanwhile finds the old release or the new one.
switch_to() {
    local name=$1 home=$ROOT/opt/aggregator
    [[ $(readlink "$home/current" 2>/dev/null) == "releases/$name" ]] && return
    if [[ -L $home/current ]]; then
        run ln -sfn "$(readlink "$home/current")" "$home/previous"
    fi
    run ln -sfn "releases/$name" "$home/current.new"
    run mv -T "$home/current.new" "$home/current"
}

# Releases that nothing points to.
tidy() {
    local home=$ROOT/opt/aggregator folder
    [[ $DRY ]] && return
    for folder in "$home"/releases/*; do
        [[ $folder -ef $home/current || $folder -ef $home/previous ]] || rm -rf "$folder"
    done
}

put() { # MODE FROM TO: only if it differs
    local mode=$1 from=$2 to=$3
    cmp -s "$from" "$to" && return
    run install -D -m "$mode" "$from" "$to"
}

put_once() { # MODE FROM TO: the operator's from then on
    [[ -e $3 ]] && { say "kept $3"; return; }
    run install -D -m "$1" "$2" "$3"
}

make_token() {
    local file=$ROOT/etc/aggregator/keys/admin
    [[ -e $file ]] && { say "kept $file"; return; }
    say "new token for the admin pages: $file"
    [[ $DRY ]] && return
    (umask 077 && "$PYTHON" -c 'import secrets; print(secrets.token_urlsafe(32))' > "$file")
}

configure() {
    run install -d -m 755 "$ROOT/etc/aggregator" "$ROOT/etc/aggregator/services"
    run install -d -m 700 "$ROOT/etc/aggregator/keys"
    put_once 644 "$SOURCE/deploy/config.yaml" "$ROOT/etc/aggregator/config.yaml"
    make_token
}

units() {
    local unit
    for unit in "${UNITS[@]}"; do
        put 644 "$SOURCE/deploy/$unit" "$ROOT/etc/systemd/system/$unit"
    done
    put 755 "$SOURCE/deploy/aggregator" "$ROOT/usr/local/bin/aggregator"
}

# What runs is remembered only once it runs: a run that was cut off is made up for.
activate() {
    local mark=$ROOT/opt/aggregator/.active now
    [[ $ROOT ]] && return
    now=$(cd "$SOURCE/deploy" && { echo "$1"; cat "${UNITS[@]}"; } | sha256sum)
    [[ $(cat "$mark" 2>/dev/null) == "$now" ]] && { say "nothing has changed"; return; }
    run systemctl daemon-reload
    run systemctl try-restart aggregator.service
    [[ $DRY ]] || echo "$now" > "$mark"
}

farewell() {
    if [[ ! $ROOT && ! $DRY ]] && systemctl is-enabled --quiet aggregator.service; then return; fi
    cat <<'TEXT'

Next:
  1. a provider's key, one line:   install -m 600 /dev/stdin /etc/aggregator/keys/gulf
  2. providers and services:       /etc/aggregator/config.yaml
  3. every mistake, with its line: aggregator check
  4. start, now and at boot:       systemctl enable --now aggregator.service aggregator-backup.timer
TEXT
}

main() {
    parse "$@"
    require
    local name
    name=$(release_name)
    build "$ROOT/opt/aggregator/releases/$name"
    switch_to "$name"
    configure
    units
    activate "$name"
    tidy
    farewell
}

main "$@"
