#!/usr/bin/env bash
# Paper B on real anatomy: real T1s (IXI) with simulated PET of two time points.
#
#   experiments/paper_b_ixi.sh IXI_FOLDER OUT [STAGE ...]
#
# IXI_FOLDER holds t1/, labels/ and split.tsv. The stages, all of them in this order by default:
#
#   cohorts    simulate and prepare the arms: FDG and AV45, in original units and in SUVR
#   tuning     each system at three learning rates (FDG, seed 0), in original units and in SUVR; the
#              one with the best PSNR on the validation subjects is that system's from then on
#   main       the four systems in all arms, three seeds, with the same updates
#   ablations  GANBERT's loss terms, tokens, embedding, masked fraction and gradient penalty
#   wavelengths  GANBERT in SUVR alone, at learning rate SUVR_RATE: with the embedding's wavelengths of
#              original units (8 to 64), with these and L1's unit scaled to the data's spread,
#              which is the default of now, and with L1 alone; not among the default stages
#   evaluate   all runs of an arm on its test subjects, in one report
#
# Interrupted, run it again: what is finished is kept, and an unfinished training goes on where it
# stopped. Variables: UPDATES (600), VOXEL_MM (4), SEEDS ("0 1 2"), RATES, SUVR_RATES,
# SUVR_RATE (3e-4), BERT_RATE (1e-4), DECAY (0: fraction of the updates, the last ones, over which rates fall to
# zero), ARMS, SUBJECTS (124), JOBS (trainings at a time, one thread each: 2), PETSYNTH (the command).
set -euo pipefail
ixi=$1
export OUT=$2 OMP_NUM_THREADS=1
shift 2
export PETSYNTH=${PETSYNTH:-.venv/bin/petsynth} UPDATES=${UPDATES:-600} VOXEL_MM=${VOXEL_MM:-4}
export RATES=${RATES:-"6e-4 2e-3 6e-3"} SUVR_RATES=${SUVR_RATES:-"6e-5 2e-4 6e-4"}
export BERT_RATE=${BERT_RATE:-1e-4} DECAY=${DECAY:-0}
seeds=${SEEDS:-"0 1 2"} jobs=${JOBS:-2} subjects=${SUBJECTS:-124}
arms=${ARMS:-"FDG-original AV45-original FDG-suvr AV45-suvr"}
systems="pix2pix3d-tanh pix2pix3d-tanhshrink ganbert ganbert-cnnd"
mkdir -p "$OUT/runs"

cohort() { # TRACER-UNITS: simulate and prepare one arm
  local folder=$OUT/cohorts/$1
  if [ -f "$folder/done" ]; then return; fi
  mkdir -p "$folder"
  $PETSYNTH simulate "$folder/bids" --labels-from "$ixi" --tracer "${1%-*}" --units "${1#*-}" \
    --frames 2 --subjects "$subjects" --pet-voxel-mm 3 --seed 0 --nprocs 2 --overwrite
  $PETSYNTH prepare "$folder/bids" "$folder/prepared" participant group --grid paper-b \
    --voxel-mm "$VOXEL_MM" --frames keep --units keep --skip-bids-validation \
    --masks "$folder/bids/derivatives/truth" --split "$ixi/split.tsv" --nprocs 2
  touch "$folder/done"
}

train() { # ARM NAME SYSTEM SEED RATE [KEY VALUE ...]
  local data=$OUT/cohorts/$1/prepared run=$OUT/runs/$1-$2-seed$4 rate=$5 resume=() bert=()
  if [ -f "$run.done" ]; then return; fi
  if [ "$rate" = tuned ]; then rate=$(tuned_rate "$3" "${1#*-}"); fi
  if [ "${1%-*}-$2-$4" = "FDG-$3-0" ]; then # was trained for the tuning
    cp -r "${run%-seed0}-rate$rate-seed0" "$run" && touch "$run.done" && return
  fi
  if [ -d "$run" ]; then resume=(--resume); fi
  case $3 in ganbert*) bert=(--bert.learning-rate "$BERT_RATE") ;; esac
  $PETSYNTH train "small/$3.toml" --data "$data" --out "$run" --seed "$4" --threads 1 \
    --data.voxel-mm "$VOXEL_MM" --generator.levels 4 --generator.max-filters 96 \
    --training.max-steps "$UPDATES" --training.epochs 100000 --training.validate-every 100000 \
    --training.samples-every 100000 --training.precision auto --optimiser.learning-rate "$rate" \
    --optimiser.beta1 0.5 --optimiser.decay "$DECAY" "${bert[@]}" "${@:6}" "${resume[@]}" 2> "$run.log"
  touch "$run.done"
}

rates_of() { # UNITS: SUVR's targets are a hundred times smaller, in normalised units
  if [ "$1" = suvr ]; then echo "$SUVR_RATES"; else echo "$RATES"; fi
}

tuned_rate() { # SYSTEM UNITS: the rate whose tuning run has the best PSNR on validation subjects
  local rate log
  for rate in $(rates_of "$2"); do
    log=$OUT/runs/FDG-$2-$1-rate$rate-seed0/validation_log.csv
    awk -F, -v rate="$rate" 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == "psnr") at = i }
      END { print $at, rate }' "$log"
  done | sort -g | tail -n 1 | cut -d' ' -f2
}
export -f train tuned_rate rates_of

tuning() {
  local units rate system
  for units in $(tr ' ' '\n' <<< "$arms" | cut -d- -f2 | sort -u); do
    for rate in $(rates_of "$units"); do
      for system in $systems; do echo "FDG-$units $system-rate$rate $system 0 $rate"; done
    done
  done
}

main() {
  for arm in $arms; do
    for seed in $seeds; do
      for system in $systems; do echo "$arm $system $system $seed tuned"; done
    done
  done
}

ablations() {
  local arm=FDG-original
  for seed in $seeds; do
    echo "$arm ganbert-l1-alone ganbert $seed tuned --loss.nsp 0 --loss.mlm 0"
    echo "$arm ganbert-no-mlm ganbert $seed tuned --loss.mlm 0"
    echo "$arm ganbert-no-nsp ganbert $seed tuned --loss.nsp 0"
    echo "$arm ganbert-literal ganbert $seed tuned --bert.tokens literal"
    echo "$arm ganbert-linear ganbert $seed tuned --bert.tokens linear"
    echo "$arm ganbert-table ganbert $seed tuned --bert.embedding table"
    echo "$arm ganbert-masked60 ganbert $seed tuned --bert.mri-masked 0.6 --bert.pet-masked 0.6"
    echo "$arm ganbert-gradient-penalty ganbert $seed tuned --bert.gradient-penalty 10"
  done
}

wavelengths() {
  for arm in $arms; do
    for seed in $seeds; do
      echo "$arm ganbert-wavelengths8 ganbert $seed ${SUVR_RATE:-3e-4} --bert.shortest-wavelength 8"
      echo "$arm ganbert-balanced ganbert $seed ${SUVR_RATE:-3e-4}"
      echo "$arm ganbert-l1-alone ganbert $seed ${SUVR_RATE:-3e-4} --loss.nsp 0 --loss.mlm 0"
    done
  done
}

evaluate() {
  for arm in $arms; do
    find "$OUT/runs" -maxdepth 1 -type d -name "$arm-*-seed?" ! -name "*-rate*" | sort \
      | xargs $PETSYNTH evaluate --data "$OUT/cohorts/$arm/prepared" --threads 2 --overwrite \
        --margin psnr=0.5 ssim=0.01 --out "$OUT/evaluation-$arm"
  done
}

if [ $# -eq 0 ]; then set -- cohorts tuning main ablations evaluate; fi
for stage in "$@"; do
  case $stage in
    cohorts) for arm in $arms; do cohort "$arm"; done ;;
    evaluate) evaluate ;;
    tuning | main | ablations | wavelengths) $stage | xargs -P "$jobs" -L 1 bash -euc 'train "$@"' train ;;
    *) echo "$stage: no such stage" >&2 && exit 2 ;;
  esac
done
