"""The options that commands share, as typer reads them from a function's parameters."""

from typing import Annotated

import typer

from app.commands.completing import complete_clusters, complete_namespaces, complete_resources

Server = Annotated[
    str | None,
    typer.Option("--server", metavar="URL", help="The server; else K8S_MCP_URL, then http://127.0.0.1:8000."),
]
Token = Annotated[
    str | None, typer.Option("--token", metavar="T", help="The server's token; else K8S_MCP_TOKEN.")
]
Clusters = Annotated[
    list[str] | None,
    typer.Option(
        "--cluster",
        metavar="NAME",
        help="Only these clusters; may repeat. All if left out.",
        autocompletion=complete_clusters,
    ),
]
Targets = Annotated[
    list[str] | None,
    typer.Option(
        "--cluster",
        metavar="NAME",
        help="The clusters to change, '*' for all; may repeat. Needed unless there is one alone.",
        autocompletion=complete_clusters,
    ),
]
Namespaces = Annotated[
    list[str] | None,
    typer.Option(
        "--namespace",
        "-n",
        metavar="NAME",
        help="Only these namespaces; may repeat. All if left out.",
        autocompletion=complete_namespaces,
    ),
]
Namespace = Annotated[
    str | None,
    typer.Option(
        "--namespace", "-n", metavar="NAME", help="The namespace.", autocompletion=complete_namespaces
    ),
]
AllNamespaces = Annotated[
    bool, typer.Option("--all-namespaces", "-A", help="All namespaces, which is the default.")
]
Labels = Annotated[
    str | None, typer.Option("--selector", "-l", metavar="LABELS", help="Only what has these labels.")
]
Fields = Annotated[
    str | None,
    typer.Option(
        "--field-selector", metavar="FIELDS", help="Only what these conditions on any field hold for."
    ),
]
Words = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="TYPE [NAME]... | TYPE/NAME...",
        show_default=False,
        autocompletion=complete_resources,
        help="As for kubectl: pods, pods,svc, pod web-1, deploy/web.",
    ),
]
DryRun = Annotated[
    str | None,
    typer.Option(
        "--dry-run",
        metavar="[server]",
        help="Have the clusters check and say what would come of it, and change nothing.",
    ),
]
Files = Annotated[
    list[str] | None,
    typer.Option(
        "--filename",
        "-f",
        metavar="FILE",
        help="A manifest, a directory of them, a URL, or - for stdin; may repeat.",
    ),
]
Recursive = Annotated[
    bool, typer.Option("--recursive", "-R", help="Read the directories within directories too.")
]
