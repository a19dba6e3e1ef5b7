import { readdirSync, readFileSync } from 'node:fs';
import { createSyntheticReceipt } from '@ogong/testing/synthetic/synthetic-receipt';
import { describe, expect, it } from 'vitest';
import { pass } from '../base/checks.ts';
import { createNobleHybridSigner, createNobleLedgerSigner, nobleCrypto } from '../crypto/noble.ts';
import { findModality } from '../modality/registry.ts';
import { CHECK_GROUPS, findCheckGroup, GROUP_TEXTS, groupChecks } from './check-groups.ts';
import { verifyReceipt } from './receipt/verify-receipt.ts';

/** Folders whose checks a page can show. */
const FOLDERS = [
  ...['./receipt/', '../stage1/', '../modality/', '../tier/', '../settlement/', '../beacon/'].map(
    (folder) => new URL(folder, import.meta.url),
  ),
  new URL('../../../attestation/src/', import.meta.url),
  new URL('../../../sdk/src/', import.meta.url),
  new URL('../../../../apps/explorer/src/', import.meta.url),
];
const MAKES_CHECK = /(?:\b(?:check|pass|fail|skip)\(\s*|\bconst id = )'([a-z0-9]+(?:-[a-z0-9]+)*)'/g;
/** Reports about a third machine's divergence, which no page shows, and checks of a model's manifest, which have a list of their own. */
const UNSEEN = /[/\\]stage2[/\\]|check[/\\]manifest\.ts$|\.(?:test|fuzz)\.tsx?$/;

const sources = FOLDERS.flatMap((folder) =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.tsx?$/.test(name) && !UNSEEN.test(name))
    .map((name) => readFileSync(new URL(name.replaceAll('\\', '/'), folder), 'utf8')),
);
const findUngrouped = (texts: readonly string[]): readonly string[] => [
  ...new Set(
    texts
      .flatMap((text) => [...text.matchAll(MAKES_CHECK)].map(([, id]) => id as string))
      .filter((id) => findCheckGroup(id) === undefined),
  ),
];

describe('the groups of checks', () => {
  it('have every check that the sources make, and refuse one without a group', () => {
    expect(sources.length).toBeGreaterThan(100);
    expect(findUngrouped(sources)).toEqual([]);
    expect(findUngrouped(["return skip('check-of-tomorrow', 'why')"])).toEqual(['check-of-tomorrow']);
  });

  it('have every check that an opening adds, and every check of a whole receipt', async () => {
    const ids = ['chat', 'embedding'].flatMap((endpoint) => findModality(endpoint).openingChecks);
    const made = createSyntheticReceipt({
      ...{ crypto: nobleCrypto, ledger: { chainId: 1n, verifyingContract: new Uint8Array(20) }, tokens: 3 },
      provider: createNobleHybridSigner(new Uint8Array(64).fill(1)),
      router: createNobleHybridSigner(new Uint8Array(64).fill(2)),
      payer: createNobleLedgerSigner(new Uint8Array(32).fill(3)),
    });
    const { request, response } = made.reply;
    const { checks } = await verifyReceipt(made.receipt, {
      ...{ crypto: nobleCrypto, request, response, trust: made.trust, nowMs: Date.now() },
    });
    expect(checks.length).toBeGreaterThan(30);
    const all = [...ids, ...checks.map(({ id }) => id)];
    expect(all.filter((id) => findCheckGroup(id) === undefined)).toEqual([]);
  });

  it('come in their order, without empty ones, and with unknown checks last', () => {
    const found = groupChecks([
      pass('no-such-check', ''),
      pass('fee', ''),
      pass('order-signature', ''),
      pass('payee', ''),
    ]);
    expect(found.map(({ title, checks }) => [title, checks.map(({ id }) => id)])).toEqual([
      ['Signatures', ['order-signature']],
      ['Payment', ['fee', 'payee']],
      ['Other checks', ['no-such-check']],
    ]);
    expect(Object.keys(GROUP_TEXTS)).toEqual([...CHECK_GROUPS]);
  });
});
