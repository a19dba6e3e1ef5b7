"""The form of the files in packages/protocol/vectors, as format-vectors.ts writes it; lists of numbers are short here."""

import json

LINE_WIDTH = 160
MAX_CASE_WIDTH = 1500


def format_value(value: object, depth: int, most: int) -> str:
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    if not isinstance(value, (dict, list)) or len(text) <= most:
        return text
    indent, end = " " * (depth + 1), "\n" + " " * depth
    if isinstance(value, list):
        items = [indent + format_value(item, depth + 1, MAX_CASE_WIDTH) for item in value]
        return "[\n" + ",\n".join(items) + end + "]"
    width = LINE_WIDTH if depth == 0 else MAX_CASE_WIDTH
    fields = [f"{indent}{json.dumps(key)}:{format_value(field, depth + 1, width)}" for key, field in value.items()]
    return "{\n" + ",\n".join(fields) + end + "}"


def format_vectors(value: object) -> str:
    return format_value(value, 0, LINE_WIDTH) + "\n"
