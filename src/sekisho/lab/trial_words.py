"""The words in which the laboratory tells of its trial, in English and in Japanese."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sekisho.pages.voice import Language


def say(language: Language, key: str, **values: object) -> str:
    """Return the words for `key` with the values in them."""
    en, ja = WORDS[key]
    return (ja if language is Language.JA else en).format(**values)


WORDS: Final[Mapping[str, tuple[str, str]]] = {
    "title": (
        "In {pairs} pairs of blocks of {block}, the first {washout} of each left out:",
        "{block}の区間 {pairs} 組で測った値（各区間の最初の{washout}を除く）：",
    ),
    "off": ("off", "規制なし"),
    "on": ("on", "規制あり"),
    "change": ("change", "変化"),
    "interval": ("95 % interval", "95 % 信頼区間"),
    "spam": ("spam messages a minute", "迷惑メール（毎分）"),
    "delivery": ("seconds until a letter arrives", "ふつうのメールの到着（秒）"),
    "refused": ("SYNs refused a minute", "拒否した SYN（毎分）"),
    "held": ("sessions held a minute", "待機したセッション（毎分）"),
    "chart": (
        "Messages a minute as they arrive, {seconds:g} s a column; █ the limit is on",
        "届いたメール（毎分、一桁 {seconds:g} 秒）。█ は規制あり",
    ),
    "chart_spam": ("spam  ", "迷惑  "),
    "chart_honest": ("honest", "正当  "),
    "up_to": ("up to {most}", "最大 {most}"),
    "effect": (
        "the limit ({limit}) changes spam by {change} (95 % interval {interval})",
        "規制（{limit}）による迷惑メールの変化：{change}（95 % 信頼区間 {interval}）",
    ),
    "no_effect": (
        "what the limit ({limit}) does to spam cannot be told from {pairs} pairs",
        "規制（{limit}）の効果は {pairs} 組からは判断できない",
    ),
    "limit": ("cap {cap}, delay {delay}", "同時 {cap} 本、遅延 {delay}"),
    "p": (
        "sessions admitted, registered beforehand: p = {p:.2g} ({pairs} pairs give {least:.2g} at least)",
        "事前に登録した評価項目（許可されたセッション）：p = {p:.2g}（{pairs} 組で出うる最小は {least:.2g}）",
    ),
    "letters": (
        "honest letters: {written} written, {delivered} delivered, {failed} failed (wanted: 0)",
        "ふつうのメール：送信 {written}、到着 {delivered}、失敗 {failed}（目標 0）",
    ),
    "written": ("the report as a page: {path}", "報告のページ：{path}"),
}
