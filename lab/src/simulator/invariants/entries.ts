import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { equalBytes, toHex } from '@ogong/protocol/base/bytes';
import { hashRecord } from '@ogong/protocol/commitment/record';
import { findAccountable } from '@ogong/protocol/settlement/cohort';
import { isBillable, isPayable, listVerifierIds, type VerdictEntry } from '@ogong/protocol/settlement/verdict-log';
import { parseReceipt, parseReceiptText } from '@ogong/protocol/stage1/receipt';
import { ROW_LIES } from '../lies/lie-names.ts';
import type { Honesty } from '../lies/plant-lies.ts';
import type { Machine } from '../world/process.ts';
import type { World } from '../world/world.ts';

/** Two intervals of announcements: a provider that starts before its verifier announces it at the second one. */
const ANNOUNCED_MS = 20_000;

export interface WatchedEntries {
  readonly honesty: Honesty;
  /** Ids of replies that an honest gateway's client was answered with. */
  readonly answered: ReadonlySet<string>;
  /** The run has no faults, so an honest provider never abandons a reply. */
  readonly isCalm: boolean;
  /** A shard may leave its leader without the end of a reply. */
  readonly mayStrand: boolean;
  /** Other validators ask a silent party, too. A validator without them cannot tell a dead line from a silent provider. */
  readonly hasWitnesses: boolean;
  /** Honest gateways. Each keeps the records of its replies. */
  readonly gateways: readonly Machine[];
  /** Whether an honest verifier may audit a reply of that provider. */
  readonly hasJudges: (provider: string) => boolean;
}

/** An order in the database of its payer's gateway. */
interface KeptOrder {
  /** By the clock of its gateway, Unix time, ms. */
  readonly createdMs: number;
  readonly maxFee: bigint;
  /** Of the record that the reply came with, where it came with one. */
  readonly held: { readonly record: string; readonly fee: bigint } | undefined;
}

/**
 * Compares the statements of a settled entry about honest parties with the data of these parties.
 * @param isVoid the provider is owed nothing, see money.ts.
 */
export function createEntryCheck(
  world: Pick<World, 'violate' | 'time'>,
  { honesty, answered, isCalm, mayStrand, hasWitnesses, gateways, hasJudges }: WatchedEntries,
) {
  return (entry: VerdictEntry, { name, isVoid }: { readonly name: string; readonly isVoid: boolean }): void => {
    const { verdict, fineAtomic } = entry;
    const id = toHex(entry.replyId);
    const violate = (invariant: string, what = ''): void => world.violate(invariant, `${id} by ${name}${what}`);
    const provider = toHex(entry.providerId);
    if (isForged(entry) && verdict === 'accept' && isHonestlySaid(entry)) violate('no-forgery-is-accepted');
    // If messages are lost, a reply may be audited before its payer's statement arrives.
    const held = isCalm && isBillable(verdict) ? findRecord(gateways, id) : undefined;
    if (held !== undefined && !equalBytes(hashRecord(crypto, held), entry.recordHash)) {
      violate('the-judged-record-is-the-gateways');
    }
    checkEarners(entry, violate);
    checkFee(entry, isVoid, violate);
    const accused = toHex(findAccountable(entry).providerId);
    const isUnheard = entry.step === 'late' && !isCalm && !hasWitnesses;
    // If one verifier is left, or known yet, its report stands, even if it lies.
    const isFramed = hasLiar(entry) && (!hasJudges(accused) || isEarly(entry));
    if (verdict === 'reject' && honesty.honestProviders.has(accused) && !isUnheard && !isFramed)
      violate('nobody-honest-is-rejected', `, ${entry.step}`);
    const lie = honesty.lieOf(accused);
    const isBlamedShard = verdict === 'reject' && accused !== provider;
    if (isBlamedShard && lie !== undefined && !ROW_LIES.has(lie)) violate('only-wrong-rows-are-blamed', `: ${lie}`);
    if (!honesty.honestProviders.has(provider)) return;
    // An order that its provider ended is unjudged without a record.
    const hasRecord = entry.recordHash.some((byte) => byte !== 0);
    if (verdict === 'unjudged' && hasRecord && hasJudges(provider) && !hasLiar(entry)) violate('honest-work-is-judged');
    if (verdict === 'abandoned' && fineAtomic > 0n && isCalm && !mayStrand) violate('nobody-honest-is-fined');
    const isMissing = verdict === 'abandoned' || (verdict === 'unjudged' && !hasRecord);
    if (isMissing && answered.has(id)) violate('delivered-work-is-paid', `, as ${verdict}`);
  };

  /** Returns whether the provider, or a shard of its cohort, computed with another model. */
  function isForged({ providerId, shards }: VerdictEntry): boolean {
    return [providerId, ...shards.map((shard) => shard.providerId)].some((id) => honesty.forgers.has(toHex(id)));
  }

  /** Returns whether a reply may be older than the announcements of the verifiers that could contradict. */
  function isEarly({ replyId, payer }: VerdictEntry): boolean {
    const gateway = gateways.find(({ name }) => honesty.payerOf.get(name) === toHex(payer));
    const order = gateway && findOrder(gateway, toHex(replyId));
    return order !== undefined && order.createdMs < world.time.wallMs() - world.time.nowMs() + ANNOUNCED_MS;
  }

  /** Returns whether a liar reported. Then honest verifiers may contradict it without outweighing it. */
  function hasLiar(entry: VerdictEntry): boolean {
    return listVerifierIds(entry, 'credited').some((one) => !honesty.honestVerifiers.has(toHex(one)));
  }

  function isHonestlySaid(entry: VerdictEntry): boolean {
    const said = listVerifierIds(entry, 'credited').map((one) => toHex(one));
    return said.length > 0 && said.every((one) => honesty.honestVerifiers.has(one));
  }

  /** Checks that honest work is paid to the announced payee and to the payer's own router. */
  function checkEarners(entry: VerdictEntry, violate: (invariant: string, what: string) => void): void {
    const { feeAtomic, providerId, payee, router, payer, verifiers, shards } = entry;
    const wrong = (who: string): void => violate('what-is-earned-is-paid', `: another ${who} than did the work`);
    const own = honesty.payeeOf.get(toHex(providerId));
    if (feeAtomic > 0n && own !== undefined && own !== toHex(payee)) wrong('payee');
    for (const shard of shards) {
      const own = honesty.payeeOf.get(toHex(shard.providerId));
      if (feeAtomic > 0n && own !== undefined && own !== toHex(shard.payee)) wrong('shard');
    }
    const asked = honesty.routerOf.get(toHex(payer));
    if (feeAtomic > 0n && asked !== undefined && asked !== toHex(router)) wrong('router');
    for (const mark of verifiers) {
      const earner = honesty.payeeOf.get(toHex(mark.verifierId));
      if (isPayable(mark.payee) && earner !== undefined && earner !== toHex(mark.payee)) wrong('verifier');
    }
  }

  /** Checks the fee: at most the amount that the payer's gateway stored for the record. In a run without faults it is equal. */
  function checkFee(entry: VerdictEntry, isVoid: boolean, violate: (invariant: string, what: string) => void): void {
    const { replyId, feeAtomic, payer, recordHash, verdict } = entry;
    const gateway = gateways.find(({ name }) => honesty.payerOf.get(name) === toHex(payer));
    if (gateway === undefined || isVoid) return;
    const order = findOrder(gateway, toHex(replyId));
    const wrong = (why: string): void => violate('nobody-honest-pays-more', ` costs ${feeAtomic}, ${why}`);
    if (order === undefined) {
      wrong('and was never ordered');
      return;
    }
    const { maxFee, held } = order;
    if (feeAtomic > maxFee) wrong(`${maxFee} at most`);
    if (held === undefined || held.record !== toHex(recordHash)) return;
    if (feeAtomic > held.fee) wrong(`${held.fee} in the store of its payer`);
    const isDoubted = verdict === 'inconclusive';
    if (isCalm && isBillable(verdict) && !isDoubted && feeAtomic < held.fee) {
      violate('what-is-earned-is-paid', `: ${feeAtomic} of ${held.fee}`);
    }
  }
}

/** The record that one of these gateways had with a reply. */
function findRecord(gateways: readonly Machine[], replyId: string): Uint8Array | undefined {
  for (const { disk } of gateways) {
    const row = disk.find('gateway')?.prepare('SELECT receipt FROM receipts WHERE reply_id = ?').get(replyId);
    if (row) return parseReceipt(parseReceiptText(row.receipt as Uint8Array)).record.bytes;
  }
  return undefined;
}

const ORDER = 'SELECT created_ms, max_fee, held_record, held_fee FROM orders WHERE reply_id = ?';

function findOrder({ disk }: Machine, replyId: string): KeptOrder | undefined {
  const row = disk.find('gateway')?.prepare(ORDER).get(replyId);
  if (row === undefined) return undefined;
  const { created_ms: createdMs, max_fee: maxFee, held_record: record, held_fee: fee } = row;
  const held = fee === null ? undefined : { record: String(record), fee: BigInt(fee as string) };
  return { createdMs: createdMs as number, maxFee: BigInt(maxFee as string), held };
}
