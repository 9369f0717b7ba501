#!/bin/sh
# Builds the cm-agent that is copied to other hosts: one static file for each
# target, which needs nothing on the host but its kernel.
#
#   sh assets/build-agent.sh [TARGET…]
#
# Without a target, the one of this machine. The results go to
# agents/TARGET/cm-agent with agents/SHA256SUMS (AGENTS_DIR names another
# folder); point "agents_dir" of the settings there.
set -eu

cd "$(dirname "$0")/.."
agents=${AGENTS_DIR:-agents}
[ $# -gt 0 ] || set -- "$(rustc -vV | sed -n 's/^host: //p')"

if command -v sha256sum >/dev/null 2>&1; then
    sum() { sha256sum "$@"; }
else
    sum() { shasum -a 256 "$@"; }
fi

for target in "$@"; do
    # With an explicit target the flag does not reach build scripts and macros,
    # which cannot be static.
    case $target in
        *-linux-*) flags="-C target-feature=+crt-static" ;;
        *) flags= ;;
    esac
    # Names of functions are a third of the file, and nobody debugs it there.
    CARGO_PROFILE_RELEASE_STRIP=symbols RUSTFLAGS="${RUSTFLAGS:-} $flags" cargo build --release --locked \
        --bin cm-agent --no-default-features --target "$target"
    mkdir -p "$agents/$target"
    cp "${CARGO_TARGET_DIR:-target}/$target/release/cm-agent" "$agents/$target/cm-agent.new"
    mv -f "$agents/$target/cm-agent.new" "$agents/$target/cm-agent"
done

cd "$agents"
sum */cm-agent >SHA256SUMS.new
mv -f SHA256SUMS.new SHA256SUMS
cat SHA256SUMS
