"""Going through a project's configs: what each load site would get."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from swarmcache.hubcache.layout import Target, check_revision
from swarmcache.locale import t
from swarmcache.project.needs.draws import Pools, pinning_variable
from swarmcache.project.needs.hub_tokens import tokens_in
from swarmcache.project.needs.models import NeededModel, OtherNeed
from swarmcache.project.needs.own_resolvers import SNAPSHOT
from swarmcache.project.needs.resolve import Resolver, Unresolved
from swarmcache.project.needs.sites import is_repo_id, load_sites

if TYPE_CHECKING:
    from collections.abc import Iterator

    from swarmcache.environment import Environment
    from swarmcache.project.needs.draws import PoolOption
    from swarmcache.project.needs.hub_tokens import HubToken
    from swarmcache.project.needs.resolve import Values
    from swarmcache.project.needs.sites import Kind, Site
    from swarmcache.project.readers.hydra import Config, Place


class Survey:
    """Collects models, other needs and notes while it goes through the configs."""

    def __init__(self, project: str, environment: Environment, pool: PoolOption) -> None:
        self.project = project
        self.environment = environment
        self.pools = Pools(pool, environment)
        self.others: list[OtherNeed] = []
        self.tokens: list[HubToken] = []
        self.notes: list[str] = []
        self.variables: dict[str, str] = {}

    def config(self, config: Config) -> Iterator[NeededModel]:
        """Yield the models of one config, each place and alternative on its own."""
        resolver = Resolver(config, self.environment, self.pools.functions)
        self.tokens += tokens_in(config, resolver)
        for site in load_sites(config):
            origin = f"{os.path.relpath(config.file, self.project)}:{site.place.line}"
            try:
                if site.kind != "model":
                    self._other(site.kind, resolver.values(site.place), origin)
                elif not site.reference_only or "${" in (site.place.text or ""):
                    yield from self._models(resolver, config, site, origin)
            except Unresolved as reason:
                text = site.place.text
                self.notes.append(
                    t(
                        "{origin}: {text} is not known: {reason}.",
                        origin=origin,
                        text=text,
                        reason=reason,
                    )
                )

    def _other(self, kind: Kind, values: Values, origin: str) -> None:
        names = [value for value in values if isinstance(value, str) and value]
        self.others += [OtherNeed(kind, name, origin) for name in names if kind != "model"]

    def _models(
        self, resolver: Resolver, config: Config, site: Site, origin: str
    ) -> Iterator[NeededModel]:
        source = resolver.source(site.place)
        variable = pinning_variable(source)
        values = resolver.values(source)
        if values == ("",) and variable:
            values = self._without(variable, config, source)
        group = "".join((source.text or "").split()) if "${" in (source.text or "") else ""
        self.variables[group] = variable
        said = self._revision(resolver, site)
        ours = SNAPSHOT in (source.text or "")
        for text in values:
            if not isinstance(text, str):
                continue
            value, _, named = text.partition("@") if ours else (text, "", "")
            revision = named or said
            if not is_repo_id(value, self.project, self.environment.cwd):
                self.notes.append(
                    t(
                        "{origin}: {value} is a local path, not a model of the Hub.",
                        origin=origin,
                        value=repr(value),
                    )
                )
                continue
            why = self._why(variable, len(values), origin)
            yield NeededModel(Target("model", value, revision), site.role, origin, why, group)

    def _without(self, variable: str, config: Config, source: Place) -> Values:
        """Return what the expression yields when a variable that is set but empty is unset."""
        self.notes.append(
            t(
                "{variable} is set but empty: unset it, or the program loads a model with no name.",
                variable=variable,
            )
        )
        rest = {k: v for k, v in self.environment.variables.items() if k != variable}
        environment = self.environment._replace(variables=rest)
        return Resolver(config, environment, self.pools.functions).values(source)

    def _revision(self, resolver: Resolver, site: Site) -> str:
        if site.revision is None:
            return "main"
        values = resolver.values(site.revision)
        if len(values) != 1:
            raise Unresolved(t("its revision is drawn at random"))
        if values[0] is None:
            return "main"
        check_revision(str(values[0]))
        return str(values[0])

    def _why(self, variable: str, count: int, origin: str) -> str:
        if variable and self.environment.get(variable):
            return t("{variable} is set to it.", variable=variable)
        if count > 1:
            return t("One of {count} models, drawn at random at each start.", count=count)
        if variable:
            return t("{variable} is not set, and this is the default.", variable=variable)
        return t("{origin} names it.", origin=origin)
