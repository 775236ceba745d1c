"""Reading BIDS datasets: which T1 and PET belong together, and what is known of them.

Read in this order: `names` (entities, labels, participants), `tracers` (one tracer has many names),
`metadata` (sidecars and tables), `participants` (``participants.tsv``), `images` (the files),
`filters` (which of them to consider), `doubts` (what speaks against an image), `dates` and `pairs`
(when they were acquired, and the rules of pairing), `index` (the whole dataset). `brain_masks`
finds masks among derivatives; `privacy` says what may leave a dataset; `validator` runs the BIDS
validator.
"""
