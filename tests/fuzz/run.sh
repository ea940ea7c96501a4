#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# run.sh [SECONDS [NAME...]] - runs the fuzzers one after the other, 60 s each,
# from the inputs in tests/fuzz/corpus; builds them first. What was found stays
# in build/fuzz/work/NAME and is where the next run goes on. An input that fails
# is kept in build/fuzz/found, and shown with the command that repeats it.
#
#	--brief [SECONDS [NAME...]]	from the tree's inputs alone, and leaves
#				nothing behind but what fails; builds nothing:
#				for ./check
#	--merge [NAME...]	the smallest set of inputs that reaches as much
#				becomes tests/fuzz/corpus/NAME
#	--coverage [NAME...]	which lines the inputs reach: a report for each
#				in build/fuzz-cov/NAME.txt
#
# More options of libFuzzer are taken from FUZZ_OPTIONS.
set -u
cd "$(dirname "$0")/../.." || exit 1
BIN=build/fuzz FOUND=build/fuzz/found
MAX_FILES=300 MAX_BYTES=200000

names()
{
	local f

	if [ $# -gt 0 ]; then
		printf '%s\n' "$@"
		return
	fi
	for f in tests/fuzz/fuzz_*.c; do
		f=${f##*/fuzz_}
		echo "${f%.c}"
	done
}

# The inputs there are, as arguments of a fuzzer: what is found goes to the first.
inputs()
{
	local work=$BIN/work/$1

	[ "$what" != brief ] || { work=$BIN/brief/$1; rm -rf "$work"; }
	mkdir -p "$work" "$FOUND"
	echo "$work"
	[ ! -d "tests/fuzz/corpus/$1" ] || echo "tests/fuzz/corpus/$1"
}

# One line of figures at the end of a log.
figures()
{
	local execs cov

	execs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$1" | tail -1)
	cov=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$1" | tail -1)
	echo "${execs:-0} executions, ${cov:-0} edges"
}

fuzz()
{
	local name=$1 seconds=$2 log=$BIN/$1.log rc input

	# The brief run is as good as the same each time.
	[ "$what" != brief ] || FUZZ_OPTIONS="-seed=1 ${FUZZ_OPTIONS:-}"
	# shellcheck disable=SC2046,SC2086
	"$BIN/fuzz_$name" $(inputs "$name") -max_total_time="$seconds" -timeout=100 -rss_limit_mb=2048 \
		-print_final_stats=1 -verbosity=1 -artifact_prefix="$FOUND/$name-" ${FUZZ_OPTIONS:-} >"$log" 2>&1
	rc=$?
	if [ $rc = 0 ]; then
		printf '%-8s %s s: %s\n' "$name" "$seconds" "$(figures "$log")"
		return 0
	fi
	grep -E 'not so|ERROR|SUMMARY|runtime error' "$log" | head -5
	input=$(sed -n 's/.*Test unit written to //p' "$log" | tail -1)
	echo "$name: FAILED. To repeat: $BIN/fuzz_$name ${input:-(no input was kept: see $log)}"
	return 1
}

brief()
{
	fuzz "$@"
}

merge()
{
	local name=$1 new=$BIN/merge/$1 old=tests/fuzz/corpus/$1

	rm -rf "$new" && mkdir -p "$new"
	# shellcheck disable=SC2046
	"$BIN/fuzz_$name" -merge=1 -timeout=100 "$new" $(inputs "$name") >"$BIN/$name.log" 2>&1 ||
		{ echo "$name: cannot be merged: $BIN/$name.log"; return 1; }
	limit "$new"
	rm -rf "$old" && mkdir -p "$old" && cp "$new"/* "$old/"
	printf '%-8s %d inputs, %d bytes\n' "$name" "$(find "$old" -type f | wc -l)" "$(cat "$old"/* | wc -c)"
}

# The tree stays small: the shortest inputs, and of the long ones some.
limit()
{
	local f n bytes=0 count=0

	while read -r n f; do
		bytes=$((bytes + n)) count=$((count + 1))
		if [ $bytes -gt $MAX_BYTES ] || [ $count -gt $MAX_FILES ]; then
			rm -f "$1/$f"
		fi
	done < <(find "$1" -type f -printf '%s %f\n' | sort -n)
}

coverage()
{
	local name=$1 dir=build/fuzz-cov

	# shellcheck disable=SC2046
	LLVM_PROFILE_FILE=$dir/$name.raw "$dir/fuzz_$name" -runs=0 $(inputs "$name") >/dev/null 2>&1
	llvm-profdata-14 merge -sparse "$dir/$name.raw" -o "$dir/$name.prof" &&
		llvm-cov-14 report "$dir/fuzz_$name" -instr-profile="$dir/$name.prof" >"$dir/$name.txt" &&
		echo "$dir/$name.txt"
}

what=fuzz seconds=60 failed=0
case ${1:-} in
-h | --help) sed -n '3,17s/^# \{0,1\}//p' "$0"; exit ;;
--brief | --merge | --coverage) what=${1#--}; shift ;;
esac
case ${1:-} in
[0-9]*) seconds=$1; shift ;;
esac
if [ $what = coverage ]; then
	make -s -j"$(nproc)" fuzz FUZZ_DIR=build/fuzz-cov FUZZ_SAN="-fprofile-instr-generate -fcoverage-mapping" || exit 1
elif [ $what != brief ]; then
	make -s -j"$(nproc)" fuzz || exit 1
fi
for name in $(names "$@"); do
	$what "$name" "$seconds" || failed=$((failed + 1))
done
[ $failed = 0 ]
