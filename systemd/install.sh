#!/usr/bin/env bash
# Installs the program, its manual, completions, configuration, models and the systemd unit.
#
#   DESTDIR  where the tree is put, for packages and tests; empty for this machine
#   BUILD    where the built programs lie; .build/release by default
#   PREFIX   where the program lies; /usr by default, since the unit and its sandbox name /usr/bin
#   OPENBLAS_CORETYPE  OpenBLAS's kernels that the unit asks for; without DESTDIR those that suit this machine
#
# A configuration that is there already is kept. Nothing is started: `systemctl enable --now restain`.
set -euo pipefail
cd "$(dirname "$0")/.."

prefix=${PREFIX:-/usr}
root=${DESTDIR:-}
build=${BUILD:-.build/release}
program=$build/restain
[ -x "$program" ] || { echo "$program: not built; run make build first" >&2; exit 1; }

put() { # mode, source, target
  install -D -m "$1" "$2" "$root$3"
  echo "$root$3"
}

put 755 "$program" "$prefix/bin/restain"
if [ -x "$build/restain-bench" ]; then put 755 "$build/restain-bench" "$prefix/bin/restain-bench"; fi

made=$(mktemp -d)
trap 'rm -rf "$made"' EXIT
"$program" manual >"$made/restain.1"
for shell in bash zsh fish; do "$program" completions "$shell" >"$made/$shell"; done
put 644 "$made/restain.1" "$prefix/share/man/man1/restain.1"
put 644 "$made/bash" "$prefix/share/bash-completion/completions/restain"
put 644 "$made/zsh" "$prefix/share/zsh/vendor-completions/_restain"
put 644 "$made/fish" "$prefix/share/fish/vendor_completions.d/restain.fish"

# The unit and its neighbours; their paths are those of the prefix.
sed "s|/usr/bin/restain|$prefix/bin/restain|g; s|/usr/share/|$prefix/share/|g" systemd/restain.service >"$made/restain.service"
put 644 "$made/restain.service" /usr/lib/systemd/system/restain.service
# The service's processes then start with the right kernels; a CPU that does not run them is noticed.
core=${OPENBLAS_CORETYPE:-}
if [ -z "$root$core" ]; then
  core=$("$program" version --json | sed -n 's/.*"openblas_core":"\([A-Za-z0-9]*\)".*/\1/p')
fi
if [ -n "$core" ]; then
  printf '[Service]\nEnvironment=OPENBLAS_CORETYPE=%s\n' "$core" >"$made/openblas.conf"
  put 644 "$made/openblas.conf" /usr/lib/systemd/system/restain.service.d/openblas.conf
fi
put 644 systemd/restain.sysusers /usr/lib/sysusers.d/restain.conf
put 644 systemd/restain.tmpfiles /usr/lib/tmpfiles.d/restain.conf

keep() { # source, target
  if [ -e "$root$2" ]; then echo "$root$2 kept"; else put 644 "$1" "$2"; fi
}
# The folders that the unit opens to the service stand where everything else is set.
sed 's|// inbox: null,|inbox: "/srv/slides/in",|
  s|// outbox: "pyramids",|outbox: "/srv/slides/out",|
  s|// state: null,|state: "/var/lib/restain",|' watch-config/restain.json5 >"$made/restain.json5"
keep "$made/restain.json5" /etc/restain/restain.json5
old=/etc/restain/restain.json5.d/10-folders.json5 # of earlier versions
if [ -e "$root$old" ]; then
  echo "$root$old: still wins over restain.json5; set the folders there and remove it" >&2
fi
for preset in watch-config/presets/*.json5; do
  put 644 "$preset" "$prefix/share/restain/presets/$(basename "$preset")"
done
for model in watch-config/models/*.safetensors; do
  if [ -e "$model" ]; then put 644 "$model" "/etc/restain/models/$(basename "$model")"; fi
done

if [ -z "$root" ] && [ -d /run/systemd/system ]; then
  systemd-sysusers restain.conf
  systemd-tmpfiles --create restain.conf
  systemctl daemon-reload
  echo "installed; put slides into /srv/slides/in after: systemctl enable --now restain"
fi
