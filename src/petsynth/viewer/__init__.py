"""Look at scans in a browser: MRI, reference PET, synthetic PET and what differs.

Read `layers` first (what a page shows of a subject), then `sources` (which files those are),
`encoding` (an image as the page reads it), `regions` (the names of regions under the cursor) and
`library` (images kept in memory). `server` is the web application of ``petsynth view`` with the
files of `pages`; `security` and `tokens` are what stands before any application, `serving` runs
one, and `extra` names the libraries that are missing. The page is in `static/`, NiiVue, which
draws, in `vendor/`.
"""
