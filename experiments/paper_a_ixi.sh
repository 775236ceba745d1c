#!/usr/bin/env bash
# Paper A on real anatomy: 124 real T1s (IXI) with simulated FDG, three seeds.
# Results and how to read them: docs/results/paper-a-ixi.md.
#
#   experiments/paper_a_ixi.sh IXI_FOLDER OUT [EPOCHS]
#
# IXI_FOLDER holds t1/, labels/ and split.tsv. Interrupted, run it again: what is finished is
# kept, and an unfinished training goes on where it stopped. Two trainings of one thread each run
# side by side; set PETSYNTH where the command is not .venv/bin/petsynth.
set -euo pipefail
ixi=$1
export OUT=$2 OMP_NUM_THREADS=1 PETSYNTH=${PETSYNTH:-.venv/bin/petsynth}
epochs=${3:-2}
updates=$(( epochs * ((87 * 61 + 3) / 4) )) # axial slices of 87 training subjects, batches of 4

# Margins of equivalence between axial and augmented, set before any model was trained.
margins=(ssim=0.01 psnr=0.5)

if [ ! -f "$OUT/simulated" ]; then
  $PETSYNTH simulate "$OUT/bids" --labels-from "$ixi" --tracer FDG --pet-voxel-mm 3 --seed 0 \
    --nprocs 2 --overwrite
  touch "$OUT/simulated"
fi
$PETSYNTH prepare "$OUT/bids" "$OUT/prepared" --voxel-mm 3 --split "$ixi/split.tsv" \
  --nprocs 2

train() { # NAME CONFIG SEED EPOCHS MAX_STEPS
  local run=$OUT/runs/$1 resume=()
  if [ -f "$run.done" ]; then return; fi
  if [ -d "$run" ]; then resume=(--resume); fi
  $PETSYNTH train "$2" --data "$OUT/prepared" --out "$run" --seed "$3" --threads 1 \
    --training.epochs "$4" --training.max-steps "$5" --training.samples-every "$4" \
    "${resume[@]}" 2>> "$run.log"
  touch "$run.done"
}
export -f train
mkdir -p "$OUT/runs"
for seed in 0 1 2; do
  echo "augmented-equal-epochs-seed$seed small/pix2pix-augmented.toml $seed $epochs 0"
  echo "axial-seed$seed small/pix2pix-axial.toml $seed $epochs 0"
  echo "augmented-equal-updates-seed$seed small/pix2pix-augmented.toml $seed $epochs $updates"
done | xargs -P 2 -L 1 bash -euc 'train "$@"' train

for against in updates epochs; do
  $PETSYNTH evaluate "$OUT"/runs/axial-seed? "$OUT"/runs/augmented-equal-$against-seed? \
    --data "$OUT/prepared" --out "$OUT/evaluation-equal-$against" --margin "${margins[@]}" \
    --threads 2 --overwrite
done
