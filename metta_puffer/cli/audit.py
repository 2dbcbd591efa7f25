"""metta-audit: what two training configurations really do, before a single step is run. Needs no GPU and no torch."""

import sys
from collections.abc import Sequence

EXIT_INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Exit status: 0 clean, 1 findings of severity error, 2 unusable input, 130 stopped by Ctrl-C."""
    try:
        # Loading takes most of the time that the answer does, so a Ctrl-C is likely to come here.
        from metta_puffer.cli.audit_commands import run
        from metta_puffer.errors import EXIT_UNUSABLE_INPUT, UserError

        try:
            return run(list(sys.argv[1:] if argv is None else argv))
        except UserError as error:
            print(f"metta-audit: {error}", file=sys.stderr)
            return EXIT_UNUSABLE_INPUT
    except BrokenPipeError:  # the reader of our output went away, as `head` does
        sys.stderr.close()
        return 0
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
