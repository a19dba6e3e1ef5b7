import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { createNobleHybridSigner, createNobleLedgerSigner } from '@ogong/protocol/crypto/noble';
import { NO_DRAW } from '@ogong/protocol/modality/modality';
import { toExpectedReport } from '@ogong/protocol/modality/text/honeypot-check';
import { encodeScoreReport } from '@ogong/protocol/modality/text/stage2/score-report';
import { judge } from '@ogong/protocol/verdict/judge';
import { type OpenedReply, openReply, readVerifierReport } from '@ogong/protocol/verdict/opened-reply';
import { weighReport } from '@ogong/protocol/verdict/report-check';
import { createSyntheticReply } from '@ogong/testing/synthetic/synthetic-reply';
import type { Row } from '../row.ts';

const TOKENS = 512;
const CONTEXT = 4_096;
const AUDITS = 100;

/** The cost of one audit to a validator: it replays the opening, compares each report with the claim, and decides. */
export function measureAudit(): Row[] {
  const ledger = { chainId: 31_337n, verifyingContract: new Uint8Array(20).fill(3) };
  const provider = createNobleHybridSigner(new Uint8Array(64).fill(1));
  const payer = createNobleLedgerSigner(new Uint8Array(32).fill(2));
  const reply = createSyntheticReply({ crypto, provider, payer, ledger, tokens: TOKENS });
  const { order, record, openingBytes: opening } = reply;
  const signed = { record: reply.recordBytes, providerKey: provider.publicKey, signature: reply.recordSignature };
  const context = { claim: { order, record }, signed, draw: undefined, allowFixedVerifier: false };
  const evidence = { kind: 'audit' as const, opening, lists: [], attempts: [] };
  const audit = (): void => {
    const opened = openReply(crypto, record, opening);
    judge(crypto, { ...context, validator: order.validator }, evidence, opened);
  };
  const jobId = new Uint8Array(16);
  const { header, opening: parsed } = reply;
  const report = encodeScoreReport({
    ...toExpectedReport(record, header, parsed),
    numericClass: 'other',
    exact: false,
    jobId,
    contextSize: CONTEXT,
  });
  const opened = Array.from({ length: AUDITS + 1 }, () => openReply(crypto, record, opening) as OpenedReply);
  /** Compares as often as rounds and judgement do. */
  const weigh = (one: OpenedReply): void => {
    for (let i = 0; i < 2; i++) {
      const read = readVerifierReport(one, report, { jobId, draw: NO_DRAW, contextSize: CONTEXT });
      if ('problem' in read) throw new Error(read.problem);
      weighReport(read, undefined);
    }
  };
  const stage1Ms = measureMs(() => audit());
  const weighMs = measureMs((i) => weigh(opened[i] as OpenedReply));
  return [
    {
      id: 'audit-stage-1',
      what: `stage 1 of an audit, ${TOKENS} tokens, processor time`,
      value: stage1Ms,
      unit: 'ms',
      note: `mean of ${AUDITS}; from the opening that came to the verdict; signatures and reports of verifiers left out`,
    },
    {
      id: 'audit-report',
      what: `one report of a verifier in an audit, ${TOKENS} tokens, processor time`,
      value: weighMs,
      unit: 'ms',
      note: `mean of ${AUDITS}; read and weighed by fixed limits, once for the round and for the verdict; signatures left out`,
    },
  ];
}

/** Mean processor time of AUDITS calls, after one call that is not counted. */
function measureMs(work: (index: number) => void): number {
  work(AUDITS);
  const cpu = process.cpuUsage();
  for (let i = 0; i < AUDITS; i++) work(i);
  const { user, system } = process.cpuUsage(cpu);
  return (user + system) / 1000 / AUDITS;
}
