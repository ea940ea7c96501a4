#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# scripts/jobs.sh, which runs these tests: no failure gets lost, counts and order
# are right, nothing that a test started lives on.
# limit: 300
. "$(dirname "$0")/lib.sh"

# session SCRIPT: a shell with jobs.sh, two jobs at a time, that ends as check does.
session()
{
	cat >"$TMP/session" <<-END
		set -u
		. "$TOP/scripts/lib.sh"
		mkdir -p "$TMP/logs"
		LOGS=$TMP/logs JOBS=2
		. "$TOP/scripts/jobs.sh"
		: >"\$TIMES"
		$1
		jobs_finish
		echo "\$PASSED passed, \$FAILED failed, \$SKIPPED skipped: \${FAILURES[*]}"
		[ \$FAILED = 0 ] && [ \$PASSED -gt 0 ]
	END
	LC_ALL=C timeout 60 bash "$TMP/session" >"$TMP/out" 2>&1 </dev/null
}

# expect WHAT STATUS LINES SCRIPT: LINES are all that is said, without the times.
expect()
{
	local what=$1 want=$2 lines=$3 rc

	session "$4"
	rc=$?
	sed -i 's/ ([0-9]* s)$//' "$TMP/out"
	if [ $rc = "$want" ] && [ "$(cat "$TMP/out")" = "$lines" ]; then
		ok "$what"
	else
		bad "$what: status $rc, not $want:"
		diff - "$TMP/out" <<<"$lines"
	fi
}

gone()
{
	grep -slaz "^LOOK=$TMP" /proc/[0-9]*/environ && bad "$1: still there" || ok "$1: nothing left"
}

expect "all pass" 0 "pass  a
pass  b
2 passed, 0 failed, 0 skipped: " 'queue a 9 1 true; queue b 9 1 true'

expect "a failure counts, and its output is shown" 1 "pass  a
FAIL  b
      why
pass  c
2 passed, 1 failed, 0 skipped: b" 'queue a 9 1 true; queue b 9 1 sh -c "echo why; exit 3"; queue c 9 1 true'

expect "the first of all fails" 1 "FAIL  a
pass  b
1 passed, 1 failed, 0 skipped: a" 'run a 9 false; queue b 9 1 true'

expect "the last of all fails" 1 "pass  a
FAIL  b
1 passed, 1 failed, 0 skipped: b" 'queue a 9 1 sleep 1; queue b 9 1 false'

expect "nothing but skips is no success" 1 "skip  a: no time
0 passed, 0 failed, 1 skipped: " 'queue a 9 1 sh -c "echo no time; exit 77"'

expect "the order asked for, whatever ends first" 0 "pass  slow
pass  fast
== part
pass  whole
pass  last
4 passed, 0 failed, 0 skipped: " 'queue slow 9 1 sleep 1; queue fast 9 1 true; heading part; queue whole 9 0 sleep 0.3; queue last 9 1 true'

expect "killed by a signal" 1 "FAIL  a
0 passed, 1 failed, 0 skipped: a" 'queue a 9 1 sh -c "kill -9 \$\$"'

expect "no such command" 1 "FAIL  a
      timeout: failed to run command '$TMP/none': No such file or directory
0 passed, 1 failed, 0 skipped: a" "queue a 9 1 $TMP/none"

export LOOK=$TMP
expect "no end" 1 "FAIL  a
      no end after 1 s
pass  b
1 passed, 1 failed, 0 skipped: a" 'queue a 1 1 setsid sleep 50; queue b 9 1 true'
unset LOOK
gone "no end"

export LOOK=$TMP
expect "a test leaves something behind" 0 "pass  a
pass  b
2 passed, 0 failed, 0 skipped: " 'queue a 9 1 sh -c "setsid sleep 50 & exit 0"; queue b 9 1 true'
unset LOOK
gone "a test leaves something behind"

# Room: never more than two, and one that wants all gets all.
cat >"$TMP/count" <<'END'
echo $$ >"$1/running.$$"
n=$(ls "$1" | grep -c running)
sleep 0.2
rm "$1/running.$$"
[ $n -le "$2" ]
END
mkdir "$TMP/room"
session "for i in 1 2 3 4; do queue a\$i 9 1 sh $TMP/count $TMP/room 2; queue b\$i 9 0 sh $TMP/count $TMP/room 1
	queue c\$i 9 9 sh $TMP/count $TMP/room 1; queue d\$i 9 1 sh $TMP/count $TMP/room 2; done"
[ "$(tail -n 1 "$TMP/out")" = "16 passed, 0 failed, 0 skipped: " ] && ok "room" || bad "room: $(tail -n 3 "$TMP/out")"

# As many as there may ever be, all short: none is lost.
session 'for i in {1..150}; do queue "t $i" 9 1 sh -c "exit $((i % 10 == 0))"; done'
[ "$(grep -c '^pass' "$TMP/out") $(grep -c '^FAIL' "$TMP/out")" = "135 15" ] &&
	grep -q '^135 passed, 15 failed' "$TMP/out" && ok "many" || bad "many: $(tail -n 1 "$TMP/out")"

# Interrupted: all ends, and soon.
export LOOK=$TMP
for sig in INT TERM HUP; do
	cat >"$TMP/session" <<-END
		. "$TOP/scripts/lib.sh"
		LOGS=$TMP/logs JOBS=2
		. "$TOP/scripts/jobs.sh"
		queue a 50 1 sh -c 'setsid sleep 50; echo over'
		queue b 50 1 sleep 50
		echo ready >"$TMP/ready.$sig"
		jobs_finish
	END
	env --default-signal=INT,HUP bash "$TMP/session" >"$TMP/out" 2>&1 &
	pid=$!
	wait_for 20 "$pid" "$TMP/ready.$sig" ready
	sleep 0.3
	start=$SECONDS
	kill -$sig "$pid"
	wait "$pid"
	rc=$?
	[ $rc -gt 128 ] && [ $((SECONDS - start)) -lt 30 ] && ok "SIG$sig: $rc" || bad "SIG$sig: $rc after $((SECONDS - start)) s"
	gone "SIG$sig"
done
exit $((BAD != 0))
