#!/bin/sh
# Prints what the parts of ota-core take, as the table of ota-core/README.md: code and constants, RAM,
# and the largest stack frame. Optimised for size, linked as for the proof.
#
# sizes.sh [TARGET]: for the host, or a target that is installed. Frames are read from the machine
# code, on x86-64 alone. Needs binutils; without them it says so and exits 0.
set -eu
cd "$(dirname "$0")"
host=$(rustc -vV | sed -n 's/^host: //p')
target=${1:-$host}
for tool in size objdump nm; do
    if ! command -v "$tool" >/dev/null; then
        echo "sizes: skipped, there is no $tool"
        exit 0
    fi
done

# One portable SHA-2, as a microcontroller would have it; a PC's has several, chosen as it runs.
RUSTFLAGS='--cfg sha2_backend="soft" --cfg sha2_backend_soft="compact"'
export RUSTFLAGS

build() {
    cargo build --quiet --release --locked --target "$target" --features "$1" \
        --config 'profile.release.opt-level="z"' --target-dir "target/sizes"
}
program=target/sizes/$target/release/link-check

# Bytes of code and constants, and of RAM: all sections that are loaded, by whether they are written.
sections() {
    # An entry of the unwinding tables of a PC is no RAM of ours.
    unwinding=$(nm "$program" | grep -c ' DW\.ref\.' || true)
    size -A "$program" | awk -v unwinding="$unwinding" '
        $1 == ".text" || $1 ~ /^\.rodata/ || $1 ~ /^\.data\.rel\.ro/ { code += $2 }
        $1 == ".data" || $1 == ".bss" { ram += $2 }
        END { print code + 0, ram - 8 * unwinding }'
}

# The largest frame: what one function takes from the stack, its saved registers left out.
frame() {
    case $target in
    x86_64-*) ;;
    *) echo "?"; return ;;
    esac
    # The program's own frames hold the buffers that it hands in.
    objdump -d --no-show-raw-insn -C "$program" | awk '
        function number(hex,   i, value) {
            for (i = 1; i <= length(hex); i++)
                value = value * 16 + index("0123456789abcdef", substr(hex, i, 1)) - 1
            return value
        }
        /^[0-9a-f]+ </ { mine = !/<_start>|<link_check::/; frame = 0; next }
        # A frame of more than a page is taken page by page: the sum counts.
        mine && match($0, /sub +\$0x[0-9a-f]+,%rsp/) {
            size = substr($0, RSTART, RLENGTH)
            sub(/.*\$0x/, "", size); sub(/,.*/, "", size)
            frame += number(size)
            if (frame > most) most = frame
        }
        END { print most + 0 }'
}

build parts
set -- $(sections)
nothing=$1
echo "$target, opt-level \"z\", $(rustc -V | cut -d" " -f1,2):"
echo
echo "| part | code and constants | RAM, static | largest stack frame |"
echo "|---|---|---|---|"
row() {
    build "$1"
    set -- "$2" $(sections)
    printf '| %s | %d | %d | %s |\n' "$1" "$(($2 - nothing))" "$3" "$(frame)"
}
row part-boot "[\`boot\`](boot), stock"
row part-hardened-boot "[\`hardened::boot\`](hardened::boot)"
row part-update "[\`update::Ota\`](update::Ota), every call"
row part-hardened-update "[\`hardened::Ota\`](hardened::Ota), every call"
row part-verify "[\`UnsignedVerifier\`](image::UnsignedVerifier)"
row part-hardened-boot,part-verify "a bootloader: hardened boot, verifier"
row part-hardened-update,part-verify "an application: hardened update, verifier"
row part-rsa "the verifier with RSA-3072 signatures"
row part-ecdsa "the verifier with ECDSA signatures, P-256 and P-384"
