"""`python -m infra.grafana`: writes the dashboards' JSON files."""

from __future__ import annotations

from infra.grafana.files import FOLDER, rendered


def main() -> None:
    """Writes every dashboard, replacing its file."""
    FOLDER.mkdir(exist_ok=True)
    for name, text in rendered().items():
        (FOLDER / name).write_text(text)
        print(FOLDER / name)


if __name__ == "__main__":
    main()
