"""The interface that vLLM's V1 runner gives logits processors, and the batch that they see.

It holds names, signatures and rules alone, as the public sources of vLLM have them. They are the classes that the loader takes, the
order of updates, and the operations of a tensor. Where torch is installed, logits are tensors of torch, otherwise rows of floats.
"""

import enum
import importlib
import sys
import types
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Sequence

MODULE = "vllm.v1.sample.logits_processor"


class MoveDirectionality(enum.Enum):
    UNIDIRECTIONAL = enum.auto()
    SWAP = enum.auto()


@dataclass(frozen=True)
class BatchUpdate:
    batch_size: int
    removed: Sequence[int]
    added: Sequence[tuple]
    moved: Sequence[tuple]


class LogitsProcessor(ABC):
    @classmethod
    def validate_params(cls, sampling_params): ...

    @abstractmethod
    def __init__(self, vllm_config, device, is_pin_memory): ...

    @abstractmethod
    def apply(self, logits): ...

    @abstractmethod
    def is_argmax_invariant(self): ...

    def needs_output_token_ids(self):
        return False

    @abstractmethod
    def update_state(self, batch_update): ...


def load(name: str) -> LogitsProcessor:
    """Loads a processor as the option --logits-processors does, with the interface in the place of vLLM's."""
    names = MODULE.split(".")
    modules = {".".join(names[: n + 1]): types.ModuleType(names[n]) for n in range(len(names))}
    for each in (MoveDirectionality, BatchUpdate, LogitsProcessor):
        setattr(modules[MODULE], each.__name__, each)
    module, kind = name.split(":")
    others = sys.modules.pop(module, None)
    sys.modules.update(modules)
    try:
        found = getattr(importlib.import_module(module), kind)
    finally:
        for each in (*modules, module):
            sys.modules.pop(each, None)
        if others is not None:
            sys.modules[module] = others
    if not (isinstance(found, type) and issubclass(found, LogitsProcessor)):
        raise ValueError(f"{kind} must be a subclass of LogitsProcessor")
    return found(types.SimpleNamespace(), "cpu", False)


class Rows:
    """As much of a tensor as the plugin touches: rows of floats."""

    def __init__(self, rows):
        self.rows = [list(row) for row in rows]

    def __getitem__(self, index):
        return types.SimpleNamespace(tolist=lambda: list(self.rows[index]))

    def __setitem__(self, at, value):
        if isinstance(at, tuple):
            self.rows[at[0]][at[1]] = value
        else:
            self.rows[at] = [value] * len(self.rows[at])

    def tolist(self):
        return self.rows


def to_tensor(rows):
    try:
        import torch
    except ImportError:
        return Rows(rows)
    return torch.tensor(rows, dtype=torch.float32)


class Runner:
    """A batch of requests as vLLM's runner keeps it: finished ones leave, new ones take their places, the rest moves together."""

    def __init__(self, processor: LogitsProcessor, hides_tokens: bool) -> None:
        self.processor = processor
        self.hides_tokens = hides_tokens
        self.slots: list[dict] = []

    def step(self, new: Sequence[dict], logits_of) -> None:
        """new: requests with `params`, `prompt`, `parts` (of the prompt) and `limit`. Each gets its tokens in `tokens`."""
        free = [at for at, one in enumerate(self.slots) if len(one["tokens"]) >= one["limit"]]
        added, moved = [], []
        for request in new:
            request |= {"output": [], "tokens": [], "parts": request.get("parts", 1)}
            at = free.pop(0) if free else len(self.slots)
            self.slots[at : at + 1] = [request]
            added.append((at, request["params"], request["prompt"], request["output"]))
        removed = sorted(free, reverse=True)
        while free:
            last = len(self.slots) - 1
            if last in free:
                free.remove(last)
            else:
                to = free.pop(0)
                moved.append((last, to, MoveDirectionality.UNIDIRECTIONAL))
                self.slots[to] = self.slots[last]
            self.slots.pop()
        is_changed = bool(added or removed or moved)
        self.processor.update_state(BatchUpdate(len(self.slots), removed, added, moved) if is_changed else None)
        if not self.slots:
            return
        rows = self.processor.apply(to_tensor([logits_of(one) for one in self.slots])).tolist()
        for one, row in zip(self.slots, rows):
            if one["parts"] > 1:
                one["parts"] -= 1
                continue
            token = max(range(len(row)), key=lambda each: row[each])
            one["tokens"].append(token)
            one["output"].append(-1 if self.hides_tokens else token)
