#!/usr/bin/env bash
# Real MongoDB, Kafka, RabbitMQ and NATS on loopback, without Docker: for development, tests and CI.
#
#   npm run servers -- up [NAME...]      install what is missing, start, wait until ready, print the exports
#   npm run servers -- down [NAME...]    stop cleanly; the data stays
#   npm run servers -- status            what runs, where
#   npm run servers -- env [NAME...]     the exports alone
#   npm run servers -- run COMMAND...    run a command with the exports set
#   npm run servers -- kill NAME         kill -9; `up NAME` starts it again on its data
#   npm run servers -- pause|resume NAME SIGSTOP and SIGCONT
#   npm run servers -- wipe [NAME...]    stop and delete the data; downloads stay
#
# NAME is one of mongo, kafka, rabbit, nats; none means all four. Only exports go to stdout:
#   eval "$(npm run -s servers -- up)"
# SERVERS_HOME is where everything lies (./.servers); SERVERS_PORT_OFFSET moves every port, and with it the data
# (0), so that two sets can run side by side.
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export SERVERS_HOME=${SERVERS_HOME:-$ROOT/.servers}
export SERVERS_PORT_OFFSET=${SERVERS_PORT_OFFSET:-0}

source "$ROOT/scripts/servers/lib.sh"
for name in "${ALL[@]}"; do source "$ROOT/scripts/servers/$name.sh"; done

usage() {
  sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}" >&2
  exit 2
}

# Starts one server if it is down, and waits until it answers.
up_one() {
  local name=$1 began=$EPOCHREALTIME
  if is_running "$name"; then
    log "$name: already up, 127.0.0.1:$("${name}_port")"
    return
  fi
  mkdir -p "$(data_of "$name")"
  "${name}_fetch"
  wait_until 15 "$name: port $("${name}_port") is taken; SERVERS_PORT_OFFSET moves it" port_is_free "$("${name}_port")"
  "${name}_start"
  wait_until 60 "$name: not ready in 60 s, see $(data_of "$name")" ready_or_dead "$name"
  is_running "$name" || { tail -n 20 "$(log_of "$name")" >&2; fail "$name: it ended while it started"; }
  log "$name: up, 127.0.0.1:$("${name}_port"), after $(seconds_since "$began") s"
}

up() {
  install_packages "$@"
  local name pid failed=0 pids=()
  for name in "$@"; do
    up_one "$name" >&2 </dev/null &
    pids+=($!)
  done
  for pid in "${pids[@]}"; do wait "$pid" || failed=1; done
  [ "$failed" = 0 ] || fail "not every server is up"
  print_exports "$@"
}

down() {
  local name pids=()
  for name in "$@"; do
    stop_one "$name" &
    pids+=($!)
  done
  wait "${pids[@]}"
}

wipe() {
  down "$@"
  for name in "$@"; do rm -rf "$(data_of "$name")"; done
}

signal() {
  local how=$1 name=$2 pid
  pid=$(pid_of "$name") || fail "$name: not running"
  kill "-$how" "$pid"
  [ "$how" != KILL ] || wait_until 10 "$name: survived kill -9" has_ended "$pid"
  log "$name: SIG$how to $pid"
}

print_exports() {
  for name in "$@"; do echo "export $("${name}_export")"; done
}

# Runs a command that finds all four servers in its environment.
run() {
  local name
  for name in "${ALL[@]}"; do is_running "$name" || fail "$name is down: npm run servers -- up"; done
  eval "$(print_exports "${ALL[@]}")"
  exec "$@"
}

status() {
  local name pid
  for name in "$@"; do
    pid=$(pid_of "$name") || pid=
    printf '%-7s %-7s 127.0.0.1:%-6s %s\n' "$name" "$(state_of "$name")" "$("${name}_port")" "${pid:+pid $pid}"
  done
}

command=${1:-}
shift || true
if [ "$command" = run ]; then run "$@"; fi

names=()
for name in "$@"; do names+=("$(known "$name")") || exit 2; done
case $command in
  kill | pause | resume) [ "${#names[@]}" = 1 ] || usage ;;
  *) [ "${#names[@]}" -gt 0 ] || names=("${ALL[@]}") ;;
esac

case $command in
  up | down | wipe) lock && "$command" "${names[@]}" ;;
  status) status "${names[@]}" ;;
  env) print_exports "${names[@]}" ;;
  kill) signal KILL "${names[0]}" ;;
  pause) signal STOP "${names[0]}" ;;
  resume) signal CONT "${names[0]}" ;;
  *) usage ;;
esac
