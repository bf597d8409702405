#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""article.py INPUT OUTPUT: makes an article of docs/, as one reads it in the tree, one that gi-docgen takes.

The title goes where gi-docgen looks for it, links lead to pages instead of files, and those that leave docs/ are text.
"""

import pathlib
import re
import sys

source, target = map(pathlib.Path, sys.argv[1:])
text = source.read_text(encoding="utf-8")
text = re.sub(r"\A# (.*)\n", r"Title: \1\n", text)
text = re.sub(r"\[([^]]*)\]\(\.\./[^)]*\)", r"\1", text)
text = re.sub(r"\]\(([a-z-]+)\.md(#[^)]*)?\)", r"](\1.html\2)", text)
target.write_text(text, encoding="utf-8")
