"""What a reply costs, and the bounds that refuse it (docs/spec/order.md, fee; docs/spec/progress.md, what is paid)."""

from __future__ import annotations

from .order import Order, Progress

WINDOW_BYTES = 2_048


def compute_fee(price_per_1k: int, tokens: int) -> int:
    return -(-price_per_1k * tokens // 1_000)


def check_fee(order: Order, prompt_bound: int, most_output: int, prompt: int, output: int) -> str | None:
    """@returns which bound is broken, or None."""
    if prompt > prompt_bound:
        return f"prompt: {prompt} tokens, and {prompt_bound} at most"
    if output > most_output:
        return f"output: {output} tokens, and {most_output} at most"
    fee = compute_fee(order.price_per_1k, prompt + output)
    if fee > order.max_fee:
        return f"maximum: a fee of {fee}, and {order.max_fee} at most"
    return None


def compute_billed(order: Order, prompt: int, output: int, text_bytes: int, progress: Progress | None, was_cut: bool) -> int:
    """@param progress: the payer's last word about a reply that was cut short."""
    if not was_cut:
        return compute_fee(order.price_per_1k, prompt + output)
    if progress is None or (progress.text_bytes == 0 and not progress.left):
        return 0
    covered = min(text_bytes, progress.text_bytes + WINDOW_BYTES)
    return compute_fee(order.price_per_1k, prompt + (output * covered // text_bytes if text_bytes else 0))
