import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { createNobleHybridSigner, createNobleLedgerSigner } from '@ogong/protocol/crypto/noble';
import { judge, openReply } from '@ogong/protocol/verdict/judge';
import { createSyntheticReply } from '@ogong/testing/synthetic/synthetic-reply';
import type { Row } from './row.ts';

const TOKENS = 512;
const AUDITS = 100;

/** What stage 1 of one audit costs a validator: the opening is replayed when it comes, and what was replayed is judged. */
export function measureAudit(): Row[] {
  const ledger = { chainId: 31_337n, verifyingContract: new Uint8Array(20).fill(3) };
  const provider = createNobleHybridSigner(new Uint8Array(64).fill(1));
  const payer = createNobleLedgerSigner(new Uint8Array(32).fill(2));
  const reply = createSyntheticReply({ crypto, provider, payer, ledger, tokens: TOKENS });
  const { order, record, openingBytes: opening } = reply;
  const signed = { record: reply.recordBytes, providerKey: provider.publicKey, signature: reply.recordSignature };
  const context = { claim: { order, record }, signed, draw: undefined, allowFixedVerifier: false };
  const evidence = { kind: 'audit' as const, opening, candidates: [], attempts: [] };
  const audit = (): void => {
    const opened = openReply(crypto, record, opening);
    judge(crypto, { ...context, validator: order.validator }, evidence, opened);
  };
  audit();
  const cpu = process.cpuUsage();
  for (let i = 0; i < AUDITS; i++) audit();
  const { user, system } = process.cpuUsage(cpu);
  return [
    {
      id: 'audit-stage-1',
      what: `stage 1 of an audit, ${TOKENS} tokens, processor time`,
      value: (user + system) / 1000 / AUDITS,
      unit: 'ms',
      note: `mean of ${AUDITS}; from the opening that came to the verdict; signatures and reports of verifiers left out`,
    },
  ];
}
