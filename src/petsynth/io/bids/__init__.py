"""Reading BIDS datasets: which T1 and PET belong together, and what is known of them.

Read in this order: `names` (entities, labels, participants), `tracers` (one tracer has many names),
`metadata` (sidecars and tables), `participants` (``participants.tsv``), `images` (the files, and
what speaks against one), `filters` (which of them to consider), `dates` and `pairs` (when they were
acquired, and the rules of pairing), `index` (the whole dataset). `brain_masks` finds masks among
derivatives; `privacy` says what may leave a dataset; `validator` runs the BIDS validator.
"""
