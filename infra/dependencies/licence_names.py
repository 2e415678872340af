"""SPDX ids of licences from the many names that POMs and packages give them."""

from __future__ import annotations

import re

from cyclonedx.spdx import fixup_id

# A name that matches says this licence and version beyond doubt. "BSD" alone, or "LGPL" without a version, does not.
_NAMES = {
    r"(asf|apache)\b(?!.*1\.[01]).*2(\.0)?\b.*": "Apache-2.0",
    r"(the )?mit( license)?( \(mit\))?": "MIT",
    r"mit-0": "MIT-0",
    r".*eclipse public license.*\b1\.0": "EPL-1.0",
    r".*(eclipse public license.*|epl )\b2\.0": "EPL-2.0",
    r"eclipse distribution license.*1\.0": "BSD-3-Clause",
    r"(the )?bsd (3-clause|new)( license)?": "BSD-3-Clause",
    r"(the )?bsd 2-clause( license)?": "BSD-2-Clause",
    r"(gnu lesser general public license version|lgpl) 2\.1.*": "LGPL-2.1-only",
    r"lesser general public license, version 3 or greater": "LGPL-3.0-or-later",
    r"mpl 1\.1": "MPL-1.1",
    r"mozilla public license 2\.0 \(mpl 2\.0\)": "MPL-2.0",
    r"cddl 1\.1": "CDDL-1.1",
    r"(public domain, per creative commons )?cc0": "CC0-1.0",
    r"isc license \(iscl\)": "ISC",
}
_PATTERNS = {re.compile(f"(the )?{pattern}", re.IGNORECASE): found for pattern, found in _NAMES.items()}


def spdx_id(name: str) -> str | None:
    """The SPDX id that the name means; None if the name leaves it open."""
    known = (found for pattern, found in _PATTERNS.items() if pattern.fullmatch(name))
    return fixup_id(name) or next(known, None)
