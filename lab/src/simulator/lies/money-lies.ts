import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import type { Store } from '@ogong/host/store/store';
import { toHex } from '@ogong/protocol/base/bytes';
import {
  appendVerdict,
  isBillable,
  parseVerdictEntry,
  type VerdictEntry,
} from '@ogong/protocol/settlement/verdict-log';
import { adjustChannel } from '@ogong/validator/store/channel-store';
import type { NamedDraws } from '../world/draws.ts';
import type { Disk } from '../world/process.ts';
import type { MoneyLie } from './lie-names.ts';

/** Of the entries that it could bend. */
const BENT_SHARE = 0.5;
const APPEND = 'INSERT INTO log (position, entry, reply_id) VALUES (?, ?, ?)';
const REPLY = 'SELECT fee, max_fee FROM replies WHERE reply_id = ?';

export interface MoneyLiar {
  /** 20 bytes, the liar's own account. */
  readonly account: Uint8Array;
  readonly how: MoneyLie;
  readonly draws: NamedDraws;
}

/**
 * Makes a validator write changed verdicts into its log. The rest follows the rules: its batches sum the log, each entry names the
 * one before, and its own database agrees.
 */
export function bendLog(disk: Disk, liar: MoneyLiar): void {
  const bent = new WeakSet<Store>();
  const known = new Set<string>();
  const open = disk.open.bind(disk);
  disk.open = (name, schema) => {
    const store = open(name, schema);
    if (name !== 'validator' || bent.has(store)) return store;
    bent.add(store);
    const prepare = store.prepare.bind(store);
    const append = prepare(APPEND);
    const appendBent: Pick<typeof append, 'run'> = {
      run: (position, bytes, replyId) => {
        const entry = parseVerdictEntry(bytes as Uint8Array);
        // After an entry is removed from a log, the later entries are written again.
        const isNew = !known.has(toHex(entry.replyId));
        known.add(toHex(entry.replyId));
        const row = prepare(REPLY).get(entry.replyId) as { fee: string | null; max_fee: string } | undefined;
        const told = isNew && row && liar.draws.next('bends') < BENT_SHARE ? bend(entry, row, liar) : entry;
        const feeAtomic = told.feeAtomic - entry.feeAtomic;
        if (feeAtomic !== 0n) adjustChannel(store, entry.payer, { owed: feeAtomic });
        const at = { length: entry.index, head: entry.previousHash };
        return append.run(position as number, appendVerdict(crypto, at, told).bytes, replyId as Uint8Array);
      },
    };
    Object.assign(store, { prepare: (sql: string) => (sql === APPEND ? appendBent : prepare(sql)) });
    return store;
  };
}

/** Returns the changed entry, or the same entry if the lie does not concern it. */
function bend(
  entry: VerdictEntry,
  row: { readonly fee: string | null; readonly max_fee: string },
  { how, account }: MoneyLiar,
): VerdictEntry {
  const { verdict, feeAtomic } = entry;
  const fee = BigInt(row.fee ?? '0');
  const most = BigInt(row.max_fee);
  if (how === 'accepts-rejected') {
    const accepted = { ...entry, verdict: 'accept', feeAtomic: fee, ejects: false, step: 'reply' } as const;
    return verdict === 'reject' && fee > 0n ? { ...accepted, evidence: 'statistical', eValuePpm: 0 } : entry;
  }
  if (!isBillable(verdict) || feeAtomic === 0n) return entry;
  // No more than the order allows, so that the fee is all that is wrong.
  if (how === 'overcharges') return { ...entry, feeAtomic: 2n * feeAtomic < most ? 2n * feeAtomic : most };
  if (how === 'pays-itself') return { ...entry, payee: account };
  return { ...entry, verdict: 'reject', evidence: 'statistical', step: 'reply', feeAtomic: 0n, ejects: false };
}
