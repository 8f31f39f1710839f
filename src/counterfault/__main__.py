"""``python -m counterfault``."""

from counterfault.cli.main import main

if __name__ == "__main__":
    main()
