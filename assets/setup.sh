#!/bin/sh
# Sets up what cm-tui needs on this machine, then does what was asked:
#
#   sh assets/setup.sh run [ARGUMENTS]    build the dashboard and open it
#   sh assets/setup.sh test               run all tests
#
# It installs only what is missing, with the system's own package manager, says so first, and can be run again at any
# time: when nothing is missing it installs nothing.
set -eu

die() {
    printf 'setup: %s\n' "$1" >&2
    [ -z "${2:-}" ] || printf 'hint: %s\n' "$2" >&2
    exit 1
}

has() { command -v "$1" >/dev/null 2>&1; }

# The newest tmux that lacks something we need is 3.1; 3.2 and later do everything.
tmux_is_old() {
    version=$(tmux -V 2>/dev/null | sed -n 's/^tmux [^0-9]*\([0-9][0-9]*\)\.\([0-9][0-9]*\).*/\1 \2/p')
    [ -n "$version" ] || return 1
    major=${version% *}
    minor=${version#* }
    [ "$major" -lt 3 ] || { [ "$major" -eq 3 ] && [ "$minor" -lt 2 ]; }
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif has sudo; then
        sudo "$@"
    else
        die "installing needs root, and there is no sudo" "run as root: $*"
    fi
}

# install COMMAND... : the packages that bring these commands, by this system's names for them.
install() {
    if has brew; then
        manager="brew" compiler="" ssh="openssh" sshd="openssh"
    elif has apt-get; then
        manager="apt-get" compiler="gcc libc6-dev" ssh="openssh-client" sshd="openssh-server"
    elif has dnf; then
        manager="dnf" compiler="gcc" ssh="openssh-clients" sshd="openssh-server"
    elif has pacman; then
        manager="pacman" compiler="gcc" ssh="openssh" sshd="openssh"
    elif has apk; then
        manager="apk" compiler="gcc musl-dev" ssh="openssh-client" sshd="openssh-server"
    elif has zypper; then
        manager="zypper" compiler="gcc" ssh="openssh-clients" sshd="openssh-server"
    else
        die "cannot install $*: no known package manager" "install them yourself, then run this again"
    fi
    packages=""
    for command in "$@"; do
        case $command in
            cc) [ -n "$compiler" ] || die "no C compiler" "run: xcode-select --install"
                packages="$packages $compiler" ;;
            ssh) packages="$packages $ssh" ;;
            sshd)
                packages="$packages $sshd"
                printf 'setup: the tests start an SSH server of their own on 127.0.0.1; some systems also start theirs with the package\n' ;;
            *) packages="$packages $command" ;;
        esac
    done
    printf 'setup: installing%s with %s\n' "$packages" "$manager"
    # The list of packages is ours and has to be split into words.
    # shellcheck disable=SC2086
    case $manager in
        brew) brew install $packages ;;
        apt-get)
            as_root env DEBIAN_FRONTEND=noninteractive apt-get update -q
            as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $packages ;;
        dnf) as_root dnf install -q -y $packages ;;
        pacman) as_root pacman -S --noconfirm --needed $packages ;;
        apk) as_root apk add -q $packages ;;
        zypper) as_root zypper --non-interactive --quiet install $packages ;;
    esac
    for command in "$@"; do
        has "$command" || die "$manager ran, but there is still no $command" "install $command yourself, then run this again"
    done
}

setup() {
    missing=""
    for command in "$@"; do
        has "$command" || missing="$missing $command"
    done
    # shellcheck disable=SC2086
    [ -z "$missing" ] || install $missing
    if tmux_is_old; then
        printf 'setup: %s works, but 3.2 or newer does everything; consider an upgrade\n' "$(tmux -V)" >&2
    fi
    has cargo || die "there is no cargo" "install Rust as https://rustup.rs says, then run this again"
}

cd "$(dirname "$0")/.."
[ -f Cargo.toml ] || die "this is not the cm-tui folder"

case ${1:-} in
    run)
        shift
        setup tmux cc
        cargo build --release --locked --bins
        exec target/release/cm-tui "$@"
        ;;
    test)
        # The server's place is not on everybody's path. The shells are login shells that hosts may have.
        PATH=$PATH:/usr/sbin:/sbin
        setup tmux cc ssh sshd zsh fish tcsh
        cargo test --locked
        ;;
    *)
        die "expected run or test" "sh assets/setup.sh run"
        ;;
esac
