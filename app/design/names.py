"""What a node may be called: its name is a key of the state_dict and an attribute of the compiled module."""

from __future__ import annotations

import keyword
import re
from collections.abc import Container

MAX_LENGTH = 64

# Attributes of torch.nn.Module and torch.fx.GraphModule; tests/design/test_names.py compares the list with torch's own.
RESERVED = frozenset(
    """
    T_destination add_module add_submodule apply bfloat16 buffers call_super_init children code compile cpu cuda
    delete_all_unused_submodules delete_submodule double dump_patches eval extra_repr float forward get_buffer
    get_extra_state get_parameter get_submodule graph half ipu load_state_dict meta modules mtia named_buffers
    named_children named_modules named_parameters parameters print_readable recompile register_backward_hook
    register_buffer register_forward_hook register_forward_pre_hook register_full_backward_hook
    register_full_backward_pre_hook register_load_state_dict_post_hook register_load_state_dict_pre_hook
    register_module register_parameter register_state_dict_post_hook register_state_dict_pre_hook requires_grad_
    set_extra_state set_submodule share_memory state_dict to to_empty to_folder train training type xpu zero_grad
    shape_env class_name self
    """.split()  # noqa: SIM905 - a hundred quotes would hide the names
)


class NamingError(ValueError):
    """A name that a node may not have; the message says why and what would do."""


def quoted(text: str) -> str:
    """What someone wrote, for a sentence about it: on one line, and no longer than a name may be."""
    line = "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in text[:MAX_LENGTH])
    return f"`{line}{'...' if len(text) > MAX_LENGTH else ''}`"


def check_name(name: str, taken: Container[str] = ()) -> None:
    """Raise NamingError unless a node may be called `name` beside those `taken`."""
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name):
        raise NamingError(f"{quoted(name)} cannot be a name: use letters, digits and _, and begin with a letter")
    if len(name) > MAX_LENGTH:
        raise NamingError(f"the name has {len(name)} characters: at most {MAX_LENGTH}")
    if keyword.iskeyword(name) or name in RESERVED:
        raise NamingError(f"`{name}` has a meaning of its own in Python or torch: call it `{name}_1`, say")
    if name in taken:
        raise NamingError(f"there is a `{name}` here already: choose another name")


def free_name(wish: str, taken: Container[str]) -> str:
    """A valid name as near to `wish` as possible that is not `taken`: conv, conv_2, conv_3, ..."""
    base = re.sub(r"\W+", "_", wish, flags=re.ASCII).strip("_")[: MAX_LENGTH - 8] or "node"
    base = f"n{base}" if base[0].isdigit() else base
    base = f"{base}_1" if keyword.iskeyword(base) or base in RESERVED else base
    name, number = base, 1
    while name in taken:
        number += 1
        name = f"{base}_{number}"
    return name
