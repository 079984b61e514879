"""Makes the folder of a row "unknown class": things that no training here had, drawn, with their sounds.

    pip download --no-deps arcade==3.3.3
    python research/scripts/make_unknown.py arcade-3.3.3-py3-none-any.whl -o UNKNOWN
    ccstereo bench make -o B --folder STAGE --sofa KEMAR.sofa --unknown UNKNOWN --rows "unknown class"

Pictures and sounds are Kenney's (CC0), as the games' package `arcade` carries them.
"""

import argparse
import re
import zipfile
from pathlib import Path, PurePosixPath

CLASSES = {
    "alien": (r"alien/\w+\.png|enemies/(slime|worm)\w+\.png", r"(hurt|jump)\d\.wav"),
    "bomb": (r"tiles/bomb\.png|space_shooter/meteorGrey_(big|med)\d\.png", r"explosion\d\.wav"),
    "coin": (r"items/(coin(Gold|Silver|Bronze)|gem\w+|star)\.png", r"coin\d\.wav"),
    "crate": (r"tiles/(boxCrate|brick)\w*\.png", r"(hit|rockHit)\d\.wav"),
    "spaceship": (r"space_shooter/playerShip\w+\.png", r"laser\d\.wav"),
}
"""Class -> patterns of its pictures, below images/, and of its sounds, below sounds/."""


def main() -> None:
    """Copy what fits the patterns, class by class."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("wheel", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args()
    with zipfile.ZipFile(options.wheel) as wheel:
        for label, patterns in CLASSES.items():
            counts = []
            for kind, folder, pattern in zip(("photos", "sounds"), ("images", "sounds"), patterns, strict=True):
                place = options.output / kind / label
                place.mkdir(parents=True, exist_ok=True)
                names = [name for name in wheel.namelist() if re.fullmatch(rf".*/assets/{folder}/({pattern})", name)]
                for name in names:
                    (place / PurePosixPath(name).name).write_bytes(wheel.read(name))
                counts.append(len(names))
            if not all(counts):
                raise SystemExit(f"{options.wheel}: has no pictures or no sounds of {label}")
            print(f"{label}: {counts[0]} pictures, {counts[1]} sounds")


if __name__ == "__main__":
    main()
