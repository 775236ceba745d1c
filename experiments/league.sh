#!/usr/bin/env bash
# All systems on the same subjects, voxels and training time: real T1s (IXI) with simulated PET.
#
#   experiments/league.sh IXI_FOLDER OUT [STAGE ...]
#
# IXI_FOLDER holds t1/, labels/ and split.tsv. The stages, all of them in this order by default:
#
#   cohorts    simulate and prepare each tracer twice, at 4 mm: on the grid of paper A for systems of
#              slices and pet-bridge, on that of paper B for its own. Both are aligned to MNI axes, so an
#              image of one has its place on the other.
#   timing     seconds a step of each system on one thread (FDG), and from them its updates: the
#              same BUDGET of seconds for all
#   train      each system, tracer and seed
#   reference  the authors' own pix2pix, for BUDGET seconds (only where REFERENCE names a clone of
#              junyanz/pytorch-CycleGAN-and-pix2pix; benchmarks/reference_pix2pix.py)
#   volumes    the test PETs of paper B's systems, as images
#   evaluate   all systems of a tracer in one report on paper A's grid, baselines beside them
#   spread     how many voxels the intervals of pet-bridge's samples hold
#
# docs/results/league.md comes from OUT/evaluation-TRACER and OUT/spread-*.json
# (benchmarks/league_table.py). Interrupted, run it again: what is finished is kept. Variables:
# TRACERS ("FDG AV45 AV1451"), SEEDS ("0 1 2"), SUBJECTS (124), BUDGET (600, seconds), JOBS
# (trainings at a time, one thread each: 2), SYSTEMS, REFERENCE, PYTHON (of the environment:
# .venv/bin/python).
set -euo pipefail
export here ixi=$1
here=$(cd "$(dirname "$0")/.." && pwd)
export OUT=$2 OMP_NUM_THREADS=1
shift 2
export PYTHON=${PYTHON:-.venv/bin/python} BUDGET=${BUDGET:-600} REFERENCE=${REFERENCE:-}
export petsynth="$PYTHON -m petsynth"
tracers=${TRACERS:-"FDG AV45 AV1451"} seeds=${SEEDS:-"0 1 2"} subjects=${SUBJECTS:-124}
jobs=${JOBS:-2}
systems=${SYSTEMS:-"pix2pix-axial pix2pix-augmented medgan-axial unet25d pix2pix3d-tanh ganbert pet-bridge"}
mkdir -p "$OUT/runs"

is_of_paper_b() { case $1 in pix2pix3d* | ganbert*) true ;; *) false ;; esac }

options() { # SYSTEM: its configuration, and what 4 mm and one frame need
  case $1 in
    # The measured PET is learnt, as by all others, not what the simulation knows of it.
    unet25d) echo petsynth-fdg.toml --data.target pet --data.padded-size 64 --generator.filters 16 \
      --generator.max-filters 96 --generator.levels 3 --training.workers 0 ;;
    pix2pix3d* | ganbert*) echo "small/$1.toml" --data.voxel-mm 4 --data.frames 1 \
      --generator.levels 4 --generator.max-filters 96 --optimiser.learning-rate 3e-4 \
      --optimiser.beta1 0.5 --optimiser.decay 0.5 ;;
    pet-bridge) echo small/pet-bridge.toml ;;
    *) echo "small/$1.toml" --data.padded-size 64 ;;
  esac
}

data() { # SYSTEM TRACER
  if is_of_paper_b "$1"; then echo "$OUT/$2/paper-b"; else echo "$OUT/$2/paper-a"; fi
}

cohort() { # TRACER
  local folder=$OUT/$1
  if [ -f "$folder/done" ]; then return; fi
  mkdir -p "$folder"
  $petsynth simulate "$folder/bids" --labels-from "$ixi" --tracer "$1" --subjects "$subjects" \
    --voxel-mm 2 --seed 0 --nprocs "$jobs" --overwrite
  for grid in paper-a paper-b; do
    $petsynth prepare "$folder/bids" "$folder/$grid" participant group --grid $grid --voxel-mm 4 \
      --skip-bids-validation --masks "$folder/bids/derivatives/truth" --split "$ixi/split.tsv" \
      --nprocs "$jobs"
  done
  touch "$folder/done"
}

run_system() { # SYSTEM TRACER SEED STEPS FOLDER
  $petsynth train $(options "$1") --data "$(data "$1" "$2")" --out "$5" --seed "$3" --threads 1 \
    --training.max-steps "$4" --training.epochs 100000 --training.validate-every 100000 \
    --training.samples-every 100000 --training.precision auto "${@:6}" 2> "$5.log"
}

timing() { # seconds of steps 5 to 45 on one thread, nothing else running
  local system first=${tracers%% *}
  for system in $systems; do
    if grep -q "^$system	" "$OUT/steps.tsv" 2> /dev/null; then continue; fi
    rm -rf "$OUT/timing-$system"
    run_system "$system" "$first" 0 45 "$OUT/timing-$system" --training.log-every 5
    $PYTHON - "$system" "$OUT/timing-$system/train_log.csv" "$BUDGET" >> "$OUT/steps.tsv" << 'END'
import sys
import pandas as pd

system, log, budget = sys.argv[1:]
rows = pd.read_csv(log)
taken = rows.iloc[[0, -1]].diff().iloc[-1]  # the log gives tenths of a second
step = float(taken["seconds"] / taken["step"])
print(system, round(step, 4), max(round(float(budget) / step), 1), sep="\t")
END
  done
}

train() { # SYSTEM TRACER SEED
  local run=$OUT/runs/$2-$1-seed$3 steps resume=()
  if [ -f "$run.done" ]; then return; fi
  steps=$(grep "^$1	" "$OUT/steps.tsv" | cut -f3)
  if [ -d "$run" ]; then resume=(--resume); fi
  run_system "$1" "$2" "$3" "$steps" "$run" "${resume[@]}"
  touch "$run.done"
}
export -f train run_system options data is_of_paper_b

each() { # all trainings, a line each
  local tracer seed system
  for tracer in $tracers; do
    for seed in $seeds; do
      for system in $systems; do echo "$system $tracer $seed"; done
    done
  done
}

reference() { # TRACER SEED: the authors' code, its images and figures
  local folder=$OUT/reference/$1-reference-pix2pix-seed$2
  if [ -f "$folder.json" ]; then return; fi
  $PYTHON "$here/benchmarks/reference_pix2pix.py" "$REFERENCE" --data "$OUT/$1/paper-a" --out "$folder" \
    --seconds "$BUDGET" --seed "$2" | tail -n 1 > "$folder.json.part"
  mv "$folder.json.part" "$folder.json"
}

references() { # TRACER and SEED of each, a line each
  local tracer seed
  if [ -z "$REFERENCE" ]; then return; fi
  mkdir -p "$OUT/reference"
  for tracer in $tracers; do
    for seed in $seeds; do echo "$tracer $seed"; done
  done
}
export -f reference

volumes() {
  local tracer runs
  for tracer in $tracers; do
    runs=$(find "$OUT/runs" -maxdepth 1 -type d \( -name "$tracer-pix2pix3d*" -o -name "$tracer-ganbert*" \) | sort)
    if [ -n "$runs" ]; then
      $petsynth evaluate $runs --data "$OUT/$tracer/paper-b" --out "$OUT/volumes-$tracer" \
        --no-figures --atlas none --save-predictions --threads "$jobs" --overwrite
    fi
  done
}

evaluate() {
  local tracer runs folder others
  for tracer in $tracers; do
    runs=$(find "$OUT/runs" -maxdepth 1 -type d -name "$tracer-*-seed*" ! -name "$tracer-pix2pix3d*" \
      ! -name "$tracer-ganbert*" | sort)
    others=()
    for folder in "$OUT/volumes-$tracer"/predictions/*/ "$OUT/reference/$tracer"-*/; do
      if [ -d "$folder" ]; then others+=("$(basename "$folder")=$folder"); fi
    done
    $petsynth evaluate $runs --data "$OUT/$tracer/paper-a" --out "$OUT/evaluation-$tracer" \
      ${others:+--predictions "${others[@]}"} --threads "$jobs" --overwrite
  done
}

spread() {
  local run name
  for run in "$OUT"/runs/*-pet-bridge-seed*/; do
    name=$(basename "$run")
    $PYTHON "$here/benchmarks/spread_coverage.py" --data "$OUT/${name%%-*}/paper-a" --model "$run" \
      --threads "$jobs" | tail -n 1 > "$OUT/spread-$name.json"
  done
}

if [ $# -eq 0 ]; then set -- cohorts timing train reference volumes evaluate spread; fi
for stage in "$@"; do
  case $stage in
    cohorts) for tracer in $tracers; do cohort "$tracer"; done ;;
    train) each | xargs -P "$jobs" -L 1 bash -euc 'train "$@"' train ;;
    reference) references | xargs -r -P "$jobs" -L 1 bash -euc 'reference "$@"' reference ;;
    timing | volumes | evaluate | spread) $stage ;;
    *) echo "$stage: no such stage" >&2 && exit 2 ;;
  esac
done
