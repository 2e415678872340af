"""`python -m infra.grafana`: writes every dashboard to its file."""

from __future__ import annotations

from infra.grafana.files import FOLDER, rendered


def main() -> None:
    """Write what the code says, over what lies there."""
    FOLDER.mkdir(exist_ok=True)
    for name, text in rendered().items():
        (FOLDER / name).write_text(text)
        print(FOLDER / name)


if __name__ == "__main__":
    main()
