#!/bin/sh
# Proves by linking that ota-core needs neither std nor an allocator, and never panics.
#
# 1. A program without them that calls ota-core links, although its panic handler names a symbol
#    that exists nowhere: so no panic can be reached in the optimised program.
# 2. The same with one allocation is refused.
# 3. The same with one panic is refused. (That 2 and 3 fail shows that 1 means something.)
#
# Needs only the toolchain. Exit 0: proven. Exit 1: not, and it says what failed.
set -u
cd "$(dirname "$0")" || exit 1

build() {
    cargo build --quiet --release --locked --features "$1" 2>&1
}

# refused FEATURES REASON: the build must fail, and for this reason.
refused() {
    echo "link-check: with $1, which must be refused"
    if output=$(build "$1"); then
        echo "link-check: FAILED, it links" >&2
        exit 1
    fi
    case $output in
    *"$2"*) ;;
    *)
        echo "$output" >&2
        echo "link-check: FAILED, refused for another reason" >&2
        exit 1
        ;;
    esac
}

echo "link-check: without std, allocator and panics"
if ! output=$(build no-panic); then
    echo "$output" >&2
    echo "link-check: FAILED, it does not link" >&2
    exit 1
fi
refused allocate "no global memory allocator found"
refused no-panic,panic "a_panic_can_be_reached"
echo "link-check: ok"
