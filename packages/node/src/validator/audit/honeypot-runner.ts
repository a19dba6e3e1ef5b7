import { toHex } from '@ogong/protocol/base/bytes';
import { isTextHeader } from '@ogong/protocol/modality/text/commitment/header';
import { parseScoreReport } from '@ogong/protocol/modality/text/stage2/score-report';
import type { AuditContext } from '@ogong/protocol/verdict/judge';
import type { OpenedReply } from '@ogong/protocol/verdict/opened-reply';
import { type HoneypotRow, readAnswer } from '../store/honeypot-store.ts';
import { findReply } from '../store/reply-store.ts';
import { askHoneypot } from './ask-honeypot.ts';
import { judgeHoneypot } from './honeypot.ts';
import {
  finishHoneypot,
  type HoneypotDependencies,
  type HoneypotOptions,
  type HoneypotState,
  openHoneypotState,
  readHoneypotClaim,
} from './honeypot-state.ts';
import { type HoneypotOccasion, planHoneypots } from './plan-honeypots.ts';

/** Jobs with a known answer, sent like any other job (docs/adr/0007-verifier-audits.md). */
export function createHoneypots(options: HoneypotOptions, dependencies: HoneypotDependencies) {
  const state = openHoneypotState(options, dependencies);
  return {
    plan: (judged: AuditContext, opened: OpenedReply, occasion: HoneypotOccasion) =>
      planHoneypots(state, judged, opened, occasion),
    run: (row: HoneypotRow) => runHoneypot(state, row),
  };
}

/** Continues a honeypot from where it was, as far as possible now. */
async function runHoneypot(state: HoneypotState, row: HoneypotRow): Promise<void> {
  const { crypto, store, signal, drift } = state;
  const opened = row.opened ?? (await askHoneypot(state, row));
  if (opened === undefined || signal.aborted) return;
  const { report: known, isDecided } = store.read(() => readAnswer(store, row.replyId));
  if (known === undefined) return isDecided ? finishHoneypot(state, row, 'dropped') : undefined;
  const header = findReply(state, row.replyId)?.submission && readHoneypotClaim(state, row).header;
  if (header === undefined || !isTextHeader(header)) return finishHoneypot(state, row, 'dropped');
  const report = parseScoreReport(opened.report);
  const answer = { header, report: parseScoreReport(known) };
  const { outcome, by } = judgeHoneypot(crypto, answer, row, report, drift);
  return finishHoneypot(state, row, outcome, outcome === 'failed' ? blame(row, by) : undefined);
}

const blame = ({ verifierId }: HoneypotRow, by: string): Error =>
  new Error(`verifier ${toHex(verifierId)} failed a honeypot (${by})`);
