import { compareBytes, equalBytes, toHex } from '../base/bytes.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { hashHybridKey } from '../crypto/hybrid.ts';
import { CLOCK_TOLERANCE_MS } from '../exchange/limits.ts';
import type { NamedOrder } from '../exchange/order.ts';
import { computeOrderSpan } from '../exchange/order-span.ts';
import { isPayable, type VerdictEntry } from '../settlement/verdict-log.ts';
import { isAnnouncedFor, isLiable, isOffered } from './credential.ts';
import type { Attempt, AuditEvidence } from './evidence.ts';
import { demand, type VerdictAnchors } from './verdict-anchors.ts';

/** All who were asked; of the first sitting, too, for whom the beacon drew a honeypot. */
export function listAnswers({
  attempts,
  honeypot,
}: Pick<AuditEvidence, 'attempts' | 'honeypot'>): readonly Omit<Attempt, 'round' | 'nonce'>[] {
  return honeypot === undefined ? attempts : [...attempts, { ...honeypot, sitting: 0 }];
}

/** Which half hour a silence counts in follows from the clocks of witnesses: they cannot move it out of the audit. */
export function assertAskedInTime(
  { index, timeMs: decidedMs }: Pick<VerdictEntry, 'index' | 'timeMs'>,
  order: Pick<NamedOrder, 'expiresAtMs'>,
  evidence: Pick<AuditEvidence, 'attempts' | 'honeypot'>,
): void {
  const { fromMs } = computeOrderSpan(order, { toleranceMs: CLOCK_TOLERANCE_MS });
  const untilMs = decidedMs + 2 * CLOCK_TOLERANCE_MS;
  const times = listAnswers(evidence).flatMap(({ statements = [] }) => statements.map(({ timeMs }) => timeMs));
  const isWithin = times.every((timeMs) => timeMs >= fromMs && timeMs <= untilMs);
  demand(isWithin, `entry ${index}: a witness says that a verifier was silent at a time outside the audit`);
}

/** What a list of candidates says about itself: whom the beacon draws from it must not follow from names that the validator makes up. */
export function assertLists(
  crypto: Crypto,
  { index }: Pick<VerdictEntry, 'index'>,
  { lists }: Pick<AuditEvidence, 'lists'>,
): void {
  for (const list of lists) {
    const isAscending = list.every((one, i) => i === 0 || compareBytes(list[i - 1]!.providerId, one.providerId) < 0);
    demand(isAscending, `entry ${index}: the candidates of a sitting are out of order`);
    const keys = new Set(list.map(({ keyHash }) => toHex(keyHash)));
    demand(keys.size === list.length, `entry ${index}: a key is listed twice`);
    const weights = new Map(list.map(({ payee, weight }) => [toHex(payee), weight]));
    for (const { payee, operator, weight } of list) {
      const isOwn = equalBytes(operator, crypto.sha256(payee));
      demand(isOwn, `entry ${index}: a candidate is put down to another operator than its payee`);
      // The stake of a payee counts alike for each of its keys.
      const isShared = weight >= 1n && weight === weights.get(toHex(payee));
      demand(isShared, `entry ${index}: two keys of one payee have other chances`);
    }
  }
}

/** Class and room of whoever was asked are those that it has announced. */
export function assertAnnounced(
  { index }: Pick<VerdictEntry, 'index'>,
  { modelRoot }: Pick<NamedOrder, 'modelRoot'>,
  { lists, ...evidence }: Pick<AuditEvidence, 'lists' | 'attempts' | 'honeypot'>,
): void {
  for (const { credential, verifierId, sitting } of listAnswers(evidence)) {
    const candidate = lists[sitting]?.find(({ providerId }) => equalBytes(providerId, verifierId));
    if (credential === undefined || candidate === undefined) continue;
    const isSame = isOffered(credential, modelRoot, candidate);
    demand(isSame, `entry ${index}: a verifier is listed with another class or room than it has announced`);
  }
}

/** Nobody is paid or marked for a key that it has not named, and that has not named it. */
export function assertLiable(
  crypto: Crypto,
  { index, verifiers }: Pick<VerdictEntry, 'index' | 'verifiers'>,
  { lists, ...evidence }: Pick<AuditEvidence, 'attempts' | 'lists' | 'honeypot'>,
  { ledger, order }: Pick<VerdictAnchors, 'ledger'> & { readonly order: Pick<NamedOrder, 'expiresAtMs'> },
): void {
  const attempts = listAnswers(evidence);
  const said = verifiers.filter(({ payee, outcome }) => isPayable(payee) && outcome !== 'silent');
  for (const { verifierId: providerId, payee } of said) {
    const report = attempts.find((one) => one.opened && equalBytes(one.verifierId, providerId));
    const keyHash = report?.committed && hashHybridKey(crypto, report.committed.verifierKey);
    const isBound =
      keyHash &&
      report.credential &&
      isLiable(crypto, ledger, report.credential, { providerId, payee, keyHash }) &&
      isAnnouncedFor(report.credential, order);
    demand(isBound === true, `entry ${index}: a verifier is put down to a payee that it does not work for`);
  }
  for (const { opened, credential, verifierId, sitting } of attempts) {
    if (opened !== undefined || credential === undefined) continue;
    const candidate = lists[sitting]?.find(({ providerId }) => equalBytes(providerId, verifierId));
    const isBound = candidate !== undefined && isLiable(crypto, ledger, credential, candidate);
    demand(isBound, `entry ${index}: silence is put down to a payee that the verifier does not work for`);
  }
}
