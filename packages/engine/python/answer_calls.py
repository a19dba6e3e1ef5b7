"""Answers calls of the plugin's pure functions: a JSON list of [name, arguments] on stdin, one of results on stdout. For tests."""

import hashlib
import json
import struct
import sys

import ogong_vllm as plugin


def sampler(given):
    return plugin.Sampler(**{**given, "filter_order": tuple(given["filter_order"])})


def weigh(case):
    weights = plugin.compute_weights(case["costs"], case["tail"], sampler(case["sampler"]))
    return {"weights": weights.by_rank, "tail": weights.tail, "ranks": [plugin.draw_rank(case["ids"], weights, u) for u in case["us"]]}


def draw(case):
    counts = {int(token): count for token, count in case["counts"]}
    bias = {int(token): value for token, value in case["bias"]}
    row = plugin.draw_position(case["logits"], sampler(case["sampler"]), bias, counts, case["u"])
    return {"ids": list(row.ids), "q": list(row.q), "tail": row.tail, "rank": row.rank, "tail_token": row.tail_token}


def table(name):
    values = getattr(plugin, name)
    return hashlib.sha256(struct.pack(f">{len(values)}I", *values)).hexdigest()


def sketch(case):
    hidden = struct.unpack(f">{len(case['hidden']) // 8}f", bytes.fromhex(case["hidden"]))
    seed = plugin.compute_bank_seed(bytes.fromhex(case["model_root"]), bytes.fromhex(case["previous_beacon"]))
    exponent, values = plugin.sketch_hidden(plugin.create_bank(seed, case["directions"], case["embedding_size"]), hidden)
    return {"seed": seed.hex(), "exponent": exponent, "values": values}


def window(case):
    rows = [plugin.Row(r["ids"], r["q"], r["tail"], r["rank"], r.get("tail_token"), r["shape_class"]) for r in case["rows"]]
    return plugin.encode_draws(rows, case["vocabulary_size"]).hex()


def key(case):
    given = {name: bytes.fromhex(value) if name in case["bytes"] else value for name, value in case["fields"].items()}
    made = plugin.compute_seed_key(**given) if "seed" in given else plugin.compute_draw_key(**given)
    return {"key": made.hex(), "us": [plugin.draw_u(made, position) for position in case["positions"]]}


CALLS = {"exp": plugin.exp_fixed, "table": table, "weigh": weigh, "draw": draw, "sketch": sketch, "window": window, "key": key}
json.dump([CALLS[name](argument) for name, argument in json.load(sys.stdin)], sys.stdout)
