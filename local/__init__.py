"""Running everything on one machine, with the standard library only.

Rule: what runs here is what runs elsewhere: the same processes, told the same things through the same settings.
Imports nothing of the product, for the environment that the product needs may not exist yet.
"""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
