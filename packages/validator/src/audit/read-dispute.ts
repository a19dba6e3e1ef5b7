import type { Store } from '@ogong/host/store/store';
import { toHex } from '@ogong/protocol/base/bytes';
import { parseOpening } from '@ogong/protocol/commitment/opening';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { hashHybridKey } from '@ogong/protocol/crypto/hybrid';
import { parseOrder } from '@ogong/protocol/exchange/order';
import { findModality } from '@ogong/protocol/modality/registry';
import { parseHeader } from '@ogong/protocol/modality/text/commitment/header';
import { decodeDraws, expandRuns, tokenOf } from '@ogong/protocol/modality/text/commitment/window';
import { isSameFinding } from '@ogong/protocol/modality/text/read-report';
import { findFirstDivergence } from '@ogong/protocol/modality/text/stage2/divergence';
import { parseScoreReport } from '@ogong/protocol/modality/text/stage2/score-report';
import { opensDispute } from '@ogong/protocol/tier/outcome';
import { parseEvidence } from '@ogong/protocol/verdict/evidence';
import { readReply } from '../store/replies/reply-store.ts';
import type { Dispute, VerifierFinding } from './dispute-state.ts';

/** Reads the data of a dispute. Its bytes were checked before the verdict. */
export function readDispute(crypto: Crypto, store: Store, replyId: Uint8Array): Dispute | undefined {
  const row = readReply(store, replyId);
  if (row?.evidence === undefined || row.submission === undefined || row.signedRecord === undefined) return undefined;
  // The leader of a cohort can trace its own layers alone.
  if (row.cohort !== undefined) return undefined;
  const evidence = parseEvidence(row.evidence);
  if (evidence.kind !== 'audit' || findModality(row.submission.endpoint).name !== 'text') return undefined;
  const opening = parseOpening(evidence.opening);
  const header = parseHeader(opening.header);
  if (!opensDispute(header.tier)) return undefined;
  const seen = new Set<string>();
  const reports = evidence.attempts.flatMap(({ verifierId, committed, opened }) => {
    if (committed === undefined || opened === undefined) return [];
    const keyHash = hashHybridKey(crypto, committed.verifierKey);
    const report = parseScoreReport(opened.report);
    const isExact = report.exact && report.numericClass === header.numericClass;
    if (
      !isExact ||
      findFirstDivergence(header, opening.windows.slice(0, report.windows.length), report.windows) === undefined
    )
      return [];
    if (seen.has(toHex(keyHash))) return [];
    seen.add(toHex(keyHash));
    return [{ verifierId, keyHash, report }];
  });
  // A report that others contradict must blame no provider.
  const agreeing = findAgreeing(reports);
  if (agreeing.length === 0) return undefined;
  const windows = opening.windows.map(({ draws }) => decodeDraws(draws, header));
  const rows = windows.flatMap((window) => window.rows);
  return {
    record: row.signedRecord.record,
    providerId: parseOrder(row.orderBytes).providerId,
    submission: row.submission,
    header,
    opening,
    outputTokens: Uint32Array.from(rows, tokenOf),
    listSizes: Uint8Array.from(rows, ({ ids }) => ids.length),
    shapeClasses: Uint8Array.from(windows.flatMap(({ runs }) => expandRuns(runs))),
    reports: agreeing,
  };
}

/** Returns the largest group of bit-identical reports, or the first report if no two are identical. */
function findAgreeing(reports: readonly VerifierFinding[]): readonly VerifierFinding[] {
  const groups = reports.map(({ report }) => reports.filter((other) => isSameFinding(report, other.report)));
  return groups.reduce<readonly VerifierFinding[]>((best, group) => (group.length > best.length ? group : best), []);
}
