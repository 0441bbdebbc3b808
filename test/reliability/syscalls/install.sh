#!/usr/bin/env sh
# Installs strace from the packages of the distribution if it is missing.
set -eu
command -v strace >/dev/null && exit 0
if ! command -v apt-get >/dev/null; then
  echo "strace is missing, and without apt-get this script cannot install it" >&2
  exit 1
fi
as_root=""
if [ "$(id -u)" != 0 ]; then
  if ! command -v sudo >/dev/null; then
    echo "strace is missing, and only root can install it: apt-get install strace" >&2
    exit 1
  fi
  as_root="sudo -n"
fi
export DEBIAN_FRONTEND=noninteractive
install="$as_root apt-get install -y --no-install-recommends strace"
$install >&2 || {
  $as_root apt-get update >&2
  $install >&2
}
command -v strace >/dev/null
