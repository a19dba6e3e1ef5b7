import type { Clock } from '@ogong/host/time/clock';
import { fromHex, toHex } from '@ogong/protocol/base/bytes';
import { ANONYMOUS } from '../books/api-keys.ts';
import type { PayingKey } from '../buy/reply.ts';

/**
 * Reports of clients about sealed replies, which their gateway cannot open. One account's complaint keeps a provider from that
 * account alone. Complaints of several accounts keep it from all others while another provider is free.
 */
export interface DoubtedProviders {
  note(providerId: Uint8Array, key: PayingKey, isGood: boolean): void;
  /** Notes a complaint before it has cost anything. It counts for this key's account alone. */
  noteOwn(providerId: Uint8Array, key: PayingKey): void;
  /** Providers that are not drawn for this key's account, the newest last. */
  list(key: PayingKey): Uint8Array[];
}

/** Time for which a report counts. */
const WORD_MS = 60 * 60_000;
/** With fewer complaining accounts, a provider is kept from no other account. */
const LEAST_ACCOUNTS = 3;
const MAX_PROVIDERS = 1_024;
const MAX_ACCOUNTS = 64;
/** A client may exclude some providers itself, so the list is short. */
const MAX_LISTED = 8;

/** The last report of an account. */
interface AccountReport {
  readonly isGood: boolean;
  readonly isOwn?: boolean;
  readonly atMs: number;
}

/** An organisation may have any number of keys. */
const nameAccount = ({ id, organisation }: PayingKey): string =>
  organisation ? `organisation ${organisation.id}` : id;

export function createDoubtedProviders(clock: Pick<Clock, 'nowMs'>): DoubtedProviders {
  /** By provider, the newest report of each account. */
  const words = new Map<string, Map<string, AccountReport>>();

  function isDoubted(said: ReadonlyMap<string, AccountReport>, account: string): boolean {
    const sinceMs = clock.nowMs() - WORD_MS;
    const counted = [...said].filter(([, { atMs }]) => atMs > sinceMs);
    const bad = counted.filter(([, { isGood }]) => !isGood);
    if (bad.some(([name]) => name === account)) return true;
    const shared = counted.filter(([, { isOwn }]) => !isOwn);
    const complaining = shared.filter(([, { isGood }]) => !isGood).length;
    return complaining >= LEAST_ACCOUNTS && 2 * complaining > shared.length;
  }

  function put(providerId: Uint8Array, key: PayingKey, word: Omit<AccountReport, 'atMs'>): void {
    // Without keys there are no accounts.
    if (key.id === ANONYMOUS.id) return;
    const accountId = nameAccount(key);
    const name = toHex(providerId);
    // Good reports are kept before the first complaint: they outweigh a few complaints.
    const said = words.get(name) ?? new Map<string, AccountReport>();
    said.delete(accountId);
    said.set(accountId, { ...word, atMs: clock.nowMs() });
    for (const oldest of said.keys()) if (said.size > MAX_ACCOUNTS) said.delete(oldest);
    words.delete(name);
    words.set(name, said);
    for (const oldest of words.keys()) if (words.size > MAX_PROVIDERS) words.delete(oldest);
  }

  return {
    note: (providerId, key, isGood) => put(providerId, key, { isGood }),
    noteOwn: (providerId, key) => put(providerId, key, { isGood: false, isOwn: true }),
    list: (key) =>
      [...words]
        .filter(([, said]) => isDoubted(said, nameAccount(key)))
        .slice(-MAX_LISTED)
        .map(([name]) => fromHex(name)),
  };
}
