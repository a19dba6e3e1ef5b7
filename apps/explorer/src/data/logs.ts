import { equalBytes, toHex } from '@ogong/protocol/base/bytes';
import type { Check } from '@ogong/protocol/base/checks';
import { fail, pass, skip } from '@ogong/protocol/base/checks';
import { nobleCrypto as crypto } from '@ogong/protocol/crypto/noble';
import {
  computeEntryHash,
  computeGenesisPosition,
  type LogName,
  parseVerdictEntry,
  type VerdictEntry,
  verifyChain,
} from '@ogong/protocol/settlement/verdict-log';
import type { PublicApi } from './api.ts';
import type { LogAnchor } from './ledger.ts';

/** The newest entries of one validator's log, and the results of the page's checks. */
export interface ReadLog {
  readonly validator: Uint8Array;
  readonly length: bigint;
  /** Entries before this one are settled: the chain has the head that they hash to. */
  readonly settledLength: bigint;
  /** Ascending. Those alone that hold. */
  readonly entries: readonly VerdictEntry[];
  readonly checks: readonly Check[];
}

const MAX_ENTRIES = 250;

/** @param anchor the chain's head of this log; undefined if the chain is not read. */
export async function readLog(
  api: Pick<PublicApi, 'verdicts'>,
  { anchor, ...name }: LogName & { anchor: LogAnchor | undefined },
): Promise<ReadLog> {
  const address = `0x${toHex(name.validator)}`;
  const { length } = await api.verdicts(address, 0n, 1);
  const from = length > BigInt(MAX_ENTRIES) ? length - BigInt(MAX_ENTRIES) : 0n;
  const page = await api.verdicts(address, from, MAX_ENTRIES);
  return checkLog({ ...name, anchor, from, entries: page.entries });
}

export interface ReadEntries extends LogName {
  readonly anchor: LogAnchor | undefined;
  readonly from: bigint;
  readonly entries: readonly Uint8Array[];
}

/** Whether the entries follow each other, and lead through the head that the chain has. */
export function checkLog({ anchor, from, entries, ...name }: ReadEntries): ReadLog {
  const start =
    from === 0n
      ? computeGenesisPosition(crypto, name)
      : { length: from, head: readPrevious(entries[0]) ?? new Uint8Array(32) };
  const chained = verifyChain(crypto, { from: start, entries });
  const anchored = anchor === undefined ? undefined : checkAnchor(anchor, { from, entries, start: start.head });
  return {
    validator: name.validator,
    length: from + BigInt(entries.length),
    settledLength: anchored?.status === 'pass' && anchor ? anchor.logLength : 0n,
    entries: chained.entries,
    checks: [
      ...chained.checks,
      anchored ?? skip('log-anchor', 'the chain is not read, so the log is a claim of its validator'),
    ],
  };
}

function readPrevious(bytes: Uint8Array | undefined): Uint8Array | undefined {
  try {
    return bytes && parseVerdictEntry(bytes).previousHash;
  } catch {
    return undefined;
  }
}

function checkAnchor(
  { logLength, logHead }: LogAnchor,
  {
    from,
    entries,
    start,
  }: { readonly from: bigint; readonly entries: readonly Uint8Array[]; readonly start: Uint8Array },
): Check {
  if (logLength === 0n) return skip('log-anchor', 'the chain has settled nothing of this log yet');
  if (logLength < from) return skip('log-anchor', `the chain's head is at ${logLength}, before what was read`);
  if (logLength > from + BigInt(entries.length)) {
    return skip('log-anchor', `the chain's head is at ${logLength}, behind what was read`);
  }
  const last = entries[Number(logLength - from) - 1];
  const head = last === undefined ? start : computeEntryHash(crypto, last);
  const settled = Uint8Array.from((logHead.slice(2).match(/../g) ?? []).map((byte) => Number.parseInt(byte, 16)));
  return equalBytes(head, settled)
    ? pass('log-anchor', `the first ${logLength} entries hash to the head that the chain has settled`)
    : fail('log-anchor', `the entries do not hash to the head that the chain has settled at ${logLength}`);
}
