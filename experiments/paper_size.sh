#!/usr/bin/env bash
# Both papers at their own size, for as long as a GPU is there; resumable.
#
#   experiments/paper_size.sh IXI_FOLDER OUT SECONDS
#
# Paper A: 12 subjects (the first of IXI) with simulated FDG at 1.5 mm, 121 axial slices each, batch
# 1, 100 epochs: 145,200 updates. Paper B: GANBERT at full size (T1 of 256^3, PET of 2 mm, two
# frames) on the same subjects, 500 epochs. Each gets half of SECONDS; what a training has when its
# time is over is saved, and the next call goes on from there. Prepare on a processor first (SECONDS 0):
# only the trainings need the GPU. PETSYNTH: the command; DEVICE: cuda, or cpu to try the script.
set -euo pipefail
ixi=$1 out=$2 seconds=$3
petsynth=${PETSYNTH:-.venv/bin/petsynth} device=${DEVICE:-cuda}
if [ ! -f "$out/prepared" ]; then
  $petsynth simulate "$out/bids" --labels-from "$ixi" --subjects 12 --frames 2 --units original \
    --seed 0 --nprocs 2 --overwrite
  $petsynth prepare "$out/bids" "$out/paper-a" --voxel-mm 1.5 --test 0 --skip-bids-validation \
    --masks "$out/bids/derivatives/truth" --nprocs 2
  $petsynth prepare "$out/bids" "$out/paper-b" --grid paper-b --frames keep --units keep --test 0 \
    --skip-bids-validation --masks "$out/bids/derivatives/truth" --nprocs 2
  touch "$out/prepared"
fi

train() { # NAME CONFIG DATA [OPTION ...]
  local run=$out/runs/$1 resume=() status=0
  if [ -f "$run.done" ] || [ "$seconds" -lt 2 ]; then return; fi
  mkdir -p "$out/runs"
  if [ -d "$run" ]; then resume=(--resume); fi
  timeout --signal=INT --kill-after=60 $((seconds / 2)) $petsynth train "$2" --data "$3" \
    --out "$run" --device "$device" "${@:4}" "${resume[@]}" || status=$?
  case $status in
    0) touch "$run.done" ;;
    124) echo "$1: time over; call again to go on" ;;
    *) return "$status" ;;
  esac
}

train paper-a pix2pix-axial.toml "$out/paper-a" --training.epochs 100
train paper-b ganbert.toml "$out/paper-b" --training.epochs 500
