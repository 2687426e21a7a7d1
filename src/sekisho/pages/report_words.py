"""The words of a report, in English and in Japanese."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sekisho.pages.voice import Language


def say(language: Language, key: str, **values: object) -> str:
    """Return the words for `key` with the values in them."""
    en, ja = WORDS[key]
    return (ja if language is Language.JA else en).format(**values)


WORDS: Final[Mapping[str, tuple[str, str]]] = {
    "title": ("Report of the trial {name}", "実証実験「{name}」の報告"),
    "made": ("Made {at} by sekisho {program}.", "{at} に sekisho {program} が作成。"),
    "span": ("The trial: {span} ({zone}).", "実証実験の期間：{span}（{zone}）。"),
    "policy": ("Digest of the configuration: {digest}", "設定のダイジェスト：{digest}"),
    "yes": ("yes", "はい"),
    "no": ("no", "いいえ"),
    "all": ("all", "合計"),
    # What was registered
    "registration": ("The plan registered beforehand", "事前に登録した計画"),
    "digest": ("Digest of the plan: {digest}", "計画のダイジェスト：{digest}"),
    "registered": (
        "The plan was registered before the begin. p-values stand where a lot decided.",
        "計画は開始前に登録されている。抽選による比較には p 値を示す。",
    ),
    "no_p": ("No p-value stands in this report: {why}.", "この報告に p 値は示さない：{why}。"),
    "changed": (
        "The plan was registered in {count} versions; the last replaced another after the first.",
        "計画は {count} 版登録された。後の版が前の版に置き換わっている。",
    ),
    "version": ("version", "版"),
    "registered_at": ("registered", "登録日時"),
    "sha": ("digest", "ダイジェスト"),
    "late": ("after the begin", "開始後"),
    # Effect
    "effect": ("The effect, by lot (experiment)", "効果（抽選による実験）"),
    "chart_effect": (
        "Change while the limit is on, in per cent, with 95 % interval",
        "規制ありのときの変化（％）と 95 % 信頼区間",
    ),
    "class": ("class", "種別"),
    "outcome": ("outcome", "評価項目"),
    "change": ("change", "変化"),
    "interval": ("95 % interval", "95 % 信頼区間"),
    "p": ("p", "p 値"),
    "pairs": ("pairs (left out)", "組（除外）"),
    "carry_over": ("carry-over check", "持ち越しの検査"),
    "placebo": ("placebo", "プラセボ"),
    "primary": ("{outcome} (primary)", "{outcome}（主要）"),
    "carry_alarm": (
        "Carry-over shows for {names}: blocks reach into the next; the effect may lie outside its interval.",
        "{names} に持ち越しが見られる。実際の効果は信頼区間を超えて大きい可能性が高い。",
    ),
    "placebo_alarm": (
        "The placebo of {names} differs, where nothing was changed: chance (1 in 20), or wrong measuring.",
        "{names} のプラセボに変化が見られる。偶然（20 回に 1 回）か、測定の誤りである。",
    ),
    "answer": (
        "Primary outcome, {whose}: {outcome} {change} with the limit on; 95 % interval {interval}.",
        "主要な評価項目（{whose}）：規制ありのとき{outcome}は {change}（95 % 信頼区間 {interval}）。",
    ),
    "answer_none": (
        "Primary outcome, {whose}: no change of {outcome} is shown; {change}, 95 % interval {interval}.",
        "主要な評価項目（{whose}）：{outcome}の変化は示されない（{change}、95 % 信頼区間 {interval}）。",
    ),
    "carry_weak": (
        "Only large carry-over is found: an interval with zero does not say that there is none.",
        "持ち越しは大きいものしか見つからない。区間が 0 を含んでも、持ち越しがないとは言えない。",
    ),
    "alike": (
        "Every block counts alike, by night as by day: of all sessions together the change may be another.",
        "夜間も昼間も、区間はすべて同じ重みで数える。全セッションの合計でみた変化とは異なることがある。",
    ),
    "checks_said": (
        "Carry-over and placebo are checks of the measurement: their intervals should include zero.",
        "持ち越しとプラセボは測定の検査であり、その区間は 0 を含むはずである。",
    ),
    "planned": (
        "Pairs by the plan: {planned}. Those that an unplanned suspension touches are not in the table.",
        "計画上の組：{planned}。計画外の中断にかかった組は表に含まない。",
    ),
    "confirmatory": (
        "Only the primary outcome is confirmatory.",
        "検証の対象は主要な評価項目だけである。",
    ),
    "confirmatory_each": (
        "Each class has its own primary outcome: one of {count} is below 0.05 in some {percent} % by chance.",
        "主要な評価項目は種別ごとに {count} 個あり、約 {percent} ％の確率で偶然どれかが 0.05 を下回る。",
    ),
    "one_lot": (
        "They share one lot, and do not confirm each other.",
        "抽選が共通のため、互いを裏付けるものではない。",
    ),
    "by_chance": (
        "Other p-values: {count}; by chance alone one or more is below 0.05 in some {percent} % of trials.",
        "ほかの p 値：{count} 個。偶然だけでも、そのどれかは約 {percent} ％の確率で 0.05 を下回る。",
    ),
    "absent": (
        "{whose}: {names} drew lots, but no pair there has enough counted: nothing of it is in the effect.",
        "{whose}：{names} は抽選の単位だが、測定の足りる組がなく、効果に含まれない。",
    ),
    "all_classes": ("(all classes)", "（全種別）"),
    "attempts": ("attempts", "接続の試み"),
    "admitted": ("admitted", "許可"),
    "refused": ("refused", "拒否"),
    "bytes": ("bytes", "送信バイト数"),
    "reports": ("reports", "申告"),
    "blocklist": ("blocklist entries", "ブロックリスト掲載"),
    # Phases
    "observed": ("Phases: observed, no experiment", "段階（観察であり、実験ではない）"),
    "observed_said": (
        "Somebody chose these dates. Whatever else changed then may be the reason; it proves no cause.",
        "日程は人が選んだものであり、同じ時期の他の変化が原因かもしれない。因果関係の証明にはならない。",
    ),
    "observed_assumes": (
        "Assumed: the limit does not reach the class compared with, and both would have gone on alike.",
        "比較した種別に規制が及ばず、規制がなければ両者は同じように推移したと仮定している。",
    ),
    "observed_narrow": (
        "The intervals are somewhat too narrow where what disturbs one hour lasts for many.",
        "一時間の乱れが長く続く場合、信頼区間はやや狭すぎる。",
    ),
    "limit": ("limit", "規制値"),
    "limited": ("cap {cap}, delay {delay}", "同時セッション数 {cap}、遅延 {delay}"),
    "unlimited": ("observed only", "観測のみ"),
    "compared": ("compared with", "比較した種別"),
    "hours": ("hours", "時間数"),
    # Harm
    "harm": ("The harm", "お客様への影響"),
    "chart_harm": (
        "Shares of sessions, and of lines that met their cap, in per cent",
        "セッションの割合と、上限に達した契約者回線の割合（％）",
    ),
    "bar_over_cap": ("sessions beyond the cap, limit on", "上限超過のセッション（規制あり）"),
    "bar_over_cap_without": ("sessions beyond the cap, limit off", "上限超過のセッション（規制なし）"),
    "bar_held": ("sessions held, limit on", "待機したセッション（規制あり）"),
    "bar_met_cap_percent": ("lines that met their cap, limit on", "上限に達した契約者回線（規制あり）"),
    "caps": ("cap by the plan", "計画上の同時セッション数の上限"),
    "delays": ("delay by the plan", "計画上の遅延"),
    "most_sessions": (
        "sessions that one line can start in an hour at most, limit on",
        "規制ありの一時間に一つの契約者回線が開始できるセッションの上限",
    ),
    "over_cap": ("sessions beyond the cap, of those tried, limit on", "上限超過の割合（規制あり）"),
    "over_cap_without": ("the same, limit off", "同（規制なし）"),
    "held": ("sessions that were held, limit on", "待機した割合（規制あり）"),
    "met_cap": (
        "lines that met their cap, in the mean hour with the limit on",
        "規制ありの一時間に上限に達した契約者回線の平均数",
    ),
    "met_cap_percent": (
        "the same, of the lines with sessions in that hour",
        "同、その時間にセッションのあった契約者回線に占める割合",
    ),
    "would_meet": (
        "lines with more sessions at once than the lowest cap, in the busiest hour without a limit",
        "規制のない最も混んだ一時間に、最も低い上限を超えた契約者回線の数",
    ),
    "delay_seen": (
        "delay that sessions of ordinary lines saw: half of them to 99 in 100, at most",
        "通常の契約者回線のセッションが受けた遅延（中央値～99 パーセンタイル、上限）",
    ),
    "reliefs": (
        "lines released at their customers' request, in the trial so far",
        "期間中に救済された契約者回線",
    ),
    "complaints_entered": ("complaints, in the trial so far", "期間中の苦情"),
    "complaints_expected": (
        "complaints that the rate from before lets expect",
        "開始前の割合から見込まれる苦情",
    ),
    "at_least": ("at least {count}", "{count} 以上"),
    "what": ("what", "項目"),
    "value": ("value", "値"),
    # Equipment
    "equipment": ("The load on the equipment", "機器への負荷"),
    "equipment_said": (
        "Hours in which a class was limited, and those in which none was. Without interval none is tested.",
        "規制のあった時間となかった時間の比較。区間のない項目は単なる比較であり、検定ではない。",
    ),
    "limit_on": ("limit on", "規制あり"),
    "limit_off": ("limit off", "規制なし"),
    "gates": ("(gates)", "（関所）"),
    "cpu": ("processors' time", "プロセッサー時間"),
    "packets": ("packets", "パケット数"),
    "drops": ("packets dropped", "破棄パケット数"),
    "cpu_percent": ("processors busy, %", "プロセッサー使用率（％）"),
    "softirq_percent": ("of that with packets, %", "うちパケット処理（％）"),
    "daemon_percent": ("the daemon's share, %", "デーモンの割合（％）"),
    "packets_per_second": ("packets a second, of a gate", "毎秒パケット数（関所あたり）"),
    "dropped_per_million": ("packets dropped, in a million", "破棄パケット（百万あたり）"),
    "hold_highest_below": ("most SYNs held at once, below", "同時に待機した SYN の最大（未満）"),
    "hold_dropped_percent": ("held SYNs without room, %", "待機の空きがなかった割合（％）"),
    "late_p50_ms": ("delay beyond the limit's, half, at most ms", "規制値を超えた遅延の中央値（ms 以下）"),
    "late_p99_ms": ("the same, 99 in 100, at most ms", "同、99 パーセンタイル（ms 以下）"),
    "by_retransmission_percent": (
        "held sessions that a retransmission delayed, %",
        "再送により遅延したセッションの割合（％）",
    ),
    # What happened
    "happened": ("Guardrails, suspensions and faults", "ガードレール・中断・異常"),
    "suspended": ("Suspended {begin} to {end}: {reason}.", "中断：{begin} から {end} まで（{reason}）。"),
    "going_on": ("(going on)", "（継続中）"),
    "in_block": (
        "It fell into blocks that would have been compared: their pairs are left out.",
        "比較するはずの区間にかかったため、その組は除外した。",
    ),
    "breach": (
        "A guardrail was passed {at}: {what} ({reason}).",
        "ガードレール超過：{at} {what}（{reason}）。",
    ),
    "no_breach": ("The log has no passed guardrail.", "ガードレール超過の記録はない。"),
    "jumps": (
        "Jumps of the clock: {count}; what came twice by them, or belongs to no hour, is left out.",
        "時刻の急な変更：{count} 回。そのために重なった時間と、属する時間の分からない計測は除外した。",
    ),
    "followed_late": (
        "Boundaries that the gate followed late: {count}.",
        "関所が計画の切替に遅れたこと：{count} 回。",
    ),
    "unwatched": (
        "Daemons that ended without a last look, so that guardrails could not see all: {count}.",
        "デーモンの異常終了により、ガードレールが一部を測定できなかったこと：{count} 回。",
    ),
    "guardrail": ("guardrail", "ガードレール"),
    "path": (
        "the highest of {count} days {highest}, the last {last}, bound {bound}",
        "{count} 日間の最大 {highest}、最新 {last}（限度 {bound}）",
    ),
    "chart_path": ("highest of each day, and its bound (dashed)", "一日ごとの最大値と限度（破線）"),
    "complaints": ("complaints", "苦情"),
    "difference": ("daily difference", "一日ごとの差"),
    "gate-errors": ("gate errors", "関所の異常"),
    "bypass": ("bypass", "迂回"),
    "delay-p99": ("delay, 99th percentile", "遅延の 99 パーセンタイル"),
    "leases": ("leases", "割当"),
    # Coverage
    "coverage": ("What was measured", "測定の状況"),
    "chart_days": ("Share of each day that was read; red: missing", "一日ごとの測定率（赤：欠測）"),
    "blocks": (
        "Blocks that are compared and over: {blocks}; of these some gate has too little of: {missing}.",
        "比較対象で終了した区間：{blocks}。いずれかの関所の測定が足りない区間：{missing}。",
    ),
    "gate": ("gate", "関所"),
    "read": ("read", "測定率"),
    "silent": ("hours without a reading", "欠測の時間数"),
    "otherwise": ("hours not as planned", "計画と異なった時間数"),
    "doubts": ("left out, marks", "除外・目印"),
    "units": ("Units that drew lots of their own", "別々に抽選した単位"),
    "units_said": (
        "The primary outcome: pairs that were compared. Each counts the same, however large its unit is.",
        "主要な評価項目で比べた組。単位の大きさによらず、どの組も同じ重みである。",
    ),
    "unit": ("unit", "単位"),
    "compared_pairs": ("pairs compared", "比べた組"),
    "left_out": ("pairs left out", "除外した組"),
    "gate_unplanned": (
        "Gate {gate} draws no lots by the plan: nothing of it is in the effect.",
        "関所 {gate} は計画上の抽選の単位でなく、効果に含まれない。",
    ),
    "gate_silent": ("Gate {gate} did not report at all.", "関所 {gate} からの報告がまったくない。"),
    "not_read": ("not read", "読み取りなし"),
    "counters_anew": ("counters began anew", "カウンターの初期化"),
    "equipment_not_read": ("equipment not read", "機器の読み取りなし"),
    "equipment_anew": ("equipment began anew", "機器の計数の初期化"),
    "class_anew": ("class began anew", "種別の再作成"),
    "class_gone": ("class gone", "種別の削除"),
    "clock_back": ("clock set back", "時計の後退"),
    "clock_forward": ("clock set forward", "時計の前進"),
    "arm_changed": ("switched meanwhile", "途中の切替"),
    "long": ("beyond its hour", "一時間を超える"),
    "mixed": ("switched within", "切替を含む"),
    "partial": ("in part", "一部のみ"),
    "clock": ("clock jumped", "時刻の急な変更"),
    "again": ("hours counted twice", "二度数えた時間"),
    # Counts
    "published": ("Counts that may be shown", "公表できる件数"),
    "line_hours": (
        "A line counts once for each hour, with the limit on, in which it had sessions at a gate.",
        "規制ありの一時間に関所でセッションのあった契約者回線を、一時間ごとに一つと数える。",
    ),
    "published_said": (
        "Of weeks: {shown} counts shown, {suppressed} suppressed to protect lines, {refused} weeks left out.",
        "週ごとの件数：公表 {shown}、契約者回線の保護のため秘匿 {suppressed}、全体を非公表 {refused} 週。",
    ),
    "cap": ("its cap", "上限"),
    "cap_met": ("met", "到達"),
    "cap_within": ("not met", "未到達"),
    "differing": (
        "{count} weeks were shown before and stay as they were, though something else is counted now.",
        "{count} 週分は以前に公表した値のままである（現在の集計値とは異なる）。",
    ),
    "suppressed_cell": ("(suppressed)", "（秘匿）"),
    "week": ("week from", "週の始め"),
    "count": ("lines, by the hour", "契約者回線（延べ）"),
    # The desk
    "desk": ("Reports, and what the desk did", "申告とその対応"),
    "desk_said": (
        "Reports are those that count and whose party is proved, about what was sent in the week.",
        "申告は、申告者が確認でき案件に数えたもので、その週の送信についてのもの。",
    ),
    "desk_times": (
        "Cases by the time from the first report: below 1 min / 1 h / 1 day / 7 days / 28 days / not yet.",
        "案件は最初の申告からの時間（未満）で分ける：一分／一時間／一日／七日／二十八日／それまでになし。",
    ),
    "desk_hidden": (
        "A dash is a number in which a line could be recognised, or one that would give such a number away.",
        "「–」は、契約者回線を識別しうる件数、またはそれを推定させる件数である。",
    ),
    "desk_differing": (
        "{count} tables were shown before and stay as they were, though something else is counted now.",
        "{count} 表は以前に公表した値のままである（現在の集計値とは異なる）。",
    ),
    "period": ("period", "時期"),
    "period_before": ("before", "開始前"),
    "period_phase": ("phase {number}", "第 {number} 期"),
    "period_switchback": ("switchback", "切替実験"),
    "period_trial": ("in the trial", "実証実験中"),
    "period_across": ("across its ends", "境をまたぐ"),
    "period_after": ("after", "終了後"),
    "cases": ("cases", "案件"),
    "until_stop_request": ("until the stop request", "中止要請まで"),
    "until_suspension": ("until the suspension", "利用停止まで"),
    "sent": ("What lines with an open case sent", "案件のある契約者回線の送信量"),
    "sent_said": (
        "Until the stop request, and after it until the line is limited or suspended, or has stopped.",
        "中止要請まで、および要請後に個別規制・利用停止・自然停止となるまでの、該当する全回線の合計。",
    ),
    "sent_mean_said": (
        "Only of hours in which at least ten of them began sessions, and none had more than half.",
        "十回線以上がセッションを始め、どの一回線も半分を超えない時間に限る。",
    ),
    "sent_none": (
        "No week had an hour in which enough of them began sessions for their sum to name none.",
        "個別の回線を識別しえない数の該当回線がセッションを始めた時間は、どの週にもなかった。",
    ),
    "stage": ("the case", "案件の段階"),
    "stage_reported": ("until the stop request", "中止要請まで"),
    "stage_asked": ("after it", "中止要請後"),
    "sent_what": ("what", "種類"),
    "sent_count": ("sum", "合計"),
    "sent_mean": ("of a line in an hour, at most", "一回線一時間あたり（以下）"),
    "sessions": ("sessions", "セッション"),
    "octets": ("megabytes", "メガバイト"),
    # Blocklists
    "blocklist_entries": ("Blocklist entries", "ブロックリストへの掲載"),
    "blocklist_said": (
        "Addresses that were newly on a list, of whole weeks, as the provider entered them.",
        "新たにリストに載ったアドレスの数（週の全体について入力のあるもの）。事業者の入力による。",
    ),
    "blocklist_lag": (
        "Lists are slow: an entry later after its sending than a wash-out is long counts for the next block.",
        "掲載は送信より遅れる。切替直後の除外時間より遅い掲載は次の区間に数えられ、効果をぼかす。",
    ),
    "blocklist_stays": (
        "An address that is on a list already is not new when it sends again; no wash-out makes up for that.",
        "載ったままのアドレスは再び送信しても数えない。これは除外時間では補えない。",
    ),
    # What it cannot say
    "limits": ("What this cannot say", "この報告からは言えないこと"),
    "moves": (
        "Spam may have moved to other networks: what left this one is measured, not what arrived anywhere.",
        "迷惑メールは他の網に移っただけかもしれない。測っているのはこの網から出たものであり、届いたものではない。",
    ),
    "adapts": (
        "It is the effect of blocks of {block}, on or off: senders who take longer to adapt are not in it.",
        "{block}ごとの切替による効果である。それより長い時間をかけて適応する送信者は含まれない。",
    ),
    "not_there": (
        "What a line sent until it was suspended is not recorded; above stands what it can start at most.",
        "利用停止までの各回線の送信量は記録していない。開始できるセッションの上限は上の表に示した。",
    ),
    "apart": (
        "Lines that are suspended, limited alone or released are in no share and no effect of sessions.",
        "個別に規制・利用停止された回線と救済された回線は、セッションの割合にも効果にも含まれない。",
    ),
    "no_blocklist": (
        "Whether fewer addresses came onto blocklists is not told: nobody entered how many did.",
        "ブロックリストに載ったアドレスの増減は示せない。件数が入力されていないためである。",
    ),
    # Why something is not known
    "not_known": ("not known: {why}", "不明：{why}"),
    "of": (" ({has} of {needed} needed)", "（{needed} 必要なところ {has}）"),
    "needs": (" ({needed} needed)", "（{needed} 必要）"),
    "not-registered": ("the plan was not registered", "計画が登録されていない"),
    "registered-late": ("the plan was registered after the begin", "計画の登録が開始後である"),
    "registered-otherwise": (
        "what was registered last is another plan than this",
        "最後に登録された計画がこの計画と異なる",
    ),
    "changed-after-begin": (
        "what is tested was changed after the begin",
        "検定にかかわる内容が開始後に変更された",
    ),
    "maintenance-afterwards": (
        "maintenance was registered for a time that had passed, which chooses what is compared",
        "過ぎた時間の保守が後から登録され、比較の対象が選び直されている",
    ),
    "not-over": (
        "the trial goes on: what is here is so far, and intervals hold only for whoever looks once",
        "実証実験が続いており、途中の結果である。信頼区間も一度だけ見る場合にしか成り立たない",
    ),
    "not-begun": ("the trial has not begun", "実証実験が始まっていない"),
    "not-counted": ("nothing was counted", "計測値がない"),
    "not-measured": ("it is not measured", "測定していない"),
    "no-delay": ("without a delay a cap leaves any number", "遅延がなく、上限が定まらない"),
    "not-kept": ("its path is not kept", "推移を保存していない"),
    "not-entered": ("none was entered", "入力されたものがない"),
    "no-whole-week": ("no week is over of which all was entered", "全体が入力された週がまだない"),
    "no-rate": ("the rate from before the trial was not given", "開始前の割合が設定されていない"),
    "no-desk": ("reports are not counted here", "申告はここでは数えていない"),
    "no-switchback": ("the plan has no blocks by lot", "計画に抽選による区間がない"),
    "too-few-pairs": ("too few pairs of blocks", "区間の組が足りない"),
    "too-few-cells": ("too few hours", "時間数が足りない"),
    "not-settled": (
        "no week is over whose cases have had their four weeks",
        "案件の四週間が経過した週がまだない",
    ),
    "of-no-gate": (
        "each gate drew lots of its own, and a report tells of no gate",
        "関所ごとにくじを引いており、申告からは関所が分からない",
    ),
    "by-the-day": (
        "it was entered by the day, and only blocks of a day are compared by days",
        "日ごとの入力であり、一日の区間でなければ日ごとに比較できない",
    ),
    "too-few-lines": ("too few lines, or one has most of it", "回線数が少ないか、一回線に偏っている"),
    "too-few-sessions": ("too few sessions", "セッション数が足りない"),
    "unvarying": ("both sides counted the same in every pair", "すべての組で両側の値が等しい"),
    "none-while-off": (
        "there is none while the limit is off, and no per cent of nothing",
        "規制なしのときは皆無であり、比率にならない",
    ),
    "one-limit": ("one limit held all the time", "規制値が一つしかない"),
    "never-varies": ("every hour counted the same", "どの時間の値も等しい"),
    "comparison-never-varies": (
        "every hour of the class compared with counted the same",
        "比較する種別の値がどの時間も等しい",
    ),
    "cannot-tell": (
        "the limits cannot be told from what else changed",
        "規制の影響を他の変化と区別できない",
    ),
    "not-recorded": (
        "it is recorded before it is shown, and that failed: ask again, as somebody who may write the store",
        "公表する値は先に記録するが、いま記録できない。書き込みのできる利用者で再度実行する",
    ),
    "not-in-bins": (
        "the fixed bins of what is published have no edge at this cap",
        "公表に用いる固定の区切りにこの上限がない",
    ),
    "beyond-the-last": ("it is beyond 1,000 ms", "1,000 ms を超える"),
    "not-tested": ("not tested", "検定なし"),
    "suppressed": ("suppressed, as few lines are behind it", "該当する契約者回線が少ないため秘匿"),
}
