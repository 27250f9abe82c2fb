"""The shape of `mail.auth` and `mail.mailboxes`: how the bridge logs in at mail servers, and where it reads."""

from __future__ import annotations

from typing import Annotated, Literal, Self, TypeAlias

from pydantic import Field, model_validator

from bridge.configuration.addresses import Address, AuthorityUrl, ImapUrl, Tenant
from bridge.configuration.secrecy import Secret
from bridge.configuration.strict import Strict
from bridge.configuration.times import PositiveDuration
from bridge.configuration.written import SimpleName, WrongValue

_AUTHORITY = "The token server: an OpenID provider, `https://host/path`; for Microsoft 365 `tenant` is enough."
_TENANT = "Tenant of Microsoft 365: its domain or identifier."
#: what Microsoft asks a token for itself to be limited to, and one for a person's mailbox
_APPLICATION = ("https://outlook.office365.com/.default",)
_PERSON = ("https://outlook.office.com/IMAP.AccessAsUser.All", "https://outlook.office.com/SMTP.Send")


class MailPasswordModel(Strict):
    """User name and password, as with `mail.password`."""

    kind: Literal["password"] = Field(description="User name and password.")
    password: Secret = Field(description="Password at both servers.")


class _Tokens(Strict):
    tenant: Tenant | None = Field(None, description=_TENANT)
    authority: AuthorityUrl | None = Field(None, description=_AUTHORITY)

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if (self.tenant is None) == (self.authority is None):
            raise WrongValue("mail.auth names one token server", "write either tenant: or authority:")
        return self


class MailClientModel(_Tokens):
    """XOAUTH2 with tokens that the bridge gets for itself, as an application that was let into the mailbox."""

    kind: Literal["client_credentials"] = Field(description="XOAUTH2; an application's own tokens.")
    client_id: str = Field(description="The application's (client) identifier.", min_length=1)
    client_secret: Secret | None = Field(None, description="The application's secret.")
    certificate: Secret | None = Field(
        None,
        description="Instead of a secret: private key without a passphrase and certificate in PEM, best `file:/path`.",
    )
    scope: list[str] = Field(list(_APPLICATION), description="What the tokens are for.", min_length=1)

    @model_validator(mode="after")
    def _one_proof(self) -> Self:
        if (self.client_secret is None) == (self.certificate is None):
            raise WrongValue("mail.auth proves in one way who asks", "write either client_secret: or certificate:")
        if self.tenant in {"common", "organizations", "consumers"}:
            raise WrongValue(
                f"an application belongs to one tenant, not to {self.tenant!r}",
                "write the tenant's domain or identifier",
            )
        return self


class MailDelegatedModel(_Tokens):
    """XOAUTH2 with tokens that a person let the bridge have: `cpsd-bridge mail login`, once."""

    kind: Literal["delegated"] = Field(description="XOAUTH2; tokens on behalf of who ran `cpsd-bridge mail login`.")
    client_id: str = Field(description="The application's (client) identifier.", min_length=1)
    token_file: str = Field(
        description="Where the tokens are kept: a file that only the bridge's user may read, in a folder it may write.",
        min_length=1,
    )
    scope: list[str] = Field(list(_PERSON), description="What the tokens are for.", min_length=1)


MailLoginModel: TypeAlias = Annotated[
    MailPasswordModel | MailClientModel | MailDelegatedModel, Field(discriminator="kind")
]


class MailboxModel(Strict):
    """One more mailbox, or another folder of the same; replies to it are read as those to the first one."""

    name: SimpleName = Field(description="A name for logs, checks and commands.")
    imap: ImapUrl | None = Field(None, description="Server of the mailbox; `mail.imap` if it is left out.")
    folder: str = Field("INBOX", description="The mailbox's folder.")
    maildir: str = Field(
        "", description="Instead of both: the path of a Maildir on this machine, into which a mail server delivers."
    )
    address: Address | None = Field(None, description="Its own address, if it has one; counts as the bridge's own.")
    username: str = Field("", description="User name; the address, else that of `mail`, if it is left out.")
    password: Secret | None = Field(None, description="Password; without one and without `auth` the login of `mail`.")
    auth: MailLoginModel | None = Field(None, description="Another way to log in than `password`: XOAUTH2.")
    every: PositiveDuration | None = Field(None, description="How often it is looked into; as `mail` if left out.")
    idle: bool | None = Field(None, description="Whether to wait in IDLE there; as `mail` if left out.")
