#!/usr/bin/env bash
# Paper B on real anatomy: real T1s (IXI) with simulated PET of two time points.
#
#   experiments/paper_b_ixi.sh IXI_FOLDER OUT [UPDATES] [SUBJECTS] [VOXEL_MM] [SEEDS]
#
# The four systems, FDG and AV45, original units and SUVR, three seeds, with the same updates, data
# and L1 units; then, on FDG in original units, ablations, token schemes, embeddings, masked shares
# and the slope penalty. IXI_FOLDER holds t1/, labels/ and split.tsv. Interrupted, run it again:
# what is finished is kept, and an unfinished training goes on where it stopped. Two trainings of
# one thread each run side by side. Set PETSYNTH where the command is not .venv/bin/petsynth; ARMS
# and PARTS (main, tuning, ablations) to do a part of it.
#
# Step sizes were not tuned per system: all systems take RATE, three times the paper's largest,
# since the updates are few; `rates` below is what a tuning of equal budget would try.
set -euo pipefail
ixi=$1
export OUT=$2 OMP_NUM_THREADS=1 PETSYNTH=${PETSYNTH:-.venv/bin/petsynth} RATE=${RATE:-6e-4}
export UPDATES=${3:-600}
subjects=${4:-124} voxel_mm=${5:-8} seeds=${6:-"0 1 2"}
arms=${ARMS:-"FDG-original AV45-original FDG-suvr AV45-suvr"}
parts=${PARTS:-"main tuning ablations"}
systems="pix2pix3d-tanh pix2pix3d-tanhshrink ganbert ganbert-cnnd"
rates="2e-4 6e-4 2e-3"
mkdir -p "$OUT/runs"

cohort() { # TRACER UNITS: simulate and prepare one arm
  local folder=$OUT/cohorts/$1-$2
  if [ -f "$folder/done" ]; then return; fi
  mkdir -p "$folder"
  $PETSYNTH simulate "$folder/bids" --labels-from "$ixi" --tracer "$1" --units "$2" --frames 2 \
    --subjects "$subjects" --pet-voxel-mm 3 --seed 0 --nprocs 2 --overwrite
  $PETSYNTH prepare "$folder/bids" "$folder/prepared" participant group --grid paper-b \
    --voxel-mm "$voxel_mm" --frames keep --units keep --skip-bids-validation \
    --masks "$folder/bids/derivatives/truth" --split "$ixi/split.tsv" --nprocs 2
  touch "$folder/done"
}
for arm in $arms; do cohort "${arm%-*}" "${arm#*-}"; done

train() { # ARM NAME SYSTEM SEED [KEY VALUE ...]
  local data=$OUT/cohorts/$1/prepared run=$OUT/runs/$1-$2-seed$4 resume=()
  if [ -f "$run.done" ]; then return; fi
  if [ -d "$run" ]; then resume=(--resume); fi
  $PETSYNTH train "small/$3.toml" --data "$data" --out "$run" --seed "$4" --threads 1 \
    --data.voxel-mm "$VOXEL_MM" --training.max-steps "$UPDATES" --training.epochs 100000 \
    --training.samples-every 100000 --optimiser.learning-rate "$RATE" --optimiser.beta1 0.5 \
    "${@:5}" "${resume[@]}" 2>> "$run.log"
  touch "$run.done"
}
export VOXEL_MM=$voxel_mm
export -f train

main() {
  for arm in $arms; do
    for seed in $seeds; do
      for system in $systems; do echo "$arm $system $system $seed"; done
    done
  done
}

tuning() {
  for rate in $rates; do
    for system in $systems; do
      echo "FDG-original $system-rate$rate $system 0 --optimiser.learning-rate $rate"
    done
  done
}

ablations() {
  local arm=FDG-original
  for seed in $seeds; do
    echo "$arm ganbert-no-mlm ganbert $seed --loss.mlm 0"
    echo "$arm ganbert-no-nsp ganbert $seed --loss.nsp 0"
    echo "$arm ganbert-l1-alone ganbert $seed --loss.nsp 0 --loss.mlm 0"
    echo "$arm ganbert-literal ganbert $seed --bert.tokens literal"
    echo "$arm ganbert-linear ganbert $seed --bert.tokens linear"
    echo "$arm ganbert-table ganbert $seed --bert.embedding table"
    echo "$arm ganbert-masked60 ganbert $seed --bert.mri-masked 0.6 --bert.pet-masked 0.6"
    echo "$arm ganbert-slope ganbert $seed --bert.slope-penalty 10"
    echo "FDG-suvr ganbert-linear ganbert $seed --bert.tokens linear"
  done
}

for part in $parts; do
  $part | xargs -P 2 -L 1 bash -euc 'train "$@"' train
done

for arm in $arms; do
  $PETSYNTH evaluate "$OUT/runs/$arm"-*-seed? --data "$OUT/cohorts/$arm/prepared" \
    --out "$OUT/evaluation-$arm" --threads 2 --overwrite
done
