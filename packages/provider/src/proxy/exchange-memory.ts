import type { Testimony } from '@ogong/attestation/testimony';

/** An exchange that can still be shown. */
export interface KeptExchange {
  readonly testimony: Testimony;
  /** `hex(SHA-256(request)):hex(SHA-256(response))`, of the bytes between caller and proxy. */
  readonly text: string;
  /** Receipt of ACI, as it is served. */
  readonly receipt: { readonly id: string; readonly document: object };
}

/**
 * The newest exchanges, by their own ids and by those that the hosted API gave its answers. In memory alone: it has what was asked
 * and answered.
 */
export interface ExchangeMemory {
  keep(id: string, given: string | undefined, exchange: KeptExchange): void;
  find(id: string): KeptExchange | undefined;
}

interface Entry {
  readonly exchange: KeptExchange;
  readonly names: readonly string[];
  readonly bytes: number;
}

export function createExchangeMemory({
  maxCount,
  maxBytes,
}: {
  readonly maxCount: number;
  readonly maxBytes: number;
}): ExchangeMemory {
  const entries = new Set<Entry>();
  const byName = new Map<string, Entry>();
  let total = 0;

  function drop(entry: Entry): void {
    entries.delete(entry);
    total -= entry.bytes;
    for (const name of entry.names) if (byName.get(name) === entry) byName.delete(name);
  }

  return {
    keep(id, given, exchange) {
      const { request, response, evidence, chain } = exchange.testimony;
      const bytes = [request, response, evidence, ...chain].reduce((sum, part) => sum + (part?.length ?? 0), 0);
      // A server that gives an id twice takes no earlier exchange's name away.
      const own = [id, exchange.receipt.id];
      const names = given === undefined || byName.has(given) ? own : [...own, given];
      const entry = { exchange, names, bytes };
      entries.add(entry);
      total += bytes;
      for (const name of names) byName.set(name, entry);
      for (const oldest of entries) {
        if (entries.size <= maxCount && total <= maxBytes) break;
        drop(oldest);
      }
    },
    find: (id) => byName.get(id)?.exchange,
  };
}
