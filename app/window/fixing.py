"""Making a fix: its edits are one undo step, and code that it writes anew may run where the old code might."""

from __future__ import annotations

from app.design import changes, edits
from app.messages.reports import Fix
from app.window.document import Document


def make(document: Document, fix: Fix) -> bool:
    """Make the edits of `fix`. A refusal is announced by the document; False then."""
    design, catalogue = document.design, document.catalogue
    for change in fix.changes:
        node = design.graph(change.where).by_id.get(change.node) if isinstance(change, changes.SetSetting) else None
        if node is None or not isinstance(change, changes.SetSetting):
            continue
        for setting in edits.settings_of(design, node, catalogue) or ():
            if setting.name == change.setting:
                document.consent.typed(setting, node.settings.get(setting.name), change.value["value"])
    return document.edit(fix.title, lambda d: changes.apply(d, fix.changes, catalogue))
