import type { Clock } from '@ogong/host/time/clock';
import { fromHex, toHex } from '@ogong/protocol/base/bytes';
import type { PayingKey } from '../reply.ts';
import { ANONYMOUS } from '../sign-in.ts';

/**
 * What clients say of sealed replies, which their gateway cannot open. One account's word keeps a provider from that account alone;
 * several accounts' words, from everybody while somebody else is there.
 */
export interface DoubtedProviders {
  note(providerId: Uint8Array, key: PayingKey, isGood: boolean): void;
  /** Who is not drawn for this key's account, the newest last. */
  list(key: PayingKey): Uint8Array[];
}

/** So long a word counts. */
const WORD_MS = 60 * 60_000;
/** Fewer accounts that agree take a provider from nobody else. */
const LEAST_ACCOUNTS = 3;
const MAX_PROVIDERS = 1_024;
const MAX_ACCOUNTS = 64;
/** With those that a client names itself. */
const MAX_LISTED = 8;

/** An organisation may have any number of keys. */
const nameAccount = ({ id, organisation }: PayingKey): string =>
  organisation ? `organisation ${organisation.id}` : id;

export function createDoubtedProviders(clock: Pick<Clock, 'nowMs'>): DoubtedProviders {
  /** By provider, the newest word of each account. */
  const words = new Map<string, Map<string, { readonly isGood: boolean; readonly atMs: number }>>();

  function isDoubted(said: ReadonlyMap<string, { readonly isGood: boolean; readonly atMs: number }>, account: string) {
    const sinceMs = clock.nowMs() - WORD_MS;
    const counted = [...said].filter(([, { atMs }]) => atMs > sinceMs);
    const bad = counted.filter(([, { isGood }]) => !isGood);
    const isOwn = bad.some(([name]) => name === account);
    return isOwn || (bad.length >= LEAST_ACCOUNTS && 2 * bad.length > counted.length);
  }

  return {
    note(providerId, key, isGood) {
      // Nobody speaks for an account where keys are not asked for.
      if (key.id === ANONYMOUS.id) return;
      const accountId = nameAccount(key);
      const name = toHex(providerId);
      const said = words.get(name) ?? new Map();
      // What nobody complains of is not kept.
      if (isGood && said.size === 0) return;
      said.delete(accountId);
      said.set(accountId, { isGood, atMs: clock.nowMs() });
      for (const oldest of said.keys()) if (said.size > MAX_ACCOUNTS) said.delete(oldest);
      words.delete(name);
      words.set(name, said);
      for (const oldest of words.keys()) if (words.size > MAX_PROVIDERS) words.delete(oldest);
    },
    list: (key) =>
      [...words]
        .filter(([, said]) => isDoubted(said, nameAccount(key)))
        .slice(-MAX_LISTED)
        .map(([name]) => fromHex(name)),
  };
}
