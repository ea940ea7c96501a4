#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The completion for bash offers what `kvist --help` documents, and files.
# limit: 30
. "$(dirname "$0")/lib.sh"
. "$TOP/completions/kvist"
compopt() { :; }	# there is no completion going on

# words LINE: what Tab would offer at its end, sorted, in one line.
words()
{
	local line=$1

	COMP_LINE=$line COMP_POINT=${#line}
	# As readline splits: at blanks, and at = and : too.
	mapfile -t COMP_WORDS < <(grep -oE '[^[:space:]=:]+|[=:]' <<<"$line")
	case $line in *[[:space:]=:]) COMP_WORDS+=("") ;; esac
	COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
	COMPREPLY=()
	_kvist
	printf '%s\n' "${COMPREPLY[@]}" | sort | tr '\n' ' ' | sed 's/^ *//; s/ *$//'
}

# offers LINE WORDS
offers()
{
	local got

	got=$(words "$1")
	[ "$got" = "$2" ] && ok "'$1': $2" || bad "'$1': '$got' instead of '$2'"
}

# Every command, every option of run, and nothing else.
one_line() { sort -u | tr '\n' ' ' | sed 's/ $//'; }
offers "kvist " "$("$KVIST" --help | sed -n '/^usage/,/^options/s/^\(usage:\|      \) kvist \(-*[a-z]*\).*/\2/p' | one_line)"
offers "kvist run --" "$({ "$KVIST" --help | sed -n '/^options of run/,/^keys/s/^  \(--[a-z-]*\).*/\1/p'; echo --help; } | one_line)"
offers "kvist r" "run"
offers "kvist run --engine " "auto kvm soft"
offers "kvist run --engine s" "soft"
offers "kvist run --engine=k" "kvm"
offers "kvist run --ke" "--kernel"
offers "kvist run --cpus 1" "1 16"
offers "kvist run --console p" "pty"
offers "kvist run --console s" "socket= stdio"
offers "kvist info " ""

mkdir "$TMP/files"
cd "$TMP/files" || exit 1
touch vmlinuz-1 vmlinuz-2 initrd
offers "kvist run --kernel vm" "vmlinuz-1 vmlinuz-2"
offers "kvist run --kernel=vm" "vmlinuz-1 vmlinuz-2"
offers "kvist run --console file=in" "initrd"
offers "kvist run --cpus 2 --initrd i" "initrd"
offers "kvist run --append x" ""
exit $((BAD != 0))
