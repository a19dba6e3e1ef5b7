"""The cost of a reply, and the bounds that refuse it (docs/spec/order.md, fee; docs/spec/progress.md, what is paid)."""

from __future__ import annotations

from .order import Order, Progress

WINDOW_BYTES = 2_048


def compute_fee(price_per_1k: int, tokens: int) -> int:
    return -(-price_per_1k * tokens // 1_000)


def check_fee(order: Order, prompt_bound: int, most_output: int, prompt: int, output: int) -> str | None:
    """@returns the broken bound, or None."""
    if prompt > prompt_bound:
        return f"prompt: {prompt} tokens, and {prompt_bound} at most"
    if output > most_output:
        return f"output: {output} tokens, and {most_output} at most"
    fee = compute_fee(order.price_per_1k, prompt + output)
    if fee > order.max_fee:
        return f"maximum: a fee of {fee}, and {order.max_fee} at most"
    return None


def compute_billed(
    order: Order,
    prompt: int,
    output: int,
    text_bytes: int,
    progress: Progress | None,
    was_cut: bool,
    standby_per_1k: int | None = None,
) -> int:
    """@param progressthe payer's last signed progress of a text."""
    is_taken = progress is not None and progress.text_bytes > 0
    has_left = progress is not None and progress.left
    if standby_per_1k is not None and not is_taken and (has_left or not was_cut):
        return compute_fee(min(standby_per_1k, order.price_per_1k), prompt)
    if was_cut and not is_taken and not has_left:
        return 0
    if was_cut and text_bytes == 0:
        return compute_fee(order.price_per_1k, prompt)
    covered = WINDOW_BYTES + (progress.text_bytes if progress is not None else 0)
    shown = output if covered >= text_bytes else output * covered // text_bytes
    return compute_fee(order.price_per_1k, prompt + shown)
