"""The values of an environment's Secrets, from their declared sources; what has none is named with file and line."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from automation import yaml_places
from automation.environment import Environment
from automation.errors import ConfigurationError
from automation.gitops.secrets import SecretSpec, repository_credentials
from automation.gitops.sources import NoValue, SopsFiles, from_command, from_variable
from automation.objectstore import ObjectStore
from automation.secret import Secret
from automation.secret_sources import SecretDeclaration, SecretSource
from automation.site import lasting
from automation.toolchain import install


@dataclass(frozen=True)
class Known:
    """One key of a declared Secret: its source in words, and its value; None for one that is yet to be made."""

    declaration: SecretDeclaration
    key: str
    told: str
    value: Secret | None


class Sources:
    """The sources of an environment's Secrets. Nothing is read before it is asked for, and each file once.

    ``root`` is the folder of its description, ``shown`` as people read it; ``kept`` is where this machine keeps what
    is its own; ``store`` gives the S3 store that opens the bucket of the backups.
    """

    def __init__(
        self,
        environment: Environment,
        root: Path,
        kept: Path,
        *,
        shown: str,
        repository_url: str,
        store: Callable[[], ObjectStore],
    ) -> None:
        self._environment = environment
        self._root = root
        self._kept_in = kept
        self._shown = shown
        self._repository_url = repository_url
        self._store = store
        self._sops = SopsFiles(lambda: install.path("sops"), self._age_identity)
        self._printed: dict[SecretSource, Secret] = {}  # by commands, which may ask a person, or take long

    def specs(self) -> list[SecretSpec]:
        """Return the Secrets to seed with all their values; generated ones are made where they are missing.

        Raises ConfigurationError that names every source without a value, each with file and line.
        """
        found = self.known(make=True)
        specs = []
        for declared in self._environment.secrets:
            data = {one.key: one.value for one in found if one.declaration is declared and one.value is not None}
            specs.append(SecretSpec(namespace=declared.namespace, name=declared.name, data=data, type=declared.type))
        variable = self._environment.gitops.token_variable
        if variable:
            specs.append(repository_credentials(self._repository_url, from_variable(variable)))
        return specs

    def known(self, *, make: bool = False) -> list[Known]:
        """Return every key of every declared Secret; with ``make``, generated values are made where they are missing.

        Raises as :meth:`specs` does.
        """
        found: list[Known] = []
        problems: list[str] = []
        for number, key, declared, source in self._keys():
            try:
                value = self._value(declared, key, source, make=make)
            except NoValue as error:
                problems.append(f"{self.place(number, key)}: {declared.place} {key}: {error.message}.")
            else:
                found.append(Known(declared, key, source.told, value))
        token = self._environment.gitops.token_variable
        if token:
            try:
                from_variable(token)
            except NoValue as error:
                where = f"{self._file}:{yaml_places.line(self._text, ['gitops', 'token_variable'])}"
                problems.append(f"{where}: the token that reads {self._repository_url}: {error.message}.")
        if problems:
            listed = "\n".join(f"  {one}" for one in problems)
            raise ConfigurationError(
                f"{len(problems)} of the secrets of {self._environment.name} have no value:\n{listed}",
                hint="Nothing was changed. Give each source its value, or correct it in environment.yaml.",
            )
        return found

    def readable(self) -> tuple[list[Known], list[str]]:
        """Return what can be read just now, and the names of the rest: for who looks for secrets, and seeds none."""
        found, rest = [], []
        for _, key, declared, source in self._keys():
            if source.plain:
                continue
            try:
                value = self._value(declared, key, source, make=False)
            except ConfigurationError:
                value = None
            if value is None:
                rest.append(f"{declared.place} {key}")
            else:
                found.append(Known(declared, key, source.told, value))
        return found, rest

    def place(self, number: int, key: str) -> str:
        """Return ``file:line`` of a key of the declared Secret of this number."""
        return f"{self._file}:{yaml_places.line(self._text, ['secrets', number, 'keys', key])}"

    @property
    def file(self) -> Path:
        """The environment's environment.yaml."""
        return self._root / "environment.yaml"

    def _keys(self) -> Iterator[tuple[int, str, SecretDeclaration, SecretSource]]:
        for number, declared in enumerate(self._environment.secrets):
            for key, source in declared.keys.items():
                yield number, key, declared, source

    def _value(self, declared: SecretDeclaration, key: str, source: SecretSource, *, make: bool) -> Secret | None:
        if source.variable:
            return from_variable(source.variable)
        if source.plain:
            return Secret(source.plain)
        if source.sops:
            return self._sops.value(self._root / source.sops, source.key or key)
        if source.command:
            if source not in self._printed:
                self._printed[source] = from_command(source.command, source.seconds, self._root)
            return self._printed[source]
        if source.generate:
            name = declared.kept_as(key, source.generation)
            keep = lasting.secret if make else lasting.known
            return keep(self._environment, self._secrets, name, source.generate)
        return self._store().aws_credentials() if make else self._credentials()

    def _credentials(self) -> Secret | None:
        """Return the object store's keys without starting a local one; None where that was never started."""
        told = self._environment.objectstore
        if told.endpoint:
            return self._store().aws_credentials()
        kept = [self._kept_in / "objectstore" / name for name in ("access-key", "secret-key")]
        if not all(file.is_file() for file in kept):
            return None
        keys = [Secret(file.read_text().strip()) for file in kept]
        return ObjectStore(f"http://127.0.0.1:{told.port}", told.region, *keys).aws_credentials()

    def _age_identity(self) -> Secret | None:
        return lasting.age_identity(self._environment, self._secrets, make=False)

    @property
    def _secrets(self) -> Path:
        return self._kept_in / "secrets"

    @property
    def _file(self) -> str:
        return f"{self._shown}/{self.file.name}"

    @cached_property
    def _text(self) -> str:
        return self.file.read_text()
