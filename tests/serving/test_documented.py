"""What can be set or asked for is documented, and the example is the truth."""

import re
from pathlib import Path

import pytest
import typer
import yaml

from app import cli
from app.api.http.endpoint import Endpoint
from app.api.routes import ENDPOINTS
from app.settings import PREFIX, Settings, load

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "config/example.yaml"
DOCUMENTS = "\n".join(
    path.read_text() for path in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
)
SETTINGS = [name for name in Settings.model_fields if name != "config"]
COMMANDS = typer.main.get_command(cli.app).commands  # type: ignore[attr-defined]
FLAGS = {
    name: [
        option
        for parameter in command.params
        for option in (*parameter.opts, *parameter.secondary_opts)
        if option.startswith("-")
    ]
    for name, command in COMMANDS.items()
}
COMMAND_LINE = (ROOT / "docs/command-line.md").read_text()


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(PREFIX + name.upper(), raising=False)


def test_the_example_has_every_setting_with_its_default() -> None:
    assert set(yaml.safe_load(EXAMPLE.read_text())) == set(SETTINGS)
    assert load({"config": str(EXAMPLE)}).model_dump(exclude={"config"}) == load({}).model_dump(
        exclude={"config"}
    )


def test_every_line_of_a_comment_in_the_example_that_looks_like_settings_can_be_loaded(
    tmp_path: Path,
) -> None:
    """An example that is commented out rots unseen."""
    lines = re.findall(r"^#   (.*)$", EXAMPLE.read_text(), re.MULTILINE)
    path = tmp_path / "settings.yaml"
    path.write_text("\n".join(lines))
    assert load({"config": str(path)}).clusters["prod"].namespaces == ("team-a", "team-b")


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_is_in_the_table(name: str) -> None:
    row = re.search(rf"^\| `{name}` \|.*$", DOCUMENTS, re.MULTILINE)
    assert row, f"no row for {name} in a settings table of README.md or docs/"
    assert f"`{PREFIX}{name.upper()}`" in row[0]


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: f"{endpoint.method} {endpoint.path}")
def test_every_endpoint_is_documented(endpoint: Endpoint) -> None:
    assert f"`{endpoint.method} {endpoint.path}`" in DOCUMENTS


@pytest.mark.parametrize(
    "parameter", sorted({parameter.name for endpoint in ENDPOINTS for parameter in endpoint.parameters})
)
def test_every_parameter_is_documented(parameter: str) -> None:
    assert re.search(rf"`[^`]*\b{parameter}\b[^`]*`", DOCUMENTS)


@pytest.mark.parametrize("flag", FLAGS["serve"])
def test_every_flag_of_the_server_is_documented_and_is_a_setting(flag: str) -> None:
    assert re.search(rf"`[^`]*{flag}\b", DOCUMENTS)
    assert flag.removeprefix("--").replace("-", "_") in Settings.model_fields


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_documented(command: str) -> None:
    assert f"k8s-mcp {command}" in COMMAND_LINE or f"`{command}`" in COMMAND_LINE


@pytest.mark.parametrize(
    ("command", "flag"),
    [(command, flag) for command in sorted(FLAGS.keys() - {"serve"}) for flag in FLAGS[command]],
)
def test_every_flag_of_a_command_is_documented_where_the_command_is(command: str, flag: str) -> None:
    """What commands share stands in front of them."""
    sections = re.split(r"^## ", COMMAND_LINE, flags=re.MULTILINE)
    titles = [section.partition("\n")[0] for section in sections]
    mine = next(number for number, title in enumerate(titles) if command in title.split())
    shared = [titles.index("Where the server is"), titles.index("What is meant")]
    text = "".join(sections[number] for number in (mine, *shared))
    assert re.search(rf"`[^`]*{flag}(?![a-z-])[^`]*`", text)
