"""Upload a folder of weights to the hub of Hugging Face, with its model card as the page of the repository."""

from __future__ import annotations

from pathlib import Path

from npvf.errors import NpvfError
from npvf.weights import CARD

README = "README.md"
_HEAD = """\
---
library_name: npvf
tags: [deepfake-detection, audio-visual, forensics]
---

"""
_USE = """

## How to load it

```python
import npvf

detector = npvf.from_pretrained("{repo_id}")
```
"""


def upload(
    folder: Path, repo_id: str, private: bool | None = None, token: str | None = None, message: str | None = None
) -> str:
    """Upload what `save_pretrained` wrote; the repository is made if it does not exist. Return its address.

    Args:
        folder: of the weights; `README.md` is written into it.
        repo_id: "owner/name".
        private: True makes a new repository private; None: the owner's default.
        token: of the hub; None: the one of `hf auth login`.
        message: of the commit.

    Raises:
        NpvfError: the id is not one, or the hub refuses.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalTokenNotFoundError

    card = folder / CARD
    text = card.read_text(encoding="utf-8") if card.is_file() else f"# {repo_id}\n\nA network of npvf.\n"
    (folder / README).write_text(_HEAD + text.rstrip() + _USE.format(repo_id=repo_id), encoding="utf-8")
    try:
        api = HfApi(token=token)
        address = str(api.create_repo(repo_id, private=private, exist_ok=True))
        api.upload_folder(repo_id=repo_id, folder_path=folder, commit_message=message or "Upload weights of npvf")
    except (HfHubHTTPError, HFValidationError, LocalTokenNotFoundError, OSError) as error:
        raise NpvfError(f"{repo_id} cannot be uploaded: {error}") from error
    return address
