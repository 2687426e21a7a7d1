"""The words in which a trial is shown, in English and in Japanese."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class Language(StrEnum):
    """A language in which a trial is shown."""

    EN = "en"
    JA = "ja"


def say(language: Language, key: str, **values: object) -> str:
    """Return the words for `key` with the values in them."""
    return WORDS[key][language].format(**values)


def _both(en: str, ja: str) -> Mapping[Language, str]:
    return {Language.EN: en, Language.JA: ja}


WORDS: Mapping[str, Mapping[Language, str]] = {
    "trial": _both(
        "trial {name}: {begin} to {end} ({zone})", "実証実験 {name}：{begin} から {end} まで（{zone}）"
    ),
    "classes": _both("classes: {names}", "種別：{names}"),
    "switchback": _both(
        "switchback: {begin} to {end}, blocks of {block}, wash-out {washout}, seed {seed}",
        "切替：{begin} から {end} まで、区間 {block}、除外時間 {washout}、シード {seed}",
    ),
    "units_classes": _both("each class draws lots of its own: {names}", "抽選は種別ごとに別々：{names}"),
    "units_gates": _both("each gate draws lots of its own: {names}", "抽選は関所ごとに別々：{names}"),
    "no_switchback": _both(
        "no switchback: phases alone are observed, and no p-value comes of them",
        "切替なし：段階だけの計画は観察であり、p 値は出ない",
    ),
    "pairs": _both(
        "pairs: {pairs}; the smallest p-value that they allow is {p}",
        "組：{pairs}（出うる最小の p 値は {p}）",
    ),
    "few_pairs": _both(
        "pairs: {pairs}: too few, {enough} are needed for a p-value below 0.05",
        "組：{pairs}（不足。0.05 未満の p 値には {enough} 組が必要）",
    ),
    "below": _both("below {bound}", "{bound} 未満"),
    "alone": _both(
        "in no pair, so not compared: {count} blocks or parts; pairs lost to maintenance: {lost}",
        "組にならず、比べない区間：{count}。保守で失われた組：{lost}",
    ),
    "maintenance": _both(
        "maintenance windows: {count}, {hours:g} h in all, in which the trial is suspended",
        "保守：{count} 回、計 {hours:g} 時間（実験は中断され、観測のみ）",
    ),
    "outcomes": _both("outcomes, the primary first: {names}", "評価項目（先頭が主要）：{names}"),
    "guardrails": _both(
        "suspended by itself when: {complaints}; more than {errors} gate errors a minute; "
        "a bypass of {bypass}; 1 in 100 sessions held {delay} too long; no lease for {leases}",
        "自動中断の条件：{complaints}、関所の異常が毎分 {errors} を超える、迂回 {bypass}、"
        "100 本に 1 本が規制値より {delay} 長い待機、割当の途絶 {leases}",
    ),
    "difference": _both(
        "or the daily share of {of} sessions is higher by more than {harmless:g} percentage points while on",
        "または、規制中の一日の割合（{of}）が規制なしより {harmless:g} ポイントを超えて高い",
    ),
    "rate": _both("complaints rise above {rate:g} a day", "苦情が一日 {rate:g} 件より増える"),
    "unwatched": _both("(complaints are not watched)", "（苦情は見ない）"),
    "begin": _both("from", "開始"),
    "end": _both("to", "終了"),
    "arm": _both("what", "内容"),
    "unit": _both("lot of", "抽選の単位"),
    "pair": _both("pair", "組"),
    "limits": _both("limits", "規制値"),
    "phase": _both("phase {number}", "段階 {number}"),
    "on": _both("on", "規制あり"),
    "off": _both("off", "規制なし"),
    "maintenance_arm": _both("maintenance", "保守"),
    "enforce": _both("cap {cap}, delay {delay}", "同時 {cap} 本、遅延 {delay}"),
    "observe": _both("observed only", "観測のみ"),
    "more_rows": _both("… {count} more", "…ほか {count} 件"),
    "more_days": _both("… {count} more days", "…ほか {count} 日"),
    "all_in_json": _both("--json has them all", "すべては --json にある"),
    "legend": _both(
        "█ on  ░ off  ▒ wash-out  ▓ · the same, in no pair  1… phase  × maintenance  ▚ several  "
        "(blank) the class's own limit",
        "█ 規制あり  ░ 規制なし  ▒ 除外時間  ▓ · 同じく組なし  1… 段階  × 保守  ▚ 複数  "
        "（空白）種別の通常の規制値",
    ),
    "weekdays": _both("Mon Tue Wed Thu Fri Sat Sun", "月 火 水 木 金 土 日"),
}
