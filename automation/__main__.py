"""Run the command line as ``python -m automation``."""

from automation.cli import main

if __name__ == "__main__":
    main()
