"""`python -m cxrcore`: the command line, and the process of a job."""

import sys

if __name__ == "__main__":
    if sys.argv[1:2] == ["run-job"]:
        # Not through the command line: a process that waits for its turn should be small.
        from cxrcore.jobs import child

        sys.exit(child.main(sys.argv[2:]))
    from cxrcore.cli import main

    main()
