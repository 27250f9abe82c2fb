"""Loading: every file is read and checked to the end, then everything wrong is told at once, or nothing is wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

from pydantic import BaseModel, SecretStr, ValidationError

from bridge.configuration import process
from bridge.configuration.checks import check_desk, check_key, check_process, check_routes
from bridge.configuration.columns import needed
from bridge.configuration.desk_models import DeskModel, RoutesModel
from bridge.configuration.desks import build_desk
from bridge.configuration.document import Document, Location, read
from bridge.configuration.explain import explain
from bridge.configuration.problems import InvalidConfigurationError, Problem
from bridge.configuration.process_models import AttributeModel, BridgeModel
from bridge.configuration.written import WrongValue
from bridge.domain.agreement import Agreement, Desk
from bridge.domain.ids import DeskName
from bridge.mapping.attributes import Attribute, CaseAttributes, configured
from bridge.mapping.expressions import FieldKind
from bridge.mapping.routing import Route, Router
from bridge.ports import Desks
from bridge.settings import (
    AlertSettings,
    Configuration,
    DeliverySettings,
    Environment,
    MailSettings,
    ServiceNowSettings,
    WebSettings,
)

_Model = TypeVar("_Model", bound=BaseModel)
_Made = TypeVar("_Made")


def load(folder: Path, environ: Mapping[str, str]) -> Configuration:
    """The configuration in a folder. Raises `InvalidConfigurationError` that lists everything wrong with it."""
    return _Loading(folder, environ).run()


@dataclass(frozen=True, slots=True)
class _Parts:
    servicenow: ServiceNowSettings
    store: SecretStr
    mail: MailSettings | None
    alerts: AlertSettings
    web: WebSettings
    delivery: DeliverySettings
    signing_keys: tuple[SecretStr, ...]


@dataclass(slots=True)
class _Loading:
    folder: Path
    environ: Mapping[str, str]
    problems: list[Problem] = field(default_factory=list)

    def run(self) -> Configuration:
        process_file, process_model = self._file(self.folder / "bridge.yaml", BridgeModel)
        routes_file, routes = self._file(self.folder / "routes.yaml", RoutesModel)
        desks = self._desks()
        models = [model for _, model in desks if model is not None]
        attributes = _attributes(process_file)
        codes = process_model.resolution_codes if process_model else {}
        built: list[Desk] = []
        for document, model in desks:
            if model is not None:
                wrong = tuple(check_desk(model, document, process_model, codes))
                self.problems.extend(wrong)
                # What is wrong is told once, where it stands.
                desk = None if wrong else self._try(document, ("agreement",), partial(build_desk, model, codes))
                built += [desk] if desk else []
        # A desk whose file is wrong is not also unknown.
        names = {_name_in(document) for document, _ in desks} - {""}
        self.problems.extend(check_routes(routes_file, names, attributes.kinds))
        if process_model is None:
            raise InvalidConfigurationError(self.problems)
        self.problems.extend(check_process(process_model, process_file, models))
        return self._configuration(process_file, process_model, built, routes, attributes)

    def _desks(self) -> list[tuple[Document, DeskModel | None]]:
        folder = self.folder / "desks"
        found = [self._file(path, DeskModel) for path in sorted(folder.glob("*.yaml"))]
        for path in sorted(folder.glob("*.yml")):
            self.problems.append(Problem(path, 0, "would not be read", "rename the file so that it ends with .yaml"))
        if not found:
            self.problems.append(Problem(folder, 0, "holds no desk", "add a file for each desk, ending with .yaml"))
        first: dict[str, Path] = {}
        for document, model in found:
            if model is not None and first.setdefault(model.desk, document.path) is not document.path:
                self.problems.append(
                    document.problem(
                        ("desk",), f"a second desk is called {model.desk!r}", f"rename it; see {first[model.desk].name}"
                    )
                )
        return found

    def _file(self, path: Path, model: type[_Model]) -> tuple[Document, _Model | None]:
        if not path.is_file():
            self.problems.append(Problem(path, 0, "does not exist", "create it; docs/configuration.md shows how"))
            return Document(path), None
        document = read(path, self.environ)
        self.problems.extend(document.problems)
        if document.data is None:
            if not document.problems:
                self.problems.append(Problem(path, 0, "is empty", "fill it; docs/configuration.md shows how"))
            return document, None
        try:
            return document, model.model_validate(document.data)
        except ValidationError as error:
            told = {problem.line for problem in document.problems}
            self.problems.extend(p for p in explain(error, model, document) if p.line not in told)
            return document, None

    def _parts(self, document: Document, model: BridgeModel) -> _Parts | None:
        """The settings that need a secret or could contradict themselves; None if one cannot be had."""
        fetch = process.fetch_secret
        mail_model = model.mail
        mail = self._try(document, ("mail",), lambda: process.build_mail(mail_model, fetch)) if mail_model else None
        servicenow = self._try(document, ("servicenow",), lambda: process.build_servicenow(model.servicenow, fetch))
        store = self._try(document, ("store",), lambda: process.fetch_store(model.store))
        alerts = self._try(document, ("alerts",), lambda: process.build_alerts(model, fetch))
        web = self._try(document, ("web",), lambda: process.build_web(model))
        delivery = self._try(document, ("delivery",), lambda: process.build_delivery(model.delivery))
        keys = self._keys(document, model)
        if servicenow is None or store is None or alerts is None or web is None or delivery is None:
            return None
        return _Parts(servicenow, store, mail, alerts, web, delivery, keys)

    def _keys(self, document: Document, model: BridgeModel) -> tuple[SecretStr, ...]:
        keys: list[SecretStr] = []
        for index, source in enumerate(model.signing_keys):
            at: Location = ("signing_keys", index)
            key = self._try(document, at, partial(process.fetch_secret, source))
            if key is not None:
                self.problems.extend(check_key(len(key), document, at))
                keys.append(key)
        return tuple(keys)

    def _configuration(
        self,
        document: Document,
        model: BridgeModel,
        desks: list[Desk],
        routes: RoutesModel | None,
        attributes: CaseAttributes,
    ) -> Configuration:
        parts = self._parts(document, model)
        instance = process.instance_name(model)
        if self.problems or parts is None or routes is None:
            raise InvalidConfigurationError(self.problems)
        router = _router(routes, attributes)
        fields = _fields(model, attributes, router, [version for desk in desks for version in desk.agreements])
        return Configuration(
            instance=instance,
            environment=Environment(model.environment),
            go_live=model.go_live,
            servicenow=parts.servicenow,
            store=parts.store,
            sources=tuple(process.build_source(source, fields[source.table]) for source in model.sources),
            sweep=process.build_sweep(model.sweep),
            reconcile=process.build_reconcile(model.reconcile),
            desks=Desks(MappingProxyType({desk.name: desk for desk in desks})),
            router=router,
            mail=parts.mail,
            alerts=parts.alerts,
            web=parts.web,
            delivery=parts.delivery,
            hold=process.build_hold(model),
            signing_keys=parts.signing_keys,
            resolver_group=model.resolver_group,
            max_new_engagements_per_cycle=model.max_new_engagements_per_cycle,
            tick=model.tick,
            fields=fields,
        )

    def _try(self, document: Document, at: Location, make: Callable[[], _Made]) -> _Made | None:
        try:
            return make()
        except WrongValue as error:
            self.problems.append(document.problem(at, error.what, error.remedy))
            return None


def _name_in(document: Document) -> str:
    return str(document.data.get("desk", "")) if isinstance(document.data, Mapping) else ""


def _attributes(document: Document) -> CaseAttributes:
    """The attributes of `bridge.yaml`, also where something else in it is wrong; a wrong one counts as a text."""
    told = document.data.get("attributes") if isinstance(document.data, Mapping) else None
    added: dict[str, Attribute] = {}
    for name, written in (told if isinstance(told, Mapping) else {}).items():
        try:
            attribute = AttributeModel.model_validate(written)
        except ValidationError:
            added[name] = configured(name, FieldKind.TEXT)
        else:
            added[name] = configured(attribute.field, attribute.kind)
    return CaseAttributes(added)


def _router(routes: RoutesModel, attributes: CaseAttributes) -> Router:
    numbered = [
        Route(number, route.when, DeskName(route.desk), route.auto) for number, route in enumerate(routes.routes, 1)
    ]
    return Router(numbered, routes.triaged, attributes)


def _fields(
    model: BridgeModel, attributes: CaseAttributes, router: Router, agreements: Iterable[Agreement]
) -> Mapping[str, tuple[str, ...]]:
    """Table -> columns; two sources on one table read the same ones, so that a case is the same from both."""
    versions = tuple(agreements)
    tables = {source.table for source in model.sources}
    return MappingProxyType(
        {
            table: needed(
                table,
                attributes,
                router.reads,
                versions,
                [column for source in model.sources if source.table == table for column in source.fields],
            )
            for table in sorted(tables)
        }
    )
