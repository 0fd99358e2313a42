"""Keys of training configurations that have moved: the error about an old key names the new one."""

from __future__ import annotations

import re

_OPTIM = ("lr", "weight_decay", "betas", "warmup", "schedule", "patience", "backbone_lr", "layer_decay")
_CLIPS = ("include", "exclude", "held_out", "train_split", "val_split", "val_identities", "split_file")
_LOADER = ("batch_size", "cache", "steps_per_epoch", "workers")
_WINDOWS = ("segments", "min_gate", "frames", "stride", "val_every")

# Old key -> new key.
MOVED = {
    "model.head_lr": "model.optim.lr",
    **{f"model.{name}": f"model.optim.{name}" for name in _OPTIM},
    **{f"data.{name}": f"data.clips.{name}" for name in _CLIPS},
    **{f"data.{name}": f"data.loader.{name}" for name in _LOADER},
    "data.clip_frames": "data.windows.frames",
    **{f"data.{name}": f"data.windows.{name}" for name in _WINDOWS},
    "data.self_forged": "data.self_blended",
    "model.imagenet": "model.backbone_pretrained",
}


def hints(message: str) -> list[str]:
    """Return lines that say what to write instead, if the error of the parser is about a key of an earlier version."""
    section = re.search(r'Parser key "(model|data)"', message)
    if section is None:
        return []
    part = section[1]
    lines = []
    if "is abstract" in message:
        lines.append(
            f"No class is named: a configuration has {part}.class_path, and the class's arguments are in "
            f"{part}.init_args (see configs/). On the command line, give --config before --{part}.KEY"
        )
        found = re.findall(r"'(\w+)'", message)
    else:
        found = re.findall(r"Option '(\w+)' is not accepted", message)
    keys = dict.fromkeys(f"{part}.{name}" for name in found)
    return lines + [f"{key} is now {MOVED[key]}" for key in keys if key in MOVED]
