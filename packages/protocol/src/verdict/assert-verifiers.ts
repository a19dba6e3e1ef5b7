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

/** Lists all verifiers that were asked. In the first audit attempt that includes the verifier of the honeypot. */
export function listAnswers({
  attempts,
  honeypot,
}: Pick<AuditEvidence, 'attempts' | 'honeypot'>): readonly Omit<Attempt, 'round' | 'nonce'>[] {
  return honeypot === undefined ? attempts : [...attempts, { ...honeypot, sitting: 0 }];
}

/**
 * Asserts the half hours in which silences count. They follow from the clocks of witnesses, which cannot move them out of the
 * audit.
 */
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

/** Asserts that a list of candidates is consistent. Otherwise the validator could influence the draw by made-up names. */
export function assertLists(
  crypto: Crypto,
  { index }: Pick<VerdictEntry, 'index'>,
  { lists }: Pick<AuditEvidence, 'lists'>,
): void {
  for (const list of lists) {
    const isAscending = list.every((one, i) => i === 0 || compareBytes(list[i - 1]!.providerId, one.providerId) < 0);
    demand(isAscending, `entry ${index}: the candidates of an audit attempt are out of order`);
    const keys = new Set(list.map(({ keyHash }) => toHex(keyHash)));
    demand(keys.size === list.length, `entry ${index}: a key is listed twice`);
    const weights = new Map(list.map(({ payee, weight }) => [toHex(payee), weight]));
    for (const { payee, operator, weight } of list) {
      const isOwn = equalBytes(operator, crypto.sha256(payee));
      demand(isOwn, `entry ${index}: a candidate is listed with another operator than its payee`);
      // The stake of a payee counts equally for each of its keys.
      const isShared = weight >= 1n && weight === weights.get(toHex(payee));
      demand(isShared, `entry ${index}: two keys of one payee have other chances`);
    }
  }
}

/** Asserts that class and context size of each asked verifier are those that it announced. */
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

/** Asserts that payee and key have named each other. Otherwise nobody is paid or marked for the key. */
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
    demand(isBound === true, `entry ${index}: a verifier is listed under a payee that it does not work for`);
  }
  for (const { opened, credential, verifierId, sitting } of attempts) {
    if (opened !== undefined || credential === undefined) continue;
    const candidate = lists[sitting]?.find(({ providerId }) => equalBytes(providerId, verifierId));
    const isBound = candidate !== undefined && isLiable(crypto, ledger, credential, candidate);
    demand(isBound, `entry ${index}: silence is charged to a payee that the verifier does not work for`);
  }
}
