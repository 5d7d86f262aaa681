"""What contexts are called as clusters, and which contexts a name in the settings means."""

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

import msgspec

from app.kube.auth.contexts import Context

T = TypeVar("T")


class ClusterNames:
    """Names clusters, and remembers every name that it gave.

    A context keeps its name for as long as this object lives, also while no file has it: a
    name never passes from one context to another that is called otherwise in its file.
    """

    def __init__(self) -> None:
        self._names: dict[tuple[str, str], str] = {}
        self._owners: dict[str, str] = {}

    def give(self, contexts: Iterable[Context]) -> list[Context]:
        """The same contexts with their names: what is not allowed made ``-``, a second one numbered."""
        contexts = list(contexts)
        taken = {self._names.get(_place(context), "") for context in contexts}
        for context in contexts:
            if _place(context) not in self._names:
                name = self._free(context.context, taken)
                self._names[_place(context)] = name
                self._owners[name] = context.context
                taken.add(name)
        return [msgspec.structs.replace(context, name=self._names[_place(context)]) for context in contexts]

    def means(self, word: str, context: Context) -> bool:
        """Whether a name in the settings may mean this context.

        That is the context's own name, and the cluster's name. A number at its end depends on the
        order of files, so a name with such a number means every context that it may have been given to.
        """
        plain = _plain(context.context)
        if word in (context.context, plain):
            return True
        owner = self._owners.get(word)
        return owner is not None and _plain(owner) == plain

    def meant(self, settings: Mapping[str, T], context: Context, default: T) -> T:
        """What the settings by name hold for a context; of several, that under its own name."""
        if context.context in settings:
            return settings[context.context]
        return next((value for word, value in settings.items() if self.means(word, context)), default)

    def _free(self, own: str, taken: set[str]) -> str:
        before = (name for name, owner in self._owners.items() if owner == own and name not in taken)
        if name := next(before, None):
            return name
        name, number = _plain(own), 2
        while name in self._owners:
            name, number = f"{_plain(own)}-{number}", number + 1
        return name


def near(word: str, contexts: Sequence[Context]) -> str:
    """The names that are close to a word, else the first few; for messages."""
    names = list(dict.fromkeys(name for context in contexts for name in (context.name, context.context)))
    close = difflib.get_close_matches(word, names, n=3)
    shown = close or names[:10]
    return ", ".join(shown) + (", …" if not close and len(names) > len(shown) else "")


def _place(context: Context) -> tuple[str, str]:
    return context.source, context.context


def _plain(own: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]", "-", own) or "-"
