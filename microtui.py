"""`python -m microtui` is the `microtui` command."""

from cli.main import main

if __name__ == "__main__":
    main()
