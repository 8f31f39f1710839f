"""How fast the parts are, as ratios to something bare that is measured in the same run. ``python -m bench``."""
