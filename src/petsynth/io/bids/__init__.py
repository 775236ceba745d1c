"""Reading BIDS datasets: which T1 and PET belong together, and what is known of them.

Read in this order: `names` (entities, tracers, participants), `metadata` (sidecars and tables),
`participants` (``participants.tsv``), `images` (the files, and the filter of those to consider),
`dates` and `pairs` (when they were acquired, and the rules of pairing), `index` (the whole
dataset). `brain_masks` finds masks among derivatives; `validator` runs the BIDS validator.
"""
