import { readFileSync } from 'node:fs';
import { nobleCrypto } from '@ogong/protocol/crypto/noble';
import { parseTrust } from '@ogong/protocol/stage1/trust';
import { getTier } from '@ogong/protocol/tier/registry';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { rememberCrypto } from '../protocol/remembered-crypto.ts';
import { editReceiptCase, judgeReceiptCase, type ReceiptCase } from './receipt-vectors.ts';

const crypto = rememberCrypto(nobleCrypto);

const read = (path: string) => JSON.parse(readFileSync(new URL(`../../../../${path}`, import.meta.url), 'utf8'));
const ajv = new Ajv2020({ strict: true, strictTypes: false, strictRequired: false });
const isReceipt = ajv.compile(read('docs/schema/receipt.schema.json'));
const isTrust = ajv.compile(read('docs/schema/trust.schema.json'));

interface Vectors {
  readonly bases: Record<string, ReceiptCase & { readonly checks: readonly string[] }>;
  readonly cases: readonly {
    readonly what: string;
    readonly base: string;
    readonly edits: Parameters<typeof editReceiptCase>[1];
    readonly isUsable: boolean;
    readonly isOk?: boolean;
    readonly failed?: readonly string[];
    readonly skipped?: readonly string[];
    readonly absent?: readonly string[];
  }[];
}
const text: Vectors = read('packages/protocol/vectors/receipt.json');
const embedded: Vectors = read('packages/protocol/vectors/receipt-embedding.json');
const tensors: Vectors = read('packages/protocol/vectors/receipt-tensor.json');
const bases: Vectors['bases'] = { ...text.bases, ...embedded.bases, ...tensors.bases };
const cases: Vectors['cases'] = [
  ...text.cases,
  ...read('packages/protocol/vectors/receipt-signed.json'),
  ...embedded.cases,
  ...tensors.cases,
];
const LISTED: Readonly<Record<string, number>> = { embedding: 32, rerank: 32, infer: 30, cohort: 40 };

describe('the vectors of receipts', () => {
  it.each(Object.entries(bases))(
    'hold a whole %s receipt that passes every check',
    async (name, { checks, ...base }) => {
      const verdict = await judgeReceiptCase(crypto, base);
      expect(verdict?.ok).toBe(true);
      // Only the checks that the requested tier leaves out are skipped.
      const leftOut = name.startsWith('vanilla')
        ? getTier('vanilla').leavesOut.filter((id) => checks.includes(id))
        : [];
      expect(verdict?.allowed.toSorted()).toEqual(leftOut.toSorted());
      const expected = checks.map((id) => [id, leftOut.includes(id) ? 'skip' : 'pass']);
      expect(verdict?.checks.map(({ id, status }) => [id, status])).toEqual(expected);
      expect(checks).toHaveLength(LISTED[name] ?? 34);
    },
  );

  it.each(cases.map((one) => [`${one.base}: ${one.what}`, one] as const))('check %s', async (_what, one) => {
    const { what, base, edits, isUsable, failed = [], skipped = [], absent = [] } = one;
    const { checks, ...whole } = bases[base] as Vectors['bases'][string];
    const verdict = await judgeReceiptCase(crypto, editReceiptCase(whole, edits));
    expect(verdict !== undefined).toBe(isUsable);
    if (verdict === undefined) return;
    const expected = checks
      .filter((id) => !absent.includes(id))
      .map((id) => [id, failed.includes(id) ? 'fail' : skipped.includes(id) ? 'skip' : 'pass']);
    // Listed only if the request demanded something.
    if (what.includes('demand')) expected.push(['demands', failed.includes('demands') ? 'fail' : 'pass']);
    expect(verdict.checks.map(({ id, status }) => [id, status]).sort()).toEqual(expected.sort());
    expect(verdict.ok).toBe(one.isOk);
    const allowed = (parseTrust(editReceiptCase(whole, edits).trust).allow ?? []) as readonly string[];
    expect(verdict.ok).toBe(failed.length === 0 && skipped.every((id) => allowed.includes(id)));
  });

  it('break every check at least once', () => {
    const broken = new Set(cases.flatMap(({ failed = [] }) => failed));
    const all = [...(bases.chat?.checks ?? []), ...(bases.embedding?.checks ?? []), ...(bases.infer?.checks ?? [])];
    expect(all.filter((id) => !broken.has(id))).toEqual([]);
  });
});

describe('the schemas of receipts and trust files', () => {
  it.each(Object.keys(bases))('accept the whole %s receipt of the vectors', (name) => {
    const { receipt, trust } = bases[name] as ReceiptCase;
    expect(isReceipt(receipt), ajv.errorsText(isReceipt.errors)).toBe(true);
    expect(isTrust(trust), ajv.errorsText(isTrust.errors)).toBe(true);
  });

  it.each(cases.map((one) => [one.what, one] as const))(
    'agree with the code: %s',
    async (_what, { base, edits, isUsable }) => {
      const bent = editReceiptCase(bases[base] as ReceiptCase, edits);
      // A schema cannot state one rule: that no validator is listed twice.
      const isTwice = isTrust(bent.trust) && !isParsed(() => parseTrust(bent.trust));
      expect(isReceipt(bent.receipt) && isTrust(bent.trust) && !isTwice).toBe(isUsable);
      expect((await judgeReceiptCase(crypto, bent)) !== undefined).toBe(isUsable);
    },
  );

  it('refuse a number as chain, an address without 0x, and a request that is not text', () => {
    const { receipt, trust } = bases.chat as ReceiptCase;
    expect(isReceipt({ ...receipt, ledger: { ...(receipt.ledger as object), chainId: 31337 } })).toBe(false);
    expect(isReceipt({ ...receipt, request: {} })).toBe(false);
    expect(isReceipt({ ...receipt, opening: {} })).toBe(false);
    expect(isTrust({ ...trust, settlement: '04'.repeat(20) })).toBe(false);
    expect(isTrust({ ...trust, ledger: { chainId: '1' } })).toBe(false);
  });
});

function isParsed(run: () => unknown): boolean {
  try {
    run();
    return true;
  } catch {
    return false;
  }
}
