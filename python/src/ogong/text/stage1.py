"""Stage 1 (docs/spec/stage-1.md): every draw of a reply replayed from what was committed, without a model and without tolerance."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..checks import Check, failed, passed, skipped
from ..record import Record
from ..tiers import TIERS, check_posture
from ..wire import WireError, u32
from .commitment import (
    MOST_LISTED,
    WINDOW,
    Boundary,
    Edge,
    Header,
    Opening,
    Row,
    blob_root,
    decode_draws,
    decode_sketch_rows,
    decode_token_window,
    hash_tokens,
    parse_header,
)
from .sampler import NAT, ONE, TAIL, draw, draw_number, exp, penalize, weigh

_UNIT = 1 << 26
_SLACK = (1 << 11) + 256
_LEAST_LISTED = 20
_LN2 = 45_426
"""ln 2 in 2^-16."""
_ZERO32 = bytes(32)
NOT_OF_TOKENS = ("listing", "draw-replay", "shape-classes")
"""Checks that nobody can make of windows that hold tokens alone."""


@dataclass(frozen=True)
class Replayed:
    checks: list[Check]
    header: Header | None
    """None where root or form failed: then nothing else can be said about the opening."""


def replay(record: Record, opening: Opening) -> Replayed:
    if opening.root() != record.commit_root:
        return Replayed([failed("commitment-root", "header and windows do not hash to the record's root")], None)
    checks = [passed("commitment-root", "header and windows hash to the record's root")]
    try:
        header = parse_header(opening.header)
        holds_tokens = header.tier in TIERS and TIERS[header.tier].windows == "tokens"
        windows = _read_windows(header, opening, holds_tokens)
    except WireError as error:
        return Replayed([*checks, failed("commitment-form", str(error))], None)
    checks.append(passed("commitment-form", f"{len(opening.windows)} windows"))
    posture = check_posture(header.tier, header.method, header.numeric_class)
    said = f"tier {header.tier}, method {header.method}, class {header.numeric_class}"
    checks.append(passed("posture", said) if posture is None else failed("posture", posture))
    if holds_tokens:
        checks.append(_check_said_tokens(record, header, windows, opening.blind))
        checks += [skipped(name, "the windows hold tokens alone") for name in NOT_OF_TOKENS]
        return Replayed([*checks, *check_edges(header, opening, None)], header)
    rows = windows.rows
    checks.append(_check_tokens(record, header, rows, opening.blind))
    touched = _Touched(header)
    counts: list[dict[int, int]] = []
    seen: dict[int, int] = {}
    for row in rows:
        counts.append(dict(seen) if touched.has_penalties else seen)
        seen[row.token] = seen.get(row.token, 0) + 1
    wrong = find_wrong_mark(header, rows)
    if wrong is None:
        raised = touched.raised(header, rows)
        checks.append(_first("listing", rows, lambda at, row: _check_list(header, row, counts[at], touched, raised[at])))
    else:
        checks.append(failed("listing", wrong))
    key = header.draw_key.key()
    checks.append(_first("draw-replay", rows, lambda at, row: _check_draw(header, row, counts[at], touched, key, at)))
    checks.append(_check_shapes(header, rows))
    return Replayed([*checks, *check_edges(header, opening, [row.token for row in rows])], header)


def check_edges(header: Header, opening: Opening, tokens: list[int] | None) -> list[Check]:
    """Checks the rows between shards against the roots that the header lists (docs/spec/boundary.md#audit). No check without any.
    @param tokens of the reply. None if the windows show none of them."""
    listed = [(place, boundary) for place, boundary in enumerate(header.boundaries) if boundary is not None]
    if not listed and not opening.edges and opening.prompt is None:
        return []
    if len(listed) != len(opening.edges):
        return [failed("boundary-roots", f"{len(opening.edges)} edges for {len(listed)} listed roots")]
    for (place, boundary), edge in zip(listed, opening.edges):
        if edge.positions != boundary.positions or edge.root(opening.blind) != boundary.root:
            return [failed("boundary-roots", f"shard {place}: its root is about other values")]
    is_due = any(place == 0 for place, _ in listed) and tokens is not None
    if (opening.prompt is not None) != is_due:
        return [failed("boundary-roots", "the opening shows tokens of a prompt if and only if the root of shard 0 is listed")]
    if opening.prompt is not None and not _is_prompt_of(header, *opening.prompt):
        return [failed("boundary-roots", "other tokens of the prompt than the header commits to")]
    opened = passed("boundary-roots", f"{len(opening.edges)} edges have the roots that the header lists")
    return [opened, _check_edge_sizes(header, opening.edges), _check_inputs(listed, opening, tokens)]


def _is_prompt_of(header: Header, blind: bytes, tokens: bytes) -> bool:
    ids = [int.from_bytes(tokens[at : at + 4], "big") for at in range(0, len(tokens), 4)]
    is_sized = len(tokens) == 4 * header.prompt_tokens and all(token < header.vocabulary_size for token in ids)
    return is_sized and hash_tokens(blind, ids) == header.prompt_tokens_hash


def _check_edge_sizes(header: Header, edges: Sequence[Edge]) -> Check:
    needed = header.prompt_tokens + header.output_tokens - 1
    for place, edge in enumerate(edges):
        if edge.positions != needed:
            return failed("boundary-form", f"edge {place}: {edge.positions} positions, and the reply has {needed}")
        if not _is_of_header(header, edge):
            return failed("boundary-form", f"edge {place}: its rows or sketches have other sizes than the header says")
    return passed("boundary-form", f"{len(edges)} edges have rows for all positions of the reply")


def _check_inputs(listed: Sequence[tuple[int, Boundary]], opening: Opening, tokens: list[int] | None) -> Check:
    sent: dict[int, bytes] = {place + 1: edge.blob for (place, _), edge in zip(listed, opening.edges)}
    if opening.prompt is not None and tokens is not None:
        sent[0] = blob_root(opening.blind, opening.prompt[1] + b"".join(u32(token) for token in tokens[:-1]))
    for place, boundary in listed:
        if place in sent and sent[place] != boundary.input:
            return failed("boundary-inputs", f"shard {place} has signed for other rows than those before it")
    return passed("boundary-inputs", f"{len(listed)} listed roots are about rows that follow from each other")


def _is_of_header(header: Header, edge: Edge) -> bool:
    try:
        counts = [len(decode_sketch_rows(sketch, header.directions)) for sketch in edge.sketches]
    except WireError:
        return False
    sizes = [min(WINDOW, edge.positions - at) for at in range(0, edge.positions, WINDOW)]
    return edge.size == 4 * edge.positions * header.embedding_size and counts == sizes


@dataclass(frozen=True)
class _Windows:
    rows: list[Row]
    positions: int
    ids: list[int] | None


def _read_windows(header: Header, opening: Opening, holds_tokens: bool) -> _Windows:
    rows: list[Row] = []
    ids: list[int] = []
    sizes = []
    names = set()
    for draws, sketch in opening.windows:
        if holds_tokens:
            positions, named = decode_token_window(draws)
            if sketch:
                raise WireError("a window of tokens has no sketch")
            names.add(bool(named))
            ids += named
        else:
            read = decode_draws(draws, header.vocabulary_size)
            positions = len(read)
            if any((row.marks is not None) != (header.sampler.repetition != NAT) for row in read):
                raise WireError("marks of repeated tokens stand beside a repetition penalty alone")
            if len(decode_sketch_rows(sketch, header.directions)) != positions:
                raise WireError("draws and sketch of a window have other lengths")
            rows += read
        sizes.append(positions)
    if any(size != WINDOW for size in sizes[:-1]):
        raise WireError("a window before the last is not full")
    if len(names) > 1:
        raise WireError("some windows name their tokens and some do not")
    return _Windows(rows, sum(sizes), ids if True in names else None)


def _first(name: str, rows: Sequence[Row], find: Callable[[int, Row], str | None]) -> Check:
    """The first position that does not hold."""
    for at, row in enumerate(rows):
        reason = find(at, row)
        if reason is not None:
            return failed(name, f"position {at}: {reason}")
    return passed(name, f"{len(rows)} positions")


def _check_tokens(record: Record, header: Header, rows: Sequence[Row], blind: bytes) -> Check:
    if not len(rows) == record.tokens == header.output_tokens:
        return failed("token-count", f"{len(rows)} positions, {record.tokens} in the record, {header.output_tokens} in the header")
    limit = _check_limit(header)
    if limit is not None:
        return failed("token-count", limit)
    if hash_tokens(blind, [row.token for row in rows]) != header.output_tokens_hash:
        return failed("token-count", "the drawn tokens are not the header's")
    return passed("token-count", f"{len(rows)} tokens")


def _check_limit(header: Header) -> str | None:
    if header.output_tokens > header.max_tokens:
        return f"{header.output_tokens} tokens, and {header.max_tokens} at most"
    if header.stop_reason == "length" and header.output_tokens != header.max_tokens:
        return "it stopped at its length, and did not reach it"
    return None


def _check_said_tokens(record: Record, header: Header, windows: _Windows, blind: bytes) -> Check:
    positions, ids = windows.positions, windows.ids
    if not positions == record.tokens == header.output_tokens:
        return failed("token-count", f"{positions} positions, {record.tokens} in the record, {header.output_tokens} in the header")
    limit = _check_limit(header)
    if limit is not None:
        return failed("token-count", limit)
    if header.output_tokens_hash != (_ZERO32 if ids is None else hash_tokens(blind, ids)):
        return failed("token-count", "the named tokens are not the header's")
    return passed("token-count", f"{positions} tokens")


class _Touched:
    """The tokens that bias and penalties change."""

    def __init__(self, header: Header) -> None:
        sampler = header.sampler
        self.bias = dict(header.bias)
        self.presence, self.frequency = sampler.presence, sampler.frequency
        self.has_penalties = self.presence != 0 or self.frequency != 0
        self.repetition = sampler.repetition
        self.is_any = bool(self.bias) or self.has_penalties or self.repetition != NAT

    def cost(self, token: int, q: int, counts: dict[int, int], log_sum: int | None = None) -> int:
        """@param log_sum: of the position, if the repetition penalty covers the token."""
        count = counts.get(token, 0)
        penalty = self.presence + self.frequency * count if count > 0 else 0
        cost = q - self.bias.get(token, 0)
        return penalty + (cost if log_sum is None else log_sum - penalize(log_sum - cost, self.repetition))

    def costs(self, row: Row, counts: dict[int, int]) -> list[int]:
        if not self.is_any:
            return list(row.q)
        marks = row.marks or (0,) * len(row.ids)
        covering = [row.log_sum if mark else None for mark in marks]
        return [self.cost(token, q, counts, log_sum) for token, q, log_sum in zip(row.ids, row.q, covering)]

    def unlisted(self, row: Row, counts: dict[int, int]) -> int:
        tokens = set(self.bias) | (set(counts) if self.has_penalties else set())
        return len(tokens - set(row.ids))

    def raised(self, header: Header, rows: Sequence[Row]) -> list[int]:
        """Of each position the most unlisted tokens that a repetition penalty below 1 makes likelier."""
        if self.repetition >= NAT:
            return [0] * len(rows)
        window, most = header.sampler.window, []
        tokens = [row.token for row in rows]
        for at, row in enumerate(rows):
            recent = set(tokens[max(0, at - window) if window else 0 : at])
            listed = sum((row.marks or ())[: len(row.ids)])
            most.append(max(0, _prompt_reach(header, at) + len(recent) - listed))
        return most


def _prompt_reach(header: Header, at: int) -> int:
    """How many tokens of the prompt the repetition penalty covers at a position."""
    window = header.sampler.window
    return max(0, min(header.prompt_tokens, window - at)) if window else header.prompt_tokens


def find_wrong_mark(header: Header, rows: Sequence[Row]) -> str | None:
    """A mark of the repetition penalty that no prompt explains (docs/spec/stage-1.md)."""
    if header.sampler.repetition == NAT:
        return None
    window = header.sampler.window
    tokens: list[int] = []
    in_prompt: set[int] = set()
    outside: set[int] = set()
    for at, row in enumerate(rows):
        recent = set(tokens[max(0, at - window) if window else 0 :])
        named = row.ids if row.tail_token is None else (*row.ids, row.tail_token[0])
        here = 0
        for token, mark in zip(named, row.marks or ()):
            if token in recent:
                if not mark:
                    return f"position {at}: token {token} of the reply is not marked as repeated"
            elif mark:
                if token in outside:
                    return f"position {at}: token {token} is marked as repeated, and was not before"
                in_prompt.add(token)
                here += 1
            else:
                if window == 0 and token in in_prompt:
                    return f"position {at}: token {token} is not marked, and was before"
                outside.add(token)
        claimed, reach = here if window else len(in_prompt), _prompt_reach(header, at)
        if claimed > reach:
            return f"position {at}: {claimed} tokens are marked as the prompt's, the penalty covers {reach} of it"
        tokens.append(row.token)
    return None


def _has_grammar(header: Header) -> bool:
    return header.grammar_hash != _ZERO32


def _check_list(header: Header, row: Row, counts: dict[int, int], touched: _Touched, raised: int) -> str | None:
    least = min(_LEAST_LISTED, header.vocabulary_size)
    if len(row.ids) < least and not (_has_grammar(header) and row.tail == 0):
        return f"{len(row.ids)} candidates are listed, {least} at least are expected"
    listed = sum(map(exp, row.q))
    if listed > _UNIT + _SLACK:
        return "the listed candidates have a probability above 1 together"
    unlisted = touched.unlisted(row, counts) + raised if touched.is_any else None
    most = largest_tail(header, row, touched.costs(row, counts), listed, unlisted)
    if row.tail > most:
        return f"the tail is {row.tail}, and {most} at most"
    if not touched.is_any and header.sampler.temperature == NAT and len(row.ids) < header.vocabulary_size:
        if abs(_UNIT - listed - 4 * row.tail) > _SLACK:
            return "list and tail have not a probability of 1 together"
    return None


def largest_tail(header: Header, row: Row, costs: Sequence[int], listed: int, touched_unlisted: int | None) -> int:
    """
    The most that may lie outside the list (docs/spec/stage-1.md, bound of the tail), 2^-24.
    @param listed: the sum of E(q) over the list. @param touched_unlisted: how many unlisted tokens bias or penalties touch; None where
    neither is there.
    """
    t = header.sampler.temperature
    unlisted = header.vocabulary_size - len(row.ids)
    if t == 0 or unlisted == 0:
        return 0
    m = float(max(0, _UNIT - listed) + _SLACK)
    if touched_unlisted is None:
        below, above = _untouched(row, t, unlisted, m)
    else:
        below, above = _processed(row, costs, t, unlisted, touched_unlisted, m)
    return min(ONE, math.ceil(ONE * above / (below + above))) if not math.isinf(above) else ONE


def _untouched(row: Row, t: int, unlisted: int, m: float) -> tuple[float, float]:
    below = float(sum(max(0, exp(-(-(2 * q + 1) * NAT // (2 * t))) - 2) for q in row.q))
    if t <= NAT:
        above = _SLACK + m * exp(max(0, row.q[-1] - 1) * (NAT - t) // t) / _UNIT
    else:
        above = _SLACK + unlisted * (exp(_levels(unlisted, m) * _LN2 * NAT // t) + 2)
    return below, float(above)


def _levels(unlisted: int, m: float) -> int:
    """Each unlisted token has at least so many halvings less than everything, if all have the same."""
    return max(0, math.floor(math.log2(unlisted * _UNIT / m)) - 1)


def _processed(row: Row, costs: Sequence[int], t: int, unlisted: int, touched: int, m: float) -> tuple[float, float]:
    first, last = costs[0], costs[-1]

    def weight(x: int, y: int) -> int:
        return exp(min(min(x, 1 << 34) * NAT // t + y, ONE))

    rounding = -(-(1 << 17) // t) + 4
    below = float(sum(weight(max(0, cost - first), rounding) for cost in costs))
    one = weight(max(0, last - first), 0) + 2
    above = min(float(unlisted * one), _rest(row, first, last, t, unlisted, m, weight) + touched * one)
    return below, above


def _rest(row: Row, first: int, last: int, t: int, unlisted: int, m: float, weight: Callable[[int, int], int]) -> float:
    """P: the most of what is unlisted and touched by nothing."""
    if row.q[0] == ONE - 1:
        return math.inf
    if t <= NAT:
        z = max(0, last) * (NAT - t) - first * NAT
        if z >= 0:
            return m * (exp(min(z // t, ONE)) + 2) / _UNIT
        divisor = exp(min(-(z // t), ONE)) - 2
        return m * _UNIT / divisor if divisor > 0 else math.inf
    a = _levels(unlisted, m) * _LN2 - first
    return float(unlisted * (weight(a, 0) + 2)) if a >= 0 else math.inf


def _check_draw(header: Header, row: Row, counts: dict[int, int], touched: _Touched, key: bytes, at: int) -> str | None:
    costs = touched.costs(row, counts)
    places = list(zip(costs, row.ids))
    if any(a >= b for a, b in zip(places, places[1:])):
        return "the list is not in ascending order of cost"
    weights, tail = weigh(costs, row.tail, header.sampler)
    if tail > 0 and len(row.ids) < min(MOST_LISTED, header.vocabulary_size):
        return "the filters leave a tail, so that a longer list is owed"
    rank = draw(row.ids, weights, draw_number(key, at))
    if rank != row.rank:
        drawn = "an unlisted token" if rank == TAIL else f"token {row.ids[rank]}"
        return f"the key draws {drawn}, and the reply has token {row.token}"
    return None


def _check_shapes(header: Header, rows: Sequence[Row]) -> Check:
    parts = header.numeric_class.split("/")
    if len(parts) < 6 or parts[3] != "shaped":
        return _first("shape-classes", rows, lambda _, row: None if row.shape_class == 0 else "this class knows no shapes")

    def find(at: int, row: Row) -> str | None:
        place = (header.prompt_tokens - 1 + at) % 256
        if row.shape_class not in (1, 2, 3):
            return f"there is no shape class {row.shape_class}"
        if place >= 240 and row.shape_class == 1:
            return "the last rows of a band are not narrow"
        if place > 240 and row.shape_class == 2 and at > 0 and rows[at - 1].shape_class == 3:
            return "a row is wide behind a single one"
        return None

    return _first("shape-classes", rows, find)
