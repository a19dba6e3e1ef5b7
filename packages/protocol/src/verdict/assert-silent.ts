import { computeWitnessEpoch } from '../audit/witness-draw.ts';
import { equalBytes } from '../base/bytes.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { OPENING_KEPT_MS } from '../exchange/limits.ts';
import type { NamedOrder, Order } from '../exchange/order.ts';
import { verifyConsent } from '../exchange/order-consent.ts';
import type { VerdictEntry } from '../settlement/verdict-log.ts';
import { assertEnded } from './assert-ended.ts';
import { parseEvidence } from './evidence.ts';
import type { WitnessedBy } from './judgement.ts';
import { demand, type VerdictAnchors } from './verdict-anchors.ts';
import { findSilenceProblem, type SilenceClaim, type Statement } from './witnessed.ts';

export const ZERO_HASH = new Uint8Array(32);
export const ZERO_ADDRESS = new Uint8Array(20);

/** Returns whether the reply never came: it was not requested in time, or its provider ended the order. */
export function isUndelivered({ verdict, recordHash }: VerdictEntry): boolean {
  return verdict === 'unjudged' && equalBytes(recordHash, ZERO_HASH);
}

export async function assertUndelivered(
  crypto: Crypto,
  entry: VerdictEntry,
  order: NamedOrder,
  bytes: Uint8Array,
  trust: VerdictAnchors,
): Promise<void> {
  const at = `entry ${entry.index}`;
  demand(entry.verifiers.length === 0, `${at}: a reply without a record has no verifiers`);
  demand(!entry.ejects && entry.evidence === 'none', `${at}: a reply without a record is evidence of nothing`);
  const evidence = parseEvidence(bytes);
  const hasRecord = !equalBytes(entry.recordHash, ZERO_HASH) || !equalBytes(entry.payee, ZERO_ADDRESS);
  if (evidence.kind === 'ended') {
    assertEnded(crypto, entry, order, evidence.end);
    demand(!hasRecord, `${at} has a record`);
    return;
  }
  const kind = entry.verdict === 'abandoned' ? 'abandoned' : 'unasked';
  demand(
    (evidence.kind === 'abandoned' || evidence.kind === 'unasked') &&
      evidence.kind === kind &&
      evidence.consent !== undefined &&
      verifyConsent(crypto, evidence.consent, order),
    `${at}: the provider never agreed to the order that it is said to have abandoned`,
  );
  demand(!hasRecord, `${at} has a record`);
  demand(entry.timeMs > Number(order.expiresAtMs), `${at}: abandoned before the order expired`);
  await assertSilent(crypto, entry, order, { ...evidence, asked: 'record', subject: ZERO_HASH }, trust);
}

/**
 * Asserts that the drawn witnesses asked the provider themselves. They must have asked after the order expired. For a withheld
 * or missing part they must have asked while the provider had to store it. For a part that was not requested in time they must
 * have asked later.
 */
export async function assertSilent(
  crypto: Crypto,
  entry: VerdictEntry,
  order: NamedOrder,
  claim: Pick<SilenceClaim, 'asked' | 'subject'> & {
    readonly kind: 'abandoned' | 'withheld' | 'unasked';
    readonly statements: readonly Statement[];
  },
  trust: VerdictAnchors,
): Promise<void> {
  const { kind, asked, subject, statements } = claim;
  const at = `entry ${entry.index}`;
  const expiresAtMs = Number(order.expiresAtMs);
  const keptUntilMs = expiresAtMs + OPENING_KEPT_MS;
  demand(kind !== 'unasked' || entry.timeMs > keptUntilMs, `${at}: there is still time to ask for the ${asked}`);
  // A record may come until the order expires. Its opening may be requested at once.
  const fromMs = kind === 'unasked' ? keptUntilMs : kind === 'abandoned' ? expiresAtMs : 0;
  const untilMs = kind === 'unasked' ? Infinity : keptUntilMs;
  const inTime = statements.every(({ timeMs }) => timeMs > fromMs && timeMs <= untilMs);
  demand(inTime, `${at}: a witness asked at a time at which silence proves nothing about the provider`);
  const witnessed = await findWitnesses(order, trust);
  if (witnessed === undefined) return;
  const { replyId, orderHash, providerId: target } = order;
  const draw = { replyId, asked, target, validator: trust.validator };
  const problem = findSilenceProblem(crypto, { ...witnessed, ...draw, orderHash, subject }, statements);
  demand(problem === undefined, `${at}: ${problem}`);
}

/** Finds the witnesses. @returns undefined if the validators are not known. */
export async function findWitnesses(
  order: Order,
  { ledger, findBeacon, findMembers, wasShown }: VerdictAnchors,
): Promise<WitnessedBy | undefined> {
  if (findMembers === undefined) return undefined;
  const epoch = computeWitnessEpoch(order.epoch);
  const [{ value: beacon }, members] = await Promise.all([findBeacon(epoch), findMembers(epoch)]);
  return { ledger, beacon, members, wasShown };
}
