# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Completion of ipc-sim for bash. What can be asked for by name is asked of ipc-sim itself, so it is never out of date;
# the options are written down here, and a test compares them with --help.

_ipc_sim_names() {
  "${COMP_WORDS[0]}" list "$1" 2>/dev/null | sed -n 's/^  \([^ ]*\).*/\1/p'
}

_ipc_sim() {
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} command=run
  local options='--help --nodes --candidates --masters-only --priorities --rate --in-flight --size --at-most-once
    --give-up --hang-timeout --kill-interval --swarm --scenario --fault --duration --patience --seed
    --min-kills-in-flight --count --keep-going --json --report --dir --program --runtime-dir --keep'

  # --fault=ki is three words to bash, --fault = ki.
  if [[ $cur == = ]]; then
    cur=
  elif [[ $prev == = ]]; then
    prev=${COMP_WORDS[COMP_CWORD - 2]}
  fi

  ((COMP_CWORD == 1)) || command=${COMP_WORDS[1]}
  case $prev in
    -f | --fault)
      mapfile -t COMPREPLY < <(compgen -W "$(_ipc_sim_names faults)" -- "$cur")
      return ;;
    kill-at)
      mapfile -t COMPREPLY < <(compgen -W "$(_ipc_sim_names points)" -- "$cur")
      return ;;
    --scenario)
      mapfile -t COMPREPLY < <(compgen -W "$(_ipc_sim_names scenarios)" -- "$cur")
      return ;;
    --dir | --runtime-dir | --report)
      mapfile -t COMPREPLY < <(compgen -d -- "$cur")
      return ;;
    -j | --json | -p | --program)
      mapfile -t COMPREPLY < <(compgen -f -- "$cur")
      return ;;
  esac
  if [[ $cur == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$options" -- "$cur")
  elif ((COMP_CWORD == 1)); then
    mapfile -t COMPREPLY < <(compgen -W 'run check list' -- "$cur")
  elif [[ $command == check ]]; then
    mapfile -t COMPREPLY < <(compgen -f -- "$cur")
  elif [[ $command == list ]]; then
    mapfile -t COMPREPLY < <(compgen -W 'scenarios faults points invariants' -- "$cur")
  else
    mapfile -t COMPREPLY < <(compgen -W "$(_ipc_sim_names scenarios)" -- "$cur")
  fi
}

complete -F _ipc_sim ipc-sim
