import type { Store } from '@ogong/host/store/store';
import { equalBytes } from '@ogong/protocol/base/bytes';
import { parseVerdictEntry, type VerdictEntry } from '@ogong/protocol/settlement/verdict-log';
import { type EntryMessage, listEntries, readEntryMessage } from '../store/batch-store.ts';

/** An entry of the log that has not settled, decoded. */
export interface OpenEntry {
  readonly bytes: Uint8Array;
  readonly replyId: Uint8Array;
  readonly entry: VerdictEntry;
  /** Reads the entry as co-signers get it; the same object each time. */
  message(): EntryMessage;
}

/** The first entries that have not settled, in memory. The store has all of it, and nothing is lost with the process. */
export interface EntryWindow {
  /** Lists at most `limit` entries from a position on. */
  list(from: bigint, limit: number): OpenEntry[];
  /** Forgets all entries, once their batch has settled. */
  clear(): void;
}

/**
 * Creates a window on the log. A verdict never changes, and neither does the evidence for it. So an entry is decoded once, and its
 * message is read once. Entries that follow a removed one have other bytes, and are decoded again.
 * @param most entries in memory. Their messages fit a batch together, since only messages of batches are read.
 */
export function createEntryWindow(store: Store, most: number): EntryWindow {
  const known = new Map<bigint, OpenEntry>();

  function open(position: bigint, row: ReturnType<typeof listEntries>[number]): OpenEntry {
    const before = known.get(position);
    if (before !== undefined && equalBytes(before.bytes, row.entry)) return before;
    const opened = openEntry(store, row);
    known.delete(position);
    known.set(position, opened);
    if (known.size > most) known.delete(known.keys().next().value as bigint);
    return opened;
  }

  return {
    list: (from, limit) =>
      store.read(() => listEntries(store, from, limit)).map((row, i) => open(from + BigInt(i), row)),
    clear: () => known.clear(),
  };
}

function openEntry(store: Store, row: ReturnType<typeof listEntries>[number]): OpenEntry {
  let message: EntryMessage | undefined;
  return {
    bytes: row.entry,
    replyId: row.replyId,
    entry: parseVerdictEntry(row.entry),
    message() {
      message ??= store.read(() => readEntryMessage(store, row));
      return message;
    },
  };
}
