"""XARF 3: JSON with other names, which is turned into that of XARF 4 and judged as such.

It has no number of its own. Where the source and the samples stand differs between those who write it.
"""

from __future__ import annotations

import base64

from pydantic import AliasChoices, AliasPath, Field

from sekisho.desk.limits import Limits
from sekisho.desk.report import Report
from sekisho.desk.xarf import Contact, Evidence, Model, Written, judged, read_json

_SPAM = frozenset({("activity", "spam"), ("messaging", "spam")})


class _Reporter(Model):
    org: str = Field(default="", max_length=200, validation_alias="ReporterOrg")
    domain: str = Field(default="", max_length=253, validation_alias="ReporterOrgDomain")
    contact: str = Field(
        default="",
        max_length=320,
        validation_alias=AliasChoices("ReporterOrgEmail", "ReporterContactEmail"),
    )


class _Sample(Model):
    content_type: str = Field(max_length=200, validation_alias="ContentType")
    payload: str = Field(validation_alias=AliasChoices("Payload", "Data"))
    is_base64: bool = Field(default=True, validation_alias="Base64Encoded")


class _Matter(Model):
    category: str = Field(max_length=40, validation_alias="ReportClass")
    type: str = Field(max_length=40, validation_alias="ReportType")
    date: str = Field(max_length=100, validation_alias="Date")
    address: str = Field(
        max_length=255, validation_alias=AliasChoices("SourceIp", "SourceIP", AliasPath("Source", "IP"))
    )
    port: int | None = Field(
        default=None,
        ge=1,
        le=65_535,
        validation_alias=AliasChoices("SourcePort", AliasPath("Source", "Port")),
    )
    samples: tuple[_Sample, ...] = Field(
        default=(), max_length=50, strict=False, validation_alias=AliasChoices("Samples", "Attachment")
    )


class _Written3(Model):
    reporter: _Reporter = Field(validation_alias="ReporterInfo")
    matter: _Matter = Field(validation_alias="Report")


def parse(data: bytes, limits: Limits) -> Report:
    """Read a report; raise RefusedError."""
    return judged(_as_4(read_json(data, _Written3)), limits)


def _as_4(old: _Written3) -> Written:
    matter = old.matter
    kind = (matter.category.lower(), matter.type.lower())
    who = Contact.model_construct(**old.reporter.model_dump())
    return Written.model_construct(
        report_id="",
        reporter=who,
        sender=who,
        timestamp=matter.date,
        source_identifier=matter.address,
        source_port=matter.port,
        category="messaging" if kind in _SPAM else kind[0],
        type=kind[1],
        evidence=tuple(_evidence(sample) for sample in matter.samples),
    )


def _evidence(sample: _Sample) -> Evidence:
    payload = sample.payload
    if not sample.is_base64:
        payload = base64.b64encode(payload.encode("utf-8", "replace")).decode()
    return Evidence.model_construct(content_type=sample.content_type, payload=payload)
