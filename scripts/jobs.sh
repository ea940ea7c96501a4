# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# jobs.sh - runs tests, JOBS of them at a time, and says what became of each in
# the order in which they were asked for. Sourced by check.
#
#   heading TEXT                          a line between the results
#   queue NAME SECONDS CPUS COMMAND...    a test, as soon as there is room
#   run NAME SECONDS COMMAND...           a test that all later ones wait for
#   jobs_finish                           waits for all
#
# Status 0 is a pass, 77 a skip (its last line says why), all else a failure,
# whose last lines are shown. CPUS is how many of the JOBS it takes; 0: all of
# them. What a test left running is killed when it ends, whatever its session:
# all it starts has KVIST_TEST_JOB in its environment.

JOBS=${JOBS:-$(nproc)}
LOGS=${LOGS:?}
TIMES=$LOGS/times
PASSED=0 FAILED=0 SKIPPED=0 FAILURES=()
JOB_NAME=() JOB_LIMIT=() JOB_CPUS=() JOB_TELL=() JOB_RC=()
JOB_MARK=$$.$RANDOM
JOB_TOLD=0 JOBS_BUSY=0
declare -A JOB_OF=()

pass()	{ PASSED=$((PASSED + ${2:-1})); printf 'pass  %s\n' "$1"; }
fail()	{ FAILED=$((FAILED + 1)); FAILURES+=("$1"); printf 'FAIL  %s\n' "$1"; }
skip()	{ SKIPPED=$((SKIPPED + 1)); printf 'skip  %s: %s\n' "$1" "$2"; }

job_log()
{
	printf '%s/%s.log' "$LOGS" "${1//[^a-zA-Z0-9_.-]/_}"
}

# job_kill MARK [SIGNAL]: signals whatever has KVIST_TEST_JOB=MARK... in its
# environment.
job_kill()
{
	local e pids=()

	for e in $(grep -slaz "^KVIST_TEST_JOB=$1" /proc/[0-9]*/environ); do
		e=${e#/proc/}
		pids+=("${e%/environ}")
	done
	[ ${#pids[@]} = 0 ] || kill "-${2:-KILL}" "${pids[@]}" 2>/dev/null
}

# On the way out: those that run may clean up after themselves first.
jobs_stop()
{
	[ ${#JOB_OF[@]} != 0 ] || return 0
	JOB_OF=()
	job_kill "$JOB_MARK." TERM
	sleep 1
	job_kill "$JOB_MARK."
}
trap jobs_stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP

tail_of() { tail -n 25 "$1" | sed 's/^/      /'; }

# The usual verdict. $1 is the name, $2 the status, $3 the log, $4 the limit, $5
# the seconds it took.
tell_test()
{
	case $2 in
	0) pass "$1 ($5 s)" ;;
	77) skip "$1" "$(tail -n 1 "$3")" ;;
	*)
		fail "$1"
		[ "$5" -lt "$4" ] || echo "      no end after $4 s"
		tail_of "$3"
		;;
	esac
}

tell_heading() { say "$1"; }

# job_times NAME: seconds by the clock, of user, of system. A shell may have said
# something of its own before.
job_times()
{
	sed -n 's/^[0-9.]* [0-9.]* [0-9.]*$/&/p' "$(job_log "$1").time" 2>/dev/null
}

# Says all that can be said in order.
jobs_tell()
{
	local i real

	while i=$JOB_TOLD && [ -n "${JOB_RC[i]:-}" ]; do
		JOB_TOLD=$((i + 1))
		read -r real _ < <(job_times "${JOB_NAME[i]}")
		real=${real:-0}
		"${JOB_TELL[i]}" "${JOB_NAME[i]}" "${JOB_RC[i]}" "$(job_log "${JOB_NAME[i]}")" "${JOB_LIMIT[i]}" "${real%.*}"
	done
}

# Waits for any job to end.
jobs_reap()
{
	local pid='' rc i real user sys

	wait -n -p pid "${!JOB_OF[@]}"
	rc=$?
	i=${JOB_OF[${pid:-none}]:-}
	if [ -z "$i" ]; then
		echo "jobs.sh: lost count of the tests that run" >&2
		exit 1
	fi
	unset "JOB_OF[$pid]"
	JOBS_BUSY=$((JOBS_BUSY - JOB_CPUS[i]))
	job_kill "$JOB_MARK.$i."
	JOB_RC[i]=$rc
	if read -r real user sys < <(job_times "${JOB_NAME[i]}"); then
		printf '%9s %9s %9s  %s\n' "$real" "$user" "$sys" "${JOB_NAME[i]}" >>"$TIMES"
	fi
	jobs_tell
}

jobs_finish()
{
	while [ ${#JOB_OF[@]} != 0 ]; do
		jobs_reap
	done
	jobs_tell
}

heading()
{
	JOB_NAME+=("$1") JOB_LIMIT+=(0) JOB_CPUS+=(0) JOB_TELL+=(tell_heading) JOB_RC[${#JOB_NAME[@]} - 1]=0
	jobs_tell
}

# queue_as TELL NAME SECONDS CPUS COMMAND...: TELL gives the verdict.
queue_as()
{
	local tell=$1 name=$2 limit=$3 cpus=$4 i=${#JOB_NAME[@]} log

	shift 4
	[ "$cpus" -gt 0 ] && [ "$cpus" -le "$JOBS" ] || cpus=$JOBS
	while [ ${#JOB_OF[@]} != 0 ] && [ $((JOBS_BUSY + cpus)) -gt "$JOBS" ]; do
		jobs_reap
	done
	JOB_NAME+=("$name") JOB_LIMIT+=("$limit") JOB_CPUS+=("$cpus") JOB_TELL+=("$tell")
	log=$(job_log "$name")
	rm -f "$log" "$log.time"
	# Of its own session, so that Ctrl-C comes here alone; a background job
	# of a shell would ignore it.
	(
		trap - EXIT TERM HUP INT
		TIMEFORMAT='%R %U %S'
		{
			time env --default-signal=INT,QUIT "KVIST_TEST_JOB=$JOB_MARK.$i." setsid -w \
				timeout -k 10 "$limit" "$@" >"$log" 2>&1 </dev/null
		} 2>"$log.time"
	) &
	JOB_OF[$!]=$i
	JOBS_BUSY=$((JOBS_BUSY + cpus))
}

queue() { queue_as tell_test "$@"; }

# Returns the test's status.
run()
{
	local i=${#JOB_NAME[@]}

	queue_as tell_test "$1" "$2" 0 "${@:3}"
	jobs_finish
	return "${JOB_RC[i]}"
}
