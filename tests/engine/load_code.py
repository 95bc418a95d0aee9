"""Runs where Netloom is not on the path: loads generated modules and their weights, and saves what they give.

`python -I load_code.py FOLDER CLASS...`: of each class FOLDER holds CLASS.py, and in CLASS.pt the weights and inputs.
"""

import importlib.util
import sys
import time
from pathlib import Path

import torch

torch.set_num_threads(1)
assert not [name for name in ("app", "blocks") if importlib.util.find_spec(name)], "Netloom is on the path"
folder = Path(sys.argv[1])
for name in sys.argv[2:]:
    given = torch.load(folder / f"{name}.pt", weights_only=True)
    begun = time.monotonic()
    try:
        spec = importlib.util.spec_from_file_location(f"module_{name}", folder / f"{name}.py")
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        model = getattr(module, given["class"])().eval()
        model.load_state_dict(given["weights"], strict=True)
        with torch.no_grad():
            result = model(*given["inputs"])
        torch.save({"result": result, "keys": list(model.state_dict())}, folder / f"{name}.out")
    except Exception as error:
        torch.save({"error": f"{type(error).__name__}: {error}"[:3000]}, folder / f"{name}.out")
assert not [name for name in ("app", "blocks") if name in sys.modules]
