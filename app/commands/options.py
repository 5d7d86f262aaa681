"""The options that commands share, as typer reads them from a function's parameters."""

from typing import Annotated

import typer

from app.commands.completion import complete_clusters, complete_namespaces, complete_resources

Server = Annotated[
    str | None,
    typer.Option(
        "--server",
        metavar="URL",
        help="Ask the server at this URL; else K8S_MCP_URL, then http://127.0.0.1:8000.",
    ),
]
Token = Annotated[
    str | None,
    typer.Option("--token", metavar="T", help="Send this token to the server; else K8S_MCP_TOKEN."),
]
Clusters = Annotated[
    list[str] | None,
    typer.Option(
        "--cluster",
        metavar="NAME",
        help="Look only in this cluster; may repeat. All if left out.",
        autocompletion=complete_clusters,
    ),
]
Targets = Annotated[
    list[str] | None,
    typer.Option(
        "--cluster",
        metavar="NAME",
        help="Change this cluster, '*' for all; may repeat. Required unless there is only one.",
        autocompletion=complete_clusters,
    ),
]
Namespaces = Annotated[
    list[str] | None,
    typer.Option(
        "--namespace",
        "-n",
        metavar="NAME",
        help="Look only in this namespace; may repeat. All if left out.",
        autocompletion=complete_namespaces,
    ),
]
Namespace = Annotated[
    str | None,
    typer.Option(
        "--namespace", "-n", metavar="NAME", help="Use this namespace.", autocompletion=complete_namespaces
    ),
]
AllNamespaces = Annotated[
    bool, typer.Option("--all-namespaces", "-A", help="Look in all namespaces, which is the default.")
]
Labels = Annotated[
    str | None,
    typer.Option("--selector", "-l", metavar="LABELS", help="Choose only objects with these labels."),
]
Fields = Annotated[
    str | None,
    typer.Option(
        "--field-selector", metavar="FIELDS", help="Choose only objects whose fields meet these conditions."
    ),
]
Words = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="TYPE [NAME]... | TYPE/NAME...",
        show_default=False,
        autocompletion=complete_resources,
        help="Name resources and objects as for kubectl: pods, pods,svc, pod web-1, deploy/web.",
    ),
]
DryRun = Annotated[
    str | None,
    typer.Option(
        "--dry-run",
        metavar="[server]",
        help="Show what would be done, as the clusters check it, and change nothing.",
    ),
]
Files = Annotated[
    list[str] | None,
    typer.Option(
        "--filename",
        "-f",
        metavar="FILE",
        help="Read manifests from this file, directory or URL, or - for stdin; may repeat.",
    ),
]
Recursive = Annotated[bool, typer.Option("--recursive", "-R", help="Read subdirectories too.")]
