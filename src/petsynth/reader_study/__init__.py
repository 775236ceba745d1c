"""A blinded reader study in a browser: experts look at images and answer questions about them.

Read `study` first (what an organiser writes: cases, questions, readers), then `order` (which case a
reader sees when) and `images` (what makes real and synthetic images look alike to whoever reads the
traffic). `database` keeps readers and answers, `access` knows who is who, `answers` saves what they
say; `server` is the web application of ``petsynth rate``. Results: `ratings` (answers beside the
truth), `proportions`, `agreement` and `comparison` (statistics), `tables`, `printed`
(the tables as a paper prints them), `pictures`, and `results`, which writes all of it.
"""
