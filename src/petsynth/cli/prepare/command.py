"""``petsynth prepare``: which levels are run."""

from __future__ import annotations

from petsynth.cli.prepare.checks import check
from petsynth.cli.prepare.options import Args


def run(args: Args) -> None:
    """Prepare the subjects, the cohort, or both.

    It succeeds if at least one subject could be prepared; those that could not are listed at
    the end and in ``exclusions.tsv``.

    Raises
    ------
    ArgumentError
        If an option has a value that it cannot have.
    InputError
        If the dataset cannot be used, or no subject could be prepared.
    SplitError
        If the split is not usable.
    OutputError
        If the output folder is taken or cannot be written.
    """
    check(args)
    from petsynth.cli.prepare import levels
    from petsynth.cli.prepare.settings import find_scans, settings_in, settings_of
    from petsynth.io.lock import lock_folder
    from petsynth.log import keep_log_in
    from petsynth.prepare.output_folder import check_place

    if args.boilerplate_only:
        levels.print_boilerplate(args)
        return
    if args.reports_only:
        with lock_folder(args.out_dir):
            levels.make_pages(args)
        return
    wanted = set(args.analysis_level) or {"participant", "group"}
    if wanted == {"participant"} and args.num_parts == 1 and not args.participant_label:
        wanted.add("group")  # all subjects are prepared, so the second level can follow at once
    settings = settings_of(args) if "participant" in wanted else settings_in(args.out_dir)
    index, settings = find_scans(args, settings)
    if args.dry_run:
        levels.print_plan(args, index)
        return
    check_place(args.out_dir, args.bids_dir)
    key = levels.lock_key(args, settings, wanted)
    with lock_folder(args.out_dir, key=key) as check_folder:
        if "participant" in wanted:
            alone = "group" not in wanted
            levels.run_participant_level(
                args, settings, index, alone=alone, check_folder=check_folder
            )
        if "group" in wanted:
            keep_log_in(args.out_dir)
            levels.run_group_level(args, settings, index)
