"""From the syntax tree of bash to statements."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from swarmcache.project.readers.grammars import parser
from swarmcache.project.readers.shell.syntax import (
    Arm,
    Assignment,
    Branch,
    Command,
    Declare,
    Function,
    Loop,
    Redirect,
    Script,
    Statement,
    Subshell,
    Unset,
    Word,
)
from swarmcache.project.readers.shell.words import Words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from tree_sitter import Node

    from swarmcache.project.sources import Source, Span

_DECLARE = {
    "export": "export",
    "local": "local",
    "readonly": "plain",
    "declare": "plain",
    "typeset": "plain",
}
_DOING = frozenset(
    {
        *("cd", "cp", "mv", "rm", "mkdir", "ln", "chmod", "touch", "echo", "sleep", "git", "tar"),
        *("pip", "pip3", "uv", "python", "python3", "apt", "apt-get", "conda", "mamba", "module"),
        *("source", ".", "set", "ulimit", "curl", "wget", "rsync", "unzip"),
    }
)
"""Commands that are there to do something, where others are asked whether something is so."""
_MAX_DEPTH = 200


def read_script(source: Source) -> Script:
    """Return a script as statements; what the grammar does not understand is told, not guessed."""
    tree = parser("bash").parse(source.data)
    reader = _Reader(source)
    body = reader.block(tree.root_node.children)
    broken = tuple(reader.broken(tree.root_node)) if tree.root_node.has_error else ()
    return Script(source, body, broken)


class _Reader:
    """Reads one source."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._words = Words(source)
        self._depth = 0
        self._readers: dict[str, Callable[[Node], tuple[Statement, ...]]] = {
            "command": self._command,
            "test_command": self._nothing,
            "variable_assignment": self._plain,
            "variable_assignments": self._plain,
            "declaration_command": self._declaration,
            "unset_command": self._unset,
            "redirected_statement": self._redirected,
            "list": self._list,
            "pipeline": self._pipeline,
            "negated_command": self._inside,
            "compound_statement": self._inside,
            "do_group": self._inside,
            "subshell": self._subshell,
            "if_statement": self._if,
            "case_statement": self._case,
            "while_statement": self._while,
            "for_statement": self._for,
            "c_style_for_statement": self._c_for,
            "function_definition": self._function,
        }

    def block(self, nodes: Iterable[Node]) -> tuple[Statement, ...]:
        """Return the statements of neighbouring nodes; one before `&` runs beside the script."""
        found: list[Statement] = []
        last: tuple[Statement, ...] = ()
        for node in nodes:
            if node.type == "&" and last:
                found[-len(last) :] = [self._beside(last, node)]
            elif node.is_named and node.type != "comment":
                last = self._statements(node)
                found += last
        return tuple(found)

    def broken(self, top: Node) -> Iterable[Span]:
        """Yield where the tree has errors."""
        waiting = [top]
        while waiting:
            node = waiting.pop()
            if node.is_error or node.is_missing:
                yield self._span(node)
            elif node.has_error:
                waiting += reversed(node.children)

    def _statements(self, node: Node) -> tuple[Statement, ...]:
        read = self._readers.get(node.type)
        if read is None:
            # An error node holds what was understood around the error.
            return self.block(node.children) if node.is_error else ()
        if self._depth > _MAX_DEPTH:
            return ()
        self._depth += 1
        try:
            return read(node)
        finally:
            self._depth -= 1

    def _span(self, node: Node) -> Span:
        return self._source.span(node.start_byte, node.end_byte)

    def _text(self, node: Node | None) -> str:
        if node is None:
            return ""
        return self._source.data[node.start_byte : node.end_byte].decode("utf-8", "replace")

    def _beside(self, statements: tuple[Statement, ...], node: Node) -> Statement:
        if len(statements) == 1 and isinstance(statements[0], Command):
            one = statements[0]
            return Command(one.words, one.assignments, one.redirects, one.span, background=True)
        return Subshell(statements, self._span(node))

    def _nothing(self, node: Node) -> tuple[Statement, ...]:
        del node
        return ()

    def _inside(self, node: Node) -> tuple[Statement, ...]:
        return self.block(node.children)

    def _subshell(self, node: Node) -> tuple[Statement, ...]:
        return (Subshell(self.block(node.children), self._span(node)),)

    def _assignment(self, node: Node) -> Assignment:
        name = node.child_by_field_name("name")
        value = node.child_by_field_name("value")
        append = any(child.type == "+=" for child in node.children)
        # `a[1]=x` is named by the array, and what that holds stays unknown.
        plain = name is not None and name.type == "variable_name"
        word = self._words.assigned(node, value, known=plain and not append)
        if self._ends_in_return(node):
            word = replace(word, parts=(*word.parts, "\r"))
        return Assignment(self._text(name).partition("[")[0], word, self._span(node))

    def _ends_in_return(self, node: Node) -> bool:
        """Tell whether a Windows line end follows, whose first half a shell takes for text.

        The grammar takes it for a blank. A whole script with such ends does not even start.
        """
        data = self._source.data
        return data.startswith(b"\r\n", node.end_byte) and not data.startswith(b"#!")

    def _plain(self, node: Node) -> tuple[Statement, ...]:
        parts = [node] if node.type == "variable_assignment" else node.named_children
        found = tuple(self._assignment(p) for p in parts if p.type == "variable_assignment")
        return (Declare("plain", found, (), self._span(node)),)

    def _declaration(self, node: Node) -> tuple[Statement, ...]:
        keyword = self._text(node.children[0])
        flags = [self._text(child) for child in node.named_children if child.type == "word"]
        kind = _DECLARE.get(keyword, "plain")
        if keyword != "export" and any("x" in flag and flag.startswith("-") for flag in flags):
            kind = "export"
        if keyword == "export" and any("n" in flag for flag in flags):
            kind = "unexport"
        found = [self._assignment(c) for c in node.children if c.type == "variable_assignment"]
        names = [self._text(c) for c in node.children if c.type == "variable_name"]
        return (Declare(kind, tuple(found), tuple(names), self._span(node)),)  # type: ignore[arg-type]

    def _unset(self, node: Node) -> tuple[Statement, ...]:
        names = [self._text(c) for c in node.children if c.type in {"variable_name", "word"}]
        return (Unset(tuple(n for n in names if not n.startswith("-")), self._span(node)),)

    def _command(self, node: Node) -> tuple[Statement, ...]:
        words: list[Word] = []
        assignments: list[Assignment] = []
        redirects: list[Redirect] = []
        for child in node.children:
            if child.type == "variable_assignment":
                assignments.append(self._assignment(child))
            elif child.type == "command_name":
                words.append(self._words.word(child.children[0]))
            elif child.type.endswith("redirect"):
                redirects += self._redirects(child)
            elif child.is_named:
                words.append(self._words.word(child))
        name = node.child_by_field_name("name")
        bound = [child for child in node.children if child.type == "variable_assignment"]
        if name is not None and bound and self._is_next_line(bound[-1], name):
            before = Declare("plain", tuple(assignments), (), self._span(bound[0]))
            span = self._source.span(name.start_byte, node.end_byte)
            return (before, Command(tuple(words), (), tuple(redirects), span))
        return (Command(tuple(words), tuple(assignments), tuple(redirects), self._span(node)),)

    def _is_next_line(self, before: Node, name: Node) -> bool:
        """Tell whether a command begins on another line than `A=1 B=2`, which the grammar joins."""
        gap = self._source.data[before.end_byte : name.start_byte]
        return b"\n" in gap.replace(b"\\\n", b"").replace(b"\\\r\n", b"")

    def _redirected(self, node: Node) -> tuple[Statement, ...]:
        body = node.child_by_field_name("body")
        inner = self._statements(body) if body is not None else ()
        redirects = [
            redirect
            for child in node.children
            if child.type.endswith("redirect")
            for redirect in self._redirects(child)
        ]
        after = tuple(
            statement
            for child in node.children
            if child.type == "heredoc_redirect"
            for statement in self._after_heredoc(child)
        )
        if inner and isinstance(inner[-1], Command):
            one = inner[-1]
            if one.name == "cat" and len(one.words) == 1 and after:
                after, redirects = _handed_on(after, redirects)
            redirected = (*one.redirects, *redirects)
            last = Command(one.words, one.assignments, redirected, one.span, one.background)
            inner = (*inner[:-1], last)
        return (*inner, *after)

    def _after_heredoc(self, node: Node) -> tuple[Statement, ...]:
        """Return what stands on the line of `<<EOF` behind it: `cat <<EOF | sh`, `&& …`."""
        kept = [c for c in node.children if c.type in {"pipeline", "list", "command"}]
        return self.block(kept)

    def _redirects(self, node: Node) -> list[Redirect]:
        if node.type == "file_redirect":
            target = node.child_by_field_name("destination")
            named = [c for c in node.children if c.is_named and c.type != "file_descriptor"]
            target = target or (named[-1] if named else None)
            operator = next((c.type for c in node.children if not c.is_named), ">")
            word = self._words.word(target) if target is not None else None
            return [Redirect(operator, word)]
        found = [
            redirect
            for child in node.children
            if child.type == "file_redirect"
            for redirect in self._redirects(child)
        ]
        body = next((c for c in node.children if c.type == "heredoc_body"), None)
        content = None
        if body is not None:
            content = self._source.inner(body.start_byte, body.end_byte, self._source.path)
        mark = next((c for c in node.children if c.type == "heredoc_start"), None)
        return [*found, Redirect("<<", None, content, self._text(mark)[:1] not in "\"'\\")]

    def _list(self, node: Node) -> tuple[Statement, ...]:
        """Read `a && b` and `a || b`, where b is run or not."""
        first, *rest = [child for child in node.children if child.is_named]
        found = list(self._statements(first))
        for child in rest:
            inner = self._statements(child)
            if inner:
                arm = Arm((), inner, self._text(first))
                goes_on = self._goes_on(node, found)
                found.append(Branch((arm,), False, self._span(child), "", goes_on))
        return tuple(found)

    def _goes_on(self, node: Node, before: Sequence[Statement]) -> bool:
        """Tell whether `a && b` goes on behind something that is done, not behind a question."""
        last = before[-1] if before else None
        while isinstance(last, Branch) and last.goes_on:
            last = last.arms[-1].body[-1]
        done = isinstance(last, Declare) or (isinstance(last, Command) and last.name in _DOING)
        return done and any(child.type == "&&" for child in node.children)

    def _pipeline(self, node: Node) -> tuple[Statement, ...]:
        stages = [child for child in node.children if child.is_named]
        return tuple(Subshell(self._statements(one), self._span(one)) for one in stages)

    def _if(self, node: Node) -> tuple[Statement, ...]:
        arms = [self._arm(node)]
        exhaustive = False
        for child in node.children:
            if child.type == "elif_clause":
                arms.append(self._arm(child))
            elif child.type == "else_clause":
                arms.append(Arm((), self.block(child.children), "else"))
                exhaustive = True
        return (Branch(tuple(arms), exhaustive, self._span(node)),)

    def _arm(self, node: Node) -> Arm:
        """Read the condition before `then`, and the statements behind it."""
        condition: list[Node] = []
        body: list[Node] = []
        part = condition
        for child in node.children:
            if child.type == "then":
                part = body
            elif child.type not in {"if", "elif", "fi", "elif_clause", "else_clause"}:
                part.append(child)
        text = " ".join(self._text(child) for child in condition if child.is_named)
        return Arm(self.block(condition), self.block(body), text)

    def _case(self, node: Node) -> tuple[Statement, ...]:
        arms = []
        for item in node.children:
            if item.type != "case_item":
                continue
            closing = next((i for i, c in enumerate(item.children) if c.type == ")"), 0)
            text = " ".join(self._text(c) for c in item.children[:closing] if c.is_named)
            arms.append(Arm((), self.block(item.children[closing + 1 :]), text))
        exhaustive = any(arm.text == "*" for arm in arms)
        word = node.child_by_field_name("value")
        subject = self._text(word) if word is not None else ""
        return (Branch(tuple(arms), exhaustive, self._span(node), subject),)

    def _while(self, node: Node) -> tuple[Statement, ...]:
        body = node.child_by_field_name("body")
        condition = [c for c in node.children if c != body and c.type not in {"while", "until"}]
        text = " ".join(self._text(child) for child in condition if child.is_named)
        inside = self._statements(body) if body is not None else ()
        span = self._span(node)
        return (Loop("while", self.block(condition), text, "", (), inside, span),)

    def _for(self, node: Node) -> tuple[Statement, ...]:
        body = node.child_by_field_name("body")
        variable = node.child_by_field_name("variable")
        values = node.children_by_field_name("value")
        words = tuple(self._words.word(value) for value in values)
        inside = self._statements(body) if body is not None else ()
        text = " ".join(map(self._text, values))
        return (Loop("for", (), text, self._text(variable), words, inside, self._span(node)),)

    def _c_for(self, node: Node) -> tuple[Statement, ...]:
        body = node.child_by_field_name("body")
        inside = self._statements(body) if body is not None else ()
        head = self._text(node).partition("\n")[0]
        return (Loop("for", (), head, "", (), inside, self._span(node)),)

    def _function(self, node: Node) -> tuple[Statement, ...]:
        name = node.child_by_field_name("name")
        body = node.child_by_field_name("body")
        inside = self._statements(body) if body is not None else ()
        return (Function(self._text(name), inside, self._span(node)),)


def _handed_on(
    after: tuple[Statement, ...], redirects: list[Redirect]
) -> tuple[tuple[Statement, ...], list[Redirect]]:
    """Return what follows `cat <<EOF |` with its here-document, and what is left to `cat`."""
    first, *rest = after
    if isinstance(first, Subshell) and first.body:
        inner, redirects = _handed_on(first.body, redirects)
        return (replace(first, body=inner), *rest), redirects
    if not isinstance(first, Command):
        return after, redirects
    documents = tuple(one for one in redirects if one.content is not None)
    taken = replace(first, redirects=(*first.redirects, *documents))
    return (taken, *rest), [one for one in redirects if one.content is None]
